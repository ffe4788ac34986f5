"""When a provider fails before its first word, another one answers."""

from collections.abc import Iterator
from contextlib import ExitStack, aclosing
from typing import Any

import pytest

from chatapp.errors import SENTENCES, ProviderError
from chatapp.events import Delta, Finish, ModelCall, ThinkingDelta, Usage
from chatapp.providers.base import ModelRequest, replace_provider
from chatapp.providers.fallback import CURED, Chain, get_fallback
from chatapp.providers.metering import ProviderCall
from chatapp.providers.scripted import ScriptedProvider, gate

QUESTION = ModelRequest(messages=[{"role": "user", "content": "Hi"}], model="large", options={"temperature": 0})


class Book:
    """A ledger."""

    def __init__(self) -> None:
        self.calls: list[ProviderCall] = []

    def record(self, call: ProviderCall) -> None:
        self.calls.append(call)


class Scene:
    """Providers "first", "second" and "third", of which each says one script."""

    def __init__(self, stack: ExitStack) -> None:
        self.book = Book()
        self.said: list[Delta] = []
        self.chain: Chain | None = None
        self.providers: dict[str, ScriptedProvider] = {}
        self._stack = stack

    def says(self, **scripts: Any) -> None:
        for alias, script in scripts.items():
            self.providers[alias] = ScriptedProvider(script, model=f"model of {alias}")
            self._stack.enter_context(replace_provider(self.providers[alias], alias))

    async def hear(self, request: ModelRequest = QUESTION, *fallback: str) -> list[Delta]:
        names = [*self.providers]
        provider = self.providers[names[0]]
        self.chain = self.chain or Chain(provider, names[0], fallback or names[1:], self.book)
        said = self.chain.ask(request)
        async with aclosing(said) as deltas:
            async for delta in deltas:
                self.said.append(delta)
        return self.said


@pytest.fixture
def scene() -> Iterator[Scene]:
    """Three providers at most."""
    with ExitStack() as stack:
        yield Scene(stack)


@pytest.mark.parametrize("code", sorted(CURED))
async def test_what_another_provider_may_cure_is_asked_of_it(scene: Scene, code: str) -> None:
    scene.says(first=[ProviderError(code, "no")], second=["Hello."])

    assert await scene.hear() == ["Hello.", Finish("stop")]
    assert [(call.alias, call.error_code, call.finish) for call in scene.book.calls] == [
        ("first", code, None),
        ("second", "", "stop"),
    ]


@pytest.mark.parametrize("code", sorted(SENTENCES.keys() - CURED))
async def test_what_was_withheld_or_is_too_long_is_not_asked_for_elsewhere(scene: Scene, code: str) -> None:
    scene.says(first=[ProviderError(code, "no")], second=["Hello."])

    with pytest.raises(ProviderError, match=code):
        await scene.hear()

    assert scene.providers["second"].requests == []


@pytest.mark.parametrize("begun", ["So far", ThinkingDelta("Hm"), ModelCall(name="find")])
async def test_after_the_first_word_thought_or_call_nobody_else_is_asked(scene: Scene, begun: Any) -> None:
    scene.says(first=[begun, ProviderError("cut_off", "gone")], second=["Hello."])

    with pytest.raises(ProviderError, match="cut_off"):
        await scene.hear()

    assert scene.said == [begun]
    assert scene.providers["second"].requests == []


async def test_the_model_that_was_named_is_one_of_the_first_provider(scene: Scene) -> None:
    scene.says(first=[ProviderError("busy")], second=["Hello."])

    await scene.hear()

    assert [provider.requests[0].model for provider in scene.providers.values()] == ["large", None]
    assert scene.providers["second"].requests[0].options == {"temperature": 0}
    assert [call.model for call in scene.book.calls] == ["large", "model of second"]


