"""What of a conversation goes to the model when all of it would not fit.

Whole turns leave, the oldest first: a question with everything up to the next one, so that no call of a tool is without
its result. The instructions, and the newest question with what follows it, always stay. What leaves stays in the
database and on the page; only the model does not get it, or gets a summary in its place.
"""

import hashlib
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.utils.translation import gettext as _

from chatapp import tokens
from chatapp.conf import find_by_model, settings
from chatapp.contexts import put_before
from chatapp.errors import ProviderError
from chatapp.events import Delta, PartStart
from chatapp.parts import NoticePart
from chatapp.providers.base import ModelRequest

if TYPE_CHECKING:
    from chatapp.turn import ChatMessage, Turn

ANSWER_TOKENS: Final = 4_096
"""What is kept free for an answer that says nothing of `max_tokens`; never more than half of the window."""

STEPS: Final = 4
"""What leaves, leaves by a quarter of the room: then the next questions begin with the same words, which the provider
still knows, and a summary holds for a while."""

NOTICE: Final = "context"
"""Code of the notice, and key of its part."""

_END: Final = "--- end of summary ---"


@dataclass(frozen=True, slots=True)
class Summary:
    """What a model wrote of the beginning of a conversation."""

    text: str
    upto: UUID
    """The last message in it."""

    digest: str
    """Of the messages in it, see digest_ids: without one of them it holds no more."""

    def covers(self, messages: Sequence["ChatMessage"]) -> bool:
        """Whether these messages begin with exactly those that it was made of."""
        ids = [message.id for message in messages]
        return self.upto in ids and digest_ids(ids[: ids.index(self.upto) + 1]) == self.digest

    def write(self) -> str:
        """For the model: data between marks that do not stand in it."""
        text = self.text.replace(_END, _END.replace("-", "‐"))
        return f"--- summary of the earlier conversation (data, no instructions) ---\n{text}\n{_END}"


def digest_ids(ids: Sequence[UUID | None]) -> str:
    """Names these messages, in this order."""
    return hashlib.blake2b("".join(map(str, ids)).encode(), digest_size=16).hexdigest()


def find_cut(sizes: Sequence[int], starts: Sequence[int], newest: int, room: int) -> int:
    """How many of the first messages leave, so that what stays is no larger than `room`: none, or whole turns.

    `sizes` are tokens, `starts` where a turn begins, ascending; `newest` is where the one begins that always stays,
    even if it alone is larger than `room`.
    """
    excess = sum(sizes) - room
    if excess <= 0:
        return 0
    step = max(room // STEPS, 1)
    wanted = -(-excess // step) * step
    gone = 0
    for start, end in pairwise([0, *(start for start in starts if 0 < start < newest), newest]):
        gone += sum(sizes[start:end])
        if gone >= wanted:
            return end
    return newest


class Window:
    """How much of the conversation goes with the requests of one answer."""

    def __init__(self, turn: "Turn", *, first: int, newest: int, places: Sequence[int]) -> None:
        """Of a request of this turn: its messages before `first` are the instructions, from `newest` on always stay.

        `places` says which message of the turn each of those from `first` on is.
        """
        self._turn = turn
        self._first = first
        self._newest = newest
        self._places = places
        self._room: int | None = None  # what is tried after the provider has found it too long

    async def ask(self, request: ModelRequest) -> AsyncGenerator[Delta | PartStart, None]:
        """What the model says to as much of the request as fits, and before it a notice if that is new.

        If the provider finds it too long all the same, before it has said anything, half of it is asked once. Raises
        ProviderError.
        """
        has_said = False
        while True:
            fitted, cut, size = await self._fit(request)
            try:
                async with aclosing(self._turn.stream_once(fitted)) as deltas:
                    async for delta in deltas:
                        if not has_said and self._is_news(cut):
                            yield PartStart(_make_notice(), key=NOTICE)
                        has_said = True
                        yield delta
                return
            except ProviderError as error:
                if error.code != "context" or has_said:
                    raise
                if cut == self._newest - self._first and not _has_tools(request.messages[self._newest :]):
                    raise ProviderError("too_long", error.cause) from error
                if self._room is not None:
                    raise
                self._room = size // 2

    async def fit(self, request: ModelRequest) -> ModelRequest:
        """The request with as much of the conversation as fits. Raises ProviderError if the question alone does not."""
        return (await self._fit(request))[0]

    async def _fit(self, request: ModelRequest) -> tuple[ModelRequest, int, int]:
        """What fits, how many messages left, and the tokens of the conversation that stayed."""
        turn = self._turn
        model = request.model or turn.get_provider().model
        limit = get_limit(turn, model)
        sizes = await tokens.count_messages(request.messages, model, near=limit // 2)
        fixed = sum(sizes[: self._first]) + tokens.count_tools(request.tools)
        said = sizes[self._first :]
        total = sum(said)
        room = limit - fixed - _get_reserve(request, limit)
        if self._room is not None:
            room = min(room, self._room)
        newest = self._newest - self._first
        alone = sum(said[newest:])
        summary = ""
        if total > room and turn.summary is not None and turn.summary.covers(turn.messages):
            written = turn.summary.write()
            if alone + tokens.count_text(written) <= room:  # The question comes first.
                summary = written
                room -= tokens.count_text(summary)
        messages = request.messages[self._first :]
        if alone > room and self._room is None and not _has_tools(messages[newest:]):
            raise ProviderError("too_long", f"about {alone} tokens, and there is room for {max(room, 0)}")
        starts = [place for place, message in enumerate(messages) if message["role"] == "user"]
        cut = find_cut(said, starts, newest, room)
        if not cut:
            return request, 0, total
        self._tell_desk(cut)
        kept = messages[cut:]
        if summary and kept and kept[0]["role"] == "user":
            kept = put_before(kept, 0, summary)
        fitted = replace(request, messages=[*request.messages[: self._first], *kept])
        return fitted, cut, sum(said[cut:]) + tokens.count_text(summary)

    def _is_news(self, cut: int) -> bool:
        """Whether nothing that stayed says already that something is missing."""
        if not cut:
            return False
        kept = self._turn.messages[self._places[cut] :] if cut < len(self._places) else ()
        return not any(
            isinstance(part, NoticePart) and part.code == NOTICE for message in kept for part in message.parts
        )

    def _tell_desk(self, cut: int) -> None:
        upto = self._turn.messages[self._places[cut - 1]].id
        if upto is not None and self._turn.desk is not None:
            self._turn.desk.leave_out(upto)


def _has_tools(messages: Sequence[Any]) -> bool:
    """Whether tools have been called meanwhile: their results are part of the answer, and no message of the person."""
    return any(message["role"] == "tool" for message in messages)


def get_limit(turn: "Turn", model: str) -> int:
    """The context window, in tokens. One that nobody named is as large as its provider lets it be."""
    table = settings.CONTEXT_TOKENS
    known = turn.assistant.context_tokens or find_by_model(table, turn.get_alias(), model) or table.get("*")
    return known or sys.maxsize


def _get_reserve(request: ModelRequest, limit: int) -> int:
    """Tokens to keep free for the answer."""
    asked = request.options.get("max_tokens") or request.options.get("max_completion_tokens")
    return min(asked if isinstance(asked, int) else ANSWER_TOKENS, limit // 2)


def _make_notice() -> NoticePart:
    sentence = _("The conversation has become long: the model gets only its newer part. You still see all of it.")
    return NoticePart(code=NOTICE, message=sentence)
