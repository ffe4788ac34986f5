"""Clients of chatlas as assistants. Needs the extra `chatlas`."""

import copy
import json
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, ClassVar, Final

from pydantic import ValidationError
from pydantic_core import to_jsonable_python

from chatapp.activity import CitationPart, ToolResult
from chatapp.events import ThinkingDelta, Usage
from chatapp.toolloop import ask_to_allow
from chatapp.turn import Turn

from .base import AgentAssistant, say_missing, split_question
from .records import Requests, Rows, read_arguments

try:
    import chatlas
    from chatlas import types
except ImportError as error:
    raise say_missing("chatlas", "chatlas", error) from error

_PARAMETERS: Final[Mapping[str, str]] = {"stop": "stop_sequences"}
"""What chatlas calls otherwise than the API does."""


class ChatlasAssistant(AgentAssistant):
    """Lets a client of chatlas answer.

    class Desk(ChatlasAssistant):
        client = chatlas.ChatAnthropic(model="claude-sonnet-4-5")
    """

    alias = "chatlas"
    given = "client"

    client: ClassVar[Any] = None
    """A chatlas.Chat, with its tools. It remembers what is said to it, so each turn has a copy, which is forgotten."""

    approve: ClassVar[Sequence[str]] = ()
    """Names of those of its tools that run only if the person allows the call."""

    def get_client(self, turn: Turn) -> Any:
        """The client that answers this turn. May be a coroutine function."""
        return self.client

    async def speak(self, turn: Turn, requests: Requests, rows: Rows) -> AsyncGenerator[Any, None]:
        """See AgentAssistant.speak."""
        client = await self._copy(turn)
        before, question = split_question(await turn.write_history())
        client.set_turns(read_turns(before))
        instructions = [client.system_prompt, await self.load_instructions(turn)]
        client.system_prompt = "\n\n".join(filter(None, instructions)) or None
        reader = _Reader(rows)
        if self.approve:
            self._guard(client, turn, reader)
        options = self.get_model_options(turn)
        requests.begin(provider=client.provider.name, model=client.model)
        answered = 0
        said = await client.stream_async(
            *read_content(question["content"] if question else ""),
            content="all",
            kwargs=_translate(client.provider, options),
        )
        async with aclosing(said) as items:
            async for item in items:
                responses = _list_responses(client, len(before))
                if len(responses) > answered:
                    answered = len(responses)
                    yield _end_request(requests, responses[-1])
                    rows.begin_round()
                if isinstance(item, types.ContentToolResult):
                    # Of the last one it may be: the next request follows at once.
                    requests.begin(provider=client.provider.name, model=client.model)
                elif not isinstance(item, types.ContentToolRequest):
                    requests.hear()
                for event in reader.read(item):
                    yield event
                if isinstance(item, types.ContentToolRequest) and item.name in self.approve:
                    yield rows.wait(item.id)
        responses = _list_responses(client, len(before))
        if len(responses) > answered:
            yield _end_request(requests, responses[-1])

    async def _copy(self, turn: Turn) -> Any:
        """A client for this turn alone, with the connections and the tools of the one that all share."""
        client = copy.copy(await self.load_given(turn))
        model = turn.config.model or self.model
        if model:
            client.provider = copy.copy(client.provider)
            client.model = model
        return client

    def _guard(self, client: Any, turn: Turn, reader: "_Reader") -> None:
        """Have the client ask the person before it runs what must be allowed."""
        # Callbacks are shared with the client that this one is a copy of.
        shared = client._on_tool_request_callbacks
        client._on_tool_request_callbacks = type(shared)()
        for callback in shared.get_callbacks():
            client.on_tool_request(callback)

        async def ask(request: Any) -> None:
            if request.name in self.approve:
                arguments = read_arguments(request.arguments)
                call_id = reader.rows.get_id(request.id)
                refusal = await ask_to_allow(turn, tool=request.name, call_id=call_id, arguments=arguments)
                if refusal:
                    reader.denied.add(request.id)
                    raise chatlas.ToolRejectError(refusal)

        client.on_tool_request(ask)