async def test_when_all_fail_the_person_hears_why_the_first_did_and_staff_hear_all(scene: Scene) -> None:
    scene.says(
        first=[ProviderError("busy", "HTTP 429", retry_after=7)],
        second=[ProviderError("refused", "HTTP 401")],
        third=[ProviderError("unreachable", "no route")],
    )

    with pytest.raises(ProviderError) as raised:
        await scene.hear()

    assert (raised.value.code, raised.value.retry_after) == ("busy", 7)
    assert raised.value.cause == ("first: busy: HTTP 429; second: refused: HTTP 401; third: unreachable: no route")


async def test_who_breaks_off_after_taking_over_says_so(scene: Scene) -> None:
    scene.says(first=[ProviderError("busy")], second=["So", ProviderError("cut_off", "reset")], third=["Hello."])

    with pytest.raises(ProviderError) as raised:
        await scene.hear()

    assert raised.value.code == "cut_off"
    assert scene.providers["third"].requests == []


async def test_what_failed_attempts_cost_belongs_to_the_answer_and_is_told_once(scene: Scene) -> None:
    scene.says(
        first=[Usage(input_tokens=10), ProviderError("empty")],
        second=["Hello.", Usage(input_tokens=12, output_tokens=3)],
    )

    assert await scene.hear() == ["Hello.", Usage(input_tokens=22, output_tokens=3), Finish("stop")]


async def test_who_sees_no_images_gets_the_words(scene: Scene) -> None:
    content = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    scene.says(first=[ProviderError("busy")], second=["A cat."])

    await scene.hear(ModelRequest(messages=[{"role": "user", "content": content}]))

    assert scene.providers["first"].requests[0].messages[0]["content"] == content
    assert scene.providers["second"].requests[0].messages[0]["content"] == "What is this?"


@pytest.mark.parametrize("is_first_well", [True, False])
async def test_whoever_has_said_something_says_all_rounds_of_the_answer(scene: Scene, is_first_well: bool) -> None:
    one, other = [ModelCall(name="find")], [ProviderError("busy")]
    scene.says(first=one if is_first_well else other, second=one)
    await scene.hear()

    scene.providers["first"].scripts = [["From the first."]] if not is_first_well else [other]
    scene.providers["second"].scripts = [["From the second."]]
    if is_first_well:
        with pytest.raises(ProviderError, match="busy"):
            await scene.hear()
    else:
        await scene.hear()

    asked = {alias: len(provider.requests) for alias, provider in scene.providers.items()}
    assert asked == ({"first": 2, "second": 0} if is_first_well else {"first": 1, "second": 2})
    assert [request.model for request in scene.providers["second"].requests] == ([] if is_first_well else [None, None])


async def test_one_that_cannot_be_made_is_passed_over(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.says(first=[ProviderError("busy")], third=["Hello."])

    assert await scene.hear(QUESTION, "nobody", "third") == ["Hello.", Finish("stop")]
    assert "provider 'nobody' cannot be made" in caplog.text


async def test_only_the_last_may_keep_the_person_waiting(scene: Scene) -> None:
    scene.says(first=[ProviderError("busy")], second=["Hello."])

    await scene.hear()

    assert [provider.requests[0].patience for provider in scene.providers.values()] == [2.0, 60.0]


async def test_closing_it_in_mid_fallback_closes_who_is_asked(scene: Scene) -> None:
    scene.says(first=[ProviderError("busy")], second=["Hel", gate("mid"), "lo"])
    said = Chain(scene.providers["first"], "first", ["second"], scene.book).ask(QUESTION)

    assert await anext(said) == "Hel"
    await said.aclose()

    assert [provider.open for provider in scene.providers.values()] == [0, 0]
    assert [call.alias for call in scene.book.calls] == ["first", "second"]


def test_an_alias_has_its_fallback_in_the_settings_and_an_assistant_its_own(settings: Any) -> None:
    guide = "chatapp.providers.guide.GuideProvider"
    settings.CHATAPP = {"PROVIDERS": {"default": {"BACKEND": guide, "FALLBACK": ["default", "spare"]}}}

    assert get_fallback("default") == ["spare"]
    assert get_fallback("default", ["other"]) == ["other"]
    assert get_fallback("unknown") == []
