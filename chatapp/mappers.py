"""What an assistant may yield that is nobody's part: objects of other libraries, as text, parts and events.

A mapper is found by the class of the object or by its dotted name, so no library is imported for its sake: name
"langchain_core.messages.base.BaseMessage" and nothing happens until somebody yields one.
"""

import base64
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar

from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from chatapp.artifacts import ChartArtifact, ImageArtifact, TableArtifact
from chatapp.events import Event, ThinkingDelta, Usage
from chatapp.parts import HtmlPart, Part

Mapper = Callable[[Any], Any]
_MapperType = TypeVar("_MapperType", bound=Mapper)

_mappers: dict[str, Mapper] = {}
_slow: set[Mapper] = set()

_METHODS: Final = ("__html__", "_repr_html_", "_repr_png_")
"""What an object may know of its own look, in the order in which it is asked."""


class NoMapper(LookupError):
    """Nobody said what objects of this class are."""


def mapper(*types: type | str, in_thread: bool = False) -> Callable[[_MapperType], _MapperType]:
    """Register a function that says what objects of these classes, or of their subclasses, mean (decorator).

    It takes the object and gives what an assistant could yield in its place: a string, a part, an event, None for
    nothing, or a list of these. A class is named itself or by its dotted name; the dotted name of a package stands for
    every class in it that has no mapper of its own. The last one registered for a name counts, so a site can replace
    ours. `in_thread` is for one that takes long: nobody else is served while another one works. Raises TypeError for
    anything but classes and names.
    """
    for item in types:
        if not isinstance(item, type | str):
            raise TypeError(f"mapper() takes classes and dotted names, not {item!r}")

    def register(function: _MapperType) -> _MapperType:
        for item in types:
            _mappers[item if isinstance(item, str) else _get_name(item)] = function
        if in_thread:
            _slow.add(function)
        return function

    return register


def is_foreign(item: Any) -> bool:
    """Whether map_foreign says what it means: it has a mapper, or knows how it looks."""
    return _find(item) is not None or any(hasattr(type(item), name) for name in _METHODS)


def is_slow(item: Any) -> bool:
    """Whether the mapper of this class wants a thread."""
    return _find(item) in _slow


def map_foreign(item: Any) -> Any:
    """What `item` means: a string, a part, an event, None or a list of these. Raises NoMapper."""
    if (found := _find(item)) is not None:
        return found(item)
    for name in _METHODS:
        if hasattr(type(item), name) and (drawn := getattr(item, name)()) is not None:
            return _take_look(name, drawn)
    raise NoMapper(_get_name(type(item)))


def map_returned(item: Any) -> Any:
    """What stands for something that was returned as the whole answer: itself, or its `str()` if nobody knows it."""
    if isinstance(item, str | Part | Mapping | Event) or is_foreign(item):
        return item
    text = escape(str(item))
    return HtmlPart(html=f"<pre>{text}</pre>" if "\n" in text else f"<p>{text}</p>")


def _take_look(name: str, drawn: Any) -> Part:
    if name == "_repr_png_":
        return _make_image(drawn[0] if isinstance(drawn, tuple) else drawn)  # some give (bytes, what is known of them)
    # What is made for notebooks is of data that may be anybody's: shown, but never trusted.
    return HtmlPart(html=str(drawn), trusted=name == "__html__")


def _find(item: Any) -> Mapper | None:
    return next((_mappers[name] for name in _list_names(type(item)) if name in _mappers), None)


def _get_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _list_names(cls: type) -> Iterator[str]:
    """The names under which a mapper for objects of this class may be known, the nearest one first."""
    for base in cls.__mro__[:-1]:
        yield _get_name(base)
    for base in cls.__mro__[:-1]:
        package = base.__module__
        while package:
            yield package
            package = package.rpartition(".")[0]


@mapper(SafeString)
def _map_safe_string(item: SafeString) -> HtmlPart:
    return HtmlPart(html=str(item), trusted=True)


