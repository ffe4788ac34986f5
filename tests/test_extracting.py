"""What a model reads in a conversation, as an object: asked for by a schema, checked, sent back once."""

from typing import Any

import pytest
from pydantic import BaseModel, Field, RootModel

import chatapp
from chatapp.errors import ExtractionError, get_sentence
from chatapp.extracting import write_format
from chatapp.providers.base import replace_provider
from chatapp.providers.metering import ProviderCall
from chatapp.testing import ScriptedProvider, ask

GOOD = '{"number": 17, "town": "Bern"}'


class Order(BaseModel):
    """An order."""

    number: int = Field(description="As it stands on the bill.")
    town: str = "nowhere"


class Desk(chatapp.Assistant):
    """Has instructions."""

    instructions = "Be brief."
    model = "small"


class Calls(list[ProviderCall]):
    """A ledger."""

    def record(self, call: ProviderCall) -> None:
        self.append(call)


async def extract(*scripts: Any, shape: type[BaseModel] = Order, **values: Any) -> tuple[Any, ScriptedProvider]:
    """What is extracted when the model plays these scripts, one for each request; and who played them."""
    provider = ScriptedProvider(*scripts)
    turn = chatapp.Turn(
        assistant=Desk(), messages=[chatapp.ChatMessage(role="user", content="Send 17 to Bern.")], provider=provider
    )
    return await turn.extract(shape, **values), provider


async def test_what_the_person_said_becomes_an_object() -> None:
    order, provider = await extract([GOOD])

    assert order == Order(number=17, town="Bern")
    (request,) = provider.requests
    assert (request.kind, request.model, request.tools) == ("extract", "small", ())
    assert list(request.messages) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Send 17 to Bern."},
    ]
    assert request.options["response_format"] == {
        "type": "json_schema",
        "json_schema": {
            "name": "Order",
            "strict": True,
            "schema": {
                "type": "object",
                "description": "An order.",
                "properties": {
                    "number": {"type": "integer", "description": "As it stands on the bill."},
                    "town": {"type": "string"},
                },
                "required": ["number", "town"],
                "additionalProperties": False,
            },
        },
    }


async def test_prompt_instructions_and_model_are_ones_own() -> None:
    _order, provider = await extract([GOOD], prompt="Which order?", instructions="Read.", model="large")

    (request,) = provider.requests
    assert [message["content"] for message in request.messages] == ["Read.", "Send 17 to Bern.", "Which order?"]
    assert request.model == "large"


@pytest.mark.parametrize(
    "says",
    [
        f"```json\n{GOOD}\n```",
        f"Of course! Here it is [1]:\n\n{GOOD}\n\nAnything else?",
        f'<think>Perhaps {{"number": 1}}.</think>{GOOD}',
        f'\n<thinking>Perhaps {{"number": 1}}.</thinking>\n\n{GOOD}',
        f'I considered {{"number": "none"}}, but it is {GOOD}',
        f"  {GOOD}  ",
    ],
    ids=["fenced", "with words around it", "after thinking", "after other thinking", "second", "blanks"],
)
async def test_it_is_found_wherever_it_stands(says: str) -> None:
    order, provider = await extract([chatapp.ThinkingDelta('{"number": 1}'), says[:9], says[9:]])

    assert order == Order(number=17, town="Bern")
    assert len(provider.requests) == 1


async def test_a_wrong_answer_goes_back_once_with_what_is_wrong() -> None:
    order, provider = await extract(['{"number": "many"}'], [GOOD])

    assert order.number == 17
    back = provider.requests[1].messages[-2:]
    assert back[0] == {"role": "assistant", "content": '{"number": "many"}'}
    assert "number: Input should be a valid integer" in back[1]["content"]
    assert provider.requests[1].options == provider.requests[0].options


@pytest.mark.parametrize(
    ("says", "cause"),
    [
        (["I cannot."], "Order: there is no JSON in it"),
        ([], "Order: there is no JSON in it"),
        (['{"number": null}'], "Order: number: Input should be a valid integer"),
        (['{"number": 1', chatapp.Finish("length")], "Order: it was cut off at the length limit"),
        (["[" * 50_000], "Order: "),
        ([f"<think>Is it {GOOD}?"], "Order: there is no JSON in it"),
    ],
    ids=["words", "nothing", "another shape", "cut off", "nested", "nothing but thoughts"],
)
async def test_after_two_wrong_answers_it_is_an_error_with_a_sentence_and_a_cause(says: Any, cause: str) -> None:
    with pytest.raises(ExtractionError) as caught:
        await extract(says)

    assert caught.value.code == "unreadable"
    assert caught.value.cause.startswith(cause)
    assert "could not be read" in get_sentence("unreadable")
    assert isinstance(caught.value, chatapp.ProviderError)


