"""What is sent over the socket is nonsense, hostile, or comes at the wrong time."""

import json
import random
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from chatapp.testing import Page
from tests.site import Site

from .people import Person, Tab
from .stored import Stored
from .wire import Wire

REFUSED_BY_THE_SERVER = {1009, 1006}
"""Too big; or the connection was closed before the client had sent everything, and heard no reason."""


def post(**changes: Any) -> str:
    """A frame that sends a message, with something wrong in it."""
    return json.dumps({"type": "post", "text": "Hello. fault:ok", "client_id": str(uuid4()), **changes})


BAD = {
    "empty text": post(text=""),
    "blank text": post(text=" \n\t "),
    "text of controls": post(text="\x00\x01\x02"),
    "too long text": post(text="x" * 16_001),
    "text that is none": post(text=5),
    "no text": json.dumps({"type": "post", "client_id": str(uuid4())}),
    "no client_id": json.dumps({"type": "post", "text": "Hello. fault:ok"}),
    "bad client_id": post(client_id="x"),
    "an attachment": post(attachments=[str(uuid4())]),
    "unknown frame": json.dumps({"type": "shout", "text": "x"}),
    "no type": json.dumps({"text": "x"}),
    "a type that is none": json.dumps({"type": {"post": 1}}),
    "broken JSON": '{"type": "post", ',
    "no JSON": "hello",
    "nothing": "",
    "a list": "[]",
    "null": "null",
    "a number": "1e999",
    "infinity": '{"type": "ack", "seq": Infinity}',
    "a negative number": '{"type": "ack", "seq": -1}',
    "a huge number": '{"type": "ack", "seq": ' + "9" * 5000 + "}",
    "deep JSON": "[" * 30_000 + "]" * 30_000,
    "a deep object": '{"a":' * 10_000 + "1" + "}" * 10_000,
    "65 KiB": post(text="x" * 65 * 1024),
    "65 KiB of nothing": " " * 65 * 1024,
    "long in bytes": json.dumps({"type": "post", "text": "𝕏" * 16_000, "client_id": "x"}, ensure_ascii=False)
    + " " * 3000,
    "a surrogate": '{"type": "\\ud800"}',
    "too many cursors": json.dumps({"type": "resume", "cursors": {str(uuid4()): 1 for _ in range(9)}}),
    "bad cursors": json.dumps({"type": "resume", "cursors": {"x": "y"}}),
    "a bad message": json.dumps({"type": "retry", "message": "x"}),
    "an unknown message": json.dumps({"type": "retry", "message": str(uuid4())}),
}
"""Each is answered by one sentence."""


def has_notices(page: Page, *, text: str = "", count: int) -> bool:
    """Whether there are so many notices with this text."""
    return sum(text in notice for notice in page.notices) == count


async def check_alive(site: Site, tab: Tab, pid: int) -> None:
    """The process is the same and the page still works."""
    assert site.processes[0].pid == pid
    assert not site.processes[0].has_ended
    await tab.post("Are you there? fault:ok")
    await tab.until(lambda page: page.texts[-2:-1] == ["Are you there? fault:ok"] and page.state == "complete")


async def test_each_is_answered_by_a_sentence_and_changes_nothing(site: Site, person: Person, stored: Stored) -> None:
    tab = await person.ask("Hello. fault:ok")
    await tab.until_ended()
    before, pid = stored.count_all(), site.processes[0].pid

    for number, (name, text) in enumerate(BAD.items(), start=1):
        await tab.send_raw(text)
        page = await tab.until(partial(has_notices, count=number))
        assert 10 < len(page.notices[-1]) < 200, name
        assert "xxxx" not in page.notices[-1], name
        if number % 10 == 0:  # Twenty in a row would close it.
            await tab.send(type="resume", cursors={}, last=tab.page.last)

    assert stored.count_all() == before
    assert tab.page.state == "complete"
    await check_alive(site, tab, pid)


async def test_a_binary_frame_is_answered_by_a_sentence(site: Site, person: Person, stored: Stored) -> None:
    tab = await person.ask("Hello. fault:ok")
    await tab.until_ended()
    before, pid = stored.count_all(), site.processes[0].pid

    await tab.send_bytes(post().encode())
    await tab.until(lambda page: page.notices)

    assert stored.count_all() == before
    await check_alive(site, tab, pid)


async def test_nonsense_in_a_row_closes_the_socket_for_good(person: Person) -> None:
    tab = await person.open()

    for _ in range(20):
        await tab.send_raw("nonsense")

    assert await tab.until_closed() == 4400


@pytest.mark.parametrize("size", [2 * 1024 * 1024, 20 * 1024 * 1024], ids=["2 MiB", "20 MiB"])
async def test_a_frame_of_megabytes_is_refused_without_harm(
    site: Site, person: Person, stored: Stored, size: int
) -> None:
    tab = await person.ask("Hello. fault:ok")
    await tab.until_ended()
    before, pid = stored.count_all(), site.processes[0].pid
    other = await person.open(tab.thread_id)

    await tab.send_raw(post(text="x" * size))
    await tab.until(lambda page: page.notices or not tab.is_open)

    assert tab.is_open or tab.close_code in REFUSED_BY_THE_SERVER
    assert stored.count_all() == before
    await check_alive(site, other, pid)


