"""The socket door: a command in, a fragment out; who may be there, and how much may be under way."""

import asyncio
import time
from collections.abc import Callable
from typing import Any
from unittest import mock
from uuid import UUID, uuid4

import pytest
from asgiref.sync import sync_to_async
from django.contrib.sessions.models import Session
from django.test import Client, override_settings

from chatapp import actions, consumers, tidying
from chatapp.consumers import MAX_BAD_FRAMES, Meter, Window
from chatapp.providers.scripted import PATIENCE_SECONDS, gate
from chatapp.runs.draining import drain
from chatapp.runs.follower import Follower, Frame
from chatapp.runs.hub import get_hub
from chatapp.testing import ThreadSocket
from tests.line import Line


@pytest.fixture
def cookies(owner: Any) -> dict[str, str]:
    """Those of a browser in which the owner is signed in."""
    return sign_in(owner)


def sign_in(person: Any) -> dict[str, str]:
    """The cookies of a browser in which this person has just signed in."""
    browser = Client()
    browser.force_login(person)
    return {name: morsel.value for name, morsel in browser.cookies.items()}


def open_socket(line: Line, **options: Any) -> ThreadSocket:
    """The owner's page of the thread."""
    return ThreadSocket(line.owner, line.thread_id, **options)


async def get_close_code(socket: ThreadSocket) -> int:
    """With which code a socket is closed as soon as it is opened."""
    await socket.connect()
    return await socket.until_closed()


# ---- commands


async def test_a_message_is_sent_and_its_answer_comes(line: Line) -> None:
    async with open_socket(line) as socket:
        client_id = await socket.post("Where is my parcel?")
        page = await socket.until(lambda page: page.state == "complete")

    assert page.texts == ["Where is my parcel?", "Hello."]
    assert page.missed == []
    assert page.articles[0].get("data-chat-client") == str(client_id)


async def test_a_page_that_says_what_it_has_gets_what_it_lacks(line: Line) -> None:
    await line.answer("One?")

    async with open_socket(line) as socket:
        page = await socket.until(lambda page: page.articles)

    assert page.texts == ["One?", "Hello."]


async def test_two_tabs_show_the_same(line: Line, cookies: dict[str, str]) -> None:
    async with open_socket(line, cookies=cookies) as one, open_socket(line, cookies=cookies) as two:
        await one.post("Hi")
        await one.until(lambda page: page.state == "complete")
        await two.until(lambda page: page.state == "complete")

    assert one.page.thread == two.page.thread


async def test_the_address_names_the_assistant(line: Line) -> None:
    async with open_socket(line, assistant="shout") as socket:
        await socket.post("quiet please")
        page = await socket.until(lambda page: page.state == "complete")

    assert page.text == "QUIET PLEASE"


async def test_stop_is_heard_while_an_answer_is_under_way(line: Line) -> None:
    provider = line.says("So far.", gate("hold"))
    async with open_socket(line) as socket:
        await socket.post("Hi")
        await socket.until(lambda page: "So far." in page.text)

        await socket.send(type="stop")
        page = await socket.until(lambda page: page.state == "stopped")

    assert page.text == "So far."
    assert provider.open == 0


async def test_an_answer_is_tried_again(line: Line) -> None:
    line.plays(["First."], ["Second."])
    await line.answer()
    async with open_socket(line) as socket:
        page = await socket.until(lambda page: page.text == "First.")

        await socket.send(type="retry", message=page.last)
        await socket.until(lambda page: page.text == "Second." and page.state == "complete")


async def test_what_was_refused_says_which_message_it_was(line: Line) -> None:
    async with open_socket(line) as socket:
        client_id = await socket.post(" ")
        page = await socket.until(lambda page: page.notices)

    assert page.notices == ["Please write something first."]
    assert f'data-chat-refused="{client_id}"' in socket.frames[-1]
    assert await line.count() == (0, 0, 0)


