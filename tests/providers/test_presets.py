"""Presets: whose address, whose key, whose peculiarities; and Azure, which is known by its address."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from openai._models import FinalRequestOptions

from chatapp.providers.base import ModelRequest
from chatapp.providers.endpoint import EndpointProvider
from chatapp.providers.openai import OpenAIProvider
from chatapp.providers.presets import COMPATIBLE, PRESETS, Preset, find_preset
from chatapp.providers.responses import ResponsesProvider
from tests.faults.server import FAULTS, FaultServer

from .conftest import KEY, ask, listen

DOCS = Path(__file__).parents[2] / "docs"
OPTIONS = {
    **{"max_tokens": 9, "temperature": 0.5, "top_p": 0.9, "top_k": 40},
    **{"frequency_penalty": 1, "presence_penalty": -1, "seed": 7, "stop": ["END"]},
}


@pytest.fixture(autouse=True)
def _no_keys_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for preset in PRESETS.values():
        for variable in filter(None, (preset.api_key_env, preset.base_url_env)):
            monkeypatch.delenv(variable, raising=False)


def get_address(preset: Preset) -> str:
    """Its address, or one that an account may have there."""
    return preset.base_url or re.sub(r"[A-Z]{4,}", "acme-7", preset.example)


def write_body(provider: EndpointProvider, **options: Any) -> dict[str, Any]:
    """What is sent with these options."""
    return provider._write_body(ModelRequest(messages=[{"role": "user", "content": "Hi"}], options=options))


async def list_headers(provider: EndpointProvider) -> dict[str, str]:
    """The headers of a request that is never sent, by their names in small letters."""
    client = provider._make_client()
    options = FinalRequestOptions(method="post", url="/x", security={"bearer_auth": True})
    request = client._build_request(options)
    for hook in client._client.event_hooks["request"]:
        await hook(request)
    return {name.lower(): value for name, value in request.headers.items()}


@pytest.mark.parametrize("name", PRESETS)
async def test_a_preset_needs_a_model_and_its_key(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    preset = PRESETS[name]
    if preset.api_key_env:
        monkeypatch.setenv(preset.api_key_env, KEY)
    options = {} if preset.base_url else {"base_url": get_address(preset)}

    provider = OpenAIProvider(preset=name, model="m", **options)  # type: ignore[arg-type]  # all are str

    assert provider.name == name
    assert provider.base_url.startswith(get_address(preset))
    assert provider.sees_images is preset.sees_images
    assert (KEY in " ".join((await list_headers(provider)).values())) is bool(preset.api_key_env)


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if preset.api_key_env])
async def test_a_preset_says_which_key_is_missing(name: str) -> None:
    preset = PRESETS[name]
    options: Any = {"preset": name, "model": "m", "base_url": get_address(preset)}

    if preset.key_optional:
        assert (await list_headers(OpenAIProvider(**options)))["authorization"] == "Bearer none"
    else:
        with pytest.raises(ImproperlyConfigured, match=f"no key: .* {preset.api_key_env}$"):
            OpenAIProvider(**options)


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if not preset.base_url])
def test_where_each_account_has_an_address_it_is_asked_for(name: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="'base_url' is missing: give one like https://"):
        OpenAIProvider(preset=name, model="m", api_key=KEY)


@pytest.mark.parametrize("name", [name for name, preset in PRESETS.items() if preset.api_key_env])
@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://attacker.example/v1",
        "https://{host}.attacker.example/v1",
        "https://attacker.example/{host}/v1",
        "https://{host}@attacker.example/v1",
        "https://attacker.example\\.{host}/v1",
        "http://{host}:8080/v1",
        "https://{host}:8443/v1",
    ],
)
async def test_a_key_of_the_environment_goes_to_its_own_address_only(
    name: str, elsewhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset = PRESETS[name]
    monkeypatch.setenv(preset.api_key_env, KEY)
    host = get_address(preset).split("/")[2].partition(":")[0]

    provider = OpenAIProvider(preset=name, model="m", base_url=elsewhere.format(host=host))

    assert KEY not in str(await list_headers(provider))


@pytest.mark.parametrize("name", PRESETS)
def test_what_a_server_refuses_is_never_sent(name: str) -> None:
    preset = PRESETS[name]
    provider = OpenAIProvider(preset=name, model="m", api_key=KEY, base_url=get_address(preset))

    body = write_body(provider, **OPTIONS)

    expected = {preset.option_names.get(option, option) for option in OPTIONS} - preset.unknown_options
    assert set(body) - {"model", "messages", "stream", "stream_options"} == expected
    assert ("stream_options" in body) is preset.include_usage


def test_mistral_has_another_word_for_the_seed_and_counts_without_being_asked() -> None:
    body = write_body(OpenAIProvider(preset="mistral", model="m", api_key=KEY), seed=7, max_tokens=9)

    assert (body["random_seed"], body["max_tokens"]) == (7, 9)
    assert {"seed", "stream_options"}.isdisjoint(body)


def test_options_win_over_the_preset() -> None:
    provider = OpenAIProvider(
        preset="deepseek", model="m", api_key=KEY, max_tokens_field="n_predict", include_usage=False, sees_images=True
    )

    body = write_body(provider, max_tokens=9)

    assert body["n_predict"] == 9
    assert "stream_options" not in body
    assert provider.sees_images


def test_google_gets_back_a_call_with_the_field_that_it_wants() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [{"role": "assistant", "content": None, "tool_calls": [call]}]

    google, openai = (
        OpenAIProvider(preset=name, model="m", api_key=KEY)._write_body(ModelRequest(messages=messages))["messages"]
        for name in ("google", "openai")
    )

    assert google[0]["tool_calls"][0]["extra_content"]["google"]["thought_signature"]
    assert google[0]["tool_calls"][0]["function"] == call["function"]
    assert openai == messages


# Who is known by the address.


@pytest.mark.parametrize(
    ("base_url", "name"),
    [
        ("https://api.groq.com/openai/v1", "groq"),
        ("https://api.mistral.ai/v1/chat/completions", "mistral"),
        ("https://acme.openai.azure.com", "azure"),
        ("https://api.openai.com/v1/", "openai"),
        ("https://api.openai.com:443/v1/", "openai"),
        ("https://API.Groq.com/openai/v1", "groq"),
    ],
)
def test_a_vendor_is_known_by_the_address(base_url: str, name: str) -> None:
    assert find_preset("openai", base_url) == (name, PRESETS[name])


@pytest.mark.parametrize(
    "base_url",
    [
        "https://llm.example.com/v1",
        "http://127.0.0.1:8000/v1",
        "http://acme.openai.azure.com",
        "https://acme.openai.azure.com:444",
        "https://evil-openai.azure.com.attacker.example",
        "https://acme.openai.azure.com.attacker.example",
        "https://acme.openai.azure.com@attacker.example",
        "https://attacker.example\\.openai.azure.com",
        "https://attacker.example#.openai.azure.com",
        "https://attacker.example/.openai.azure.com",
        "https://openai.azure.com",
        "https://.openai.azure.com",
        "https://evil-openai.azure.com",
        "https://acme.xopenai.azure.com",
        "https://evil-api.groq.com/openai/v1",
        "https://evil-bedrock-runtime.us-east-1.amazonaws.com/openai/v1",
        "https://acme.execute-api.us-east-1.amazonaws.com/openai/v1",
    ],
)
def test_nobody_else_is_taken_for_a_vendor(base_url: str) -> None:
    assert find_preset("openai", base_url) == ("openai", COMPATIBLE)


# Azure.

AZURE = "https://acme.openai.azure.com"


@pytest.mark.parametrize(
    ("base_url", "options", "asked"),
    [
        (f"{AZURE}/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21", {}, "deployment"),
        (f"{AZURE}/openai/deployments/gpt-4o?api-version=2024-10-21", {}, "deployment"),
        (f"{AZURE}/openai/deployments/gpt-4o/", {"query": {"api-version": "2024-10-21"}}, "deployment"),
        (f"{AZURE}/?api-version=2024-10-21", {"model": "gpt-4o"}, "deployment"),
        (f"{AZURE}/openai", {"model": "gpt-4o", "query": {"api-version": "2024-10-21"}}, "deployment"),
        (AZURE, {"model": "gpt-4o"}, "v1"),
        (f"{AZURE}/openai/v1/", {"model": "gpt-4o"}, "v1"),
        (f"{AZURE}/openai/v1/chat/completions", {"model": "gpt-4o"}, "v1"),
        ("https://acme.services.ai.azure.com/openai/v1/", {"model": "gpt-4o"}, "v1"),
        ("https://acme.cognitiveservices.azure.com", {"model": "gpt-4o"}, "v1"),
    ],
)
def test_an_azure_address_is_understood_in_every_form(base_url: str, options: Any, asked: str) -> None:
    provider = OpenAIProvider(base_url=base_url, api_key=KEY, **options)

    client = provider._make_client()
    path = provider._get_path(write_body(provider))
    url = str(client.base_url).rstrip("/") + path
    host = base_url.split("/")[2]
    assert provider.name == "azure"
    assert provider.model == "gpt-4o"
    if asked == "v1":
        assert (url, dict(client.default_query)) == (f"https://{host}/openai/v1/chat/completions", {})
    else:
        assert url == f"{AZURE}/openai/deployments/gpt-4o/chat/completions"
        assert dict(client.default_query) == {"api-version": "2024-10-21"}


async def test_azure_is_given_its_key_by_its_own_header() -> None:
    headers = await list_headers(OpenAIProvider(base_url=AZURE, model="gpt-4o", api_key=KEY))

    assert headers["api-key"] == KEY
    assert "authorization" not in headers


async def test_azure_may_be_given_a_token_instead() -> None:
    provider = OpenAIProvider(base_url=AZURE, model="m", api_key=KEY, headers={"Authorization": "Bearer token17"})

    assert (await list_headers(provider))["authorization"] == "Bearer token17"


async def test_azure_may_be_set_up_by_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", KEY)
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", f"{AZURE}/")

    provider = OpenAIProvider(preset="azure", model="my-gpt")

    assert provider.base_url == f"{AZURE}/openai/v1"
    assert (await list_headers(provider))["api-key"] == KEY


def test_the_deployment_of_the_address_is_for_the_model_of_the_options_and_another_model_is_its_own() -> None:
    provider = OpenAIProvider(
        base_url=f"{AZURE}/openai/deployments/prod-7?api-version=2024-10-21", model="gpt-4o", api_key=KEY
    )

    own, other = (provider._get_path({"model": model}) for model in ("gpt-4o", "a b/c"))

    assert own == "/deployments/prod-7/chat/completions"
    assert other == "/deployments/a%20b%2Fc/chat/completions"


def test_the_responses_of_azure_have_one_path_for_all_models() -> None:
    provider = ResponsesProvider(
        base_url=f"{AZURE}/openai/responses?api-version=2025-04-01-preview", model="gpt-5", api_key=KEY
    )

    assert provider.base_url + provider._get_path(write_body(provider)) == f"{AZURE}/openai/responses"


async def test_an_azure_that_is_somewhere_else_is_asked_by_its_rules(server: FaultServer) -> None:
    """A gateway in front of it, say."""
    address = server.base_url.removesuffix("/v1") + "/gateway"
    provider = OpenAIProvider(
        preset="azure", base_url=f"{address}/openai/deployments/gpt-4o?api-version=2024-10-21", api_key=KEY
    )

    heard = await listen(provider, ask("fault:ok", options={"max_tokens": 9}))
    await provider.aclose()

    exchange = server.received[-1]
    assert heard.text == FAULTS["ok"].text
    assert exchange.path == "/gateway/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
    assert exchange.headers["api-key"] == KEY
    assert "authorization" not in exchange.headers
    assert exchange.body["max_completion_tokens"] == 9


# No key at all.


async def test_a_model_on_this_machine_is_asked_without_a_key(
    server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for preset in PRESETS.values():
        if preset.api_key_env:
            monkeypatch.setenv(preset.api_key_env, KEY)
    provider = OpenAIProvider(preset="ollama", model="llama3.2", base_url=server.base_url)

    heard = await listen(provider, ask("fault:ok"))
    await provider.aclose()

    assert heard.text == FAULTS["ok"].text
    assert KEY not in str(server.received[-1].headers)


# What else a server knows.


@pytest.mark.parametrize("kind", [OpenAIProvider, ResponsesProvider])
async def test_options_that_nobody_here_knows_appear_unchanged_in_the_request(
    kind: type[EndpointProvider], server: FaultServer
) -> None:
    own = {"thinking": {"type": "enabled", "budget_tokens": 2000}, "extra_body": {"google": {"thinking_config": {}}}}
    asked = {"chat_template_kwargs": {"enable_thinking": False}, "top_logprobs": 2}
    provider = kind(model="m", base_url=server.base_url, options=own)

    await listen(provider, ask("fault:ok", options=asked))
    await provider.aclose()

    body = server.received[-1].body
    assert {name: body[name] for name in (*own, *asked)} == own | asked


# The page.


def list_rows() -> Iterator[str]:
    """The rows that the table of presets must have."""
    for name, preset in PRESETS.items():
        address = f"`{preset.base_url}`" if preset.base_url else f"yours: `{preset.example}`"
        address += f" or `{preset.base_url_env}`" if preset.base_url_env else ""
        key = f"`{preset.api_key_env}`" if preset.api_key_env else "none"
        key += ", optional" if preset.key_optional else ""
        key += f"; goes in `{preset.key_header}`" if preset.key_header else ""
        names = [f"`{ours}` is `{theirs}`" for ours, theirs in preset.option_names.items()]
        refused = ", ".join(f"`{option}`" for option in sorted(preset.unknown_options))
        facts = [
            *names,
            *([f"without {refused}"] if refused else []),
            *([] if preset.include_usage else ["without `stream_options`"]),
            *([] if preset.sees_images else ["no images"]),
        ]
        differs = "; ".join(facts)
        notes = ". ".join(filter(None, (differs[:1].upper() + differs[1:], preset.note)))
        yield f"| `{name}` | {preset.label} | {address} | {key} | {notes} |"


def test_the_page_has_the_presets_as_they_are() -> None:
    page = (DOCS / "providers.md").read_text()

    table = page.partition("\n| Preset |")[2].partition("\n\n")[0]
    assert table.splitlines()[2:] == list(list_rows())