@mapper("openai.types.chat.chat_completion_chunk.ChatCompletionChunk")
def _map_chat_chunk(chunk: Any) -> list[Any]:
    """A chunk of Chat Completions. Azure's first one has no choices, the last one only the token counts."""
    said: list[Any] = []
    for choice in chunk.choices[:1]:
        extra = getattr(choice.delta, "model_extra", None) or {}
        if thought := extra.get("reasoning_content") or extra.get("reasoning"):
            said.append(ThinkingDelta(str(thought)))
        said.append(choice.delta.content or "")
    if chunk.usage is not None:
        said.append(Usage(input_tokens=chunk.usage.prompt_tokens, output_tokens=chunk.usage.completion_tokens))
    return said


@mapper("openai.types.chat.chat_completion.ChatCompletion")
def _map_chat_completion(completion: Any) -> str:
    return (completion.choices[0].message.content or "") if completion.choices else ""


@mapper("openai.types.responses")
def _map_response_event(event: Any) -> str | ThinkingDelta | None:
    """An event of the Responses API: only deltas say something."""
    kind = getattr(event, "type", "")
    if kind in ("response.output_text.delta", "response.refusal.delta"):
        return str(event.delta)
    if kind in ("response.reasoning_text.delta", "response.reasoning_summary_text.delta"):
        return ThinkingDelta(str(event.delta))
    return None


@mapper("langchain_core.messages.base.BaseMessage")
def _map_langchain_message(message: Any) -> list[str | ThinkingDelta]:
    """What the model said; messages of others (the question, tools) say nothing here."""
    if message.type not in ("ai", "AIMessageChunk"):
        return []
    blocks = [message.content] if isinstance(message.content, str) else message.content
    said: list[str | ThinkingDelta] = []
    for block in blocks:
        if isinstance(block, str):
            said.append(block)
        elif block.get("type") in ("thinking", "reasoning"):
            said.append(ThinkingDelta(str(block.get("thinking") or block.get("reasoning") or "")))
        else:
            said.append(str(block.get("text", "")))
    return said


@mapper("pydantic_ai.messages")
def _map_agent_event(event: Any) -> str | ThinkingDelta | None:
    """An event of a pydantic-ai agent: the beginning of a part and its deltas say something."""
    kind = getattr(event, "event_kind", "")
    piece = event.part if kind == "part_start" else event.delta if kind == "part_delta" else None
    name = getattr(piece, "part_kind", "") or getattr(piece, "part_delta_kind", "")
    text = getattr(piece, "content" if kind == "part_start" else "content_delta", None) or ""
    if name == "text":
        return str(text)
    return ThinkingDelta(str(text)) if name == "thinking" else None


# In a thread, all of these: a large frame or figure takes a good part of a second.
@mapper("plotly.basedatatypes.BaseFigure", in_thread=True)
def _map_plotly_figure(figure: Any) -> ChartArtifact:
    return ChartArtifact(figure=figure)


@mapper("altair.vegalite", in_thread=True)
def _map_altair_chart(chart: Any) -> ChartArtifact:
    return ChartArtifact(spec=chart)


# Newer versions of pandas name their classes by the package alone.
@mapper("pandas.DataFrame", "pandas.core.frame.DataFrame", "polars.dataframe.frame.DataFrame", in_thread=True)
@mapper("pandas.Series", "pandas.core.series.Series", "polars.series.series.Series", in_thread=True)
def _map_frame(frame: Any) -> TableArtifact:
    return TableArtifact(data=frame)


@mapper("matplotlib.figure.FigureBase", "matplotlib.axes", in_thread=True)
def _map_matplotlib_figure(item: Any) -> ImageArtifact:
    """The whole figure as an image, also of one of its axes, which is what pandas draws into."""
    figure = item.figure
    words = list(_list_words(figure))
    file = io.BytesIO()
    figure.savefig(file, format="png", bbox_inches="tight")
    return _make_image(file.getvalue(), title=words[0] if words else "", alt="; ".join(words))


def _list_words(figure: Any) -> Iterable[str]:
    """What stands in a figure: its title, and of each of its axes the title and what is measured."""
    words = [figure.get_suptitle()]
    for axes in figure.get_axes():
        words += [axes.get_title(), axes.get_xlabel(), axes.get_ylabel()]
    return dict.fromkeys(filter(None, map(str.strip, words)))


def _make_image(png: bytes, title: str = "", alt: str = "") -> ImageArtifact:
    url = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    return ImageArtifact(url=url, title=title[:200], alt=alt[:1000] or _("A picture without a description"))
