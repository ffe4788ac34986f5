"""Answers from a site's own documents: what is looked up, how the model gets it, and which sources its words name.

    class Handbook(chatapp.Assistant):
        retriever = chatapp.FullTextRetriever(Page, fields=["title", "body"], queryset_for=list_pages)

Passages get numbers, which go on through a conversation; the model writes [1], and what it named is shown below its
answer. A source that it did not name is not shown: nobody knows whether it is one.
"""

import re
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from chatapp.activity import CitationPart, ToolCallPart, ToolDisplay, ToolResult
from chatapp.events import Finish, PartStart
from chatapp.fencing import fence
from chatapp.prompts import CITATIONS
from chatapp.scrubbing import scrub
from chatapp.tools import Approval, Tool, tool

if TYPE_CHECKING:
    from chatapp.turn import ChatMessage, Turn

LIMIT: Final = 5
"""Passages for one question."""

MAX_PASSAGE_CHARS: Final = 4000
"""What the model gets of one."""

SNIPPET_CHARS: Final = 100
"""What people see of one beside its title."""

NOTHING: Final = "Nothing was found in the documents."

_CODE: Final = re.compile(r"(```|~~~).*?(?:\1|\Z)|`[^`\n]*`", re.DOTALL)
_MARK: Final = re.compile(r"\[(\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\](?![(:])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A piece of a document that may answer a question."""

    text: str
    """What it says. The model gets it as data, between marks that it cannot forge."""

    title: str = ""
    """Name of the document."""

    url: str = ""
    """Where people can read it: an address of the web, or a path of this site. Empty: nowhere."""

    id: str = ""
    """What names the document in the site's own words, such as "help.page:17"."""

    score: float = 0.0
    """How well it fits, more is better; only to be compared within one answer of one retriever."""

    def __post_init__(self) -> None:
        make_citation(1, self)  # A url that cannot be shown is an error here, and not at the end of an answer.


class Retriever(Protocol):
    """Looks up passages: full text, vectors, somebody's search service."""

    async def retrieve(self, query: str, *, turn: "Turn", limit: int = LIMIT) -> Sequence[Passage]:
        """At most `limit` passages for this query, the best first; none is an answer too.

        Only what `turn.user` may read, and that is a condition of the query: what is sorted out afterwards was found,
        and counts against the limit.
        """
        ...


class Sources:
    """The passages that were found for one answer, each with its number. One for each turn."""

    __slots__ = ("_numbers", "_passages")

    def __init__(self) -> None:
        self._passages: dict[int, Passage] = {}
        self._numbers: dict[tuple[str, str, str], int] = {}

    def add(self, passages: Iterable[Passage], messages: Sequence["ChatMessage"]) -> dict[int, Passage]:
        """These passages by number. A new one gets the next that is free in the conversation, a known one keeps its."""
        added = {}
        for passage in passages:
            key = passage.id, passage.url, passage.text
            if key not in self._numbers:
                last = max(self._passages, default=0) or max(_find_cited(messages), default=0)
                self._numbers[key] = last + 1
                self._passages[last + 1] = passage
            added[self._numbers[key]] = passage
        return added

    def cite(self, text: str, messages: Sequence["ChatMessage"]) -> list[CitationPart]:
        """The sources that an answer names, in order of their numbers; those of earlier answers are known too."""
        numbers = find_marks(text)
        if not numbers:
            return []
        earlier = _find_cited(messages) if numbers - self._passages.keys() else {}
        cited = {number: make_citation(number, self._passages[number]) for number in numbers & self._passages.keys()}
        return [part for _number, part in sorted({**earlier, **cited}.items()) if part.number in numbers]


def find_marks(text: str) -> set[int]:
    """The numbers that stand in an answer as [1], [1][2] or [1, 2]; not in code, and not where it is a link."""
    if "[" not in text:
        return set()
    return {int(number) for mark in _MARK.findall(_CODE.sub(" ", text)) for number in re.findall(r"\d+", mark)}


def make_citation(number: int, passage: Passage) -> CitationPart:
    """The source as people see it below an answer."""
    text = " ".join(passage.text.split())
    snippet = f"{text[:SNIPPET_CHARS].rsplit(' ', 1)[0]} …" if len(text) > SNIPPET_CHARS else text
    title = passage.title or passage.url or passage.id or str(number)
    return CitationPart(url=passage.url, title=title, number=number, snippet=snippet)


def write_passages(passages: dict[int, Passage]) -> str:
    """What the model gets: each passage between its marks, with its number."""
    return "\n\n".join(
        fence("passage", scrub(passage.text[:MAX_PASSAGE_CHARS]), number=number, title=scrub(passage.title))
        for number, passage in passages.items()
    )


async def look_up(retriever: Retriever, query: str, *, turn: "Turn", limit: int = LIMIT) -> str:
    """What a tool of another library gives its model; see retrieval_tool for our own. Raises what the retriever raises.

    The sources are known to the turn then; add_sources shows those that the answer names.
    """
    return _write_result(await _find(retriever, query, turn, limit))


async def add_sources(said: AsyncGenerator[Any, None], turn: "Turn") -> AsyncGenerator[Any, None]:
    """What is said, and after it the sources that its words name. Closing this closes that."""
    text: list[str] = []
    finish: Finish | None = None
    async with aclosing(said) as items:
        async for item in items:
            if isinstance(item, Finish):
                finish = item
                continue
            if isinstance(item, str):
                text.append(item)
            yield item
    for part in turn.sources.cite("".join(text), turn.messages):
        yield PartStart(part)
    if finish is not None:
        yield finish


async def retrieve_context(retriever: Retriever, turn: "Turn") -> str:
    """What a retriever finds for the question of this turn, as text that stands before it. Raises what it raises."""
    return write_passages(await _find(retriever, turn.text, turn, LIMIT)) or NOTHING


def retrieval_tool(
    retriever: Retriever,
    *,
    name: str = "search_documents",
    description: str = "",
    title: str = "",
    icon: str = "search",
    limit: int = LIMIT,
    approval: Approval = "never",
) -> Tool:
    """A tool with which the model looks passages up itself, as often as it wants, in words of its own.

    `description` says what the documents are about. Nobody is asked before it runs, since it only reads what the
    person may read.
    """

    async def search(turn: Any, query: str) -> ToolResult:
        passages = await _find(retriever, query, turn, limit)
        preview = ngettext("%(count)d passage", "%(count)d passages", len(passages)) % {"count": len(passages)}
        display = ToolDisplay(preview=preview, parts=[make_citation(*item) for item in passages.items()])
        return ToolResult(_write_result(passages), display=display)

    about = description or "Look up passages in the documents of this site."
    declare = tool(
        name=name,
        description=f"{about}\n\nThe query is a few words that stand in the passages, not a sentence.",
        title=title or str(_("Search documents")),
        icon=icon,
        approval=approval,
    )
    return declare(search)


async def _find(retriever: Retriever, query: str, turn: "Turn", limit: int) -> dict[int, Passage]:
    return turn.sources.add(await retriever.retrieve(query, turn=turn, limit=limit), turn.messages)


def _write_result(passages: dict[int, Passage]) -> str:
    return f"{CITATIONS}\n\n{write_passages(passages)}" if passages else NOTHING


def _find_cited(messages: Sequence["ChatMessage"]) -> dict[int, CitationPart]:
    """The numbered sources of a conversation: those below its answers, and those that tools found."""
    found: dict[int, CitationPart] = {}
    for message in messages:
        for part in message.parts:
            shown = part.display.load_parts() if isinstance(part, ToolCallPart) and part.display else [part]
            found |= {each.number: each for each in shown if isinstance(each, CitationPart) and each.number}
    return found
