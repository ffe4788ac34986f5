"""A model that may call tools: ask it, run what it calls, ask it again with the results, until it answers with text.

A call is checked, then allowed by the person if it needs that, then stored as running, and only then run: what has no
result after its process died may have happened, and is not done again by itself.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _
from pydantic import ValidationError
from pydantic_core import from_json

from chatapp.activity import ToolCall, ToolCallPart, ToolProgress, ToolResult, make_tool_id
from chatapp.approvals import make_approval
from chatapp.conf import settings
from chatapp.errors import VisibleError, new_reference
from chatapp.events import Event, Finish, ModelCall, PartStart, Usage
from chatapp.history import write_messages, write_result
from chatapp.parts import NoticePart, TextPart
from chatapp.providers.base import ModelRequest
from chatapp.providers.calls import MAX_ARGUMENT_CHARS
from chatapp.redaction import redact
from chatapp.scrubbing import scrub, scrub_value
from chatapp.tools import Tool, ToolRejected, explain
from chatapp.tracing import trace_tool
from chatapp.trimming import Window

if TYPE_CHECKING:
    from chatapp.turn import Turn

logger = logging.getLogger("chatapp.tools")

MAX_BAD_ROUNDS: Final = 2
"""How often a model may ask for what cannot be run; it gets the reason each time, and may do better."""

MAX_PARALLEL: Final = 4
"""Tools of one round that run at once."""

LEAVE_SECONDS: Final = 5.0
"""How long a tool that was cancelled may take to clean up before nobody waits for it any more."""


@dataclass(slots=True, kw_only=True)
class _Call:
    """A call of the model on its way to a result."""

    row: ToolCallPart
    tool: Tool | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    """The arguments as the function gets them."""

    is_bad: bool = False
    """It could not be run, whatever anybody allows."""

    @property
    def may_run(self) -> bool:
        """Whether nothing was said against it yet."""
        return self.row.state == "running"

    def refuse(self, text: str, *, is_denied: bool = False) -> None:
        """It will not run; the model and the person get this."""
        result = ToolResult(text, tool_id=self.row.tool_id, is_error=not is_denied, is_denied=is_denied)
        self.row = bound(result).fill(self.row)


async def converse(
    turn: "Turn", request: ModelRequest, tools: Mapping[str, Tool], window: Window
) -> AsyncGenerator[str | Event, None]:
    """What the model says to the request, which names these tools, and what they do; see Turn.stream."""
    used: set[str] = set()
    usage = Usage()
    bad_rounds = 0
    for number in range(1, settings.MAX_TOOL_ROUNDS + 2):
        said: list[str] = []
        wanted: list[ModelCall] = []
        finish = Finish()
        async with aclosing(window.ask(request)) as deltas:
            async for delta in deltas:
                if isinstance(delta, ModelCall):
                    wanted.append(delta)
                elif isinstance(delta, Usage):
                    usage += delta
                    yield usage
                elif isinstance(delta, Finish):
                    finish = delta
                else:
                    said += [delta] if isinstance(delta, str) else []
                    yield delta
        calls = [_check(item, tools, number, used) for item in _drop_repeats(wanted)]
        bad_rounds += any(call.is_bad for call in calls)
        if not calls:
            yield finish
            return
        if number > settings.MAX_TOOL_ROUNDS or bad_rounds > MAX_BAD_ROUNDS:
            break
        async with aclosing(_do_round(turn, calls)) as events:
            async for event in events:
                yield event
        rows = [TextPart(text="".join(said)), *(call.row for call in calls)]
        request = replace(request, messages=[*request.messages, *write_messages("assistant", rows)])
    sentence = _("The answer was ended: the model asked for tools again and again.")
    yield PartStart(NoticePart(code="tool_rounds", message=sentence))
    yield Finish("stop")


def _drop_repeats(wanted: Sequence[ModelCall]) -> list[ModelCall]:
    """Without calls that were sent twice: the same id with the same words."""
    return [item for place, item in enumerate(wanted) if not item.id or item not in wanted[:place]]


def _check(wanted: ModelCall, tools: Mapping[str, Tool], number: int, used: set[str]) -> _Call:
    """The call with its arguments, or with the reason why it cannot be run. Its id is used from now on."""
    tool_id = scrub(wanted.id)
    if not tool_id or len(tool_id) > 200 or tool_id in used:
        tool_id = make_tool_id()  # Some models count their calls anew each time; every call runs once.
    used.add(tool_id)
    tool = tools.get(wanted.name)
    look = {"title": tool.title, "icon": tool.icon} if tool else {}
    call = _Call(
        row=ToolCallPart(tool_id=tool_id, name=scrub(wanted.name)[:100] or "?", round=number, **look), tool=tool
    )
    problem = ""
    if tool is None:
        problem = f"There is no tool of this name. There are: {', '.join(tools)}."
    elif len(wanted.arguments) > MAX_ARGUMENT_CHARS:
        problem = f"The arguments are too long; at most {MAX_ARGUMENT_CHARS} characters can be read."
    else:
        try:
            # Scrubbed first: what is stored, shown and allowed is what runs.
            arguments = scrub_value(from_json(wanted.arguments.strip() or "{}"))
            call.values = tool.check(arguments)
            intent = {"_intent": str(arguments["_intent"])[:200]} if arguments.get("_intent") else {}
            call.row = call.row.model_copy(update={"arguments": {**tool.dump(call.values), **intent}})
        except ValidationError as error:
            problem = f"The arguments are not right: {explain(error)}"
        except (ValueError, RecursionError) as error:
            problem = f"The arguments are no JSON object: {error}"
    if problem:
        call.is_bad = True
        call.refuse(problem)
    return call


async def _do_round(turn: "Turn", calls: Sequence[_Call]) -> AsyncGenerator[Event, None]:
    """Have them allowed, show their rows, and run them; at the end each has its result in its row."""
    for call in calls:
        if call.may_run:
            await _have_allowed(turn, call)
    for call in calls:
        if call.may_run:
            row = call.row
            yield ToolCall(
                name=row.name,
                arguments=row.arguments,
                tool_id=row.tool_id,
                title=row.title,
                icon=row.icon,
                round=row.round,
            )
        else:
            yield PartStart(call.row)
    running = [(call, call.tool) for call in calls if call.may_run and call.tool is not None]
    if running and turn.desk is not None:
        await turn.desk.save()
    async with aclosing(_run_all(turn, running)) as events:
        async for event in events:
            yield event


async def _have_allowed(turn: "Turn", call: _Call) -> None:
    """Ask the person if that is needed. What fails here does not run."""
    tool, row = call.tool, call.row
    if tool is None:
        return
    try:
        if not await tool.needs_approval(turn, call.values):
            return
    except ToolRejected as error:
        return call.refuse(str(error), is_denied=True)
    except Exception as error:
        return call.refuse(_fail(call, error))
    arguments = {name: value for name, value in row.arguments.items() if name in tool.names.values()}
    refusal = await ask_to_allow(
        turn, tool=tool.name, title=tool.title, icon=tool.icon, call_id=row.tool_id, arguments=arguments
    )
    if refusal:
        call.refuse(refusal, is_denied=True)


async def ask_to_allow(
    turn: "Turn", *, tool: str, call_id: str, arguments: Mapping[str, Any], title: str = "", icon: str = ""
) -> str:
    """Ask the person whether this call may be made. Empty if so, else why not, for them and the model."""
    if turn.desk is None:
        return "Nobody is there who could allow this call."
    if await turn.desk.allows(tool):
        return ""
    approval = make_approval(
        turn.user,
        turn.run_id,
        tool=tool,
        title=title,
        icon=icon,
        call_id=call_id,
        arguments=arguments,
        seconds=settings.APPROVAL_SECONDS,
    )
    decision = await turn.desk.ask(approval, settings.APPROVAL_SECONDS)
    if decision in ("allow", "allow_thread"):
        return ""
    return _("The person did not allow this call.") if decision == "deny" else _("Nobody allowed this call in time.")


async def _run_all(turn: "Turn", calls: Sequence[tuple[_Call, Tool]]) -> AsyncGenerator[Event, None]:
    """What these calls do, as it comes. They end with this generator, whatever they are doing."""
    news: asyncio.Queue[Event | None] = asyncio.Queue(maxsize=100)
    places = asyncio.Semaphore(MAX_PARALLEL)

    async def run(call: _Call, tool: Tool) -> None:
        async with places, aclosing(_run(turn, call, tool)) as events:
            with trace_tool(name=tool.name, call_id=call.row.tool_id) as span:
                async for event in events:
                    await news.put(event)
                span.fail(call.row.state if call.row.state in ("failed", "denied") else "")
        await news.put(None)

    tasks = [asyncio.create_task(run(call, tool)) for call, tool in calls]
    try:
        left = len(tasks)
        while left:
            event = await news.get()
            if event is None:
                left -= 1
            else:
                yield event
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=LEAVE_SECONDS)


async def _run(turn: "Turn", call: _Call, tool: Tool) -> AsyncGenerator[Event, None]:
    """Run one call; whatever happens, its row has a result then."""
    tool_id = call.row.tool_id
    seconds = settings.TOOL_SECONDS if tool.timeout == 0 else tool.timeout
    limit = asyncio.timeout(seconds)
    result = ToolResult(tool_id=tool_id)
    try:
        async with limit, aclosing(tool.run(turn, call.values, tool_id)) as events:
            async for event in events:
                if isinstance(event, ToolProgress):
                    yield event
                else:
                    result = event
        result = bound(result)
    except ToolRejected as error:
        result = bound(ToolResult(str(error), tool_id=tool_id, is_denied=True))
    except Exception as error:
        text = _fail(call, error)
        if limit.expired() and isinstance(error, TimeoutError):
            text = _("It took longer than %(seconds)g seconds and was ended.") % {"seconds": seconds}
        result = ToolResult(text, tool_id=tool_id, is_error=True)
    call.row = result.fill(call.row)
    yield result


def bound(result: ToolResult) -> ToolResult:
    """The result, no longer than the model may get. Raises for what is no JSON."""
    text = write_result(result.fill(ToolCallPart(tool_id=result.tool_id)))
    most = settings.MAX_TOOL_RESULT_CHARS
    if len(text) <= most:
        return result
    return replace(result, result=f"{text[:most]}\n… ({len(text) - most} more characters were cut off)")


def _fail(call: _Call, error: Exception) -> str:
    """What the person and the model get; staff find the cause in the log."""
    if isinstance(error, VisibleError):
        return str(error)
    reference = new_reference()
    cause = scrub(redact(f"{type(error).__name__}: {error}"))
    logger.error("tool %s failed, reference %s: %s", call.row.name, reference, cause, exc_info=error)
    return _("The tool failed. Staff find the cause under %(reference)s.") % {"reference": reference}
