"""A class is declared, one frozen instance answers everybody."""

import re
from typing import Any

import pytest

import chatapp
from chatapp.rendering.markdown import render
from chatapp.rendering.thoughts import Topics
from chatapp.testing import ask


class OrderDesk(chatapp.Assistant):
    """Answers questions about orders."""

    suggestions = [
        "Where is it?",
        ("Return", "I want to return it"),
        chatapp.Suggestion("Hi", title="Hello", icon="book"),
    ]
    instructions = "Be brief."


def make_turn(assistant: chatapp.Assistant, *said: tuple[str, str], **values: Any) -> chatapp.Turn:
    """A turn in which this was said."""
    messages = [chatapp.ChatMessage(role=role, content=text) for role, text in said]
    return chatapp.Turn(assistant=assistant, messages=messages, **values)


@pytest.mark.parametrize(
    ("name", "slug", "title"),
    [
        ("OrderDesk", "order-desk", "Order Desk"),
        ("FAQ", "faq", "FAQ"),
        ("FAQBot", "faq-bot", "FAQ Bot"),
        ("Guide", "guide", "Guide"),
        ("Gpt4Helper", "gpt4-helper", "Gpt4 Helper"),
    ],
)
def test_slug_and_title_come_from_the_name_of_the_class(name: str, slug: str, title: str) -> None:
    assistant = type(name, (chatapp.Assistant,), {})()

    assert (assistant.slug, assistant.title) == (slug, title)
    assert assistant.placeholder == f"Message {title}…"


def test_slug_title_and_placeholder_may_be_chosen() -> None:
    class Desk(chatapp.Assistant):
        slug = "help"
        title = "Help!"
        placeholder = "Ask away"

    assert (Desk().slug, Desk().title, Desk().placeholder) == ("help", "Help!", "Ask away")
    assert repr(Desk()) == "<test_slug_title_and_placeholder_may_be_chosen.<locals>.Desk 'help'>"


@pytest.mark.parametrize("slug", ["Support Desk", "support_desk", "Support", "-a", "a-", "a--b", "é", "a/b", "a\n"])
def test_a_slug_that_does_not_fit_in_an_address_is_refused(slug: str) -> None:
    cls = type("Desk", (chatapp.Assistant,), {"slug": slug})

    with pytest.raises(ValueError, match=r"is not usable; use lowercase letters, digits and hyphens \(.*Desk\.slug\)"):
        cls()


def test_an_argument_that_is_not_known_fails_when_the_class_is_made() -> None:
    class Desk(chatapp.Assistant):
        def respond(self, question: str) -> str:  # type: ignore[override]  # that is what must fail
            return question

    with pytest.raises(TypeError, match=r"Desk: respond\(\) takes 'question', which is not known"):
        Desk()


def test_an_instance_is_frozen_for_it_answers_everybody() -> None:
    desk = OrderDesk()

    with pytest.raises(AttributeError, match=r"OrderDesk\.customer cannot be set: .* leak between people"):
        desk.customer = "Ann"
    with pytest.raises(AttributeError, match=r"OrderDesk\.title cannot be set"):
        desk.title = "Ann's desk"  # type: ignore[misc]  # that is what must fail


async def test_what_respond_keeps_on_itself_fails_and_does_not_leak() -> None:
    class Forgetful(chatapp.Assistant):
        def respond(self, text: str) -> str:  # type: ignore[override]  # any shape will do
            self.last = text
            return text

    with pytest.raises(AttributeError, match="leak between people"):
        await ask(Forgetful, "My secret")


def test_an_assistant_may_set_itself_up_before_it_freezes() -> None:
    class Desk(chatapp.Assistant):
        def __init__(self) -> None:
            self.opened = "at nine"
            super().__init__()

    assert Desk().opened == "at nine"


def test_suggestions_may_be_texts_pairs_or_suggestions() -> None:
    assert OrderDesk().list_suggestions(user=None) == [
        chatapp.Suggestion("Where is it?"),
        chatapp.Suggestion("I want to return it", title="Return"),
        chatapp.Suggestion("Hi", title="Hello", icon="book"),
    ]
    assert OrderDesk().check() == []


def test_a_suggestion_that_is_none_of_these_is_reported() -> None:
    class Desk(chatapp.Assistant):
        suggestions = [("a", "b", "c"), 7]  # type: ignore[list-item]  # that is what must be found

    assert Desk().check() == [
        "suggestion ('a', 'b', 'c') is neither a text, a (title, text) pair nor a chatapp.Suggestion",
        "suggestion 7 is neither a text, a (title, text) pair nor a chatapp.Suggestion",
    ]


