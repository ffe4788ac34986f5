"""Somebody else's agent in a real chat: what it says, thinks and calls is in the page, live and after a reload."""

from collections.abc import AsyncIterator
from typing import Any

import pydantic_ai
from langchain_core.messages import AIMessage
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import interrupt
from pydantic_ai.models.function import AgentInfo, DeltaThinkingPart, DeltaToolCall, FunctionModel

import chatapp
from chatapp.adapters.langchain import LangChainAssistant
from chatapp.adapters.pydantic_ai import PydanticAIAssistant
from chatapp.testing import ThreadSocket
from tests.faults.server import FaultServer
from tests.line import Line
from tests.runs.test_follower import reload

from .agents import Maker


async def say(messages: list[Any], info: AgentInfo) -> AsyncIterator[Any]:
    """A model that thinks, calls a tool, and says what that gave."""
    results = [part.content for message in messages for part in message.parts if part.part_kind == "tool-return"]
    if results:
        yield f"**It** is there: {results[-1]}"
    else:
        yield {0: DeltaThinkingPart(content="Let me look that up.")}
        yield {1: DeltaToolCall(name="find_parcel", json_args='{"order": 17}', tool_call_id="call_1")}


def find_parcel(order: int) -> str:
    """Say where it is."""
    return f"{order} is in Bern."


def make_stub(**options: Any) -> type[chatapp.Assistant]:
    """An assistant with such an agent."""
    tool = pydantic_ai.Tool(find_parcel, **options)
    agent = pydantic_ai.Agent(FunctionModel(stream_function=say), tools=[tool])
    return PydanticAIAssistant.of(agent, slug="desk")


async def test_text_thinking_and_a_tool_call_of_an_agent_are_in_the_page_and_stay_there(line: Line) -> None:
    line.declares(make_stub())

    async with ThreadSocket(line.owner, line.thread_id) as socket:
        await socket.post("Where is 17?")
        page = await socket.until(lambda page: page.state == "complete" and page.cursors == {})

    for words in ("Let me look that up.", "find_parcel", "17 is in Bern.", "<strong>It</strong> is there"):
        assert words in str(page.thread)
    assert page.thread == (await reload(line)).thread
    run = await line.run()
    assert (run.state, [part.kind for part in await line.parts()]) == ("complete", ["thinking", "tool", "text"])
    assert ((run.input_tokens or 0) > 0, run.model) == (True, "function::say")


async def test_the_person_allows_a_tool_of_an_agent_in_the_page(line: Line) -> None:
    line.declares(make_stub(requires_approval=True))

    async with ThreadSocket(line.owner, line.thread_id) as socket:
        await socket.post("Where is 17?")
        page = await socket.until(lambda page: page.state == "waiting")
        question = await line.asked()
        assert "Waits to be allowed" in str(page.thread)
        await socket.send(type="answer", request=question.id, value="allow")
        page = await socket.until(lambda page: page.state == "complete" and page.cursors == {})

    assert "<strong>It</strong> is there: 17 is in Bern." in str(page.thread)


async def test_a_graph_waits_for_its_person_and_goes_on(line: Line) -> None:
    graph = StateGraph(MessagesState)
    graph.add_node("ask", lambda state: {"messages": [AIMessage(f"You said {interrupt('Which order?')}.")]})
    graph.add_edge(START, "ask")
    line.declares(LangChainAssistant.of(graph.compile(), slug="desk"))

    async with ThreadSocket(line.owner, line.thread_id) as socket:
        await socket.post("Hi")
        await socket.until(lambda page: page.state == "waiting")
        question = await line.asked()
        await line.replies("17", question)
        page = await socket.until(lambda page: page.state == "complete" and page.cursors == {})

    assert page.text.endswith("You said 17.")


async def test_stop_in_the_page_closes_the_connection_of_the_agent(
    line: Line, make_desk: Maker, server: FaultServer
) -> None:
    line.declares(make_desk())

    async with ThreadSocket(line.owner, line.thread_id) as socket:
        await socket.post("fault:hang-mid-stream")
        await socket.until(lambda page: "Hello" in page.text)
        await socket.send(type="stop")
        await server.until(lambda: server.get_stats("hang-mid-stream").aborted == 1)
        page = await socket.until(lambda page: page.state == "stopped")

    assert "Hello" in page.text
