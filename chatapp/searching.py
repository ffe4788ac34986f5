"""Finding conversations by what they are called and by what was said in them.

One's own threads only, as the policy gives them: archived ones too, temporary ones and hidden messages never.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from chatapp.models import Message, SearchEntry, Thread, search
from chatapp.policy import get_policy
from chatapp.terms import Piece, Term, contains, cut_snippet, mark_matches, parse_query

MAX_HITS: Final = 20
"""Conversations in a result."""

_CANDIDATES: Final = 60
"""Messages that are looked at for it: several may be of one conversation."""

_TITLES: Final = 3000
"""Titles that are looked through, the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A conversation in which the words were found."""

    thread_id: UUID
    message_id: UUID | None
    """The newest message with the words. None: only the title has them."""

    title: Sequence[Piece]
    snippet: Sequence[Piece]
    """Where the words are in that message. Empty without one."""

    url: str
    is_archived: bool
    is_elsewhere: bool
    """The message is in another version of the conversation than the one that is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What a search found."""

    query: str
    hits: Sequence[Hit] = ()
    has_more: bool = False


def find(user: Any, query: str) -> Results:
    """The person's conversations with these words, by their titles first, then the newest. Never raises.

    Every word has to be there; the last one may be only begun; "words in quotes" stand together.
    """
    terms = parse_query(query)
    if not terms:
        return Results(query=query)
    threads = get_policy().get_threads(user).filter(temporary=False)
    rows = threads.order_by("-updated_at").values_list("pk", "title")[:_TITLES]
    named = [pk for pk, title in rows if title and contains(title, terms)]
    messages = _load_messages(threads, search.find(user.pk, terms, limit=_CANDIDATES))
    newest = {message.thread_id: message for message in reversed(messages)}
    order = list(dict.fromkeys([*named, *(message.thread_id for message in messages)]))
    shown = threads.in_bulk(order[:MAX_HITS])
    elsewhere = _find_elsewhere([newest[pk] for pk in shown if pk in newest], shown.values())
    return Results(
        query=query,
        hits=[_make_hit(shown[pk], newest.get(pk), terms, elsewhere) for pk in order[:MAX_HITS] if pk in shown],
        has_more=len(order) > MAX_HITS or len(messages) == _CANDIDATES,
    )


def _load_messages(threads: QuerySet[Thread], ids: Sequence[UUID]) -> list[Message]:
    """Those that the person sees, in this order."""
    seen = Message.objects.filter(Q(thread__in=threads), visible=True, queued_at__isnull=True).defer("parts")
    found = seen.in_bulk(ids)
    return [found[pk] for pk in ids if pk in found]


def _find_elsewhere(messages: Sequence[Message], threads: Iterable[Thread]) -> set[UUID]:
    """Which of these messages are on no branch that is shown. One query, over the threads that they are of."""
    ids = [message.thread_id for message in messages]
    parents = dict(Message.objects.filter(thread__in=ids).order_by().values_list("pk", "parent_id"))
    shown = set()
    for thread in threads:
        at = thread.head_id
        while at is not None and at not in shown:
            shown.add(at)
            at = parents.get(at)
    return {message.pk for message in messages if message.pk not in shown}


def _make_hit(thread: Thread, message: Message | None, terms: Sequence[Term], elsewhere: set[UUID]) -> Hit:
    url = thread.get_absolute_url()
    return Hit(
        thread_id=thread.pk,
        message_id=message.pk if message else None,
        title=mark_matches(thread.title or _("New chat"), terms),
        snippet=cut_snippet(message.text, terms) if message else (),
        url=f"{url}#m-{message.pk}" if message else url,
        is_archived=thread.archived_at is not None,
        is_elsewhere=message is not None and message.pk in elsewhere,
    )


def reindex(threads: QuerySet[Thread]) -> int:
    """Write the words of all messages of these threads anew; how many messages can be found now.

    For rows that were written past the ORM, and for threads that got another owner.
    """
    count = 0
    for thread in threads.order_by("created_at").iterator(chunk_size=200):
        messages = Message.objects.filter(thread=thread).select_related("thread").defer("parts").order_by("created_at")
        SearchEntry.objects.filter(message__thread=thread).delete()
        count += search.index(messages.iterator(chunk_size=500), are_new=True)
    return count
