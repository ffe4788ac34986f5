"""Chains of LangChain and graphs of LangGraph as assistants. Needs the extra `langchain`."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, ClassVar, Final

from pydantic_core import to_jsonable_python

from chatapp.activity import write_json
from chatapp.toolloop import ask_to_allow
from chatapp.turn import Turn

from .base import AgentAssistant, say_missing, show_output
from .records import Requests, Rows, read_arguments

try:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage, SystemMessage, convert_to_messages
    from langchain_core.prompts import BasePromptTemplate
    from langchain_core.runnables import RunnableBinding, RunnableSequence
    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.pregel import Pregel
    from langgraph.types import Command

    from .langchain_events import Listener
except ImportError as error:
    raise say_missing("langchain-core or langgraph", "langchain", error) from error

_HISTORY: Final = frozenset({"history", "chat_history"})
"""Variables of a prompt that get what was said before the question."""


class LangChainAssistant(AgentAssistant):
    """Lets a runnable of LangChain answer, or a compiled graph of LangGraph.

    class Desk(LangChainAssistant):
        runnable = create_agent("anthropic:claude-sonnet-4-5", tools=[find_parcel])
    """

    alias = "langchain"
    given = "runnable"

    runnable: ClassVar[Any] = None
    """A Runnable. Shared by all people: what belongs to one is in `config["configurable"]["turn"]`."""

    def get_runnable(self, turn: Turn) -> Any:
        """The runnable that answers this turn. May be a coroutine function."""
        return self.runnable

    def get_input(self, turn: Turn, runnable: Any, messages: list[Any]) -> Any:
        """What this runnable gets. `messages` are the conversation as LangChain has it, the question last.

        A graph gets them as its "messages", and so does a chain that begins with a prompt template, by the names of its
        variables: "messages" is all of them, "history" or "chat_history" those before the question, and what else
        there is the text of the question. Any other runnable gets the list.
        """
        if isinstance(runnable, Pregel):
            return {"messages": messages}
        prompt = _find_prompt(runnable)
        if prompt is None:
            return messages
        names = [*prompt.input_variables, *prompt.optional_variables]
        return {
            name: messages if name == "messages" else messages[:-1] if name in _HISTORY else turn.text for name in names
        }

    def get_config(self, turn: Turn) -> Mapping[str, Any]:
        """More of a RunnableConfig: tags, recursion_limit, metadata, "configurable", …"""
        return {}

    def get_context(self, turn: Turn) -> Any:
        """What a graph with a context_schema gets as its context. None: nothing."""
        return None

    async def answer_interrupt(self, turn: Turn, value: Any) -> Any:
        """What the graph gets for an interrupt() with this value, by asking the person.

        A text is a question, and so is the "question", "prompt" or "message" of a dict, with its "options"; what else
        it has is shown below. "" is nobody in time. What a HumanInTheLoopMiddleware asks never gets here.
        """
        prompt, options = value, None
        if isinstance(value, Mapping):
            name = next((name for name in ("question", "prompt", "message") if isinstance(value.get(name), str)), "")
            options = [str(option) for option in value.get("options") or ()] or None
            rest = {key: item for key, item in value.items() if key not in (name, "options")}
            prompt = "\n\n".join(filter(None, [value.get(name, ""), write_json(_to_json(rest)) if rest else ""]))
        elif not isinstance(value, str):
            prompt = write_json(_to_json(value))
        return await turn.ask(prompt, kind="buttons" if options else "text", options=options)

    async def speak(self, turn: Turn, requests: Requests, rows: Rows) -> AsyncGenerator[Any, None]:
        """See AgentAssistant.speak."""
        runnable = await self.load_given(turn)
        messages = await self._load_messages(turn)
        options = self._get_options(turn)
        is_graph = isinstance(runnable, Pregel)
        extra: dict[str, Any] = {}
        if is_graph:
            # The thread is the memory. The graph remembers for this answer only, for which it may have to wait.
            runnable = runnable.copy({"checkpointer": InMemorySaver()})
            if (context := self.get_context(turn)) is not None:
                extra["context"] = context
        elif isinstance(runnable, BaseChatModel) and options:
            runnable = runnable.bind(**options)
        config: dict[str, Any] = dict(self.get_config(turn))
        more = config.get("configurable") or {}
        config["configurable"] = {**options, "turn": turn, "thread_id": str(turn.run_id or "turn"), **more}
        listener = Listener(requests, rows, is_graph=is_graph, known=messages)
        given: Any = self.get_input(turn, runnable, messages)
        while True:
            async with aclosing(runnable.astream_events(given, config, version="v2", **extra)) as events:
                async for event in events:
                    for item in listener.hear(event):
                        yield item
            if not listener.interrupts:
                break
            waiting, listener.interrupts = listener.interrupts, []
            given = Command(
                resume={interrupt.id: await self._resolve(turn, interrupt, listener) for interrupt in waiting}
            )
        if listener.output is not None:
            yield show_output(listener.output)

    async def _load_messages(self, turn: Turn) -> list[BaseMessage]:
        instructions = await self.load_instructions(turn)
        messages = convert_to_messages(await turn.write_history())
        for number, message in enumerate(messages):
            message.id = f"said-{number}"
        return [*([SystemMessage(instructions, id="instructions")] if instructions else []), *messages]

    def _get_options(self, turn: Turn) -> dict[str, Any]:
        model = turn.config.model or self.model
        return {**self.get_model_options(turn), **({"model": model} if model else {})}

    async def _resolve(self, turn: Turn, interrupt: Any, listener: "Listener") -> Any:
        """What a graph that waits for this gets: decisions on calls, or an answer."""
        value = interrupt.value
        if isinstance(value, Mapping) and value.get("type") == "tool_approval":
            return await _decide(turn, value, value["tool_call_id"], listener)
        if isinstance(value, Mapping) and "action_requests" in value:
            decisions = []
            for number, action in enumerate(value["action_requests"]):
                call_id = listener.find_call(action["name"], action["args"]) or f"{interrupt.id}-{number}"
                decisions.append(await _decide(turn, action, call_id, listener))
            return {"decisions": decisions}
        return await self.answer_interrupt(turn, value)


async def _decide(turn: Turn, action: Mapping[str, Any], call_id: str, listener: "Listener") -> dict[str, str]:
    """Ask the person whether this call may be made."""
    arguments = read_arguments(_to_json(action["args"]))
    refusal = await ask_to_allow(turn, tool=action["name"], call_id=call_id, arguments=arguments)
    if not refusal:
        return {"type": "approve"}
    listener.deny(call_id)
    return {"type": "reject", "message": refusal}


def _find_prompt(runnable: Any) -> Any:
    """The template with which a chain begins, if it does."""
    while isinstance(runnable, RunnableBinding | RunnableSequence):
        runnable = runnable.bound if isinstance(runnable, RunnableBinding) else runnable.first
    return runnable if isinstance(runnable, BasePromptTemplate) else None


def _to_json(value: Any) -> Any:
    return to_jsonable_python(value, fallback=str)
