"""What only agents of pydantic-ai have: approvals, retries, dependencies, system prompts, structured output, limits."""

from collections.abc import AsyncIterator
from typing import Any

import pydantic_ai
import pytest
from pydantic import BaseModel
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models.function import AgentInfo, DeltaThinkingPart, DeltaToolCall, FunctionModel
from pydantic_ai.models.test import TestModel

import chatapp
from chatapp.adapters.pydantic_ai import PydanticAIAssistant
from chatapp.errors import ProviderError
from chatapp.testing import ask

from .agents import make_turn, remember


class Parcel(BaseModel):
    """What an agent gives in place of text."""

    order: int
    place: str


class Asked:
    """A model that calls a tool with order 17 until it got a result, and keeps what it was asked."""

    def __init__(self, tool: str = "") -> None:
        self.requests: list[list[ModelMessage]] = []
        self.infos: list[AgentInfo] = []
        self.tool = tool

    async def __call__(self, messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Any]:
        self.requests.append(list(messages))
        self.infos.append(info)
        if self.tool and not self.results:
            yield {0: DeltaThinkingPart(content="Let me look.")}
            yield {1: DeltaToolCall(name=self.tool, json_args='{"order": 17}', tool_call_id="call_1")}
        else:
            yield "So it is."

    @property
    def results(self) -> list[tuple[str, str]]:
        """How each call ended, and what the model was told of it, as of the last request."""
        parts = [part for message in self.requests[-1] for part in message.parts]
        return [(part.outcome, str(part.content)) for part in parts if part.part_kind == "tool-return"]

    def make_agent(self, *tools: Any, **options: Any) -> Any:
        """An agent with this model and these tools."""
        return pydantic_ai.Agent(FunctionModel(stream_function=self), tools=tools, **options)


def make_parcels(ran: list[int], **options: Any) -> pydantic_ai.Tool[Any]:
    """A tool that notes what it was asked."""

    def find_parcel(order: int) -> str:
        """Say where it is."""
        ran.append(order)
        return "In Bern."

    return pydantic_ai.Tool(find_parcel, **options)


def get_kinds(answer: Any) -> list[str]:
    """Kinds of the parts of an answer."""
    return [part.kind for part in answer.parts]


async def test_a_tool_that_must_be_allowed_waits_for_the_person() -> None:
    model, ran = Asked("find_parcel"), list[int]()
    desk = PydanticAIAssistant.of(model.make_agent(make_parcels(ran, requires_approval=True)), slug="desk")

    answer = await ask(desk, "Where?", person_says=["allow"])

    assert get_kinds(answer) == ["thinking", "tool", "approval", "text"]
    assert (answer.parts[1].state, answer.parts[1].result, ran) == ("done", "In Bern.", [17])  # type: ignore[attr-defined]
    assert (answer.parts[2].arguments, answer.parts[2].call_id) == ({"order": 17}, "call_1")  # type: ignore[attr-defined]


@pytest.mark.parametrize(("says", "sentence"), [(["deny"], "did not allow"), ([], "Nobody allowed")])
async def test_a_tool_that_is_not_allowed_does_not_run_and_the_model_is_told(says: list[str], sentence: str) -> None:
    model, ran = Asked("find_parcel"), list[int]()
    desk = PydanticAIAssistant.of(model.make_agent(make_parcels(ran, requires_approval=True)), slug="desk")

    answer = await ask(desk, "Where?", person_says=says)

    assert (answer.parts[1].state, ran) == ("denied", [])  # type: ignore[attr-defined]
    assert [(outcome, sentence in text) for outcome, text in model.results] == [("denied", True)]


async def test_a_tool_that_asks_for_a_retry_has_a_failed_row_and_the_model_is_told() -> None:
    def find_parcel(order: int) -> str:
        raise pydantic_ai.ModelRetry("Give the full number.")

    model = Asked("find_parcel")

    answer = await ask(PydanticAIAssistant.of(model.make_agent(find_parcel), slug="desk"), "Where?")

    assert (answer.parts[1].state, answer.text) == ("failed", "So it is.")  # type: ignore[attr-defined]
    assert ["Give the full number." in text for _, text in model.results] == [True]


async def test_a_call_that_somebody_else_should_make_fails_and_the_agent_goes_on() -> None:
    def find_parcel(order: int) -> str:
        raise pydantic_ai.CallDeferred

    model = Asked("find_parcel")

    answer = await ask(PydanticAIAssistant.of(model.make_agent(find_parcel), slug="desk"), "Where?")

    assert (answer.parts[1].state, answer.text) == ("failed", "So it is.")  # type: ignore[attr-defined]


async def test_its_tools_get_the_turn_or_what_the_assistant_says() -> None:
    seen: list[Any] = []

    def find_parcel(ctx: pydantic_ai.RunContext[Any], order: int) -> str:
        seen.append(ctx.deps)
        return ""

    class Desk(PydanticAIAssistant):
        agent = Asked("find_parcel").make_agent(find_parcel)

    class Other(PydanticAIAssistant):
        agent = Asked("find_parcel").make_agent(find_parcel)

        def get_deps(self, turn: chatapp.Turn) -> str:
            return f"deps of {turn.user}"

    await ask(Desk, "Where?", user="Ann")
    await ask(Other, "Where?", user="Bob")

    assert (seen[0].user, seen[0].text, seen[1]) == ("Ann", "Where?", "deps of Bob")


