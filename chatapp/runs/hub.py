"""One mailbox and one receive loop for each process: how processes tell each other what they must know.

Each process has one channel of the channel layer, its mailbox. It joins the groups of the threads and persons that
somebody has open here, and passes hints on to the readers. Steps of runs that live elsewhere come here once for the
process, as a mirror of their feed, however many readers there are. Nothing depends on a message arriving: a gap in the
steps is answered by a new `Watch`, and every WATCH_SECONDS the database is asked whether a hint was lost.
"""

import asyncio
import logging
import uuid
import weakref
from collections import defaultdict
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, Protocol, TypeVar
from uuid import UUID

from channels.layers import BaseChannelLayer, get_channel_layer

from chatapp import protocol
from chatapp.conf import settings
from chatapp.inputs import InputUpdate
from chatapp.models import Run
from chatapp.providers import listing

from . import journal, queue, trash
from .changes import find_marks
from .feed import SNAPSHOT, Feed
from .mirror import Mirror, relay_steps

logger = logging.getLogger("chatapp.hub")

_Result = TypeVar("_Result")


class Reader(Protocol):
    """Somebody who has a thread open; see runs.follower."""

    thread_id: UUID
    person: str
    mark: Any
    """The mark (see changes.get_mark) of what it last found; None before that, and of a thread that is not there."""

    def thread_changed(self) -> None: ...

    def person_changed(self, ended_session: str) -> None: ...

    def input_changed(self, update: InputUpdate) -> None: ...

    def send_away(self) -> None: ...