@pytest.mark.django_db
def test_prompts_take_the_same_forms_and_have_a_twin_too() -> None:
    class Desk(chatapp.Assistant):
        prompts = ["Shorter, please", ("Simply", "Explain it simply")]

        def get_prompts(self, user: Any) -> Any:
            return [*self.prompts, f"Write to {user}"]

    class Odd(chatapp.Assistant):
        prompts = [7]  # type: ignore[list-item]  # that is what must be found

    assert [(item.title, item.text) for item in Desk().list_prompts("Ann")] == [
        ("", "Shorter, please"),
        ("Simply", "Explain it simply"),
        ("", "Write to Ann"),
    ]
    assert OrderDesk().list_prompts("Ann") == []
    assert Odd().check() == ["prompt 7 is neither a text, a (title, text) pair nor a chatapp.Suggestion"]


def test_greeting_and_suggestions_have_twins_for_each_person() -> None:
    class Desk(chatapp.Assistant):
        greeting = "Hello"
        suggestions = ["How do I order?"]

        def get_greeting(self, user: Any) -> str:
            return f"{self.greeting}, {user}"

        def get_suggestions(self, user: Any) -> Any:
            return [*self.suggestions, f"Where is {user}'s parcel?"]

    assert Desk().get_greeting("Ann") == "Hello, Ann"
    assert [item.text for item in Desk().list_suggestions("Ann")] == ["How do I order?", "Where is Ann's parcel?"]
    assert OrderDesk().get_greeting("Ann") == "How can I help?"


async def test_instructions_have_a_twin_of_either_colour() -> None:
    class Sync(OrderDesk):
        def get_instructions(self, turn: chatapp.Turn) -> str:
            return f"{self.instructions} You speak with {turn.user}."

    class Async(OrderDesk):
        async def get_instructions(self, turn: chatapp.Turn) -> str:  # type: ignore[override]  # both colours will do
            return f"{self.instructions} You speak with {turn.user}."

    for cls, said in [
        (OrderDesk, "Be brief."),
        (Sync, "Be brief. You speak with Ann."),
        (Async, "Be brief. You speak with Ann."),
    ]:
        assistant = cls()
        assert await assistant.load_instructions(make_turn(assistant, user="Ann")) == said
    assert OrderDesk().get_instructions(make_turn(OrderDesk())) == "Be brief."


async def test_without_a_respond_the_model_answers() -> None:
    answer = await ask(OrderDesk, "Where is 17?", model_says=["It is ", "in Bern.", chatapp.Usage(output_tokens=5)])

    assert answer.text == "It is in Bern."
    assert answer.usage.output_tokens == 5
    assert [dict(message) for message in answer.requests[0].messages] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Where is 17?"},
    ]


async def test_respond_may_wrap_the_stream_of_the_model() -> None:
    class Loud(chatapp.Assistant):
        async def respond(self, turn: chatapp.Turn) -> Any:
            yield chatapp.Status("Looking")
            async for event in turn.stream():
                yield event.upper() if isinstance(event, str) else event
            yield chatapp.NoticePart(code="sources", message="From the archive.")

    answer = await ask(Loud, "Where?", model_says=["in ", "Bern"])

    assert answer.parts == [
        chatapp.TextPart(text="IN BERN"),
        chatapp.NoticePart(code="sources", message="From the archive."),
    ]


async def test_an_assistant_may_have_its_model_offer_next_steps() -> None:
    class Offering(OrderDesk):
        model_suggestions = True

        def get_instructions(self, turn: chatapp.Turn) -> str:
            return f"{self.instructions} It is Monday."

    class Wordless(chatapp.Assistant):
        model_suggestions = True

    asked = [
        (await make_turn(assistant, ("user", "Hi")).get_request()).messages[0]["content"]
        for assistant in (OrderDesk(), Offering(), Wordless())
    ]

    assert asked == [
        "Be brief.",
        f"Be brief. It is Monday.\n\n{chatapp.prompts.SUGGESTIONS}",
        chatapp.prompts.SUGGESTIONS,
    ]


def test_what_the_prompts_ask_for_is_what_the_page_shows() -> None:
    examples = re.findall(r'<span class="suggestion"[^>]*>[^<]*</span>', chatapp.prompts.SUGGESTIONS)
    topic = "".join(re.findall(r"<topic>.+?</topic>", chatapp.prompts.THINKING_TOPICS))

    html = render("\n".join(f"- {example}" for example in examples))

    assert html.count("chat-card") == len(examples) + 1  # and the grid
    assert "<strong>Example</strong>" in html
    assert Topics().feed(topic) == '<h3 class="chat-topic">Comparing both offers</h3>'
