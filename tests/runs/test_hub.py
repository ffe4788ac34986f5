"""Processes tell each other what they must know; here two of them in one loop, on one channel layer."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any
from unittest import mock
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from channels.layers import InMemoryChannelLayer
from django.db.models.functions import Now

from chatapp import protocol
from chatapp.inputs import InputUpdate
from chatapp.models import Run, Thread
from chatapp.providers.scripted import PATIENCE_SECONDS, gate
from chatapp.rendering.fragments import Fragment, append, fill
from chatapp.runs import hub as hub_module
from chatapp.runs import journal
from chatapp.runs.changes import find_marks
from chatapp.runs.feed import SNAPSHOT, Feed
from chatapp.runs.hub import Hub, get_hub
from chatapp.runs.mirror import Mirror, relay_steps
from tests.conftest import make_thread
from tests.line import Line


class Layer(InMemoryChannelLayer):  # type: ignore[misc]  # channels has no types
    """Remembers what was sent, and loses or refuses what a test says."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: list[protocol.Mail] = []
        self.sizes: list[int] = []
        self.loses: Callable[[protocol.Mail], bool] = lambda mail: False
        self.is_down = False
        self._reader = protocol.MailReader()

    def list_sent(self, kind: type) -> list[Any]:
        """What was sent of this kind."""
        return [mail for mail in self.mails if isinstance(mail, kind)]

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        if self._note(message):
            await super().send(channel, message)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        if self._note(message):
            await super().group_send(group, message)

    async def new_channel(self, prefix: str = "specific") -> str:
        self._fail_if_down()
        return str(await super().new_channel(prefix))

    async def group_add(self, group: str, channel: str) -> None:
        self._fail_if_down()
        await super().group_add(group, channel)

    def _note(self, message: dict[str, Any]) -> bool:
        self._fail_if_down()
        self.sizes.append(len(str(message).encode()))
        mail = self._reader.read(message)
        if mail is not None:
            self.mails.append(mail)
        return mail is None or not self.loses(mail)

    def _fail_if_down(self) -> None:
        if self.is_down:
            raise ConnectionError("the layer is down")


class Tab:
    """A reader that counts what it hears."""

    def __init__(self, thread_id: UUID | None = None, person: str = "7") -> None:
        self.thread_id = thread_id or uuid4()
        self.person = person
        self.mark: Any = None
        self.heard: list[str] = []
        self.news = asyncio.Event()

    def thread_changed(self) -> None:
        self._hear("thread")

    def person_changed(self, ended_session: str) -> None:
        self._hear(f"session {ended_session}" if ended_session else "person")

    def input_changed(self, update: InputUpdate) -> None:
        self._hear(f"input {update.value}")

    def send_away(self) -> None:
        self._hear("away")

    def _hear(self, what: str) -> None:
        self.heard.append(what)
        self.news.set()

    async def until(self, *heard: str) -> None:
        """Wait until just this was heard."""
        await until(self.news, lambda: self.heard == list(heard))


