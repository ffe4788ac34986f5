"""What the events of a LangChain runnable or a LangGraph graph say, as text, thinking and rows of tools."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from chatapp.activity import ToolResult
from chatapp.events import ThinkingDelta, Usage
from chatapp.mappers import map_foreign

from .records import Requests, Rows, read_arguments

HIDDEN_TAG: Final = "nostream"
"""A model with this tag is asked, and not heard, as LangGraph has it."""

_ANSWERS: Final = ("answer", "output")
"""Where a chain that gives a dict has its answer."""


@dataclass(slots=True)
class _Wanted:
    """A call that a model asked for."""

    name: str
    arguments: Mapping[str, Any]
    is_denied: bool = False


class Listener:
    """Hears the events of one turn. A graph is heard by what its models say; a chain by what comes out of it."""

    def __init__(self, requests: Requests, rows: Rows, *, is_graph: bool, known: Sequence[BaseMessage]) -> None:
        self.interrupts: list[Any] = []
        """What the graph waits for, since it was last asked to go on."""

        self.output: Any = None
        """What came out of it at the end, if nothing of that was text."""

        self._requests = requests
        self._rows = rows
        self._is_graph = is_graph
        self._seen: set[str | None] = {message.id for message in known}
        self._texts: set[str] = set()
        self._heard: set[str] = set()  # models that stream
        self._wanted: dict[str, _Wanted] = {}
        self._tools: dict[str, str] = {}  # runs of tools, to the ids of their calls
        self._has_said = False

    def hear(self, event: Mapping[str, Any]) -> Iterator[Any]:
        """What one event says."""
        kind, run = event["event"], event["run_id"]
        is_inside = any(parent in self._tools for parent in event["parent_ids"])
        is_heard = not is_inside and HIDDEN_TAG not in event["tags"]
        if kind in ("on_chat_model_start", "on_llm_start"):
            metadata = event["metadata"]
            self._requests.begin(
                run, provider=metadata.get("ls_provider") or "", model=metadata.get("ls_model_name") or ""
            )
            if is_heard:
                self._rows.begin_round()
        elif kind in ("on_chat_model_stream", "on_llm_stream"):
            self._requests.hear(run)
            if is_heard:
                self._heard.add(run)
                yield from self._read_model(event["data"]["chunk"], is_root=not event["parent_ids"])
        elif kind in ("on_chat_model_end", "on_llm_end"):
            yield from self._end_model(event, is_heard=is_heard)
        elif kind == "on_tool_start" and not is_inside:
            yield from self._start_tool(event)
        elif kind == "on_tool_end" and run in self._tools:
            yield from self._end_tool(self._tools.pop(run), event["data"].get("output"))
        elif kind == "on_tool_error":
            self._tools.pop(run, None)  # What the graph makes of that comes with its state, or it goes on later.
        elif kind == "on_chain_stream" and not event["parent_ids"]:
            yield from self._read_root(event["data"]["chunk"])

    def find_call(self, name: str, arguments: Mapping[str, Any]) -> str:
        """The id of the call that asks for this and was not made yet; empty if no model asked for it."""
        waiting = [
            (call_id, wanted)
            for call_id, wanted in self._wanted.items()
            if wanted.name == name and not self._rows.is_open(call_id)
        ]
        same = [call_id for call_id, wanted in waiting if wanted.arguments == arguments]
        return (same or [call_id for call_id, _ in waiting] or [""])[0]

    def deny(self, call_id: str) -> None:
        """The person did not allow this call: what the graph says in its place is no failure of the tool."""
        if call_id in self._wanted:
            self._wanted[call_id].is_denied = True

    def _read_model(self, chunk: Any, *, is_root: bool) -> Iterator[Any]:
        said = map_foreign(chunk) if isinstance(chunk, BaseMessage) else [str(getattr(chunk, "text", chunk))]
        for item in said:
            if item and (self._is_graph or is_root or isinstance(item, ThinkingDelta)):
                self._has_said = True
                yield item

    def _end_model(self, event: Mapping[str, Any], *, is_heard: bool) -> Iterator[Any]:
        output, run = event["data"].get("output"), event["run_id"]
        if not isinstance(output, AIMessage):
            yield self._requests.end(run)
            return
        if is_heard:
            if run not in self._heard:
                yield from self._read_model(output, is_root=not event["parent_ids"])
            self._seen.add(output.id)
            self._texts.add(str(output.text))
            for call in output.tool_calls:
                self._wanted[call["id"] or ""] = _Wanted(call["name"], call["args"])
        metadata = output.response_metadata
        yield self._requests.end(
            run,
            usage=_read_usage(output.usage_metadata),
            finish=metadata.get("finish_reason") or metadata.get("stop_reason"),
            model=metadata.get("model_name") or "",
        )

    def _start_tool(self, event: Mapping[str, Any]) -> Iterator[Any]:
        arguments = event["data"].get("input")
        shown = read_arguments(arguments)
        call_id = self.find_call(event["name"], shown)
        if call_id:
            self._tools[event["run_id"]] = call_id
            yield self._rows.open(call_id, event["name"], self._wanted[call_id].arguments)
        elif not (again := self._find_open(event["name"], shown)):
            self._tools[event["run_id"]] = event["run_id"]
            # Nobody asked for it but the code itself, so no model hears of it again.
            yield self._rows.open(event["run_id"], event["name"], arguments, is_ours=False)
        else:
            self._tools[event["run_id"]] = again  # It had been interrupted, and goes on.

    def _find_open(self, name: str, arguments: Mapping[str, Any]) -> str:
        running = set(self._tools.values())
        for call_id, wanted in self._wanted.items():
            if wanted.name == name and wanted.arguments == arguments and call_id not in running:
                return call_id
        return ""

    def _end_tool(self, call_id: str, output: Any) -> Iterator[Any]:
        if isinstance(output, ToolMessage) and output.tool_call_id in self._wanted:
            call_id = output.tool_call_id
        if self._rows.is_open(call_id):
            yield self._fill(call_id, output)

    def _fill(self, call_id: str, output: Any) -> ToolResult:
        is_denied = call_id in self._wanted and self._wanted[call_id].is_denied
        value = output.content if isinstance(output, ToolMessage) else output
        is_error = isinstance(output, ToolMessage) and output.status == "error"
        self._wanted.pop(call_id, None)
        return self._rows.fill(call_id, value, is_error=is_error, is_denied=is_denied)

    def _read_root(self, chunk: Any) -> Iterator[Any]:
        if self._is_graph:
            for message in _list_messages(chunk):
                yield from self._read_state(message)
            if isinstance(chunk, Mapping):
                self.interrupts += chunk.get("__interrupt__") or ()
            return
        if isinstance(chunk, Mapping):
            chunk = next((chunk[name] for name in _ANSWERS if isinstance(chunk.get(name), str)), chunk)
        if isinstance(chunk, str | BaseMessage):
            said = map_foreign(chunk) if isinstance(chunk, BaseMessage) else [chunk]
            for item in said:
                if isinstance(item, str) and item:  # Its thinking was heard when the model said it.
                    self._has_said = True
                    yield item
        elif not self._has_said:
            self.output = chunk

    def _read_state(self, message: BaseMessage) -> Iterator[Any]:
        """What a node added to the state: words that no model was heard to say, results of tools that it ran itself."""
        if isinstance(message, ToolMessage):
            call_id = message.tool_call_id
            if call_id not in self._wanted:
                return
            if not self._rows.is_open(call_id):
                wanted = self._wanted[call_id]
                yield self._rows.open(call_id, wanted.name, wanted.arguments)
            yield self._fill(call_id, message)
        elif isinstance(message, AIMessage) and not (message.id and message.id in self._seen):
            self._seen.add(message.id)
            if str(message.text) not in self._texts:
                for call in message.tool_calls:
                    self._wanted[call["id"] or ""] = _Wanted(call["name"], call["args"])
                yield from map_foreign(message)


def _list_messages(chunk: Any) -> Iterator[BaseMessage]:
    """The messages in what a step of a graph changed, wherever they are."""
    if isinstance(chunk, BaseMessage):
        yield chunk
    elif isinstance(chunk, Mapping):
        for value in chunk.values():
            yield from _list_messages(value)
    elif isinstance(chunk, list | tuple):
        for value in chunk:
            yield from _list_messages(value)


def _read_usage(usage: Any) -> Usage | None:
    if not usage:
        return None
    return Usage(
        input_tokens=usage["input_tokens"],
        output_tokens=usage["output_tokens"],
        cached_tokens=(usage.get("input_token_details") or {}).get("cache_read") or 0,
        reasoning_tokens=(usage.get("output_token_details") or {}).get("reasoning") or 0,
    )