async def test_a_message_in_fragments_of_one_byte_is_a_message(person: Person, stored: Stored) -> None:
    tab = await person.open()
    wire = await Wire.open(person, tab.thread_id)

    await wire.send_in_fragments(post(text="Slowly. fault:ok").encode())
    await tab.until_ended()

    assert tab.page.texts[0] == "Slowly. fault:ok"
    assert len(stored.messages(tab.thread_id)) == 2
    await wire.close()


async def test_bytes_that_are_no_utf8_close_the_socket_and_nothing_else(
    site: Site, person: Person, stored: Stored
) -> None:
    tab = await person.ask("Hello. fault:ok")
    await tab.until_ended()
    before, pid = stored.count_all(), site.processes[0].pid
    wire = await Wire.open(person, tab.thread_id)

    await wire.send(b'{"type": "post", "text": "\xff\xfe"}')
    await wire.read_to_the_end()
    await wire.close()

    assert stored.count_all() == before
    await check_alive(site, tab, pid)


def make_random_frames(count: int) -> list[str | bytes]:
    """Frames that are almost right, cut, doubled, or noise; none is a message that could be stored."""
    source = random.Random(17)
    values: list[Any] = [
        None,
        True,
        -1,
        2**70,
        1.5,
        "",
        "x",
        "\x00",
        "😀",
        [],
        {},
        [[]],
        {"a": []},
        str(uuid4()),
        "\ud800",
    ]
    kinds = ["resume", "post", "stop", "retry", "ack", "edit", "answer", "", None, 5]
    keys = ["cursors", "last", "client_id", "attachments", "message", "seq", "HEADERS", "role", "request", "value"]

    def make() -> str | bytes:
        frame = {"type": source.choice(kinds), **{source.choice(keys): source.choice(values) for _ in range(4)}}
        text = json.dumps(frame)
        match source.randrange(6):
            case 0:
                return text[: source.randrange(len(text))]
            case 1:
                return text * 2
            case 2:
                return source.randbytes(source.randrange(200))
            case 3:
                place = source.randrange(len(text))
                return text[:place] + chr(source.randrange(32, 0x3000)) + text[place:]
        return text

    return [make() for _ in range(count)]


async def test_two_thousand_random_frames_change_nothing(site: Site, person: Person, stored: Stored) -> None:
    tab = await person.ask("Hello. fault:ok")
    await tab.until_ended()
    before, pid = stored.count_all(), site.processes[0].pid

    frames = make_random_frames(2000)
    for start in range(0, len(frames), 15):
        if start % 300 == 0:  # A page with a thousand notices is slow to look at.
            fuzzed = person.tab(tab.thread_id)
            await fuzzed.connect()
        for frame in frames[start : start + 15]:
            await (fuzzed.send_bytes(frame) if isinstance(frame, bytes) else fuzzed.send_raw(frame))
        # The answer to a frame that is understood shows that those before it were read, and ends a row of nonsense.
        await fuzzed.send_raw(BAD["too long text"])
        await fuzzed.until(partial(has_notices, text="16001 characters", count=start % 300 // 15 + 1))

    # A frame that tries the only answer again is a good one.
    assert [message.role for message in stored.messages(tab.thread_id)] == ["user", "assistant"]
    assert stored.count_all() == before
    await check_alive(site, tab, pid)


async def test_a_second_message_while_the_answer_comes_is_refused_with_a_sentence(
    person: Person, stored: Stored
) -> None:
    tab = await person.ask("Count. fault:slow-drip;n=400;delay=0.05")
    await tab.until(lambda page: "word2" in page.text)

    client_id = await tab.post("And another. fault:ok")
    await tab.until(lambda page: page.notices)
    seen = tab.page.text
    await tab.until(lambda page: page.text != seen)
    form = await person.post(f"/chat/{tab.thread_id}/messages/", {"text": "Or so?", "client_id": str(uuid4())})

    assert "Please wait for the answer to finish" in tab.page.notices[0]
    assert any(f'data-chat-refused="{client_id}"' in frame for frame in tab.frames)
    assert form.status == 409
    assert "Please wait for the answer to finish" in form.text
    assert len(stored.messages(tab.thread_id)) == 2
    await tab.stop()
    await tab.until(lambda page: page.state == "stopped")


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"text": ""}, 422),
        ({"text": " \n"}, 422),
        ({"text": "x" * 16_001}, 422),
        ({"client_id": "x"}, 422),
        ({"client_id": ""}, 422),
        ({"attachments": "x"}, 422),
        ({"assistant": "nobody"}, 404),
    ],
    ids=str,
)
async def test_a_bad_form_is_answered_by_a_sentence_and_changes_nothing(
    person: Person, stored: Stored, fields: dict[str, str], status: int
) -> None:
    before = stored.count_all()
    whole = {"text": "Hello. fault:ok", "client_id": str(uuid4()), **fields}

    for headers in ({}, {"HX-Request": "true"}):
        answer = await person.post(f"/chat/{uuid4()}/messages/", whole, headers=headers)
        assert answer.status == status
        assert "Traceback" not in answer.text

    assert stored.count_all() == before


async def test_an_unknown_assistant_is_refused_on_the_socket_too(person: Person, stored: Stored) -> None:
    before = stored.count_all()
    tab = person.tab(uuid4())
    await tab.connect(query="?assistant=nobody")

    await tab.post("Hello. fault:ok")
    page = await tab.until(lambda page: page.notices)

    assert page.notices == ["There is no such assistant."]
    assert (await person.get("/chat/new/nobody/")).status == 404
    assert stored.count_all() == before
