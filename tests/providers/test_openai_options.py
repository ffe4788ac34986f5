"""What a provider is made of, and whose key goes where."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from chatapp.providers.base import ModelRequest
from chatapp.providers.openai import OpenAIProvider
from chatapp.providers.transport import AiohttpTransport

KEY = "sk-CANARY-test-0123456789abcdef"


@pytest.fixture(autouse=True)
def _no_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def test_openai_needs_a_key() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^no key: give api_key, or set .* OPENAI_API_KEY$"):
        OpenAIProvider(model="gpt-5-mini")


def test_the_key_may_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)

    provider = OpenAIProvider(model="gpt-5-mini", api_key_env="MY_KEY")

    assert provider._make_client().api_key == KEY


def test_the_key_of_openai_is_not_sent_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    provider = OpenAIProvider(model="m", base_url="https://llm.example.com/v1")

    assert provider._make_client().api_key == "none"


def test_the_environment_does_not_move_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://elsewhere.example.com/v1")

    provider = OpenAIProvider(model="m", api_key=KEY)

    assert str(provider._make_client().base_url) == "https://api.openai.com/v1/"


def test_the_sdk_neither_retries_nor_follows() -> None:
    client = OpenAIProvider(model="m", api_key=KEY)._make_client()

    assert client.max_retries == 0
    assert client._client.follow_redirects is False


def test_ollama_needs_a_name_only() -> None:
    provider = OpenAIProvider(preset="ollama", model="llama3.2")

    assert (provider.name, provider.model) == ("ollama", "llama3.2")
    assert provider.base_url == "http://127.0.0.1:11434/v1"


def test_an_unknown_preset_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"'olama' is not known; known are anthropic, azure, .*, xai$"):
        OpenAIProvider(preset="olama", model="m")


@pytest.mark.parametrize(
    "base_url",
    [
        *("localhost:11434/v1", "ftp://example.com", "file:///etc/passwd"),
        *("https://", "http://[::1/v1", "https://llm.example.com:99999/v1"),
    ],
)
def test_an_address_is_a_web_address(base_url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="must begin with http"):
        OpenAIProvider(model="m", base_url=base_url)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"api_key": KEY}, "max_completion_tokens"),
        ({"api_key": KEY, "base_url": "https://api.openai.com/v1/"}, "max_completion_tokens"),
        ({"preset": "ollama"}, "max_tokens"),
        ({"base_url": "https://llm.example.com/v1"}, "max_tokens"),
        ({"base_url": "https://llm.example.com/v1", "max_tokens_field": "max_new_tokens"}, "max_new_tokens"),
    ],
)
def test_the_longest_answer_is_asked_for_by_the_name_that_the_server_knows(options: dict[str, str], field: str) -> None:
    provider = OpenAIProvider(model="m", **options)  # type: ignore[arg-type]  # all are str

    assert provider._write_body(ModelRequest(messages=[], options={"max_tokens": 9}))[field] == 9


@pytest.mark.parametrize(
    ("base_url", "trusts"),
    [
        ("http://127.0.0.1:11434/v1", False),
        ("http://[::1]:11434/v1", False),
        ("http://localhost/v1", False),
        ("http://10.0.0.7/v1", True),
        ("https://localhost.example.com/v1", True),
    ],
)
def test_only_other_machines_are_asked_through_the_proxy_of_the_environment(base_url: str, trusts: bool) -> None:
    client = OpenAIProvider(model="m", base_url=base_url)._make_client()

    transport = client._client._transport
    assert isinstance(transport, AiohttpTransport)
    assert transport.trust_env is trusts


def test_nothing_shows_the_key() -> None:
    provider = OpenAIProvider(model="m", base_url="https://user:secret99@llm.example.com/v1", api_key=KEY)

    assert KEY not in repr(provider)
    assert "secret99" not in repr(provider)


NUMBERS = {
    "max_tokens": 100,
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 40,
    "frequency_penalty": 1,
    "presence_penalty": -1,
}


@pytest.mark.parametrize(
    ("options", "renamed", "refused"),
    [
        ({"api_key": KEY}, "max_completion_tokens", {"top_k"}),
        ({"preset": "ollama"}, "max_tokens", set()),
        ({"base_url": "https://llm.example.com/v1"}, "max_tokens", set()),
    ],
)
def test_each_server_is_sent_the_numbers_that_it_knows_by_the_names_that_it_knows(
    options: dict[str, Any], renamed: str, refused: set[str]
) -> None:
    body = OpenAIProvider(model="m", **options)._write_body(ModelRequest(messages=[], options=NUMBERS))

    known = {renamed if name == "max_tokens" else name: value for name, value in NUMBERS.items() if name not in refused}
    rest = {"model": "m", "messages": [], "stream": True, "stream_options": {"include_usage": True}}
    assert body == rest | known


def test_seed_and_stop_sequences_are_sent_only_if_they_are_set() -> None:
    provider = OpenAIProvider(model="m", api_key=KEY)

    plain = provider._write_body(ModelRequest(messages=[], options={"seed": None}))
    full = provider._write_body(ModelRequest(messages=[], options={"seed": 7, "stop": ["END"]}))

    assert {"seed", "stop"}.isdisjoint(plain)
    assert (full["seed"], full["stop"]) == (7, ["END"])


def test_an_answer_that_is_asked_for_as_a_whole_has_no_options_of_a_stream() -> None:
    body = OpenAIProvider(model="m", api_key=KEY)._write_body(ModelRequest(messages=[], options={"stream": False}))

    assert body == {"model": "m", "messages": [], "stream": False}
