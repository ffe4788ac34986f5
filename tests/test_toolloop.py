"""A model that calls tools is asked again with the results, so often at most, whatever it says and whatever they do."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import override_settings

import chatapp
from chatapp.errors import ProviderError
from chatapp.events import Finish, ModelCall
from chatapp.providers.calls import MAX_ARGUMENT_CHARS
from chatapp.providers.scripted import Item
from chatapp.testing import Answer, ask, call
from chatapp.toolloop import MAX_PARALLEL

ROOT = Path(__file__).resolve().parent.parent


class Shop:
    """Tools, and what they did."""

    def __init__(self) -> None:
        self.ran: list[Any] = []

    def make(self, **options: Any) -> type[chatapp.Assistant]:
        """An assistant with a tool that says where a parcel is."""

        @chatapp.tool(**options)
        def find_parcel(order: int) -> str:
            """Say where it is."""
            self.ran.append(order)
            return f"{order} is in Bern."

        return make_assistant(find_parcel)


def make_assistant(*tools: Any) -> type[chatapp.Assistant]:
    """An assistant that has these tools and nothing else."""
    return type("Support", (chatapp.Assistant,), {"tools": tools, "__module__": __name__})


def get_rows(answer: Answer) -> list[chatapp.ToolCallPart]:
    """The rows of the tools."""
    return [part for part in answer.parts if isinstance(part, chatapp.ToolCallPart)]


def get_results(answer: Answer) -> list[str]:
    """What the model was told at the end."""
    return [message["content"] for message in answer.requests[-1].messages if message["role"] == "tool"]


async def test_support_knows_the_parcel() -> None:
    shop = Shop()

    answer = await ask(shop.make(), "Where is 17?", model_says=[call("find_parcel", order=17), "It is in Bern."])

    assert answer.text == "It is in Bern."
    assert [part.kind for part in answer.parts] == ["tool", "text"]
    assert [tool["function"]["name"] for tool in answer.requests[0].tools] == ["find_parcel"]


async def test_two_rounds_then_text() -> None:
    shop = Shop()
    says: list[Any] = ["One moment. ", call("find_parcel", order=1), call("find_parcel", order=2), "In Bern."]

    answer = await ask(shop.make(), "Where?", model_says=says)

    assert shop.ran == [1, 2] or shop.ran == [2, 1]
    assert [part.kind for part in answer.parts] == ["text", "tool", "tool", "text"]
    assert [message["role"] for message in answer.requests[1].messages] == ["user", "assistant", "tool", "tool"]
    assert get_results(answer) == ["1 is in Bern.", "2 is in Bern."]


async def test_an_assistant_that_wraps_the_stream_sees_tools_too() -> None:
    shop = Shop()
    seen: list[str] = []

    class Wraps(shop.make()):  # type: ignore[misc]  # a class made by a function
        async def respond(self, turn: chatapp.Turn) -> Any:
            async for event in turn.stream():
                seen.append(type(event).__name__)
                yield event

    await ask(Wraps, "Where?", model_says=[call("find_parcel", order=1), "In Bern."])

    assert seen == ["ToolCall", "ToolResult", "str", "Finish"]


async def test_tools_may_depend_on_the_person() -> None:
    shop = Shop()

    class Picky(shop.make()):  # type: ignore[misc]  # likewise
        async def get_tools(self, turn: chatapp.Turn) -> Any:
            return self.tools if turn.user == "Ann" else []

    assert [
        len((await ask(Picky, "Hi", user=user, model_says=["Hi"])).requests[0].tools) for user in ("Ann", "Bob")
    ] == [
        1,
        0,
    ]


async def test_a_model_that_has_no_tools_any_more_does_not_hear_of_calls_and_calls_nothing() -> None:
    done = chatapp.ToolCallPart(name="find_parcel", round=1, state="done", result="In Bern.")
    history = [chatapp.ChatMessage(role="assistant", content="Yes.", parts=[done, chatapp.TextPart(text="Yes.")])]
    says: list[Any] = ["Well.", call("find_parcel", order=1)]

    answer = await ask(make_assistant(), "And now?", history=history, model_says=says)

    assert (answer.text, len(answer.requests)) == ("Well.", 1)
    assert [message["content"] for message in answer.requests[0].messages] == ["Yes.", "And now?"]


async def test_a_model_that_calls_for_ever_is_ended_with_a_note() -> None:
    shop = Shop()

    with override_settings(CHATAPP={"MAX_TOOL_ROUNDS": 3}):
        answer = await ask(shop.make(), "Where?", model_says=lambda request: [call("find_parcel", order=1)])

    assert len(answer.requests) == 4
    assert len(shop.ran) == 3
    assert isinstance(answer.parts[-1], chatapp.NoticePart)
    assert answer.parts[-1].message == "The answer was ended: the model asked for tools again and again."


def wants(arguments: str, name: str = "find_parcel") -> ModelCall:
    """What a careless model asks for."""
    return ModelCall(name=name, arguments=arguments)


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (wants('{"order": 1'), "The arguments are no JSON object: EOF"),
        (
            ModelCall(name="find_parcel", arguments='{"order": "x"}'),
            "The arguments are not right: order: Input should be",
        ),
        (wants("[17]"), "The arguments are not right: all: Input should be"),
        (
            ModelCall(name="find_parcel", arguments='{"order": 1, "b": 2}'),
            "The arguments are not right: b: Extra inputs",
        ),
        (wants("{}", name="delete_all"), "There is no tool of this name. There are: find_parcel."),
        (
            ModelCall(name="find_parcel", arguments=f'{{"order": "{"1" * MAX_ARGUMENT_CHARS}"}}'),
            "The arguments are too long",
        ),
        (wants('{"order": ' + "[" * 50_000), "The arguments are no JSON object"),
        (wants('{"order": "\\ud83d"}'), "The arguments are no"),
    ],
    ids=["cut", "wrong type", "no object", "unknown argument", "unknown tool", "huge", "deep", "surrogate"],
)
async def test_what_cannot_be_run_is_not_run_and_the_model_is_told_twice_at_most(wanted: ModelCall, told: str) -> None:
    shop = Shop()

    better = await ask(shop.make(), "Where?", model_says=[wanted, "Sorry."])
    never = await ask(shop.make(), "Where?", model_says=lambda request: [wanted])

    assert shop.ran == []
    assert better.text == "Sorry."
    assert get_results(better)[0].startswith(told)
    assert [row.state for row in get_rows(better)] == ["failed"]
    assert len(never.requests) == 3
    assert isinstance(never.parts[-1], chatapp.NoticePart)


@pytest.mark.parametrize("name", ["turn", "argument_0"])
async def test_a_model_cannot_say_for_whom_a_tool_works(name: str) -> None:
    for_whom: list[Any] = []

    @chatapp.tool(approval="never")
    def refund(turn: chatapp.Turn, order: int) -> str:
        """Refund."""
        for_whom.append(turn.user)
        return "Refunded."

    forged = ModelCall(name="refund", arguments=json.dumps({"order": 17, name: {"user": "somebody else"}}))
    says: list[Item] = [forged, "Again.", call("refund", order=17), "Done."]
    answer = await ask(make_assistant(refund), "Refund 17!", user="me", model_says=says)

    assert "turn" not in str(refund.definition)
    assert get_results(answer)[0] == f"The arguments are not right: {name}: Extra inputs are not permitted"
    assert for_whom == ["me"]


async def test_of_good_and_bad_calls_the_good_ones_run() -> None:
    shop = Shop()

    answer = await ask(shop.make(), "Where?", model_says=[call("nothing"), call("find_parcel", order=1), "In Bern."])

    assert shop.ran == [1]
    assert get_results(answer)[1] == "1 is in Bern."


async def test_a_call_that_was_sent_twice_runs_once_and_every_call_has_an_id_of_its_own() -> None:
    shop = Shop()
    says = [
        call("find_parcel", id="a", order=1),
        call("find_parcel", id="a", order=1),
        call("find_parcel", id="a", order=2),
    ]

    answer = await ask(shop.make(), "Where?", model_says=[*says, "In Bern."])

    assert sorted(shop.ran) == [1, 2]
    ids = [item["id"] for item in answer.requests[1].messages[1]["tool_calls"]]
    assert len(set(ids)) == 2
    assert [row.tool_id for row in get_rows(answer)] == ids


async def test_calls_that_are_counted_anew_each_round_are_other_calls() -> None:
    shop = Shop()

    def say(request: Any) -> Any:
        done = sum(message["role"] == "tool" for message in request.messages)
        return [call("find_parcel", id="call_0", order=done)] if done < 2 else ["Done."]

    answer = await ask(shop.make(), "Where?", model_says=say)

    assert shop.ran == [0, 1]
    assert len({row.tool_id for row in get_rows(answer)}) == 2


async def test_a_call_of_a_stream_that_broke_never_runs() -> None:
    shop = Shop()

    with pytest.raises(ProviderError):
        await ask(
            shop.make(), "Where?", model_says=lambda request: [call("find_parcel", order=1), ProviderError("cut_off")]
        )

    assert shop.ran == []


async def test_a_denied_tool_never_runs() -> None:
    shop = Shop()

    answer = await ask(
        shop.make(), "Where?", person_says=["deny"], model_says=[call("find_parcel", order=1), "Then not."]
    )

    assert shop.ran == []
    assert get_results(answer) == ["The person did not allow this call."]


async def test_what_is_never_asked_runs_without_a_person() -> None:
    shop = Shop()

    await ask(
        shop.make(approval="never"), "Where?", person_says=[], model_says=[call("find_parcel", order=1), "In Bern."]
    )

    assert shop.ran == [1]


async def test_calls_of_one_round_run_at_once_and_their_results_keep_their_order() -> None:
    both = asyncio.Barrier(2)

    @chatapp.tool
    async def meet(name: str) -> str:
        """Wait for the other."""
        async with asyncio.timeout(10):
            await both.wait()
        return name

    answer = await ask(make_assistant(meet), "Go", model_says=[call("meet", name="a"), call("meet", name="b"), "Done."])

    assert get_results(answer) == ["a", "b"]


async def test_of_many_calls_only_a_few_run_at_once_and_all_of_them_do() -> None:
    running = most = 0
    all_there = asyncio.Event()

    @chatapp.tool(approval="never")
    async def work(number: int) -> int:
        """Work."""
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == MAX_PARALLEL:
            all_there.set()
        await all_there.wait()
        running -= 1
        return number

    says: list[Item] = [*(call("work", number=number) for number in range(10)), "Done."]
    answer = await ask(make_assistant(work), "Go", model_says=says)

    assert get_results(answer) == [str(number) for number in range(10)]
    assert most == MAX_PARALLEL


async def test_a_tool_that_hangs_keeps_no_other_tool_and_no_answer_waiting() -> None:
    release = threading.Event()

    @chatapp.tool(approval="never", timeout=0.01)
    def hangs() -> None:
        """Hang."""
        release.wait(10)

    @chatapp.tool(approval="never")
    def works() -> str:
        """Work."""
        return "worked"

    # More of them than a pool of threads would have for all.
    says: list[Item] = [*[call("hangs")] * 60, call("works"), "Done."]
    try:
        answer = await ask(make_assistant(hangs, works), "Go", model_says=says)
    finally:
        release.set()

    assert answer.text == "Done."
    assert get_results(answer)[-1] == "worked"
    assert len(get_results(answer)) == 61


def test_a_tool_that_hangs_does_not_keep_the_process_from_ending() -> None:
    code = """
