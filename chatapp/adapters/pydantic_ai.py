"""Agents of pydantic-ai as assistants. Needs the extra `pydantic-ai`."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, ClassVar, Final

from pydantic_core import to_jsonable_python

from chatapp.events import Usage
from chatapp.mappers import map_foreign
from chatapp.toolloop import ask_to_allow
from chatapp.turn import Turn

from .base import AgentAssistant, say_missing, show_output, split_question
from .records import Requests, Rows, read_arguments

try:
    from pydantic_ai import Agent, BinaryContent, capabilities, exceptions, messages, tools
except ImportError as error:
    raise say_missing("pydantic-ai", "pydantic-ai", error) from error

_SETTINGS: Final[Mapping[str, str]] = {"stop": "stop_sequences"}
"""What pydantic-ai calls otherwise than the API does."""


class PydanticAIAssistant(AgentAssistant):
    """Lets an agent of pydantic-ai answer.

    class Desk(PydanticAIAssistant):
        agent = Agent("anthropic:claude-sonnet-4-5", tools=[find_parcel])
    """

    alias = "pydantic-ai"
    given = "agent"

    agent: ClassVar[Any] = None
    """A pydantic_ai.Agent. Shared by all people: what belongs to one is in `ctx.deps`, the turn."""

    usage_limits: ClassVar[Any] = None
    """A pydantic_ai.UsageLimits for each answer. None: those of pydantic-ai, which are 50 requests."""

    def get_agent(self, turn: Turn) -> Any:
        """The agent that answers this turn. May be a coroutine function."""
        return self.agent

    def get_deps(self, turn: Turn) -> Any:
        """What the tools of the agent get as `ctx.deps`: the turn, unless you say otherwise."""
        return turn

    async def speak(self, turn: Turn, requests: Requests, rows: Rows) -> AsyncGenerator[Any, None]:
        """See AgentAssistant.speak."""
        agent = await self.load_given(turn)
        before, question = split_question(await turn.write_history())
        settings = {_SETTINGS.get(name, name): value for name, value in self.get_model_options(turn).items()}

        async def settle(ctx: Any, deferred: Any) -> Any:
            return await _settle(turn, deferred, rows)

        async with agent.iter(
            read_content(question["content"]) if question else None,
            message_history=read_history(before),
            instructions=await self.load_instructions(turn) or None,
            deps=self.get_deps(turn),
            model=turn.config.model or self.model or None,
            model_settings=settings or None,
            usage_limits=self.usage_limits,
            capabilities=[
                # A history has no system prompt, and with one the agent would not add its own.
                capabilities.ReinjectSystemPrompt(),
                capabilities.HandleDeferredToolCalls(settle),
            ],
        ) as run:
            async for node in run:
                if Agent.is_model_request_node(node):
                    rows.begin_round()
                    requests.begin()
                    said: Any = node.stream(run.ctx)
                    async with said as events:
                        async for event in events:
                            requests.hear()
                            for item in _read_said(event, rows):
                                yield item
                elif Agent.is_call_tools_node(node):
                    yield _end_request(requests, node.model_response)
                    done: Any = node.stream(run.ctx)
                    async with done as events:
                        async for event in events:
                            for item in _read_done(event, rows):
                                yield item
            output = run.result.output if run.result is not None else None
            if output is not None and not isinstance(output, str):
                yield show_output(output)


def read_history(said: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Messages as the API has them, as pydantic-ai has them; calls and results stay in pairs."""
    history: list[Any] = []
    names: dict[str, str] = {}
    for message in said:
        role, content = message["role"], message.get("content")
        if role == "assistant":
            parts: list[Any] = [messages.TextPart(content)] if content else []
            for call in message.get("tool_calls") or ():
                names[call["id"]] = call["function"]["name"]
                parts.append(messages.ToolCallPart(names[call["id"]], call["function"]["arguments"], call["id"]))
            history.append(messages.ModelResponse(parts))
            continue
        part: Any
        if role == "tool":
            part = messages.ToolReturnPart(names[message["tool_call_id"]], content or "", message["tool_call_id"])
        elif role == "system":
            part = messages.SystemPromptPart(str(content))
        else:
            part = messages.UserPromptPart(read_content(content))
        if history and isinstance(history[-1], messages.ModelRequest):
            history[-1].parts = [*history[-1].parts, part]
        else:
            history.append(messages.ModelRequest([part]))
    return history


def read_content(content: Any) -> Any:
    """What a person said: text, or text and images."""
    if isinstance(content, str):
        return content
    return [
        piece["text"] if piece["type"] == "text" else BinaryContent.from_data_uri(piece["image_url"]["url"])
        for piece in content
    ]


def _read_said(event: Any, rows: Rows) -> list[Any]:
    """What an event of a response says: text and thinking, and what the vendor does itself meanwhile."""
    part = getattr(event, "part", None)
    if isinstance(part, messages.NativeToolCallPart):
        if event.event_kind != "part_end":  # Its arguments are not whole before.
            return []
        return [rows.open(part.tool_call_id, part.tool_name, _get_arguments(part), is_ours=False)]
    if isinstance(part, messages.NativeToolReturnPart):
        if event.event_kind != "part_start":
            return []
        return [rows.fill(part.tool_call_id, to_jsonable_python(part.content, fallback=str))]
    said = map_foreign(event)
    return [said] if said else []


def _read_done(event: Any, rows: Rows) -> list[Any]:
    """What an event of a round of tools means."""
    if event.event_kind == "function_tool_call":
        return [rows.open(event.tool_call_id, event.part.tool_name, _get_arguments(event.part))]
    if event.event_kind == "function_tool_result":
        outcome = event.part.outcome
        return [
            rows.fill(
                event.tool_call_id,
                to_jsonable_python(event.part.content, fallback=str, bytes_mode="base64"),
                is_error=outcome in ("failed", "retried", "interrupted"),
                is_denied=outcome == "denied",
            )
        ]
    if event.event_kind == "deferred_tool_requests":
        waiting = [call for call in event.requests.approvals if rows.is_open(call.tool_call_id)]
        return [rows.wait(call.tool_call_id) for call in waiting]
    return []


def _get_arguments(part: Any) -> Mapping[str, Any]:
    try:
        arguments: Mapping[str, Any] = part.args_as_dict()
    except (ValueError, AssertionError):  # The model is told so; the row has none.
        return {}
    return arguments


def _end_request(requests: Requests, response: Any) -> Usage:
    usage = response.usage
    return requests.end(
        usage=Usage(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cached_tokens=usage.cache_read_tokens,
            reasoning_tokens=usage.output_reasoning_tokens,
        ),
        finish=response.finish_reason,
        provider=response.provider_name or "",
        model=response.model_name or "",
    )


async def _settle(turn: Turn, deferred: Any, rows: Rows) -> Any:
    """Ask the person for each call that must be allowed; one that somebody else should make fails, for nobody does."""
    approvals: dict[str, Any] = {}
    for call in deferred.approvals:
        arguments = read_arguments(_get_arguments(call))
        call_id = rows.get_id(call.tool_call_id)
        refusal = await ask_to_allow(turn, tool=call.tool_name, call_id=call_id, arguments=arguments)
        approvals[call.tool_call_id] = (
            # What was shown and allowed is what runs.
            tools.ToolDenied(refusal) if refusal else tools.ToolApproved(override_args=arguments)
        )
    calls = {call.tool_call_id: exceptions.ToolFailed("Nobody is there who could do this.") for call in deferred.calls}
    return deferred.build_results(approvals=approvals, calls=calls)
