"""What only chains of LangChain and graphs of LangGraph have: prompts, nodes, interrupts, models that nobody hears."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Literal

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.output_parsers import JsonOutputParser, StrOutputParser
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import ConfigurableField, RunnableConfig, RunnableLambda
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import interrupt
from pydantic import Field

import chatapp
from chatapp.adapters.langchain import LangChainAssistant
from chatapp.testing import Answer, ask

from .agents import Notes, make_turn, remember

CALL = {"name": "find_parcel", "args": '{"order": 17}', "id": "call_1", "index": 0}
REASONING = {"type": "reasoning", "reasoning": "Hm."}


class Says(BaseChatModel):
    """A model that says this, after it has called for a tool if it has one and got no result yet."""

    says: str = "So it is."
    streams: bool = True
    temperature: float = 0
    seen: Any = Field(default_factory=list)
    given: Any = Field(default_factory=list)
    calls: Sequence[dict[str, Any]] = (CALL,)

    @property
    def _llm_type(self) -> str:
        return "says"

    def bind_tools(self, tools: Sequence[Any], **options: Any) -> Any:
        return self.bind(tools=[getattr(item, "name", item) for item in tools], **options)

    def _say(self, messages: list[BaseMessage], options: dict[str, Any]) -> list[AIMessageChunk]:
        self.seen.append(messages)
        self.given.append({**options, "temperature": options.get("temperature", self.temperature)})
        if options.get("tools") and not any(message.type == "tool" for message in messages):
            return [AIMessageChunk(content=[REASONING]), AIMessageChunk(content="", tool_call_chunks=self.calls)]
        return [AIMessageChunk(content=word) for word in self.says.split(maxsplit=0) or [""]]

    def _generate(self, messages: list[BaseMessage], *args: Any, **options: Any) -> ChatResult:
        (first, *rest) = self._say(messages, options)
        for chunk in rest:
            first += chunk
        message = AIMessage(content=first.content, tool_calls=first.tool_calls)
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _should_stream(self, **options: Any) -> bool:
        return self.streams

    async def _astream(self, messages: list[BaseMessage], *args: Any, **options: Any) -> AsyncIterator[Any]:
        for chunk in self._say(messages, options):
            yield ChatGenerationChunk(message=chunk)


@tool
def find_parcel(order: int, config: RunnableConfig) -> str:
    """Say where it is."""
    return f"{order} is in Bern, {config['configurable']['turn'].user}."


def make_graph(node: Callable[..., Any], *more: Callable[..., Any]) -> Any:
    """A graph of these nodes in a row."""
    graph = StateGraph(MessagesState)
    names = [f"node-{number}" for number in range(1 + len(more))]
    for name, function in zip(names, (node, *more), strict=True):
        graph.add_node(name, function)
    for one, other in zip([START, *names], [*names, END], strict=True):
        graph.add_edge(one, other)
    return graph.compile()


async def ask_of(runnable: Any, text: str = "Hi", *, desk: dict[str, Any] | None = None, **options: Any) -> Answer:
    """The answer of an assistant with this runnable."""
    return await ask(LangChainAssistant.of(runnable, slug="desk", **(desk or {})), text, **options)


def get_rows(answer: Answer) -> list[tuple[str, str, Any, int]]:
    """Id, state, result and round of each row."""
    rows = [part for part in answer.parts if isinstance(part, chatapp.ToolCallPart)]
    return [(row.tool_id, row.state, row.result, row.round) for row in rows]


# ---- chains


async def test_a_chain_gets_the_question_and_what_was_said_by_the_names_in_its_prompt() -> None:
    model = Says()
    prompt = ChatPromptTemplate.from_messages(
        [("system", "You are a desk."), MessagesPlaceholder("history"), ("human", "Question: {question}")]
    )

    answer = await ask_of(
        prompt | model | StrOutputParser(), "And now?", history=remember("Hello", [chatapp.TextPart(text="Hi.")])
    )

    assert answer.text == "So it is."
    assert [message.content for message in model.seen[0]] == ["You are a desk.", "Hello", "Hi.", "Question: And now?"]


async def test_what_a_chain_makes_of_the_words_of_its_model_is_the_answer_and_its_thinking_is_kept() -> None:
    model = Says(calls=[]).bind_tools(["x"])

    answer = await ask_of(model | RunnableLambda(lambda message: "Made of it."))

    assert [(part.kind, part.text) for part in answer.parts] == [  # type: ignore[attr-defined]
        ("thinking", "Hm."),
        ("text", "Made of it."),
    ]


async def test_a_model_alone_is_an_agent_and_gets_the_options() -> None:
    model = Says()

    answer = await ask_of(model, desk={"options": {"temperature": 0.5}, "instructions": "Be brief."})

    assert (answer.text, model.given[0]["temperature"]) == ("So it is.", 0.5)
    assert [(message.type, message.content) for message in model.seen[0]] == [("system", "Be brief."), ("human", "Hi")]


async def test_what_is_configurable_is_what_the_person_chose() -> None:
    given: list[dict[str, Any]] = []
    model = Says(given=given).configurable_fields(temperature=ConfigurableField(id="temperature"))

    await ask_of(model | StrOutputParser(), desk={"show_configuration_controls": True}, settings={"temperature": 0.5})

    assert given[0]["temperature"] == 0.5


async def test_the_answer_of_a_chain_that_gives_a_dict_is_its_answer() -> None:
    answer = await ask_of(RunnableLambda(lambda messages: {"answer": "In Bern.", "context": ["a"]}))

    assert answer.text == "In Bern."


async def test_what_is_no_text_is_shown_as_data() -> None:
    answer = await ask_of(Says(says='{"place": "Bern"}') | JsonOutputParser())

    assert [part.kind for part in answer.parts] == ["json-artifact"]
    assert answer.parts[0].data == {"place": "Bern"}  # type: ignore[attr-defined]


async def test_an_assistant_may_say_what_its_runnable_gets() -> None:
    class Desk(LangChainAssistant):
        runnable = RunnableLambda(lambda given: f"{given['who']}: {given['count']}")

        def get_input(self, turn: chatapp.Turn, runnable: Any, messages: list[Any]) -> dict[str, Any]:
            return {"who": turn.user, "count": len(messages)}

    assert (await ask(Desk, "Hi", user="Ann")).text == "Ann: 1"


# ---- graphs


@pytest.mark.parametrize("streams", [True, False])
async def test_an_agent_with_a_tool_streams_or_not(streams: bool) -> None:
    answer = await ask_of(create_agent(Says(streams=streams), [find_parcel]), user="Ann")

    assert [part.kind for part in answer.parts] == ["thinking", "tool", "text"]
    assert get_rows(answer) == [("call_1", "done", "17 is in Bern, Ann.", 1)]


async def test_what_a_node_says_without_a_model_is_said_once() -> None:
    def greet(state: MessagesState) -> Any:
        return {"messages": [AIMessage("Hello. ")]}

    async def say(state: MessagesState) -> Any:
        return {"messages": [await Says().ainvoke(state["messages"])]}

    async def again(state: MessagesState) -> Any:
        return {"messages": state["messages"]}

    answer = await ask_of(make_graph(greet, say, again), history=remember("Hello", [chatapp.TextPart(text="Hi.")]))

    assert answer.parts == [chatapp.TextPart(text="Hello. So it is.")]


async def test_a_model_that_shall_not_be_heard_is_written_down_all_the_same() -> None:
    async def plan(state: MessagesState, config: RunnableConfig) -> Any:
        await Says(says="secret plan").with_config(tags=["nostream"]).ainvoke("Plan it.")
        return {"messages": [await Says().ainvoke(state["messages"])]}

    notes = Notes()
    turn = make_turn(LangChainAssistant.of(make_graph(plan), slug="desk"), "Hi", ledger=notes)

    said = [item async for item in turn.assistant.answer(turn) if isinstance(item, str)]

    assert ("".join(said), len(notes.calls)) == ("So it is.", 2)


async def test_a_model_that_a_tool_asks_is_not_heard() -> None:
    @tool
    async def find_parcel(order: int) -> str:
        """Say where it is."""
        return str((await Says(says="In Bern, I think.").ainvoke("Where?")).text)

    answer = await ask_of(create_agent(Says(), [find_parcel]))

    assert answer.text == "So it is."
    assert get_rows(answer) == [("call_1", "done", "In Bern, I think.", 1)]


async def test_a_tool_that_fails_as_its_library_handles_it_has_a_failed_row() -> None:
    answer = await ask_of(create_agent(Says(calls=[{**CALL, "args": '{"order": "x"}'}]), [find_parcel]))

    ((_, state, result, _),) = get_rows(answer)
    assert (state, "valid integer" in result, answer.text) == ("failed", True, "So it is.")


async def test_a_graph_that_goes_round_for_ever_is_ended() -> None:
    graph = StateGraph(MessagesState)
    graph.add_node("node", lambda state: {})
    graph.add_edge(START, "node")
    graph.add_edge("node", "node")

    with pytest.raises(Exception, match="Recursion limit"):
        await ask_of(graph.compile())


async def test_a_bug_in_a_node_is_a_bug() -> None:
    def fail(state: MessagesState) -> Any:
        raise KeyError("parcel")

    with pytest.raises(KeyError, match="parcel"):
        await ask_of(make_graph(fail))


# ---- interrupts


def asks(value: Any) -> Any:
    """A graph that asks this, and says what it got."""

    def node(state: MessagesState) -> Any:
        return {"messages": [AIMessage(f"You said {interrupt(value)}.")]}

    return make_graph(lambda state: {"messages": [AIMessage("Well. ")]}, node)


@pytest.mark.parametrize(
    ("value", "prompt", "options"),
    [
        ("Which order?", "Which order?", ()),
        ({"question": "Sure?", "options": ["17", "18"]}, "Sure?", ("17", "18")),
        ({"prompt": "Send it?", "order": 17}, 'Send it?\n\n{\n  "order": 17\n}', ()),
        ([1, 2], "[\n  1,\n  2\n]", ()),
    ],
)
async def test_an_interrupt_is_a_question_whose_answer_the_graph_gets(
    value: Any, prompt: str, options: tuple[str, ...]
) -> None:
    answer = await ask_of(asks(value), person_says=["17"])

    question = answer.parts[1]
    assert isinstance(question, chatapp.InputRequest)
    assert (question.prompt, question.options) == (prompt, options)
    assert [part.plain for part in answer.parts if part.kind == "text"] == ["Well. ", "You said 17."]


async def test_two_interrupts_at_once_are_asked_one_after_the_other() -> None:
    graph = StateGraph(MessagesState)
    for name in ("one", "other"):

        async def work(state: Any, name: str = name) -> Any:
            return {"messages": [AIMessage(f"{name}: {interrupt(name)}. ")]}

        graph.add_node(name, work)
        graph.add_edge(START, name)

    answer = await ask_of(graph.compile(), person_says=["1", "2"])

    assert answer.text.split("\n\n")[-1] == "one: 1. other: 2. "


async def test_an_assistant_may_answer_an_interrupt_itself() -> None:
    class Desk(LangChainAssistant):
        runnable = asks("Which order?")

        async def answer_interrupt(self, turn: chatapp.Turn, value: Any) -> str:
            return f"{turn.user} does not care"

    assert (await ask(Desk, "Hi", user="Ann")).text == "Well. You said Ann does not care."


async def test_two_people_at_one_graph_are_asked_each_for_themselves() -> None:
    graph = asks("Which order?")

    answers = [await ask_of(graph, person_says=[says]) for says in ("17", "18")]

    assert [answer.parts[-1].plain for answer in answers] == ["You said 17.", "You said 18."]


@pytest.mark.parametrize("mode", ["batched", "per_call"])
@pytest.mark.parametrize("says", ["allow", "deny"])
async def test_a_tool_that_must_be_allowed_waits_for_the_person(
    says: Literal["allow", "deny"], mode: Literal["batched", "per_call"]
) -> None:
    middleware: Any = HumanInTheLoopMiddleware(interrupt_on={"find_parcel": True}, interrupt_mode=mode)
    model = Says()

    answer = await ask_of(create_agent(model, [find_parcel], middleware=[middleware]), user="Ann", person_says=[says])

    (approval,) = (part for part in answer.parts if isinstance(part, chatapp.ApprovalRequest))
    ((call_id, state, result, _),) = get_rows(answer)
    assert (approval.tool, approval.arguments, approval.call_id) == ("find_parcel", {"order": 17}, "call_1")
    assert (call_id, state) == ("call_1", "done" if says == "allow" else "denied")
    assert ("Bern" in result) == (says == "allow")
    assert model.seen[-1][-1].content == result


async def test_a_call_that_only_fills_a_form_is_no_row() -> None:
    chain = Says().bind_tools(["Place"]) | RunnableLambda(lambda message: str(message.tool_calls[0]["args"]))

    answer = await ask_of(chain)

    assert [part.kind for part in answer.parts] == ["thinking", "text"]
    assert answer.text == "{'order': 17}"


async def test_ids_of_messages_of_the_history_do_not_hide_what_is_said() -> None:
    def echo(state: MessagesState) -> Any:
        last = state["messages"][-1]
        assert isinstance(last, HumanMessage)
        return {"messages": [AIMessage(f"{last.text}!")]}

    assert (await ask_of(make_graph(echo), "Hi", history=remember("Hi", [chatapp.TextPart(text="Hi!")]))).text == "Hi!"
