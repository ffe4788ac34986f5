"""The versions of messages, and what else stands under them: which there are, which was shown last, who thinks what.

Messages with the same parent and role are versions of each other: a question that was edited, an answer that was tried
again. One of them is on the branch that is shown. A thread whose `revision` is 0 has none, and no rating either, so
that nothing is asked about it.

Sync: called in the database thread; whoever changes something holds the lock of the thread.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet

from chatapp.models import Feedback, Message, Thread


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What stands under a message beside its own row."""

    versions: Sequence[UUID] = ()
    """All versions of it, oldest first, itself among them."""

    feedback: Feedback | None = None
    """What the owner thinks of it."""


NOTHING = Surroundings()


def load_surroundings(thread: Thread, messages: Collection[Message]) -> Mapping[UUID, Surroundings]:
    """What stands under these messages. Two queries however many there are, none for most threads."""
    if thread.revision == 0 or not messages:
        return {}
    rows = _get_placed(thread).filter(_get_beside(messages), visible=True).order_by("created_at", "pk")
    versions: dict[tuple[UUID | None, str], list[UUID]] = defaultdict(list)
    for pk, parent, role in rows.values_list("pk", "parent_id", "role"):
        versions[parent, role].append(pk)
    given = Feedback.objects.filter(given_by(thread.owner_id), message__in=[message.pk for message in messages])
    feedback = {each.message_id: each for each in given.order_by()}
    return {
        message.pk: Surroundings(versions=versions[message.parent_id, message.role], feedback=feedback.get(message.pk))
        for message in messages
    }


def given_by(person: Any) -> Q:
    """The feedback of the user with this key; None: of a visitor who is no user."""
    return Q(user__isnull=True) if person is None else Q(user_id=person)


def _get_placed(thread: Thread) -> QuerySet[Message]:
    """The messages that have their place in the tree; those that wait have none yet."""
    return Message.objects.filter(thread=thread, queued_at__isnull=True)


def _get_beside(messages: Iterable[Message]) -> Q:
    """Whatever has the parent of one of these messages."""
    parents = {message.parent_id for message in messages}
    beside = Q(parent_id__in=parents - {None})
    return beside | Q(parent_id__isnull=True) if None in parents else beside


def get_versions(message: Message) -> list[UUID]:
    """The versions of a message that can be shown, oldest first."""
    versions = _get_placed(message.thread).filter(_get_beside([message]), role=message.role, visible=True)
    return list(versions.order_by("created_at", "pk").values_list("pk", flat=True))


def leave(thread: Thread, message: Message) -> None:
    """Another version takes the place of this message: remember where the branch through it ended."""
    Message.objects.filter(pk=message.pk).update(leaf_id=thread.head_id)
    note_change(thread, _get_beside([message]) & Q(role=message.role))


def note_change(thread: Thread, which: Q) -> None:
    """What stands under these messages of the thread has changed; open pages find it by the revision."""
    Thread.objects.filter(pk=thread.pk).update(revision=F("revision") + 1)
    thread.revision = Thread.objects.values_list("revision", flat=True).get(pk=thread.pk)
    Message.objects.filter(which, thread=thread).update(revision=thread.revision)


def show(thread: Thread, message: Message) -> None:
    """Show the branch through this message, to where it was shown before, else to its newest end."""
    tree = _Tree(thread)
    before, head = tree.get_path(thread.head_id), tree.find_end(message.pk)
    after = tree.get_path(head)
    left = next((old for old, new in zip(before, after, strict=False) if old != new), None)
    if left is not None:
        Message.objects.filter(pk=left).update(leaf_id=thread.head_id)
    thread.head_id = head
    Thread.objects.filter(pk=thread.pk).update(head_id=head)


def find_changed(thread: Thread, since: int) -> set[UUID]:
    """The messages of which something has changed since this revision that stays where they are. No query if none."""
    if thread.revision <= since:
        return set()
    return set(Message.objects.filter(thread=thread, revision__gt=since).order_by().values_list("pk", flat=True))


class _Tree:
    """The messages of a thread by their parents. One query."""

    def __init__(self, thread: Thread) -> None:
        rows = _get_placed(thread).order_by("created_at", "pk").values_list("pk", "parent_id", "leaf_id", "deleted_at")
        self._parents: dict[UUID, UUID | None] = {}
        self._leaves: dict[UUID, UUID | None] = {}
        self._children: dict[UUID | None, list[UUID]] = defaultdict(list)
        self._deleted: set[UUID] = set()
        row: Any
        for row in rows:
            pk, parent, leaf, deleted_at = row
            self._parents[pk], self._leaves[pk] = parent, leaf
            self._children[parent].append(pk)
            if deleted_at is not None:
                self._deleted.add(pk)

    def get_path(self, head: UUID | None) -> list[UUID]:
        """The branch that ends there, oldest first."""
        path = []
        while head is not None and head in self._parents:
            path.append(head)
            head = self._parents[head]
        return path[::-1]

    def find_end(self, message: UUID) -> UUID:
        """Where the branch through this message ends: where it was left, else by the newest message at each fork."""
        leaf = self._leaves.get(message)
        if leaf is not None and message in self.get_path(leaf):
            return leaf
        while children := self._children.get(message):
            # Of a deleted version nothing is shown, unless there is no other.
            message = next((pk for pk in reversed(children) if pk not in self._deleted), children[-1])
        return message