async def test_a_provider_that_refuses_the_schema_is_asked_in_words() -> None:
    order, provider = await extract([chatapp.ProviderError("refused", "400: response_format")], [GOOD])

    assert order.number == 17
    request = provider.requests[1]
    assert "response_format" not in request.options
    assert "Send 17 to Bern." in request.question
    assert '"As it stands on the bill."' in request.question


async def test_a_provider_that_knows_no_schemas_is_asked_in_words_at_once() -> None:
    provider = ScriptedProvider([GOOD])
    provider.json_schema = False
    message = chatapp.ChatMessage(role="user", content="17")
    turn = chatapp.Turn(assistant=Desk(), messages=[message], provider=provider)

    await turn.extract(Order)

    assert [request.options for request in provider.requests] == [{}]
    assert "JSON schema" in provider.requests[0].question


async def test_a_list_is_asked_for_in_words_since_a_schema_must_be_an_object() -> None:
    numbers, provider = await extract(["[1, 2]"], shape=RootModel[list[int]])

    assert numbers.root == [1, 2]
    assert provider.requests[0].options == {}


async def test_of_a_long_conversation_the_model_reads_what_fits() -> None:
    class Small(chatapp.Assistant):
        """Its model takes 500 tokens."""

        context_tokens = 500
        options = {"max_tokens": 100}

    said = [chatapp.ChatMessage(role=role, content="word " * 80) for role in ("user", "assistant") * 4]
    said.append(chatapp.ChatMessage(role="user", content="Send 17 to Bern."))
    provider = ScriptedProvider([chatapp.ProviderError("context")], [GOOD])

    order = await chatapp.Turn(assistant=Small(), messages=said, provider=provider).extract(Order)

    assert order.number == 17
    assert [len(request.messages) for request in provider.requests] == [3, 1]


@pytest.mark.parametrize("code", ["busy", "context", "filtered"])
async def test_another_failure_of_the_provider_is_its_own(code: str) -> None:
    with pytest.raises(chatapp.ProviderError) as caught:
        await extract([chatapp.ProviderError(code)], [GOOD])

    assert caught.value.code == ("too_long" if code == "context" else code)


async def test_what_a_filter_withheld_is_no_answer() -> None:
    with pytest.raises(chatapp.ProviderError) as caught:
        await extract([GOOD, chatapp.Finish("filtered")])

    assert caught.value.code == "filtered"


async def test_nothing_of_it_is_in_the_chat_and_every_call_is_metered() -> None:
    calls = Calls()

    class Clerk(chatapp.Assistant):
        """Extracts first."""

        async def respond(self, turn: chatapp.Turn) -> Any:
            order = await turn.extract(Order)
            return f"On its way to {order.town}."

    answer = await ask(Clerk, "Send 17 to Bern.", model_says=lambda request: [GOOD])

    assert answer.text == "On its way to Bern."
    assert [request.kind for request in answer.requests] == ["extract"]
    provider = ScriptedProvider(["no", chatapp.Usage(input_tokens=3)], [GOOD])
    message = chatapp.ChatMessage(role="user", content="17")
    with replace_provider(provider):
        await chatapp.Turn(assistant=Desk(), messages=[message], ledger=calls).extract(Order)
    assert [call.kind for call in calls] == ["extract", "extract"]
    assert calls[0].usage == chatapp.Usage(input_tokens=3)


def test_a_strict_schema_requires_all_keys_everywhere_and_allows_no_others() -> None:
    class Line(BaseModel):
        """A line."""

        what: str
        count: int | None = None

    class Bill(BaseModel):
        """A bill."""

        first: Line = Field(description="Stands above.")
        lines: list[Line] = []

    written = write_format("Bill", Bill.model_json_schema())["json_schema"]

    assert written["strict"] is True
    assert written["schema"]["required"] == ["first", "lines"]
    assert written["schema"]["properties"]["first"] == {"$ref": "#/$defs/Line"}
    assert written["schema"]["properties"]["lines"] == {"type": "array", "items": {"$ref": "#/$defs/Line"}}
    line = written["schema"]["$defs"]["Line"]
    assert (line["required"], line["additionalProperties"]) == (["what", "count"], False)
    assert line["properties"]["count"] == {"anyOf": [{"type": "integer"}, {"type": "null"}]}


def test_a_schema_with_any_keys_is_sent_as_it_is_and_not_strict() -> None:
    class Counts(BaseModel):
        """Counts of towns."""

        towns: dict[str, int] = {}

    written = write_format("Counts", Counts.model_json_schema())["json_schema"]

    assert written["strict"] is False
    assert written["schema"] == Counts.model_json_schema()
