"""Tools that must be allowed: the owner is asked about the exact call and decides once; who and when is stored."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from asgiref.sync import sync_to_async
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone

import chatapp
from chatapp import actions, answering
from chatapp.approvals import ApprovalRequest
from chatapp.errors import Refused
from chatapp.models import Message, Run
from chatapp.runs import journal
from chatapp.testing import Page, ThreadSocket, call, gate
from tests.line import Line
from tests.runs.histories import draw_page

FORM = 'form="chat-answer"'


class Desk:
    """An assistant with a tool, and what the tool did."""

    def __init__(self, line: Line, **options: Any) -> None:
        self.ran: list[tuple[str, int]] = []

        @chatapp.tool(title="Refund an order", **options)
        async def refund(turn: chatapp.Turn, order: int) -> str:
            """Give the money back."""
            self.ran.append((turn.user.get_username(), order))
            return f"Refunded {order}."

        line.declares(type("Support", (chatapp.Assistant,), {"tools": [refund], "__module__": __name__}))


async def get_states(line: Line) -> list[str]:
    """States of the rows of the last answer."""
    return [part.state for part in await line.parts() if isinstance(part, chatapp.ToolCallPart)]


async def decide(line: Line, decision: str) -> ApprovalRequest:
    """Wait until the owner is asked, and decide for them."""
    request = await line.asked()
    assert isinstance(request, ApprovalRequest)
    await line.replies(decision, request)
    return request


async def test_a_tool_runs_after_it_was_allowed_once_and_asks_again_the_next_time(line: Line) -> None:
    desk = Desk(line)
    provider = line.plays([call("refund", order=17)], [call("refund", order=18)], ["Done."])
    await line.post()

    first = await line.asked()
    assert desk.ran == []
    await line.replies("allow", first)
    second = await line.asked()
    assert desk.ran == [("owner", 17)]
    await line.replies("allow", second)
    await line.ended()

    assert desk.ran == [("owner", 17), ("owner", 18)]
    assert first.id != second.id
    assert [message["content"] for message in provider.requests[-1].messages if message["role"] == "tool"] == [
        "Refunded 17.",
        "Refunded 18.",
    ]
    assert (await line.run()).state == "complete"


async def test_a_denied_tool_never_runs_and_the_model_is_told(line: Line) -> None:
    desk = Desk(line)
    provider = line.plays([call("refund", order=17)], ["Then not."])
    await line.post()

    await decide(line, "deny")
    await line.ended()

    assert desk.ran == []
    assert provider.requests[1].messages[-1]["content"] == "The person did not allow this call."
    assert await get_states(line) == ["denied"]
    assert (await line.run()).state == "complete"


async def test_what_is_allowed_in_a_conversation_is_not_asked_again_there_until_it_is_revoked(line: Line) -> None:
    desk = Desk(line)
    line.plays([call("refund", order=1)], [call("refund", order=2)], ["Done."], [call("refund", order=3)], ["Done."])
    await line.post()
    await decide(line, "allow_thread")
    await line.ended()
    thread = await line.thread()

    assert desk.ran == [("owner", 1), ("owner", 2)]
    assert thread.allowed_tools["refund"]["name"] == "owner"
    assert await answering.revoke_tool(line.owner, line.thread_id, "refund")
    assert not await answering.revoke_tool(line.owner, line.thread_id, "refund")
    await line.post("Again")
    await decide(line, "deny")
    await line.ended(2)
    assert desk.ran == [("owner", 1), ("owner", 2)]


async def test_nobody_but_the_owner_can_revoke(line: Line, stranger: Any) -> None:
    await line.answer()

    with pytest.raises(Refused) as refused:
        await answering.revoke_tool(stranger, line.thread_id, "refund")

    assert refused.value.status == 404


async def test_the_decision_is_stored_with_the_person_and_the_time_and_shown_to_staff(line: Line, staff: Any) -> None:
    Desk(line)
    line.plays([call("refund", order=17)], ["Then not."])
    before = timezone.now()
    await line.post()
    await decide(line, "deny")
    await line.ended()

    (stored,) = (part for part in await line.parts() if isinstance(part, ApprovalRequest))
    html = await draw_admin(line, staff)

    assert (stored.state, stored.answer, stored.decided_by) == ("answered", "deny", "owner")
    assert stored.decided_at is not None
    assert before <= stored.decided_at <= timezone.now()
    assert "Refund an order" in html
    assert 'Denied · <bdi dir="auto">owner</bdi> · <time' in html
    assert FORM not in html


async def draw_admin(line: Line, staff: Any) -> str:
    """The thread as staff see it."""

    def load() -> str:
        browser = Client()
        browser.force_login(staff)
        return browser.get(f"/admin/chatapp/thread/{line.thread_id}/change/").content.decode()

    return await sync_to_async(load)()


async def test_an_approval_is_decided_once_and_a_late_second_decision_changes_nothing(line: Line) -> None:
    desk = Desk(line)
    line.plays([call("refund", order=17)], ["Done."])
    await line.post()
    request = await line.asked()

    results = await asyncio.gather(
        *(line.replies(decision, request) for decision in ("deny", "allow", "allow_thread")), return_exceptions=True
    )
    await line.ended()

    assert [type(result) for result in results].count(Refused) == 2
    (stored,) = (part for part in await line.parts() if isinstance(part, ApprovalRequest))
    assert len(desk.ran) == (0 if stored.answer == "deny" else 1)


async def test_an_approval_means_nothing_in_another_answer_even_for_the_same_call(line: Line) -> None:
    desk = Desk(line)
    line.plays([call("refund", id="call_0", order=17)], ["Done."], [call("refund", id="call_0", order=17)], ["Done."])
    await line.post()
    first = await decide(line, "allow")
    await line.ended()
    await line.post("Again")
    second = await line.asked()

    with pytest.raises(Refused) as refused:
        await line.replies("allow", first)

    assert refused.value.status == 409
    assert first.id != second.id
    await line.replies("deny", second)
    await line.ended(2)
    assert len(desk.ran) == 1


async def test_arguments_that_were_changed_behind_the_question_cannot_be_allowed(line: Line) -> None:
    desk = Desk(line)
    line.plays([call("refund", order=17)], ["Done."])
    await line.post()
    request = await line.asked()
    message = await Message.objects.aget(run=await line.run())
    message.parts[-1]["arguments"] = {"order": 18}
    await Message.objects.filter(pk=message.pk).aupdate(parts=message.parts)

    with pytest.raises(Refused) as refused:
        await line.replies("allow", request)

    assert (refused.value.status, desk.ran) == (409, [])


async def test_an_approval_expires(line: Line) -> None:
    line.sets(APPROVAL_SECONDS=0.05)
    desk = Desk(line)
    provider = line.plays([call("refund", order=17)], ["Then not."])

    run = await line.answer()

    assert (run.state, desk.ran) == ("complete", [])
    assert provider.requests[1].messages[-1]["content"] == "Nobody allowed this call in time."
    assert "Nobody decided in time. It was not run." in Page(await draw_page(line.thread_id)).thread


async def test_a_process_that_stood_still_does_not_take_a_decision_that_came_too_late(line: Line) -> None:
    desk = Desk(line)
    line.plays([call("refund", order=17)], ["Done."])
    await line.post()
    request = await line.asked()

    later = mock.patch("chatapp.approvals.timezone.now", return_value=timezone.now() + timedelta(seconds=901))
    with later, pytest.raises(Refused) as refused:
        await line.replies("allow", request)

    assert (refused.value.status, desk.ran) == (409, [])


async def test_stop_while_it_waits_ends_the_answer_and_nothing_runs(line: Line) -> None:
    desk = Desk(line)
    line.plays([call("refund", order=17)], ["Done."])
    await line.post()
    request = await line.asked()

    await actions.stop(line.owner, line.thread_id)
    await line.ended()

    assert ((await line.run()).state, desk.ran) == ("stopped", [])
    assert "Not decided. It was not run." in Page(await draw_page(line.thread_id)).thread
    with pytest.raises(Refused):
        await line.replies("allow", request)


async def test_the_card_shows_the_title_and_the_exact_arguments_live_and_after_a_reload(line: Line) -> None:
    Desk(line)
    line.plays([call("refund", order="17", _intent="The person asked for it")], ["Done."])
    async with ThreadSocket(line.owner, line.thread_id) as socket:
        await socket.post("Hi")
        page = await socket.until(lambda page: page.state == "waiting" and FORM in page.thread)
        loaded = Page(await draw_page(line.thread_id)).thread

        assert page.thread == loaded
        for expected in (
            "Refund an order",
            "&quot;order&quot;: 17",
            "Allow once",
            "Allow in this conversation",
            "Deny",
        ):
            assert expected in loaded or expected.replace("&quot;", '"') in loaded, expected
        assert "_intent" not in loaded
        await decide(line, "allow")
        page = await socket.until(lambda page: page.state == "complete")
        await line.ended()
        assert page.thread == Page(await draw_page(line.thread_id)).thread


async def test_a_function_decides_which_calls_must_be_allowed(line: Line) -> None:
    async def is_dear(turn: chatapp.Turn, arguments: Any) -> bool:
        return bool(arguments["order"] > 100)

    desk = Desk(line, approval=is_dear)
    line.plays([call("refund", order=1), call("refund", order=101)], ["Done."])
    await line.post()

    request = await line.asked()
    assert isinstance(request, ApprovalRequest)
    assert (request.arguments, desk.ran) == ({"order": 101}, [])
    await line.replies("allow", request)
    await line.ended()

    assert desk.ran == [("owner", 1), ("owner", 101)]


async def test_a_function_that_fails_to_decide_lets_nothing_run(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    def breaks(turn: chatapp.Turn, arguments: Any) -> bool:
        raise RuntimeError("secret of the house")

    desk = Desk(line, approval=breaks)
    line.plays([call("refund", order=1)], ["Sorry."])

    assert (await line.answer()).state == "complete"

    assert desk.ran == []
    assert await get_states(line) == ["failed"]
    assert "secret of the house" not in Page(await draw_page(line.thread_id)).thread
    assert "secret of the house" in caplog.text


async def test_a_tool_may_be_refused_before_its_body_runs_and_the_model_gets_the_reason(line: Line) -> None:
    def refuses(turn: chatapp.Turn, arguments: Any) -> bool:
        raise chatapp.ToolRejected("Refunds are for Mondays.")

    desk = Desk(line, approval=refuses)
    provider = line.plays([call("refund", order=1)], ["Sorry."])

    await line.answer()

    assert desk.ran == []
    assert provider.requests[1].messages[-1]["content"] == "Refunds are for Mondays."
    assert await get_states(line) == ["denied"]


# ---- stored before it runs


async def test_a_call_is_stored_as_running_before_it_runs(line: Line) -> None:
    seen: list[Any] = []

    @chatapp.tool(approval="never")
    async def look(turn: chatapp.Turn) -> str:
        """Look."""
        stored = await Message.objects.aget(run=turn.run_id)
        seen.extend((part["kind"], part["state"]) for part in stored.parts)
        return "seen"

    line.declares(type("Support", (chatapp.Assistant,), {"tools": [look], "__module__": __name__}))
    line.sets(CHECKPOINT_SECONDS=60)
    line.plays([call("look")], ["Done."])

    await line.answer()

    assert seen == [("tool", "running")]


async def test_after_its_process_died_the_outcome_of_a_tool_is_not_known_and_the_model_hears_so(line: Line) -> None:
    running = chatapp.ToolCallPart(tool_id="a", name="refund", arguments={"order": 1}, round=1)
    Desk(line)
    run = await line.answer()
    await Message.objects.filter(run=run).aupdate(parts=[running.dump()])
    await line.change(run, state="interrupted", error_code="interrupted")

    page = Page(await draw_page(line.thread_id)).thread
    provider = line.plays(["It may have happened."])
    await line.answer("And now?")

    assert "outcome not known" in page
    assert [message["role"] for message in provider.requests[0].messages] == ["user", "assistant", "tool", "user"]
    assert provider.requests[0].messages[2]["content"] == "The outcome of this call is not known."


async def test_a_run_that_was_stopped_behind_its_back_starts_no_tool(line: Line) -> None:
    desk = Desk(line, approval="never")
    line.sets(CHECKPOINT_SECONDS=60)
    provider = line.plays([gate("before"), call("refund", order=1)], ["Done."])
    await line.post()
    await provider.reached("before")
    await line.change(await line.run(), state=Run.State.STOPPED)

    provider.release("before")
    await line.ended()

    assert ((await line.run()).state, desk.ran) == ("stopped", [])
    assert len(provider.requests) == 1


async def test_stop_while_a_tool_runs_cancels_it(line: Line) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    @chatapp.tool(approval="never")
    async def wait() -> AsyncIterator[Any]:
        """Wait."""
        try:
            begun.set()
            yield chatapp.Status("waiting")
            await asyncio.Event().wait()
        finally:
            ended.set()

    line.declares(type("Support", (chatapp.Assistant,), {"tools": [wait], "__module__": __name__}))
    provider = line.plays([call("wait")], ["Done."])
    await line.post()
    await begun.wait()

    await actions.stop(line.owner, line.thread_id)
    await line.ended()

    assert ended.is_set()
    assert (await line.run()).state == "stopped"
    assert await get_states(line) == ["stopped"]
    assert len(provider.requests) == 1


async def test_what_tools_gave_is_in_the_next_request_in_valid_pairs(line: Line) -> None:
    Desk(line, approval="never")
    line.plays(["Wait. ", call("refund", id="a", order=1), call("refund", id="b", order=2)], ["Done."])
    await line.answer()
    provider = line.says("Yes.")

    await line.answer("Really?")

    messages = [
        (message["role"], message["content"], [item["id"] for item in message.get("tool_calls", ())])
        for message in provider.requests[0].messages
    ]
    assert messages == [
        ("user", "Hi", []),
        ("assistant", "Wait. ", ["a", "b"]),
        ("tool", "Refunded 1.", []),
        ("tool", "Refunded 2.", []),
        ("assistant", "Done.", []),
        ("user", "Really?", []),
    ]


async def test_tokens_of_all_rounds_are_counted(line: Line) -> None:
    Desk(line, approval="never")
    usage = chatapp.Usage(input_tokens=10, output_tokens=5)
    line.plays([call("refund", order=1), usage], ["Done.", usage])

    run = await line.answer()

    assert (run.input_tokens, run.output_tokens) == (20, 10)


async def test_a_database_that_does_not_answer_delays_a_tool_and_does_not_lose_it(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(line, approval="never")
    line.sets(CHECKPOINT_SECONDS=0.01)
    line.plays([call("refund", order=1)], ["Done."])
    write, failures = journal.awrite, [DatabaseError("gone")] * 3

    async def fail_first(items: Any) -> Any:
        if failures:
            raise failures.pop()
        return await write(items)

    line.enters(mock.patch.object(journal, "awrite", fail_first))

    assert (await line.answer()).state == "complete"
    assert desk.ran == [("owner", 1)]


async def test_tools_that_ask_side_by_side_are_answered_one_after_the_other(line: Line) -> None:
    @chatapp.tool(approval="never")
    async def choose(turn: chatapp.Turn, what: str) -> str:
        """Let the person choose."""
        return await turn.ask(what)

    line.declares(type("Support", (chatapp.Assistant,), {"tools": [choose], "__module__": __name__}))
    provider = line.plays([call("choose", what="Colour?"), call("choose", what="Size?")], ["Done."])
    await line.post()
    for _ in range(2):
        question = await line.asked()
        await line.replies({"Colour?": "red", "Size?": "small"}[question.prompt], question)
    await line.ended()

    assert [message["content"] for message in provider.requests[1].messages[-2:]] == ["red", "small"]
