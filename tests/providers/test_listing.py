"""Which models a provider offers: what servers say, what is kept of it, and what people may choose."""

import asyncio
import io
import json
import logging
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.core.cache import cache
from django.core.management import CommandError, call_command

import chatapp
from chatapp import choosing
from chatapp.errors import ProviderError, Refused
from chatapp.providers import listing
from chatapp.providers.base import close_providers
from chatapp.providers.listing import find_offer, read_models, refresh, refresh_wanted
from chatapp.providers.openai import OpenAIProvider
from chatapp.providers.scripted import ScriptedProvider
from chatapp.runs.hub import get_hub
from chatapp.runs.preferences import load_menu
from chatapp.testing import ThreadSocket
from tests.faults.server import FaultServer
from tests.line import Line

from .conftest import KEY

BACKEND = "chatapp.providers.openai.OpenAIProvider"


@pytest.fixture(autouse=True)
def _nothing_is_wanted() -> None:
    listing._wanted.clear()


def make_entry(base_url: str, **values: Any) -> dict[str, Any]:
    """A provider as the settings have it."""
    return {"BACKEND": BACKEND, "OPTIONS": {"model": "own", "base_url": base_url, "api_key": KEY}, **values}


# What servers say.


@pytest.mark.parametrize(
    "body",
    [
        {"object": "list", "data": [{"id": "small", "object": "model"}, {"id": "large", "object": "model"}]},
        {"data": None, "models": [{"name": "small", "size": 1}, {"name": "large"}]},
        {"models": [{"model": "small"}, "large"]},
        [{"id": "small", "type": "chat"}, {"id": "large", "type": "chat"}],
        ["small", "large", "small"],
        [{"id": "small"}, {"id": 7}, {}, None, {"id": "x" * 129}, {"id": "two\nlines"}, {"id": "large"}],
    ],
    ids=["openai", "ollama", "names under models", "together", "names", "what is no name is left out"],
)
def test_a_list_is_read_whatever_its_shape(body: Any) -> None:
    assert read_models(json.dumps(body).encode()) == ["small", "large"]


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"data": null}', b'"small"', b"[" * 100_000])
def test_what_is_no_list_is_said_to_be_unreadable(body: bytes) -> None:
    with pytest.raises(ProviderError, match="garbled"):
        read_models(body)


async def test_it_is_asked_with_the_key_of_the_provider(provider: OpenAIProvider, server: FaultServer) -> None:
    assert await provider.list_models() == ["by-prompt"]


@pytest.mark.parametrize(("status", "code"), [(401, "refused"), (404, "refused"), (429, "busy"), (502, "unreachable")])
async def test_a_refusal_is_explained_without_the_key(
    provider: OpenAIProvider, server: FaultServer, status: int, code: str
) -> None:
    server.models = status

    with pytest.raises(ProviderError) as raised:
        await provider.list_models()

    assert raised.value.code == code
    assert raised.value.cause.startswith(f"HTTP {status}: invalid_request_error: not with Bearer")
    assert KEY not in raised.value.cause


async def test_a_server_that_is_not_there_is_unreachable() -> None:
    provider = OpenAIProvider(model="m", base_url="http://127.0.0.1:9/v1")

    with pytest.raises(ProviderError) as raised:
        await provider.list_models()

    assert raised.value.code == "unreachable"
    assert raised.value.__context__ is None
    await provider.aclose()


async def test_a_provider_that_cannot_say_says_so() -> None:
    with pytest.raises(ProviderError, match="ScriptedProvider cannot say which models it offers"):
        await ScriptedProvider().list_models()


# The command.


class Served:
    """A server in the settings, under an alias."""

    def __init__(self, server: FaultServer, line: Line) -> None:
        self.server = server
        self.line = line

    def sets(self, alias: str = "main", **values: Any) -> None:
        self.line.sets(PROVIDERS={alias: make_entry(self.server.base_url, **values)})

    async def call(self, *arguments: str) -> str:
        """What `manage.py chatapp_models` prints."""
        out = io.StringIO()
        await asyncio.to_thread(call_command, "chatapp_models", *arguments, stdout=out)
        return out.getvalue()


