"""What crosses a process boundary is parsed once, and nothing else gets in."""

import json
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp import protocol
from chatapp.protocol import BadFrame, MailReader, pack_mail, parse_frame

ONE = UUID(int=1)
TWO = UUID(int=2)


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ('{"type": "resume"}', protocol.Resume(type="resume")),
        ('{"type": "resume", "cursors": {}, "last": ""}', protocol.Resume(type="resume")),
        (
            json.dumps({"type": "resume", "cursors": {str(ONE): 7}, "last": str(TWO)}),
            protocol.Resume(type="resume", cursors={ONE: 7}, last=TWO),
        ),
        (
            json.dumps({"type": "post", "text": "Hi", "client_id": str(ONE)}),
            protocol.Post(type="post", text="Hi", client_id=ONE),
        ),
        ('{"type": "stop"}', protocol.Stop(type="stop")),
        (json.dumps({"type": "retry", "message": str(ONE)}), protocol.Retry(type="retry", message=ONE)),
        ('{"type": "ack", "seq": 12}', protocol.Ack(type="ack", seq=12)),
    ],
)
def test_each_frame_of_the_contract_is_understood(text: str, frame: protocol.Frame) -> None:
    assert parse_frame(text) == frame


def test_what_htmx_and_forms_add_is_ignored() -> None:
    frame = {
        "type": "stop",
        "HEADERS": {"HX-Request": "true"},
        "headers": {},
        "csrfmiddlewaretoken": "x",
        "owner": "me",
    }

    assert parse_frame(json.dumps(frame)) == protocol.Stop(type="stop")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not a JSON object"),
        ('"stop"', "not a JSON object"),
        ("null", "not a JSON object"),
        ("{}", "not understood"),
        ('{"type": "format the disk"}', "not understood"),
        ('{"type": ["stop"]}', "not understood"),
        ('{"type": "post", "text": "Hi"}', r"not understood \(post.client_id: missing\)"),
        ('{"type": "post", "text": 7, "client_id": "x"}', "not understood"),
        (
            json.dumps({"type": "post", "text": "Hi", "client_id": str(ONE), "attachments": [str(ONE)] * 101}),
            r"not understood \(post.attachments: too_long\)",
        ),
        ('{"type": "retry", "message": "last"}', "not understood"),
        ('{"type": "ack", "seq": -1}', "not understood"),
        ('{"type": "resume", "cursors": {"x": 1}}', "not understood"),
        (json.dumps({"type": "resume", "cursors": {str(ONE): -1}}), "not understood"),
        (json.dumps({"type": "resume", "cursors": {str(uuid4()): 1 for _ in range(9)}}), "not understood"),
    ],
)
def test_a_frame_that_is_not_understood_is_answered_by_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(BadFrame, match=sentence):
        parse_frame(text)


def test_the_sentence_never_repeats_what_was_sent() -> None:
    with pytest.raises(BadFrame) as caught:
        parse_frame('{"type": "retry", "message": "<script>"}')

    assert "script" not in str(caught.value)


def test_only_acknowledgements_are_not_counted() -> None:
    assert [frame.__name__ for frame in protocol.Frame.__args__ if not frame.is_counted] == ["Ack"]


@given(
    st.text()
    | st.recursive(st.none() | st.integers() | st.text(), lambda x: st.dictionaries(st.text(), x)).map(json.dumps)
)
def test_whatever_comes_is_a_frame_or_a_bad_one(text: str) -> None:
    try:
        frame = parse_frame(text)
    except BadFrame:
        return
    assert isinstance(frame, protocol.Frame.__args__)


def make_steps(*html: str, run: UUID = ONE) -> protocol.Steps:
    """Steps with one op for each of these."""
    return protocol.Steps(run=run, after=3, seq=4, ops=[("append", "m-1-0-done", text) for text in html])


@pytest.mark.parametrize(
    "mail",
    [
        protocol.ThreadChanged(thread=ONE),
        protocol.PersonChanged(person="7", session="abc"),
        protocol.Watch(run=ONE, cursor=-1, reply_to="specific.abc"),
        protocol.Unwatch(run=ONE, reply_to="specific.abc"),
        make_steps("<p>Hi</p>"),
        protocol.StopRun(run=ONE),
    ],
    ids=lambda mail: mail.kind,
)
def test_mail_arrives_as_it_was_sent(mail: protocol.Mail) -> None:
    (message,) = pack_mail(mail)

    assert MailReader().read(message) == mail


@pytest.mark.parametrize("letter", ["a", "<", "\u00e9", "\u4e2d", "\U0001f600", '"', "\\", "\n"])
def test_each_piece_of_a_large_mail_stays_below_64_kib(letter: str) -> None:
    messages = pack_mail(make_steps(letter * 100_000))

    assert len(messages) > 1
    assert max(len(json.dumps(message, ensure_ascii=False).encode()) for message in messages) < 64 * 1024


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4).map(lambda texts: [text * 9_000 for text in texts]))
def test_a_large_mail_arrives_whole(texts: list[str]) -> None:
    mail = make_steps(*texts)
    reader = MailReader()

    read = [reader.read(message) for message in pack_mail(mail)]

    assert read[:-1] == [None] * (len(read) - 1)
    assert read[-1] == mail


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_mail_with_a_lost_piece_is_dropped(lost: int) -> None:
    reader = MailReader()
    messages = pack_mail(make_steps("x" * 30_000))
    del messages[lost]

    assert len(messages) == 2
    assert [reader.read(message) for message in messages] == [None, None]
    assert reader.read(pack_mail(protocol.StopRun(run=TWO))[0]) == protocol.StopRun(run=TWO)


def test_a_piece_that_comes_twice_does_not_garble_the_mail() -> None:
    reader = MailReader()
    first, second, third = pack_mail(make_steps("x" * 30_000))

    read = [reader.read(message) for message in (first, second, second, third)]

    assert read == [None] * 4


def test_pieces_of_two_senders_may_come_in_turn() -> None:
    reader = MailReader()
    one, two = make_steps("x" * 20_000), make_steps("y" * 20_000, run=TWO)

    mixed = [message for pair in zip(pack_mail(one), pack_mail(two), strict=True) for message in pair]

    assert [mail for message in mixed if (mail := reader.read(message))] == [one, two]


def test_mail_that_is_never_finished_is_forgotten_in_the_end() -> None:
    reader = MailReader(keep=2)
    begun = [pack_mail(make_steps("x" * 20_000)) for _ in range(4)]

    for first, _ in begun:
        reader.read(first)

    assert [reader.read(second) is not None for _, second in begun] == [False, False, True, True]


@pytest.mark.parametrize(
    "message",
    [{}, {"body": ""}, {"body": "{}"}, {"body": '{"kind": "of a newer version"}'}, {"body": '{"kind": "stop_run"}'}],
)
def test_mail_of_another_version_is_no_mail(message: dict[str, str]) -> None:
    assert MailReader().read(message) is None


def test_groups_are_named_as_channel_layers_allow() -> None:
    names = [protocol.thread_group(ONE), protocol.person_group("7")]

    assert names == [f"chatapp.thread.{ONE.hex}", "chatapp.person.7"]
    assert all(len(name) < 100 for name in names)