class Hub:
    """What this process knows of live runs, here and elsewhere, and of the readers it has."""

    def __init__(self) -> None:
        self.mailbox = f"local.{uuid.uuid4().hex}"
        """Channel name of this process; Run.hub of the runs it owns."""
        self.feeds: dict[UUID, Feed] = {}
        """Feeds of the runs that this process runs."""
        self.stop_run: Callable[[UUID], None] = lambda run_id: None
        """Called when somebody elsewhere stopped a run of ours; set by the runner."""
        self.answer_run: Callable[[UUID], None] = lambda run_id: None
        """Called when somebody answered a question of a run of ours; set by the runner."""
        self._mirrors: dict[UUID, Mirror] = {}
        self._relays: dict[tuple[UUID, str], asyncio.Task[None]] = {}
        self._readers: dict[UUID, set[Reader]] = defaultdict(set)
        self._persons: dict[str, set[Reader]] = defaultdict(set)
        self._mails = protocol.MailReader()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._layer: BaseChannelLayer | None = None
        self._is_open = False
        self._opening = asyncio.Lock()

    # ---- life

    async def open(self) -> None:
        """Get a mailbox and start the two loops.

        Cheap when open; without a channel layer there is only this process.
        """
        if self._is_open:
            return
        async with self._opening:
            if not self._is_open:
                await self._open()

    async def _open(self) -> None:
        self._layer = get_channel_layer()
        if self._layer is not None:
            try:
                self.mailbox = await self._layer.new_channel()
            except Exception:
                # A layer that is down costs live updates from other processes, not this one's work.
                logger.exception("the channel layer does not answer; hints from other processes come late")
            self.spawn(self._receive(self._layer))
        self.spawn(self._watch())
        self._is_open = True

    async def close(self) -> None:
        """End the loops and relays. The runs are the runner's business."""
        tasks = [*self._tasks, *self._relays.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._is_open = False

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task with a strong reference, in a fresh context: nothing of who started it leaks into it."""
        task = asyncio.get_running_loop().create_task(work, context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def see_through(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """What `work` gives. It goes on to its end when the caller is cancelled: no row may lose its run half-way."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # Nobody else may be there to see it.
        return await asyncio.shield(task)

    # ---- readers

    async def join(self, reader: Reader) -> None:
        """From now on the reader hears of changes of its thread and person."""
        await self.open()
        is_first_of_thread, is_first_of_person = not self._readers[reader.thread_id], not self._persons[reader.person]
        self._readers[reader.thread_id].add(reader)
        self._persons[reader.person].add(reader)
        if is_first_of_thread:
            await self._group("group_add", protocol.thread_group(reader.thread_id))
        if is_first_of_person:
            await self._group("group_add", protocol.person_group(reader.person))

    async def leave(self, reader: Reader) -> None:
        """The reader is gone."""
        self._readers[reader.thread_id].discard(reader)
        self._persons[reader.person].discard(reader)
        if not self._readers[reader.thread_id]:
            del self._readers[reader.thread_id]
            await self._group("group_discard", protocol.thread_group(reader.thread_id))
        if not self._persons[reader.person]:
            del self._persons[reader.person]
            await self._group("group_discard", protocol.person_group(reader.person))

    def send_away(self) -> None:
        """Tell all readers to come back to another process."""
        for readers in list(self._readers.values()):
            for reader in tuple(readers):
                reader.send_away()

    def count_readers(self, person: str) -> int:
        """How many readers this person has in this process."""
        return len(self._persons.get(person, ()))

    def count_all(self) -> int:
        """How many readers this process has."""
        return sum(len(readers) for readers in self._readers.values())

    # ---- feeds

    async def follow(self, run: Run, wake: Callable[[], None]) -> Feed | None:
        """The feed of a live run, attached: `wake` is called when there is news.

        None: nobody has one (the process is gone).
        """
        feed = self.feeds.get(run.pk)
        is_new = False
        if feed is None and run.hub != self.mailbox and self._layer is not None:
            is_new = run.pk not in self._mirrors
            feed = self._mirrors.setdefault(run.pk, Mirror(run.pk, run.hub))
        if feed is not None:
            feed.attach(wake)
        if is_new:
            # After attaching: a reader who leaves while this is awaited takes down a mirror that has no other.
            await self._tell(run.hub, protocol.Watch(run=run.pk, cursor=SNAPSHOT, reply_to=self.mailbox))
        return feed

    async def unfollow(self, feed: Feed, wake: Callable[[], None]) -> None:
        """The reader of `wake` leaves; the last reader of a mirror ends it."""
        feed.detach(wake)
        if isinstance(feed, Mirror) and not feed.has_readers and self._mirrors.pop(feed.run_id, None) is not None:
            await self._tell(feed.owner, protocol.Unwatch(run=feed.run_id, reply_to=self.mailbox))

    # ---- telling

    async def thread_changed(self, thread_id: UUID, person: str = "") -> None:
        """Hint to all processes: something new in this thread, or it is gone; and so in the list of its owner.

        Without `person` nothing is new in the list.
        """
        thread, owner = protocol.ThreadChanged(thread=thread_id), protocol.PersonChanged(person=person)
        # Both are heard here before anything is awaited: a reader wakes once for both.
        self._hear(thread)
        if person:
            self._hear(owner)
        await self._announce(protocol.thread_group(thread_id), thread)
        if person:
            await self._announce(protocol.person_group(person), owner)

    async def list_changed(self, person: str) -> None:
        """Hint to all processes: something else is in the thread list of this person."""
        mail = protocol.PersonChanged(person=person)
        self._hear(mail)
        await self._announce(protocol.person_group(person), mail)

    async def change_input(self, thread_id: UUID, person: str, update: InputUpdate) -> None:
        """Tell the pages of this thread that this person has open here and elsewhere."""
        mail = protocol.ChangeInput(thread=thread_id, person=person, update=update)
        self._hear(mail)
        await self._announce(protocol.thread_group(thread_id), mail)

    async def session_ended(self, person: str, session: str) -> None:
        """Hint to all processes: this person signed out of that session."""
        mail = protocol.PersonChanged(person=person, session=session)
        self._hear(mail)
        await self._announce(protocol.person_group(person), mail)

    async def stop(self, run: Run) -> None:
        """Tell the process that runs it, here or elsewhere, that the run was stopped."""
        if run.pk in self.feeds or run.hub == self.mailbox:
            self.stop_run(run.pk)
        elif run.hub:
            await self._tell(run.hub, protocol.StopRun(run=run.pk))

    async def answer(self, run: Run) -> None:
        """Tell the process that runs it, here or elsewhere, that its question was answered."""
        if run.pk in self.feeds or run.hub == self.mailbox:
            self.answer_run(run.pk)
        elif run.hub:
            await self._tell(run.hub, protocol.AnswerRun(run=run.pk))

    # ---- the channel layer

    async def _announce(self, group: str, mail: protocol.Mail) -> None:
        # Also from a process that has no reader yet, such as one that only serves pages.
        layer = self._layer or get_channel_layer()
        if layer is None:
            return
        try:
            for message in protocol.pack_mail(mail):
                await layer.group_send(group, {**message, "from": self.mailbox})
        except Exception:
            logger.exception("a hint was lost; the next look at the database makes up for it")

    async def _tell(self, mailbox: str, mail: protocol.Mail) -> None:
        if self._layer is None or mailbox.startswith("local."):
            return
        try:
            for message in protocol.pack_mail(mail):
                await self._layer.send(mailbox, {**message, "from": self.mailbox})
        except Exception:
            logger.exception("mail to another process was lost; it will be asked again")

    async def _group(self, verb: str, group: str) -> None:
        if self._layer is None:
            return
        try:
            await getattr(self._layer, verb)(group, self.mailbox)
        except Exception:
            logger.exception("%s failed; hints for the group come late", verb)

    async def _receive(self, layer: BaseChannelLayer) -> None:
        while True:
            try:
                message = await layer.receive(self.mailbox)
            except asyncio.CancelledError:
                raise
            except Exception:
                logger.exception("the channel layer does not answer; trying again")
                await asyncio.sleep(1)
                continue
            if message.get("from") == self.mailbox:
                continue  # Our own hint, which was heard before it was sent.
            mail = self._mails.read(message)
            if mail is not None:
                try:
                    await self._take(mail)
                except Exception:
                    logger.exception("mail of kind %s could not be handled", mail.kind)

    def _hear(self, mail: protocol.ThreadChanged | protocol.PersonChanged | protocol.ChangeInput) -> None:
        if isinstance(mail, protocol.ChangeInput):
            for reader in tuple(self._readers.get(mail.thread, ())):
                if reader.person == mail.person:
                    reader.input_changed(mail.update)
        elif isinstance(mail, protocol.ThreadChanged):
            for reader in tuple(self._readers.get(mail.thread, ())):
                reader.thread_changed()
        else:
            for reader in tuple(self._persons.get(mail.person, ())):
                reader.person_changed(mail.session)

    async def _take(self, mail: protocol.Mail) -> None:
        match mail:
            case protocol.ThreadChanged() | protocol.PersonChanged() | protocol.ChangeInput():
                self._hear(mail)
            case protocol.Watch():
                await self._start_relay(mail)
            case protocol.Unwatch():
                if relay := self._relays.pop((mail.run, mail.reply_to), None):
                    relay.cancel()
            case protocol.StopRun():
                self.stop_run(mail.run)
            case protocol.AnswerRun():
                self.answer_run(mail.run)
            case protocol.Steps():
                mirror = self._mirrors.get(mail.run)
                if mirror is None:
                    return
                if not mirror.accept(mail):
                    await self._tell(
                        mirror.owner, protocol.Watch(run=mail.run, cursor=mirror.drawn_seq, reply_to=self.mailbox)
                    )
                if mirror.is_done:
                    self._mirrors.pop(mail.run, None)

    async def _start_relay(self, watch: protocol.Watch) -> None:
        key = (watch.run, watch.reply_to)
        if relay := self._relays.pop(key, None):
            relay.cancel()
        feed = self.feeds.get(watch.run)
        if feed is None:
            nothing = protocol.Steps(run=watch.run, after=watch.cursor, seq=0, ops=[], unknown=True)
            await self._tell(watch.reply_to, nothing)
            return
        self._relays[key] = task = self.spawn(relay_steps(feed, watch, self._tell))
        task.add_done_callback(lambda done: self._relays.pop(key, None) if self._relays.get(key) is done else None)

    # ---- what hints may have missed

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(settings.WATCH_SECONDS)
            try:
                await self.look()
            except Exception:
                logger.exception("could not look for lost hints; trying again in %s s", settings.WATCH_SECONDS)

    async def look(self) -> None:
        """Ask the database, once for all open threads, what has changed; wake the readers that have missed it."""
        if listing.has_wanted():
            self.spawn(listing.refresh_wanted())
        if self._mirrors or self._readers:
            await journal.asweep()
            await trash.aempty()
            for thread_id in await queue.find_stalled():
                await queue.thread_freed.asend_robust(None, thread_id=thread_id)
        for mirror in list(self._mirrors.values()):
            if not mirror.has_come:
                watch = protocol.Watch(run=mirror.run_id, cursor=mirror.drawn_seq, reply_to=self.mailbox)
                await self._tell(mirror.owner, watch)
            mirror.has_come = False
        if not self._readers:
            return
        now = await find_marks(list(self._readers))
        for thread_id, readers in list(self._readers.items()):
            for reader in tuple(readers):
                if reader.mark != now.get(thread_id):
                    reader.thread_changed()


_hubs: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Hub]" = weakref.WeakKeyDictionary()


def get_hub() -> Hub:
    """The hub of this process (of the running event loop, of which a process has one)."""
    loop = asyncio.get_running_loop()
    hub = _hubs.get(loop)
    if hub is None:
        hub = _hubs[loop] = Hub()
    return hub