@pytest_asyncio.fixture
async def served(server: FaultServer, line: Line) -> AsyncIterator[Served]:
    """Offers two models."""
    server.models = {"data": [{"id": "small"}, {"id": "large"}]}
    yield Served(server, line)
    await close_providers()


async def test_the_command_lists_what_all_offer_or_one(served: Served) -> None:
    served.sets()

    assert await served.call() == "main/small\nmain/large\n"
    assert await served.call("main") == "small\nlarge\n"
    assert json.loads(await served.call("--json")) == {"main": ["small", "large"]}


async def test_the_command_says_in_a_sentence_why_there_is_no_list_and_no_key(served: Served) -> None:
    served.sets()
    served.server.models = 401

    with pytest.raises(CommandError, match="main: HTTP 401") as raised:
        await served.call("main")
    with pytest.raises(CommandError, match="known aliases are 'default', 'main'"):
        await served.call("nobody")

    assert KEY not in str(raised.value)


# What is kept.


class Desk(chatapp.Assistant):
    """Lets people choose among what its provider offers."""

    provider = "main"
    models = "provider"


async def list_choices(line: Line, assistant: type[chatapp.Assistant] = Desk) -> list[str]:
    """The models that the owner's settings offer."""
    menu = await sync_to_async(load_menu)(assistant(), line.owner, None)
    item = menu.get("model")
    return [name for name, _label in item.choices] if item else []


async def test_people_choose_among_what_the_provider_offers_and_its_own_comes_first(served: Served) -> None:
    served.sets()
    before = await list_choices(served.line)
    await refresh_wanted()

    assert before == ["own"]
    assert await list_choices(served.line) == ["own", "small", "large"]


