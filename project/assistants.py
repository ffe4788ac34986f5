"""The assistants of the hosted site. Yours look the same, in the `assistants.py` of your own app."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from secrets import randbelow
from typing import Any

from django.utils import timezone
from django.utils.html import format_html

import chatapp
from chatapp.policy import get_policy
from chatapp.providers.scripted import ScriptedProvider, call

from .pictures import SQUARE


@chatapp.slash_command("dice", "Throw dice, such as /dice 2")
def throw_dice(text: str) -> str:
    """Needs no model."""
    count = min(int(text), 20) if text.isdecimal() and int(text) else 1
    thrown = [randbelow(6) + 1 for _ in range(count)]
    return f"{' + '.join(map(str, thrown))} = **{sum(thrown)}**" if count > 1 else f"**{thrown[0]}**"


@chatapp.context_source("my-chats", "My conversations", description="Their titles, newest first")
def list_titles(user: Any) -> str:
    """What the person talked about lately."""
    titles = get_policy().get_threads(user).exclude(title="").order_by("-updated_at").values_list("title", flat=True)
    return "\n".join(f"- {title}" for title in titles[:50])


@chatapp.context_source("today", "Today's date")
def tell_date() -> str:
    """The date where the site is."""
    return f"{timezone.localdate():%A, %d %B %Y}"


@chatapp.register
class Guide(chatapp.Assistant):
    """Answers anything, and knows what this site can do."""

    title = "Guide"
    description = "Answers questions and shows what this chat can do."
    greeting = "Hello! What would you like to know?"
    suggestions = [
        chatapp.Suggestion(
            "Show me what you can do: headings, a list, a table, some code and a formula.",
            title="Show me what you can do",
            icon="table",
        ),
        chatapp.Suggestion(
            "Explain how a vaccine works, in words a ten-year-old understands.", title="Explain an idea", icon="lamp"
        ),
        chatapp.Suggestion(
            "Write a Python function that finds the longest word in a text, with a test.",
            title="Write some code",
            icon="code",
        ),
        chatapp.Suggestion(
            "Plan a weekend in the mountains for four people who like to eat well.",
            title="Plan something",
            icon="calendar",
        ),
    ]
    prompts = [
        ("Make it shorter", "Say that again in half as many words."),
        ("Explain it simply", "Explain that to somebody who has never heard of it, with an example."),
        ("Write a letter", "Write a letter to {{recipient}} about {{subject}}. Keep it {{tone}}."),
        ("Find what is wrong", "Look for mistakes in your last answer, and mend them."),
    ]
    attachments = True
    enable_context = True
    instructions = (
        "You are a friendly, precise assistant. Answer in the language of the question. Use Markdown where it helps: "
        "short paragraphs, lists, tables, fenced code with its language, LaTeX between $$ for formulas. "
        "Say so when you do not know."
    )
    settings = [
        chatapp.SettingsItem(
            id="length",
            label="Length of answers",
            type="select",
            options=[("usual", "As it comes"), ("short", "Short"), ("thorough", "Thorough")],
        ),
        chatapp.SettingsItem(id="examples", label="Give examples", type="toggle", help="One for each idea."),
        chatapp.SettingsItem(id="end", type="separator"),
        chatapp.SettingsItem(id="clear-history", label="Clear this chat", help="Its messages go for good."),
    ]

    async def get_instructions(self, turn: chatapp.Turn) -> str:  # type: ignore[override]  # either colour will do
        """What is always said, and what the person set."""
        told = {"short": "Answer in a few sentences.", "thorough": "Answer in depth."}
        wishes = [told.get(turn.settings.get("length", ""), "")]
        wishes += ["Give an example for each idea."] if turn.settings.get("examples") else []
        return " ".join(filter(None, (self.instructions, *wishes)))


@chatapp.tool(title="Book a courier", icon="truck")
def book_courier(place: str) -> str:
    """Book a courier to this place."""
    return f"Booked for tomorrow at nine, to {place}."


@chatapp.register
class Tour(chatapp.Assistant):
    """Shows everything that an answer can be made of. It needs no model."""

    title = "Tour"
    icon = "lamp"
    description = "Shows in five stops what an answer can be made of. It needs no model."
    greeting = "Shall I show you around?"
    suggestions = [
        chatapp.Suggestion("Text", title="Start the tour", icon="spark"),
        ("Straight to the end", "Artifacts"),
    ]
    tools = [book_courier]
    pace_seconds = 0.3
    """Between two things, so that one sees them come."""

    async def respond(self, turn: chatapp.Turn) -> AsyncIterator[Any]:
        """The stop that the person names, else the first, and a suggestion for the next."""
        stops = [self.text, self.thinking, self.use_tools, self.questions, self.artifacts]
        names = [stop.__name__.removeprefix("use_").capitalize() for stop in stops]
        here = next((place for place, name in enumerate(names) if name.lower() in turn.text.lower()), 0)
        states = ["completed"] * here + ["in-progress"] + ["not-started"] * len(names)
        plan = [{"id": name, "title": name, "status": state} for name, state in zip(names, states, strict=False)]
        yield chatapp.TodoUpdate(plan)
        async for item in stops[here](turn):
            yield item
            await asyncio.sleep(self.pace_seconds)
        if here + 1 < len(names):
            yield f'\n\nNext: <span class="suggestion submit">{names[here + 1]}</span>'
        else:
            yield chatapp.TodoUpdate([{**item, "status": "completed"} for item in plan])
            yield "\n\nThat was the tour. See a stop again?\n\n"
            yield "\n".join(f'- <span class="suggestion submit">{name}</span>' for name in names)

    async def text(self, turn: chatapp.Turn) -> AsyncIterator[Any]:
        """Markdown, drawn while it comes."""
        yield "## Text\n\nA string is **Markdown**: lists, tables, `code`, and formulas such as $e^{i\\pi} = -1$.\n\n"
        yield "| Yielded | Shown |\n| :-- | --: |\n| a string | more text |\n| a part | a thing |\n\n"
        yield "```python\nasync def respond(self, turn):\n    yield 'Hello, '\n    yield 'world'\n```\n\n"
        yield chatapp.RawPart(text="Here *two stars* are two stars.")
        yield format_html("<p>HTML of the site's own is shown as it is: <kbd>{}</kbd></p>", "Ctrl K")
        yield chatapp.NoticePart(code="tour", message="A notice stands beside what was said; the model never gets it.")

    async def thinking(self, turn: chatapp.Turn) -> AsyncIterator[Any]:
        """Thoughts with topics, folded when the answer begins."""
        yield chatapp.ThinkingDelta("<topic>What to show</topic>Thoughts stand above the answer, and fold away. ")
        yield chatapp.ThinkingDelta("<topic>How to end</topic>The topic stands in the head while I think.")
        yield "What a model thinks is kept apart from what it says. Open the panel to read it."

    async def use_tools(self, turn: chatapp.Turn) -> AsyncIterator[Any]:
        """A status, a tool that is filled in place, and a source."""
        yield chatapp.Status("Looking for your parcel")
        finding = chatapp.ToolCall(name="find_parcel", arguments={"order": 10432}, title="Finding it", icon="truck")
        yield finding
        yield chatapp.ToolProgress(finding.tool_id, "2 of 3")
        display = chatapp.ToolDisplay(title="Parcel found", preview="Bern", markdown="In **Bern** since *Monday*")
        yield chatapp.ToolResult(tool_id=finding.tool_id, result={"place": "Bern"}, display=display)
        yield "It is in Bern. Unopened items can be returned within 30 days."
        yield chatapp.CitationPart(url="/", title="Return policy", grounded_text="returned within 30 days")

    async def questions(self, turn: chatapp.Turn) -> AsyncIterator[Any]:
        """The answer waits for the person, and goes on with what they say."""
        yield "I can ask in the middle of an answer."
        colour = await turn.ask("Which colour do you like?", kind="radio", options=["Red", "Green", "Blue"])
        sure = await turn.ask(f"{colour}: are you sure?", kind="buttons")
        yield f"{colour} it is." if sure == "Yes" else "Then let us leave it open."
        model = ScriptedProvider([call("book_courier", place="Bern")], ["\n\nA model may call a tool if you allow it."])
        async for item in replace(turn, provider=model).stream():
            if not isinstance(item, chatapp.Finish):
                yield item

    async def artifacts(self, turn: chatapp.Turn) -> AsyncIterator[Any]:
        """Things beside the text, to be copied, downloaded and opened on the whole screen."""
        yield "An artifact is a thing of its own. The table is sorted and filtered by the server."
        yield chatapp.TableArtifact(data={"Product": ["Kettle", "Lamp"], "Sold": [31, 12]}, title="Sales")
        bars = {"data": [{"type": "bar", "x": ["Kettle", "Lamp"], "y": [31, 12]}]}
        yield chatapp.ChartArtifact(figure=bars, title="Sales as a chart", height=240)
        yield chatapp.CodeArtifact(content="SELECT product, sum(sold) FROM sales", language="sql", title="sales.sql")
        yield chatapp.MarkdownArtifact(content="# A letter\n\nYour parcel is *on its way*.", title="Letter")
        yield chatapp.HtmlArtifact(content="<h1>A page</h1><p>Its scripts reach nothing.</p>", title="Page", height=130)
        yield chatapp.JsonArtifact(data={"id": 10432, "lines": ["Kettle"]}, title="order.json")
        yield chatapp.ImageArtifact(url=SQUARE, alt="A blue square", title="Square")
