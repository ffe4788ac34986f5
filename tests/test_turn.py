"""What an assistant gets, and what the model is asked."""

import dataclasses
from typing import Any

import pytest

import chatapp
from chatapp.providers.base import ModelRequest, Provider, replace_provider
from chatapp.testing import ScriptedProvider


class Desk(chatapp.Assistant):
    """Has everything that a request can have."""

    instructions = "Be brief."
    model = "small"
    options = {"temperature": 0.2, "top_p": 0.9}


def say(role: str, text: str) -> chatapp.ChatMessage:
    """One message."""
    return chatapp.ChatMessage(role=role, content=text)


def make_turn(assistant: chatapp.Assistant, *messages: chatapp.ChatMessage, **values: Any) -> chatapp.Turn:
    """A turn in which this was said."""
    return chatapp.Turn(assistant=assistant, messages=messages, **values)


def test_the_question_is_the_last_message() -> None:
    last = chatapp.ChatMessage(role="user", content="Where?", attachments=("map.png",))
    turn = make_turn(Desk(), say("user", "Hi"), say("assistant", "Hello"), last)

    assert turn.text == turn.messages[-1].content == "Where?"
    assert turn.attachments == ("map.png",)


def test_a_turn_without_messages_has_no_question() -> None:
    assert make_turn(Desk()).text == ""
    assert make_turn(Desk()).attachments == ()


def test_a_turn_is_frozen() -> None:
    turn = make_turn(Desk(), say("user", "Hi"))

    for name in ("user", "settings", "config"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(turn, name, None)


async def test_the_model_gets_the_instructions_and_the_branch() -> None:
    turn = make_turn(
        Desk(),
        say("user", "Hi"),
        say("assistant", " "),
        say("tool", "{}"),
        say("assistant", "Hello"),
        say("user", "Where?"),
    )

    assert await turn.get_request() == ModelRequest(
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello"},
            {"role": "user", "content": "Where?"},
        ],
        model="small",
        options={"temperature": 0.2, "top_p": 0.9},
    )


async def test_what_was_chosen_for_the_answer_wins_over_the_assistant() -> None:
    config = chatapp.ModelConfig(model="large", temperature=0.0, max_tokens=7)

    request = await make_turn(Desk(), say("user", "Hi"), config=config).get_request()

    assert request.model == "large"
    assert request.options == {"temperature": 0.0, "top_p": 0.9, "max_tokens": 7}


async def test_an_assistant_that_chooses_nothing_leaves_it_to_the_provider() -> None:
    request = await make_turn(chatapp.Assistant(), say("user", "Hi")).get_request()

    assert request == ModelRequest(messages=[{"role": "user", "content": "Hi"}], model=None, options={})


def test_the_provider_of_the_assistant_produces_the_tokens() -> None:
    class Local(chatapp.Assistant):
        provider = "local"

    own, local = ScriptedProvider(), ScriptedProvider()

    with replace_provider(local, "local"):
        assert make_turn(Local()).get_provider() is local
        assert make_turn(Local(), provider=own).get_provider() is own


async def test_the_stream_gives_what_the_model_says_up_to_its_finish() -> None:
    said: list[Any] = [
        "Hi",
        chatapp.ThinkingDelta("Hm."),
        chatapp.Usage(output_tokens=1),
        chatapp.Finish("length"),
        "never",
    ]
    turn = make_turn(Desk(), say("user", "Hi"), provider=ScriptedProvider(said))

    assert [delta async for delta in turn.stream()] == said[:4]


async def test_a_stream_that_is_closed_closes_the_provider() -> None:
    provider = ScriptedProvider(["one", "two"])
    stream = make_turn(Desk(), say("user", "Hi"), provider=provider).stream()
    assert await anext(stream) == "one"

    await stream.aclose()

    assert provider.open == 0


async def test_a_provider_may_be_any_async_iterator() -> None:
    class Pieces:
        def __aiter__(self) -> "Pieces":
            return self

        async def __anext__(self) -> Any:
            return chatapp.Finish()

    class Plain(Provider):
        def stream(self, request: ModelRequest) -> Any:
            return Pieces()

    turn = make_turn(Desk(), say("user", "Hi"), provider=Plain())

    assert [delta async for delta in turn.stream()] == [chatapp.Finish()]


async def test_a_failure_of_the_provider_comes_after_what_it_said() -> None:
    provider = ScriptedProvider(["so far", chatapp.ProviderError("busy", "429")])
    stream = make_turn(Desk(), say("user", "Hi"), provider=provider).stream()

    assert await anext(stream) == "so far"
    with pytest.raises(chatapp.ProviderError, match="busy"):
        await anext(stream)
    assert provider.open == 0