async def test_a_page_never_waits_for_the_list_and_the_hub_has_it_fetched(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, written, write = asyncio.get_running_loop(), asyncio.Event(), listing._write

    def note(*args: Any) -> None:
        write(*args)
        loop.call_soon_threadsafe(written.set)

    monkeypatch.setattr(listing, "_write", note)
    served.sets()
    served.line.declares(Desk)
    before = served.server.connections

    async with ThreadSocket(served.line.owner, assistant="desk"):
        await list_choices(served.line)
        assert served.server.connections == before
        await get_hub().look()
        await asyncio.wait_for(written.wait(), 10)

    assert await list_choices(served.line) == ["own", "small", "large"]


async def test_when_the_provider_does_not_answer_the_old_list_holds(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    served.sets(alias="main")
    await refresh("main")
    now = time.time()
    monkeypatch.setattr("chatapp.providers.listing.time.time", lambda: now + 3601)
    served.server.models = 502

    with caplog.at_level(logging.WARNING):
        assert await list_choices(served.line) == ["own", "small", "large"]
        assert listing.has_wanted()
        await refresh_wanted()

    assert "provider 'main' did not say which models it has" in caplog.text
    assert await list_choices(served.line) == ["own", "small", "large"]


async def test_who_does_not_answer_is_not_asked_again_at_once(served: Served) -> None:
    served.sets()
    served.server.models = 401
    for _ in range(3):
        await list_choices(served.line)
        await refresh_wanted()
    served.server.models = ["small"]
    await list_choices(served.line)
    await refresh_wanted()

    assert await list_choices(served.line) == ["own"]
    cache.delete(f"{listing._get_key('main')}:asked")
    await refresh_wanted()
    await list_choices(served.line)
    await refresh_wanted()
    assert await list_choices(served.line) == ["own", "small"]


async def test_a_new_list_is_not_asked_for_again(served: Served) -> None:
    served.sets()
    await refresh("main")

    await list_choices(served.line)

    assert not listing.has_wanted()


async def test_a_cache_that_is_down_costs_the_choice_and_no_page(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise ConnectionError("no cache")

    served.sets()
    monkeypatch.setattr("chatapp.providers.listing.cache.get", fail)
    monkeypatch.setattr("chatapp.providers.listing.cache.add", fail)

    assert await list_choices(served.line) == ["own"]
    await refresh_wanted()
    assert "the cache does not answer" in caplog.text


async def test_a_site_names_the_models_of_an_alias_or_leaves_it_to_the_provider(served: Served) -> None:
    class Plain(chatapp.Assistant):
        """Says nothing of models."""

        provider = "main"

    served.sets()
    none = await list_choices(served.line, Plain)
    served.sets(MODELS=["large", "own"])
    named = await list_choices(served.line, Plain)
    served.sets(MODELS="provider")
    await refresh("main")

    assert (none, named) == ([], ["own", "large"])
    assert await list_choices(served.line, Plain) == ["own", "small", "large"]


async def test_an_assistants_own_list_wins(served: Served) -> None:
    class Choosy(chatapp.Assistant):
        """Has its own list."""

        provider = "main"
        models = ("large", "tiny")

    served.sets(MODELS="provider")

    assert await list_choices(served.line, Choosy) == ["large", "tiny"]
    assert not listing.has_wanted()


def test_a_word_that_is_no_list_is_refused_when_the_assistant_is_declared() -> None:
    class Typo(chatapp.Assistant):
        """Has a typo."""

        models = "providers"

    with pytest.raises(ValueError, match="models is 'providers'; give a list of names, or 'provider'"):
        Typo()


async def test_choosing_what_the_provider_does_not_offer_is_refused_with_a_sentence(served: Served) -> None:
    line = served.line
    served.sets()
    line.declares(Desk)
    line.enters(_quiet(line))
    await refresh("main")
    await line.answer()
    line.owner.is_superuser = True
    await line.owner.asave()

    with pytest.raises(Refused) as raised:
        await choosing.choose(line.owner, line.thread_id, {"model": "huge"})
    await choosing.choose(line.owner, line.thread_id, {"model": "large"})
    await line.answer()
    with pytest.raises(Refused, match=r"There is no model huge here\. There are: own, small, large\."):
        await line.post("/model huge")

    assert str(raised.value) == "This is not one of the choices."
    assert [request.model for request in line.provider.requests] == ["own", "large"]


async def test_what_was_chosen_holds_while_nobody_knows_the_list(served: Served) -> None:
    line = served.line
    served.sets()
    line.declares(Desk)
    line.enters(_quiet(line))
    await refresh("main")
    await line.answer()
    await choosing.choose(line.owner, line.thread_id, {"model": "large"}, scope="person")
    cache.clear()

    await line.answer()

    assert line.provider.requests[-1].model == "large"


async def test_hundreds_of_models_do_not_stand_under_every_answer(served: Served, owner_client: Any) -> None:
    line = served.line
    served.sets(MODELS="provider")
    line.declares(Desk)
    line.enters(_quiet(line))
    await refresh("main")
    await line.answer()
    few = await sync_to_async(owner_client.get)(f"/chat/{line.thread_id}/")
    served.sets(MODELS=[f"model-{number}" for number in range(300)])
    many = await sync_to_async(owner_client.get)(f"/chat/{line.thread_id}/")

    assert few.content.count(b"Try again with large") == 1
    assert many.content.count(b"Try again with") == 0
    assert many.content.count(b'value="model-299"') == 1


def _quiet(line: Line) -> Any:
    """The alias answers from the script, and offers what the server does."""
    return chatapp.testing.replace_provider(_Listed(line), "main")


class _Listed(ScriptedProvider):
    """Says "Hello.", and offers two models."""

    def __init__(self, line: Line) -> None:
        super().__init__(["Hello."], model="own")
        line.provider = self

    async def list_models(self) -> list[str]:
        return ["small", "large"]


@pytest.mark.parametrize("is_wanted", [False, True])
def test_an_alias_without_an_entry_offers_nothing_unless_it_is_wanted(is_wanted: bool) -> None:
    assert find_offer("default", is_wanted=is_wanted) == (None if is_wanted else ())