@pytest.mark.parametrize("kind", ["post", "stop"])
async def test_a_bug_is_a_notice_and_the_socket_stays_open(
    line: Line, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_socket(line) as socket:
        verb = {"post": "post_message", "stop": "stop"}[kind]
        with mock.patch.object(actions, verb, side_effect=RuntimeError("of a bug")):
            await socket.send(type=kind, text="Hi", client_id=str(uuid4()))
            page = await socket.until(lambda page: page.notices)
        await socket.post("Hi")
        await socket.until(lambda page: page.state == "complete")

    assert page.notices == ["That could not be done. Please try again."]
    assert "of a bug" not in "".join(socket.frames)
    assert f"frame {kind} of thread {line.thread_id} failed" in caplog.text


async def test_an_answer_goes_on_when_its_page_leaves(line: Line) -> None:
    line.says("So far.", gate("hold"), " Done.")
    async with open_socket(line) as socket:
        await socket.post("Hi")
        await socket.until(lambda page: "So far." in page.text)
        assert get_hub().count_all() == 1

    assert get_hub().count_all() == 0
    line.provider.release("hold")
    await line.ended()
    assert (await line.run()).state == "complete"


# ---- nonsense


TOO_LONG = "That was too long: at most 64 KiB can be sent at once."
NOT_UNDERSTOOD = "The page sent a frame that is not understood (type: union_tag_invalid)."


@pytest.mark.parametrize(
    ("text", "data", "sentence"),
    [
        ("{", None, "The page sent something that is not JSON."),
        (
            '{"type": "format the disk"}',
            None,
            "The page sent a frame that is not understood (type: union_tag_invalid).",
        ),
        (None, b"\x00\x01", "The page sent something that is not text."),
        (
            f'{{"type": "stop", "x": "{"x" * 65 * 1024}"}}',
            None,
            "That was too long: at most 64 KiB can be sent at once.",
        ),
        (
            f'{{"type": "stop", "x": "{"é" * 33 * 1024}"}}',
            None,
            "That was too long: at most 64 KiB can be sent at once.",
        ),
    ],
    ids=["json", "type", "binary", "long", "long in bytes"],
)
async def test_a_frame_that_is_not_understood_is_a_notice(
    line: Line, text: str | None, data: bytes | None, sentence: str
) -> None:
    async with open_socket(line) as socket:
        await socket.send_raw(text, data)
        page = await socket.until(lambda page: page.notices)
        await socket.post("Hi")
        await socket.until(lambda page: page.state == "complete")

    assert page.notices == [sentence]


async def test_nonsense_again_and_again_ends_the_socket(line: Line) -> None:
    async with open_socket(line) as socket:
        for _ in range(MAX_BAD_FRAMES):
            await socket.send_raw("{")

        assert await socket.until_closed() == 4400


async def test_one_good_frame_makes_up_for_nonsense(line: Line) -> None:
    line.sets(LIMITS=False)
    async with open_socket(line) as socket:
        for _ in range(2):
            for _ in range(MAX_BAD_FRAMES - 1):
                await socket.send_raw("{")
            await socket.send(type="ack", seq=0)
        await socket.post("Hi")

        await socket.until(lambda page: page.state == "complete")


@pytest.mark.parametrize("text", ['{"type": "stop"}', "{"], ids=["commands", "nonsense"])
async def test_too_many_frames_end_the_socket(line: Line, text: str) -> None:
    line.sets(FRAMES_PER_MINUTE=5)
    await line.answer()
    async with open_socket(line) as socket:
        for _ in range(6):
            await socket.send_raw(text)
            await socket.send(type="ack", seq=0)

        assert await socket.until_closed() == 4429


async def test_acknowledgements_are_not_counted(line: Line) -> None:
    line.sets(FRAMES_PER_MINUTE=5)
    async with open_socket(line) as socket:
        for _ in range(20):
            await socket.send(type="ack", seq=0)
        await socket.post("Hi")

        await socket.until(lambda page: page.state == "complete")


async def test_without_limits_frames_are_not_counted(line: Line) -> None:
    line.sets(FRAMES_PER_MINUTE=1, LIMITS=False)
    async with open_socket(line) as socket:
        await socket.send(type="ack", seq=0)
        await socket.post("Hi")

        await socket.until(lambda page: page.state == "complete")


# ---- who may be here


async def test_a_page_of_another_site_is_refused(line: Line) -> None:
    assert await get_close_code(open_socket(line, origin="https://evil.example")) == 4403
    assert await get_close_code(open_socket(line, origin="")) == 4403


async def test_who_is_not_signed_in_is_refused(line: Line) -> None:
    assert await get_close_code(open_socket(line, cookies={})) == 4401
    assert await get_close_code(open_socket(line, cookies={"sessionid": "made-up"})) == 4401


async def test_a_thread_of_somebody_else_does_not_exist(line: Line, stranger: Any) -> None:
    await line.answer()

    assert await get_close_code(ThreadSocket(stranger, line.thread_id)) == 4404


async def test_what_is_sent_after_a_refusal_does_nothing(line: Line) -> None:
    socket = open_socket(line, origin="https://evil.example")
    await socket.connect()
    await socket.post("Hi")

    assert await socket.until_closed() == 4403
    await socket.close()
    assert await line.count() == (0, 0, 0)


async def test_a_person_has_so_many_sockets_and_no_more(line: Line, stranger: Any) -> None:
    line.sets(SOCKETS_PER_PERSON=2)
    async with open_socket(line), open_socket(line):
        assert await get_close_code(open_socket(line)) == 4429
        async with ThreadSocket(stranger) as other:
            await other.post("Hi")
            await other.until(lambda page: page.state == "complete")


async def test_a_thread_that_is_deleted_closes_its_sockets(line: Line) -> None:
    await line.answer()
    async with open_socket(line) as socket:
        await socket.until(lambda page: page.articles)
        await tidying.delete(line.owner, line.thread_id)

        assert await socket.until_closed() == 4404


async def test_a_process_that_ends_sends_its_sockets_away(line: Line) -> None:
    await line.answer()
    async with open_socket(line) as socket:
        await socket.until(lambda page: page.articles)
        await drain()

        assert await socket.until_closed() == 4012


async def test_a_socket_that_comes_while_the_process_ends_is_sent_away_too(line: Line) -> None:
    await drain()

    socket = open_socket(line)
    assert await get_close_code(socket) == 4012
    await socket.close()


# ---- signed out in between


def delete_session(line: Line) -> None:
    """The session is gone."""
    Session.objects.all().delete()


def deactivate(line: Line) -> None:
    """The account was closed."""
    line.owner.is_active = False
    line.owner.save()


def change_password(line: Line) -> None:
    """Somebody else took the account back."""
    line.owner.set_password("another-password")
    line.owner.save()


def delete_person(line: Line) -> None:
    """The account is gone."""
    type(line.owner).objects.all().delete()


HAPPENINGS = [delete_session, deactivate, change_password, delete_person]


@pytest.mark.parametrize("happening", HAPPENINGS, ids=lambda it: it.__name__)
@pytest.mark.parametrize("frame", [{"type": "post", "text": "Hi", "client_id": str(uuid4())}, {"type": "stop"}])
async def test_who_is_signed_out_changes_nothing_more(
    line: Line, happening: Callable[[Line], None], frame: dict[str, str]
) -> None:
    async with open_socket(line) as socket:
        await sync_to_async(happening)(line)
        await socket.send(**frame)

        assert await socket.until_closed() == 4401
    assert await line.count() == (0, 0, 0)


async def test_who_is_not_active_changes_nothing_whatever_the_site_takes_for_a_sign_in(line: Line) -> None:
    line.enters(override_settings(AUTHENTICATION_BACKENDS=["django.contrib.auth.backends.AllowAllUsersModelBackend"]))
    async with open_socket(line) as socket:
        await sync_to_async(deactivate)(line)
        await socket.send(type="stop")

        assert await socket.until_closed() == 4401


@pytest.mark.parametrize("happening", HAPPENINGS[:3], ids=lambda it: it.__name__)
async def test_who_is_signed_out_sees_nothing_more(line: Line, happening: Callable[[Line], None]) -> None:
    line.says("So far.", gate("hold"), "A secret.")
    async with open_socket(line) as socket:
        await socket.post("Hi")
        await socket.until(lambda page: "So far." in page.text)
        line.sets(SESSION_CHECK_SECONDS=0.000001)
        await sync_to_async(happening)(line)
        line.provider.release("hold")

        assert await socket.until_closed() == 4401
    assert "A secret." not in "".join(socket.frames)


async def test_a_sign_out_closes_the_sockets_of_its_session(line: Line, cookies: dict[str, str]) -> None:
    browser = Client()
    browser.cookies.load(cookies)
    async with open_socket(line, cookies=cookies) as socket, open_socket(line) as elsewhere:
        await sync_to_async(browser.logout)()

        assert await socket.until_closed() == 4401
        await elsewhere.post("Still here")
        await elsewhere.until(lambda page: page.state == "complete")


async def test_a_session_of_somebody_else_in_the_same_browser_is_not_this_person(
    line: Line, stranger: Any, cookies: dict[str, str]
) -> None:
    async with open_socket(line, cookies=cookies) as socket:
        with mock.patch.object(consumers, "_afind_user", mock.AsyncMock(return_value=stranger)):
            await socket.send(type="stop")

            assert await socket.until_closed() == 4401


# ---- the pump


async def test_a_pump_that_fails_asks_the_page_to_come_back(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    frames = mock.MagicMock(**{"__aiter__.side_effect": RuntimeError("of a bug"), "aclose": mock.AsyncMock()})

    with mock.patch.object(Follower, "frames", return_value=frames):
        socket = open_socket(line)
        assert await get_close_code(socket) == 4012
        await socket.close()

    assert f"the pump of thread {line.thread_id} failed" in caplog.text


@pytest.mark.parametrize("error", [OSError("broken pipe"), RuntimeError("Unexpected ASGI message")])
async def test_a_page_that_went_away_while_something_was_sent_is_no_fault(
    line: Line, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    failed = asyncio.Event()

    async def fail(self: Any, *args: Any, **kwargs: Any) -> None:
        failed.set()
        raise error

    async with open_socket(line) as socket:
        with mock.patch.object(consumers.ThreadConsumer, "send", fail):
            await socket.send_raw("{")
            async with asyncio.timeout(PATIENCE_SECONDS):
                await failed.wait()

    assert get_hub().count_all() == 0
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_page_that_does_not_acknowledge_gets_so_much_and_then_waits(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "STALL_WINDOWS", 1)
    line.sets(MAX_UNACKNOWLEDGED_BYTES=16 * 1024)
    paragraph = f"{'word ' * 1000}\n\n"
    line.says(*(item for number in range(8) for item in (paragraph, gate(str(number)))))
    async with open_socket(line) as socket:
        await socket.post("Hi")
        for number in range(8):
            await line.provider.reached(str(number))
            line.provider.release(str(number))
        await line.ended()
        while not await socket.has_nothing():
            await socket.receive()
        assert sum(map(len, socket.frames)) < 32 * 1024

        while socket.page.state != "complete":
            await socket.send(type="ack", seq=1_000_000)
            await socket.receive()

    assert socket.page.text.count("word") == 8_000


RUN, OTHER = UUID(int=1), UUID(int=2)


def make_frame(size: int, seq: int = 0, run: UUID | None = RUN) -> Frame:
    """A frame of this size."""
    return Frame("x" * size, run, seq)


@pytest.fixture
def window() -> Window:
    """A window of 16 KiB."""
    return Window()


SMALL = override_settings(CHATAPP={"MAX_UNACKNOWLEDGED_BYTES": 16_384})


async def has_room(window: Window, size: int) -> bool:
    """Whether so much may go out at once."""
    waiting = asyncio.ensure_future(window.wait_for_room(size))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    done = waiting.done()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    return done


@SMALL
async def test_so_much_may_be_under_way_and_no_more(window: Window) -> None:
    window.sent(make_frame(10_000, seq=1))

    assert await has_room(window, 6_000)
    assert not await has_room(window, 7_000)


@SMALL
async def test_a_frame_larger_than_the_window_goes_out_alone(window: Window) -> None:
    assert await has_room(window, 100_000)

    window.sent(make_frame(100_000, seq=1))

    assert not await has_room(window, 1)


@SMALL
async def test_an_acknowledgement_makes_room_up_to_its_step(window: Window) -> None:
    for seq in (1, 2, 3):
        window.sent(make_frame(5_000, seq=seq))

    window.acknowledge(2)
    assert window.size == 5_000

    window.acknowledge(3)
    assert window.size == 0


@SMALL
async def test_an_acknowledgement_of_an_old_step_makes_no_room(window: Window) -> None:
    window.sent(make_frame(5_000, seq=7))

    window.acknowledge(6)

    assert window.size == 5_000


@SMALL
async def test_a_step_of_the_next_run_acknowledges_the_one_before(window: Window) -> None:
    window.sent(make_frame(5_000, seq=90))
    window.sent(make_frame(5_000, seq=1, run=OTHER))
    window.sent(make_frame(5_000, seq=2, run=OTHER))

    window.acknowledge(0)
    assert window.size == 10_000

    window.acknowledge(1)
    assert window.size == 5_000


@SMALL
async def test_frames_without_a_step_belong_to_the_run_before_them(window: Window) -> None:
    window.sent(make_frame(5_000, seq=3))
    window.sent(make_frame(1_000, run=None))

    window.acknowledge(3)

    assert window.size == 0


@SMALL
async def test_who_waits_for_room_goes_on_when_there_is_some(window: Window) -> None:
    window.sent(make_frame(16_000, seq=1))
    waiting = asyncio.ensure_future(window.wait_for_room(1_000))
    await asyncio.sleep(0)

    window.acknowledge(1)

    async with asyncio.timeout(PATIENCE_SECONDS):
        await waiting


@SMALL
async def test_a_page_that_reads_and_does_not_acknowledge_gets_a_frame_now_and_then(
    window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "STALL_SECONDS", 0.01)
    window.sent(make_frame(16_000, seq=1))

    async with asyncio.timeout(PATIENCE_SECONDS):
        await window.wait_for_room(16_000)


@SMALL
async def test_a_page_that_does_not_read_gets_nothing_more(window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "STALL_SECONDS", 0.0)
    for seq in range(3):
        window.sent(make_frame(16_000, seq=seq))

    assert not await has_room(window, 16_000)


def test_a_meter_holds_a_minutes_worth(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    meter = Meter()

    assert [meter.has_room(3) for _ in range(5)] == [True, True, True, False, False]
    now[0] += 20
    assert [meter.has_room(3) for _ in range(2)] == [True, False]
    now[0] += 600
    assert [meter.has_room(3) for _ in range(4)] == [True, True, True, False]