async def until(news: asyncio.Event, is_so: Callable[[], bool]) -> None:
    """Wait for news until this is so."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not is_so():
            news.clear()
            await news.wait()


class Follower:
    """Follows a run from one of the processes and remembers what it got."""

    def __init__(self, hub: Hub, run: Run) -> None:
        self.hub = hub
        self.run = run
        self.news = asyncio.Event()
        self.cursor = SNAPSHOT
        self.got: list[Fragment] = []
        self.feed: Feed | None = None

    async def follow(self) -> "Follower":
        """Begin."""
        self.feed = await self.hub.follow(self.run, self.news.set)
        return self

    async def leave(self) -> None:
        """End."""
        assert self.feed is not None
        await self.hub.unfollow(self.feed, self.news.set)

    async def until(self, seq: int) -> list[Fragment]:
        """Everything up to this step, as it came."""
        feed = self.feed
        assert feed is not None

        def has_come() -> bool:
            self.cursor, new = feed.take(self.cursor)
            self.got += new
            return self.cursor >= seq and feed.drawn_seq >= seq

        await until(self.news, has_come)
        return self.got


@pytest.fixture
def layer() -> Any:
    """The channel layer of both processes."""
    layer = Layer()
    with mock.patch.object(hub_module, "get_channel_layer", return_value=layer):
        yield layer


@pytest_asyncio.fixture
async def hubs(layer: Layer) -> AsyncIterator[tuple[Hub, Hub]]:
    """Two processes."""
    one, two = Hub(), Hub()
    await one.open()
    await two.open()
    yield one, two
    await one.close()
    await two.close()


def begin(hub: Hub) -> tuple[Run, Feed]:
    """A run that this process runs, with its first step."""
    run = Run(pk=uuid4(), hub=hub.mailbox)
    feed = hub.feeds[run.pk] = Feed(run.pk)
    feed.add(1, [fill("m-1-parts", "")], is_snapshot=True)
    return run, feed


def step(feed: Feed, *changed: Fragment) -> None:
    """One more step of a run."""
    feed.add(feed.seq + 1, changed)
    feed.publish(feed.seq)


# ---- steps


async def test_a_reader_elsewhere_gets_a_snapshot_and_then_the_steps(hubs: tuple[Hub, Hub], layer: Layer) -> None:
    one, two = hubs
    run, feed = begin(one)
    step(feed, append("m-1-0-done", "<p>1</p>"))
    reader = await Follower(two, run).follow()
    assert await reader.until(2) == [fill("m-1-parts", ""), append("m-1-0-done", "<p>1</p>")]

    step(feed, append("m-1-0-done", "<p>2</p>"))
    got = await reader.until(3)

    assert got[2:] == [append("m-1-0-done", "<p>2</p>")]
    assert [steps.after for steps in layer.list_sent(protocol.Steps)] == [SNAPSHOT, 2]


async def test_a_reader_here_needs_no_mail(hubs: tuple[Hub, Hub], layer: Layer) -> None:
    one, _ = hubs
    run, feed = begin(one)

    reader = await Follower(one, run).follow()

    assert reader.feed is feed
    assert layer.mails == []


async def test_many_readers_elsewhere_are_one_stream(hubs: tuple[Hub, Hub], layer: Layer) -> None:
    one, two = hubs
    run, feed = begin(one)
    readers = [await Follower(two, run).follow() for _ in range(5)]
    step(feed, append("m-1-0-done", "<p>1</p>"))

    for reader in readers:
        await reader.until(2)

    assert len(layer.list_sent(protocol.Watch)) == 1


async def test_the_end_of_a_run_reaches_a_reader_elsewhere(hubs: tuple[Hub, Hub]) -> None:
    one, two = hubs
    run, feed = begin(one)
    reader = await Follower(two, run).follow()
    await reader.until(1)

    step(feed, append("m-1-0-done", "<p>last</p>"))
    del one.feeds[run.pk]
    feed.finish()

    assert append("m-1-0-done", "<p>last</p>") in await reader.until(2)
    assert reader.feed is not None
    await until(reader.news, lambda: bool(reader.feed and reader.feed.is_done))
    await reader.leave()


async def test_a_gap_is_answered_by_a_new_watch(hubs: tuple[Hub, Hub], layer: Layer) -> None:
    one, two = hubs
    run, feed = begin(one)
    reader = await Follower(two, run).follow()
    await reader.until(1)
    layer.loses = lambda mail: isinstance(mail, protocol.Steps) and mail.seq == 2
    step(feed, append("m-1-0-done", "<p>lost</p>"))
    await until_sent(layer, lambda mail: isinstance(mail, protocol.Steps) and mail.seq == 2)

    step(feed, append("m-1-0-done", "<p>2</p>"))
    got = await reader.until(3)

    assert "".join(fragment.html for fragment in got) == "<p>lost</p><p>2</p>"
    assert [watch.cursor for watch in layer.list_sent(protocol.Watch)] == [SNAPSHOT, 1]


async def until_sent(layer: Layer, is_it: Callable[[protocol.Mail], bool]) -> None:
    """Let the loop run until such a mail was sent."""
    for _ in range(10_000):
        if any(is_it(mail) for mail in layer.mails):
            return
        await asyncio.sleep(0)
    raise AssertionError(f"it was never sent; there were {layer.mails}")


async def test_steps_that_come_twice_are_taken_once(hubs: tuple[Hub, Hub], layer: Layer) -> None:
    one, two = hubs
    run, feed = begin(one)
    reader = await Follower(two, run).follow()
    await reader.until(1)
    step(feed, append("m-1-0-done", "<p>1</p>"))
    await reader.until(2)
    (message,) = protocol.pack_mail(layer.list_sent(protocol.Steps)[-1])

    await layer.send(two.mailbox, message)
    step(feed, append("m-1-0-done", "<p>2</p>"))

    assert "".join(fragment.html for fragment in await reader.until(3)) == "<p>1</p><p>2</p>"


async def test_a_run_that_its_process_does_not_know_has_ended(hubs: tuple[Hub, Hub]) -> None:
    one, two = hubs
    reader = await Follower(two, Run(pk=uuid4(), hub=one.mailbox)).follow()
    feed = reader.feed
    assert feed is not None

    await until(reader.news, lambda: feed.is_done)

    assert feed.take(SNAPSHOT)[1] == []


async def test_the_last_reader_who_leaves_ends_the_stream(hubs: tuple[Hub, Hub], layer: Layer) -> None:
    one, two = hubs
    run, feed = begin(one)
    first, second = await Follower(two, run).follow(), await Follower(two, run).follow()
    await first.until(1)

    await first.leave()
    assert layer.list_sent(protocol.Unwatch) == []
    await second.leave()
    for _ in range(1_000):
        if not feed.has_readers:
            break
        await asyncio.sleep(0)

    assert not feed.has_readers
    assert len(layer.list_sent(protocol.Unwatch)) == 1


async def test_a_reader_who_comes_while_another_begins_and_leaves_gets_the_steps(
    hubs: tuple[Hub, Hub], layer: Layer
) -> None:
    one, two = hubs
    run, feed = begin(one)
    go_on, send = asyncio.Event(), layer.send

    async def slow(channel: str, message: dict[str, Any]) -> None:
        await go_on.wait()
        await send(channel, message)

    with mock.patch.object(layer, "send", slow):
        first = asyncio.ensure_future(Follower(two, run).follow())
        await asyncio.sleep(0)
        leaving = asyncio.ensure_future((await Follower(two, run).follow()).leave())
        await asyncio.sleep(0)
        go_on.set()
        reader = await first
        await leaving
    step(feed, append("m-1-0-done", "<p>1</p>"))

    assert append("m-1-0-done", "<p>1</p>") in await reader.until(2)


async def test_steps_larger_than_a_message_arrive_whole(hubs: tuple[Hub, Hub], layer: Layer) -> None:
    one, two = hubs
    run, feed = begin(one)
    reader = await Follower(two, run).follow()
    await reader.until(1)
    large = append("m-1-0-done", f"<p>{'漢' * 40_000}</p>")

    step(feed, large)

    assert large in await reader.until(2)
    assert max(layer.sizes) < 64 * 1024


async def test_a_mirror_from_which_nothing_came_asks_again(
    hubs: tuple[Hub, Hub], layer: Layer, transactional_db: None
) -> None:
    one, two = hubs
    run, _ = begin(one)
    layer.loses = lambda mail: isinstance(mail, protocol.Watch)
    reader = await Follower(two, run).follow()
    layer.loses = lambda mail: False

    await two.look()

    assert await reader.until(1) == [fill("m-1-parts", "")]


async def test_who_is_told_of_a_run_only_after_its_end_has_no_step_of_it() -> None:
    feed = Feed(uuid4(), lambda: [fill("m-1-parts", "")])
    feed.publish(3)
    feed.finish()
    told: list[Any] = []

    async def tell(mailbox: str, mail: Any) -> None:
        told.append(mail)

    await relay_steps(feed, protocol.Watch(run=feed.run_id, cursor=SNAPSHOT, reply_to="two"), tell)
    mirror = Mirror(feed.run_id, "one")
    for steps in told:
        mirror.accept(steps)

    assert mirror.is_done
    assert mirror.take(SNAPSHOT) == (0, [])


# ---- stop


async def test_a_stop_reaches_the_process_that_runs_it(hubs: tuple[Hub, Hub]) -> None:
    one, two = hubs
    run, _ = begin(one)
    stopped: list[UUID] = []
    heard = asyncio.Event()

    def stop(run_id: UUID) -> None:
        stopped.append(run_id)
        heard.set()

    one.stop_run = stop

    await two.stop(run)
    await until(heard, lambda: stopped == [run.pk])
    await one.stop(run)

    assert stopped == [run.pk, run.pk]


async def test_a_stop_of_a_run_without_a_process_is_nothing(hubs: tuple[Hub, Hub], layer: Layer) -> None:
    await hubs[0].stop(Run(pk=uuid4(), hub=""))
    await hubs[0].stop(Run(pk=uuid4(), hub="local.of-a-process-without-a-layer"))

    assert layer.mails == []


# ---- hints


async def test_a_change_of_the_message_box_is_heard_in_each_process_by_its_person(hubs: tuple[Hub, Hub]) -> None:
    one, two = hubs
    here = Tab()
    there, stranger = Tab(here.thread_id), Tab(here.thread_id, person="8")
    await one.join(here)
    await two.join(there)
    await two.join(stranger)

    await one.change_input(here.thread_id, "7", InputUpdate(value="Hi"))
    await one.change_input(here.thread_id, "8", InputUpdate(value="Ho"))

    await here.until("input Hi")
    await there.until("input Hi")
    await stranger.until("input Ho")


async def test_a_hint_is_heard_once_in_each_process(hubs: tuple[Hub, Hub]) -> None:
    one, two = hubs
    here = Tab()
    there, other = Tab(here.thread_id), Tab()
    await one.join(here)
    await two.join(there)
    await two.join(other)

    await one.thread_changed(here.thread_id, "7")
    await there.until("thread", "person")
    await other.until("person")
    await one.session_ended("7", "last")  # Comes after everything else: what was heard twice would be there by then.
    await there.until("thread", "person", "session last")

    assert here.heard == ["thread", "person", "session last"]
    assert other.heard == ["person", "session last"]


async def test_what_concerns_another_person_is_not_heard(hubs: tuple[Hub, Hub]) -> None:
    one, two = hubs
    tab = Tab(person="8")
    await two.join(tab)

    await one.thread_changed(uuid4(), "7")
    await one.thread_changed(uuid4(), "8")
    await tab.until("person")


async def test_a_process_that_serves_pages_only_tells_the_others(layer: Layer, hubs: tuple[Hub, Hub]) -> None:
    tab = Tab()
    await hubs[0].join(tab)
    without_readers = Hub()

    await without_readers.session_ended("7", "-")

    await tab.until("session -")


async def test_who_left_hears_nothing_more(hubs: tuple[Hub, Hub], layer: Layer) -> None:
    one, two = hubs
    tab, stays = Tab(), Tab(person="7")
    await one.join(tab)
    await one.join(stays)
    assert (one.count_readers("7"), one.count_all()) == (2, 2)

    await one.leave(tab)
    await two.thread_changed(tab.thread_id, "7")
    await stays.until("person")

    assert tab.heard == []
    assert (one.count_readers("7"), one.count_readers("8"), one.count_all()) == (1, 0, 1)
    assert protocol.thread_group(tab.thread_id) not in layer.groups


async def test_everybody_is_sent_away_at_the_end(hubs: tuple[Hub, Hub]) -> None:
    tabs = [Tab(), Tab(person="8")]
    for tab in tabs:
        await hubs[0].join(tab)

    hubs[0].send_away()

    assert [tab.heard for tab in tabs] == [["away"], ["away"]]


# ---- what goes wrong


async def test_mail_that_is_not_understood_is_ignored(hubs: tuple[Hub, Hub], layer: Layer) -> None:
    one, two = hubs
    tab = Tab()
    await one.join(tab)

    await layer.send(one.mailbox, {"type": protocol.MAILBOX_TYPE, "body": "nonsense"})
    await layer.send(one.mailbox, protocol.pack_mail(protocol.Steps(run=uuid4(), after=0, seq=1, ops=[]))[0])
    await two.session_ended("7", "-")

    await tab.until("session -")


async def test_mail_that_cannot_be_handled_does_not_end_the_loop(
    hubs: tuple[Hub, Hub], caplog: pytest.LogCaptureFixture
) -> None:
    one, two = hubs
    tab = Tab()
    await one.join(tab)
    run, _ = begin(one)
    one.stop_run = mock.Mock(side_effect=RuntimeError("of a bug"))

    await two.stop(run)
    await two.session_ended("7", "-")

    await tab.until("session -")
    assert "mail of kind stop_run could not be handled" in caplog.text


async def test_a_layer_that_is_down_costs_hints_and_nothing_else(
    layer: Layer, caplog: pytest.LogCaptureFixture
) -> None:
    layer.is_down = True
    hub = Hub()
    await hub.open()
    tab = Tab()

    await hub.join(tab)
    await hub.thread_changed(tab.thread_id, "7")
    await hub.stop(Run(pk=uuid4(), hub="specific.other"))
    reader = await Follower(hub, Run(pk=uuid4(), hub="specific.other")).follow()
    await reader.leave()
    await hub.leave(tab)
    await hub.close()

    assert tab.heard == ["thread", "person"]
    assert hub.mailbox.startswith("local.")
    for sentence in ("the channel layer does not answer", "a hint was lost", "mail to another process was lost"):
        assert sentence in caplog.text


async def test_a_layer_that_fails_for_a_while_is_asked_again(hubs: tuple[Hub, Hub], layer: Layer) -> None:
    one, two = hubs
    tab = Tab()
    await two.join(tab)
    receive, failures = layer.receive, iter([ConnectionError("gone for a moment")])

    async def flaky(channel: str) -> Any:
        for failure in failures:
            raise failure
        return await receive(channel)

    with mock.patch.object(layer, "receive", flaky):
        await one.session_ended("7", "first")  # Wakes the loop, which then fails once.
        await tab.until("session first")
        await one.session_ended("7", "second")

        await tab.until("session first", "session second")


async def test_without_a_layer_there_is_only_this_process() -> None:
    with mock.patch.object(hub_module, "get_channel_layer", return_value=None):
        hub = Hub()
        await hub.open()
        await hub.open()
        tab = Tab()
        await hub.join(tab)
        run, feed = begin(hub)

        assert await hub.follow(run, tab.news.set) is feed
        assert await hub.follow(Run(pk=uuid4(), hub="specific.other"), tab.news.set) is None
        await hub.thread_changed(tab.thread_id, "7")
        await hub.stop(Run(pk=uuid4(), hub="specific.other"))
        await hub.leave(tab)
        await hub.close()

    assert tab.heard == ["thread", "person"]


async def test_a_run_of_ours_that_we_do_not_know_any_more_has_no_feed(hubs: tuple[Hub, Hub]) -> None:
    assert await hubs[0].follow(Run(pk=uuid4(), hub=hubs[0].mailbox), lambda: None) is None


async def test_opening_twice_at_once_makes_one_mailbox(layer: Layer) -> None:
    hub = Hub()
    with mock.patch.object(layer, "new_channel", wraps=layer.new_channel) as new_channel:
        await asyncio.gather(hub.open(), hub.open(), hub.open())
    await hub.close()

    assert new_channel.call_count == 1


async def test_a_process_has_one_hub() -> None:
    assert get_hub() is get_hub()


# ---- what hints may have missed


async def test_a_look_finds_what_a_hint_missed(line: Line) -> None:
    hub = get_hub()
    tab = Tab(line.thread_id, str(line.owner.pk))
    await sync_to_async(make_thread)(line.owner, ("Hi", "Hello."), id=line.thread_id)
    await hub.join(tab)

    async def look_twice() -> None:
        await hub.look()
        # As a reader does that was told: it looks for itself.
        tab.mark = (await find_marks([line.thread_id])).get(line.thread_id)
        await hub.look()

    await look_twice()
    assert tab.heard == ["thread"]  # It had not looked at all: a hint may have come before it did.

    await Thread.objects.filter(pk=line.thread_id).aupdate(title="Another")
    await look_twice()
    await Run.objects.filter(thread_id=line.thread_id).aupdate(finished_at=None)
    await look_twice()
    await Thread.objects.filter(pk=line.thread_id).aupdate(head=None)
    await look_twice()
    await Thread.objects.filter(pk=line.thread_id).adelete()
    await look_twice()

    assert tab.heard == ["thread"] * 5
    await hub.leave(tab)


async def test_a_look_interrupts_runs_of_dead_processes(line: Line) -> None:
    hub = get_hub()
    await sync_to_async(make_thread)(line.owner, ("Hi", "So far"), id=line.thread_id, state="running")
    await Run.objects.aupdate(heartbeat_at=Now() - timedelta(minutes=1))
    tab = Tab(line.thread_id)
    await hub.join(tab)

    await hub.look()

    assert (await line.run()).state == "interrupted"
    assert tab.heard == ["thread"]
    await hub.leave(tab)


async def test_a_process_without_readers_asks_nothing(line: Line, django_assert_num_queries: Any) -> None:
    hub = Hub()

    with mock.patch.object(journal, "asweep") as sweep:
        await hub.look()

    assert sweep.call_count == 0


async def test_a_process_looks_by_itself_and_goes_on_when_the_database_fails(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    line.sets(WATCH_SECONDS=0.01)
    failures = iter([RuntimeError("the database is away")])
    looked = asyncio.Event()

    class Watching(Hub):
        async def look(self) -> None:
            for failure in failures:
                raise failure
            looked.set()

    hub = Watching()
    await hub.open()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await looked.wait()
    await hub.close()

    assert "could not look for lost hints" in caplog.text


async def test_two_processes_show_the_same_answer(line: Line, layer: Layer) -> None:
    line.says("One.\n\nTwo.\n\n", gate("hold"), "Three.")
    posted = await line.post()
    await line.provider.reached("hold")
    run = await line.run(posted.run_id)
    elsewhere = Hub()
    await elsewhere.open()
    reader = await Follower(elsewhere, run).follow()
    await reader.until(1)

    line.provider.release("hold")
    await line.ended()
    stored = await line.run(posted.run_id)
    got = await reader.until(stored.seq)

    html = "".join(fragment.html for fragment in got)
    assert all(html.count(f"<p>{word}.</p>") >= 1 for word in ("One", "Two", "Three"))
    assert got[0].target == f"m-{run.reply_id}-parts"
    await reader.leave()
    await elsewhere.close()
