"""What was said in a thread, for code elsewhere."""

from decimal import Decimal
from typing import Any

import pytest

import chatapp
from chatapp.models import Message, Thread
from chatapp.runs import transcript
from chatapp.runs.greetings import get_startup_id
from chatapp.testing import call
from tests.conftest import make_thread
from tests.line import Line
from tests.usage import make_usage

CALLS: list[dict[str, Any]] = [
    {"role": "user", "content": "Weather?"},
    {
        "role": "assistant",
        "content": "I look.",
        "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"city": "Bern"}'}}],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
    {"role": "assistant", "content": "It is sunny."},
]


def list_rows(thread: Thread) -> list[Any]:
    """All that is stored of a thread."""
    return [
        *Message.objects.filter(thread=thread).order_by("pk").values(),
        *Thread.objects.filter(pk=thread.pk).values(),
    ]


@pytest.mark.django_db
def test_messages_are_what_people_see_in_order_and_convert_with_dict(owner: Any) -> None:
    thread = make_thread(owner, ("One?", "**One**."), ("Two?", "Two."))
    first = thread.messages.get(text="One?")
    begin = Message.objects.create(pk=get_startup_id(thread.pk, 0), thread=thread, role="assistant", text="Welcome")
    Message.objects.filter(pk=first.pk).update(parent=begin)
    hidden = Message.objects.create(thread=thread, parent=thread.head, role="user", text="Hidden", visible=False)
    thread.head = Message.objects.create(thread=thread, parent=hidden, role="system", text="Rules", visible=False)
    thread.save()

    found = chatapp.get_messages_sync(thread)

    assert [dict(item) for item in found] == [
        {"role": "user", "content": "One?", "attachments": ()},
        {"role": "assistant", "content": "**One**.", "attachments": ()},
        {"role": "user", "content": "Two?", "attachments": ()},
        {"role": "assistant", "content": "Two.", "attachments": ()},
    ]


async def test_turns_that_were_got_change_nothing_when_they_are_set(line: Line) -> None:
    @chatapp.tool(approval="never")
    def look(city: str) -> str:
        """Say how the weather is."""
        return f"sunny in {city}"

    class Weather(chatapp.Assistant):
        """Looks."""

        tools = [look]

    line.declares(Weather)
    line.plays(["I look.", call("look", city="Bern")], ["It is sunny."], ["Bye."])
    await line.answer("Weather?")
    thread = await line.thread()
    rows = await chatapp.models.calls.in_database(list_rows)(thread)
    turns = await chatapp.get_turns(thread)

    await chatapp.set_turns(thread, turns)
    await chatapp.set_state(thread.pk, await chatapp.get_state(thread.pk))

    assert await chatapp.models.calls.in_database(list_rows)(thread) == rows
    assert [turn["role"] for turn in turns] == ["user", "assistant", "tool", "assistant"]
    await line.answer("And now?")
    asked = [message for message in line.provider.requests[-1].messages if message["role"] != "system"]
    assert asked[:-1] == turns


@pytest.mark.django_db
def test_other_turns_begin_a_branch_where_they_differ(owner: Any) -> None:
    thread = make_thread(owner, ("One?", "One."), ("Two?", "Two."))
    old_head = thread.head_id
    assert old_head is not None

    chatapp.set_turns_sync(thread, [*chatapp.get_turns_sync(thread)[:2], *CALLS])

    thread.refresh_from_db()
    assert chatapp.get_turns_sync(thread) == [
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": "One."},
        *CALLS,
    ]
    assert len(transcript.get_path(thread)) == 4
    assert Message.objects.filter(pk=old_head).exists()
    chatapp.set_turns_sync(thread, [])
    assert chatapp.get_turns_sync(thread) == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("turns", "sentence"),
    [
        ([{"role": "wizard", "content": "x"}], "message 1 has the role 'wizard'"),
        ([{"role": "user", "content": 5}], "message 1 has a content of type int"),
        ([{"role": "tool", "tool_call_id": "c", "content": "x"}], "follows no message"),
        ([{"role": "assistant", "content": None, "tool_calls": [{"id": "x"}]}], "not as the API has it"),
    ],
)
def test_turns_that_are_none_are_refused_with_the_reason(owner: Any, turns: Any, sentence: str) -> None:
    thread = make_thread(owner, ("One?", "One."))
    rows = list_rows(thread)

    with pytest.raises(ValueError, match=sentence):
        chatapp.set_turns_sync(thread, turns)

    assert list_rows(thread) == rows


@pytest.mark.django_db
def test_the_state_of_another_thread_can_be_set_and_another_version_is_refused_with_its_number(owner: Any) -> None:
    one, other = make_thread(owner, ("One?", "One.")), make_thread(owner)

    chatapp.set_state_sync(other, chatapp.get_state_sync(one))

    assert chatapp.get_turns_sync(other) == chatapp.get_turns_sync(one)
    with pytest.raises(ValueError, match="version 7; 1 is known"):
        chatapp.set_state_sync(other, {"version": 7, "turns": []})


@pytest.mark.django_db
def test_turns_are_not_set_under_an_answer(owner: Any) -> None:
    thread = make_thread(owner, ("One?", "So far"), state="running")

    with pytest.raises(ValueError, match="an answer is being said"):
        chatapp.set_turns_sync(thread, [])


@pytest.mark.django_db
def test_tokens_are_summed_and_what_nobody_counted_is_unknown(owner: Any) -> None:
    thread = make_thread(owner, ("1", "1"), ("2", "2"), ("3", "3"))
    assert chatapp.get_tokens_sync(thread) == (None, None, None, 0, None, None, 0)

    for count, cost in [(5, "0.1"), (7, None), (None, None)]:
        make_usage(thread=thread, input_tokens=count, output_tokens=count, cost=cost)
    make_usage(input_tokens=1000)

    tokens = chatapp.get_tokens_sync(thread)
    assert (tokens.input, tokens.output, tokens.cost, tokens.unknown_calls) == (12, 12, Decimal("0.1"), 1)
    assert tokens.calls == 3