class _Reader:
    """What the items of one answer mean."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.denied: set[str] = set()
        """Ids of calls that the person did not allow."""

        self._results: dict[str, list[Any]] = {}

    def read(self, item: Any) -> Iterator[Any]:
        """What one item says."""
        if isinstance(item, str):
            yield item
        elif isinstance(item, types.ContentThinking | types.ContentThinkingDelta):
            yield ThinkingDelta(item.thinking)
        elif isinstance(item, types.ContentToolRequest):
            self._results.pop(item.id, None)  # Some models count their calls anew each time.
            self.denied.discard(item.id)
            yield self.rows.open(item.id, item.name, item.arguments)
        elif isinstance(item, types.ContentToolResult):
            yield self._fill(item)
        elif isinstance(item, types.ContentCitation):
            yield _read_citation(item)

    def _fill(self, item: Any) -> ToolResult:
        """A tool may yield more than one result; together they are what the model gets."""
        given = self._results.setdefault(item.id, [])
        given.append(to_jsonable_python(item.get_model_value(), fallback=str, bytes_mode="base64"))
        return self.rows.fill(
            item.id,
            given[0] if len(given) == 1 else given,
            is_error=item.error is not None and item.id not in self.denied,
            is_denied=item.id in self.denied,
        )


def read_turns(said: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Messages as the API has them, as chatlas has them; calls and results stay in pairs.

    It knows one system prompt, so what a system message in the middle says is said as if by the person.
    """
    turns: list[Any] = []
    asked: dict[str, Any] = {}
    for message in said:
        content = message.get("content")
        if message["role"] == "assistant":
            contents: list[Any] = [types.ContentText(text=content)] if content else []
            for call in message.get("tool_calls") or ():
                function = call["function"]
                asked[call["id"]] = types.ContentToolRequest(
                    id=call["id"], name=function["name"], arguments=json.loads(function["arguments"])
                )
                contents.append(asked[call["id"]])
            turns.append(chatlas.AssistantTurn(contents))
            continue
        if message["role"] == "tool":
            request = asked[message["tool_call_id"]]
            contents = [types.ContentToolResult(value=content or "", model_format="str", request=request)]
        else:
            contents = read_content(content)
        if turns and isinstance(turns[-1], chatlas.UserTurn):
            turns[-1] = chatlas.UserTurn([*turns[-1].contents, *contents])
        else:
            turns.append(chatlas.UserTurn(contents))
    return turns


def read_content(content: Any) -> list[Any]:
    """What a person said: text, or text and images."""
    if isinstance(content, str):
        return [types.ContentText(text=content)]
    return [
        types.ContentText(text=piece["text"])
        if piece["type"] == "text"
        else chatlas.content_image_url(piece["image_url"]["url"])
        for piece in content
    ]


def _translate(provider: Any, options: Mapping[str, Any]) -> Any:
    """Options as the provider takes them; what it does not take is left out."""
    named = {_PARAMETERS.get(name, name): value for name, value in options.items()}
    supported = provider.supported_model_params()
    return provider.translate_model_params({name: value for name, value in named.items() if name in supported})


def _list_responses(client: Any, before: int) -> list[Any]:
    """The whole responses of this answer so far."""
    turns = client.get_turns()
    return [turn for turn in turns[before:] if isinstance(turn, chatlas.AssistantTurn) and not turn.is_partial]


def _end_request(requests: Requests, response: Any) -> Usage:
    usage = None
    if response.tokens is not None:
        fresh, output, cached = response.tokens
        usage = Usage(input_tokens=fresh + cached, output_tokens=output, cached_tokens=cached)
    return requests.end(usage=usage, finish=response.finish_reason)


def _read_citation(citation: Any) -> CitationPart | None:
    source = citation.source
    if not isinstance(source, types.WebSource):
        return None
    try:
        return CitationPart(
            url=source.url,
            title=source.title or "",
            snippet=citation.cited_quote or "",
            grounded_text=citation.grounded_span or "",
        )
    except ValidationError:  # no address that could be a link
        return None