import asyncio, threading
import django

django.setup()
import chatapp
from chatapp.testing import ask, call

@chatapp.tool(approval="never", timeout=0.01)
def hangs() -> None:
    "Hang."
    threading.Event().wait()

class Hangs(chatapp.Assistant):
    "Hangs."
    tools = [hangs]

print(asyncio.run(ask(Hangs, "Go", model_says=[call("hangs"), "Done."])).text)
"""
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT, env=env)

    assert (ended.returncode, ended.stdout) == (0, "Done.\n"), ended.stderr


async def test_a_tool_that_fails_says_so_and_the_answer_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    @chatapp.tool
    def breaks() -> str:
        """Break."""
        raise RuntimeError("secret of the house")

    answer = await ask(make_assistant(breaks), "Go", model_says=[call("breaks"), "Sorry."])

    (row,) = get_rows(answer)
    assert (row.state, answer.text) == ("failed", "Sorry.")
    assert "secret" not in json.dumps([row.dump(), list(answer.requests[1].messages)])
    reference = get_results(answer)[0].removesuffix(".").split()[-1]
    assert f"reference {reference}: RuntimeError: secret of the house" in caplog.text


async def test_a_sentence_for_people_is_what_the_row_says() -> None:
    @chatapp.tool
    def closed() -> str:
        """Be closed."""
        raise chatapp.VisibleError("The shop is closed.")

    assert get_results(await ask(make_assistant(closed), "Go", model_says=[call("closed"), "."])) == [
        "The shop is closed."
    ]


async def test_a_tool_that_rejects_gives_the_model_its_reason() -> None:
    @chatapp.tool
    def refuses() -> str:
        """Refuse."""
        raise chatapp.ToolRejected("Not on Mondays.")

    answer = await ask(make_assistant(refuses), "Go", model_says=[call("refuses"), "Sorry."])

    assert get_results(answer) == ["Not on Mondays."]
    assert [row.state for row in get_rows(answer)] == ["denied"]


async def test_a_tool_that_takes_too_long_is_ended() -> None:
    closed = asyncio.Event()

    @chatapp.tool(timeout=0.01)
    async def waits() -> None:
        """Wait."""
        try:
            await asyncio.Event().wait()
        finally:
            closed.set()

    answer = await ask(make_assistant(waits), "Go", model_says=[call("waits"), "Sorry."])

    assert get_results(answer) == ["It took longer than 0.01 seconds and was ended."]
    assert closed.is_set()


async def test_nobody_waits_for_a_thread_whose_time_is_over() -> None:
    release = threading.Event()

    @chatapp.tool(timeout=0.01)
    def blocks() -> None:
        """Block."""
        release.wait(10)

    try:
        answer = await ask(make_assistant(blocks), "Go", model_says=[call("blocks"), "Sorry."])
    finally:
        release.set()

    assert get_results(answer) == ["It took longer than 0.01 seconds and was ended."]


async def test_the_model_gets_no_more_of_a_result_than_it_may() -> None:
    @chatapp.tool
    def talks() -> str:
        """Talk."""
        return "x" * 1000

    with override_settings(CHATAPP={"MAX_TOOL_RESULT_CHARS": 300}):
        answer = await ask(make_assistant(talks), "Go", model_says=[call("talks"), "."])

    assert get_results(answer) == ["x" * 300 + "\n… (700 more characters were cut off)"]


async def test_the_model_gets_the_value_and_people_see_the_display() -> None:
    @chatapp.tool(title="Look it up", icon="search")
    def look() -> Any:
        """Look."""
        return chatapp.ToolResult({"city": "Bern"}, display=chatapp.ToolDisplay(title="Found", markdown="**Bern**"))

    answer = await ask(make_assistant(look), "Go", model_says=[call("look"), "."])

    (row,) = get_rows(answer)
    assert get_results(answer) == ['{"city": "Bern"}']
    assert (row.title, row.shown_title, row.icon, row.display and row.display.markdown) == (
        "Look it up",
        "Found",
        "search",
        "**Bern**",
    )


async def test_why_it_is_called_stands_in_the_row_and_not_in_the_arguments() -> None:
    shop = Shop()

    answer = await ask(shop.make(), "Go", model_says=[call("find_parcel", order=1, _intent="To know"), "In Bern."])

    assert [row.intent for row in get_rows(answer)] == ["To know"]
    assert shop.ran == [1]


async def test_a_result_that_is_no_json_is_written_as_text() -> None:
    @chatapp.tool
    def gives() -> Any:
        """Give."""
        return {"shop": Shop, "n": float("nan")}

    answer = await ask(make_assistant(gives), "Go", model_says=[call("gives"), "."])

    assert json.loads(get_results(answer)[0]) == {"shop": str(Shop), "n": None}


async def test_an_answer_that_was_cut_off_at_its_length_runs_nothing() -> None:
    shop = Shop()

    answer = await ask(shop.make(), "Go", model_says=lambda request: ["Well", Finish("length")])

    assert shop.ran == []
    assert [part.kind for part in answer.parts] == ["text", "notice"]


async def test_a_tool_may_ask_the_person_from_its_thread() -> None:
    @chatapp.tool(approval="never")
    def asks(turn: chatapp.Turn) -> Iterator[Any]:
        """Ask."""
        yield chatapp.Status("asking")
        yield async_to_sync(turn.ask)("Which?")

    answer = await ask(make_assistant(asks), "Go", person_says=["The red one"], model_says=[call("asks"), "."])

    assert get_results(answer) == ["The red one"]
