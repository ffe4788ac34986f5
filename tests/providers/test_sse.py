"""Server-sent events at any cuts and in bounded memory."""

import pytest

from chatapp.providers.sse import MAX_EVENT_BYTES, EventReader


def read(*pieces: bytes) -> list[tuple[bytes, bytes]]:
    reader = EventReader()
    events = [event for piece in pieces for event in reader.feed(piece)] + reader.end()
    return [(event.name, event.data) for event in events]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\n", [(b"", b"a")]),
        (b"data:a\r\n\r\ndata:  b \r\n\r\n", [(b"", b"a"), (b"", b"b")]),
        (b"event: error\nid: 7\nretry: 10\ndata: a\n\ndata: b\n\n", [(b"error", b"a"), (b"", b"b")]),
        (b"event: ping\n\ndata: a\n\n", [(b"", b"a")]),
        (b"data: a\ndata: b\n\n", [(b"", b"a\nb")]),
        (b": comment\ndatum: 1\n\n", []),
        (b"data: a", [(b"", b"a")]),
        (b"data: a\ndata: b", [(b"", b"a\nb")]),
    ],
)
def test_events_are_the_same_at_any_cut(stream: bytes, events: list[tuple[bytes, bytes]]) -> None:
    assert read(stream) == events
    assert read(*(bytes([byte]) for byte in stream)) == events
    for cut in range(len(stream)):
        assert read(stream[:cut], stream[cut:]) == events


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", ""),
        (b" \n", ""),
        (b"\xef\xbb", ""),
        (b"\n{", "json"),
        (b"[", "json"),
        (b"<!doctype", "page"),
        (b":", "events"),
    ],
)
def test_the_first_byte_says_what_a_body_is(body: bytes, kind: str) -> None:
    reader = EventReader()

    reader.feed(body)

    assert reader.kind == kind


@pytest.mark.parametrize("start", [b"data: ", b"{", b"<", b": "])
def test_what_has_no_end_is_dropped(start: bytes) -> None:
    reader = EventReader()
    reader.feed(start)

    for _ in range(MAX_EVENT_BYTES // 65_536 + 1):
        reader.feed(b"x" * 65_536)

    assert reader.overflowed
    assert reader.body == b""
    assert reader.feed(b"\n\ndata: a\n\n") == []
    assert reader.end() == []


def test_an_event_of_many_lines_has_an_end() -> None:
    reader = EventReader()

    for _ in range(MAX_EVENT_BYTES // 1024 + 1):
        reader.feed(b"data: " + b"x" * 1024 + b"\n")

    assert reader.overflowed


def test_an_event_of_one_megabyte_is_none_too_many() -> None:
    assert read(b"data: " + b"x" * 1024 * 1024, b"\n", b"\n") == [(b"", b"x" * 1024 * 1024)]


def test_many_small_events_are_never_too_many() -> None:
    reader = EventReader()

    count = sum(len(reader.feed(b"data: 1\n\n" * 1000)) for _ in range(300))

    assert count == 300_000
    assert not reader.overflowed