async def test_its_own_prompt_and_our_instructions_go_with_every_question() -> None:
    model = Asked()
    desk = PydanticAIAssistant.of(
        model.make_agent(system_prompt="You are a desk.", instructions="Smile."), slug="desk", instructions="Be brief."
    )

    await ask(desk, "And now?", history=remember("Hello", [chatapp.TextPart(text="Hi.")]))

    kinds = [part.part_kind for message in model.requests[0] for part in message.parts]
    assert kinds == ["system-prompt", "user-prompt", "text", "user-prompt"]
    assert model.infos[0].instructions == "Smile.\n\nBe brief."


async def test_what_the_person_chose_is_in_its_settings() -> None:
    model = Asked()
    desk = PydanticAIAssistant.of(
        model.make_agent(), slug="desk", options={"stop": ["END"], "temperature": 1}, show_configuration_controls=True
    )

    await ask(desk, "Hi", settings={"temperature": 0.5, "max_tokens": 100})

    settings = dict(model.infos[0].model_settings or {})
    assert (settings["temperature"], settings["max_tokens"], settings["stop_sequences"]) == (0.5, 100, ["END"])


async def test_the_model_that_was_chosen_answers() -> None:
    desk = PydanticAIAssistant.of(Asked().make_agent(), slug="desk", models=["test"])

    answer = await ask(desk, "Hi", settings={"model": "test"})

    assert answer.text == "success (no tool calls)"  # as TestModel says


async def test_another_agent_may_answer_each_person() -> None:
    class Desk(PydanticAIAssistant):
        async def get_agent(self, turn: chatapp.Turn) -> Any:
            return pydantic_ai.Agent(TestModel(custom_output_text=f"Hello {turn.user}."))

    assert [(await ask(Desk, "Hi", user=user)).text for user in ("Ann", "Bob")] == ["Hello Ann.", "Hello Bob."]


async def test_what_is_no_text_is_shown_as_data() -> None:
    model = TestModel(custom_output_args={"order": 17, "place": "Bern"})

    answer = await ask(PydanticAIAssistant.of(pydantic_ai.Agent(model, output_type=Parcel), slug="desk"), "Where?")

    assert get_kinds(answer) == ["json-artifact"]
    assert answer.parts[0].data == {"order": 17, "place": "Bern"}  # type: ignore[attr-defined]


async def test_what_the_vendor_does_itself_is_a_row_that_the_next_request_does_not_have() -> None:
    call = pydantic_ai.NativeToolCallPart("web_search", {"query": "Bern"}, "ws_1", provider_name="function")
    result = pydantic_ai.NativeToolReturnPart("web_search", {"hits": 3}, "ws_1", provider_name="function")

    async def search(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Any]:
        yield {0: call}
        yield {1: result}
        yield "Found."

    desk = PydanticAIAssistant.of(pydantic_ai.Agent(FunctionModel(stream_function=search)), slug="desk")

    answer = await ask(desk, "Search")

    row = answer.parts[0]
    assert isinstance(row, chatapp.ToolCallPart)
    assert (row.name, row.arguments, row.result, row.state, row.round) == (
        "web_search",
        {"query": "Bern"},
        {"hits": 3},
        "done",
        0,
    )


async def test_a_limit_of_the_agent_is_an_allowance_that_is_used_up() -> None:
    async def call_for_ever(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Any]:
        yield {0: DeltaToolCall(name="find_parcel", json_args='{"order": 17}')}

    model, ran = FunctionModel(stream_function=call_for_ever), list[int]()
    agent = pydantic_ai.Agent(model, tools=[make_parcels(ran)])
    limits = pydantic_ai.UsageLimits(request_limit=3)

    with pytest.raises(ProviderError) as caught:
        await ask(PydanticAIAssistant.of(agent, slug="desk", usage_limits=limits), "Where?")

    assert (caught.value.code, "request_limit of 3" in caught.value.cause, len(ran)) == ("quota", True, 3)


async def test_a_tool_with_a_bug_ends_the_answer_as_a_bug() -> None:
    def find_parcel(order: int) -> str:
        raise KeyError("parcel")

    with pytest.raises(KeyError, match="parcel"):
        await ask(PydanticAIAssistant.of(Asked("find_parcel").make_agent(find_parcel), slug="desk"), "Where?")


async def test_a_sentence_for_the_person_that_a_tool_raises_is_shown() -> None:
    def find_parcel(order: int) -> str:
        raise chatapp.VisibleError("The warehouse is closed.")

    with pytest.raises(chatapp.VisibleError, match="The warehouse is closed"):
        await ask(PydanticAIAssistant.of(Asked("find_parcel").make_agent(find_parcel), slug="desk"), "Where?")


async def test_a_call_is_stored_before_its_tool_runs() -> None:
    done: list[str] = []

    def find_parcel(order: int) -> str:
        done.append("ran")
        return ""

    class Desk:
        async def save(self) -> None:
            done.append("saved")

    desk = PydanticAIAssistant.of(Asked("find_parcel").make_agent(find_parcel), slug="desk")
    turn = make_turn(desk, "Where?", desk=Desk())

    async for _ in turn.assistant.answer(turn):
        pass

    assert done == ["saved", "ran"]
