"""A catalogue: one assistant for each shape of `respond`, discovered like a site's."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import chatapp
from chatapp.testing import ScriptedProvider, call


@chatapp.register
class Model(chatapp.Assistant):
    """Lets the model answer: no `respond` of its own."""

    greeting = "What shall the model say?"
    suggestions = ["Say hello", ("Count", "Count to three")]
    instructions = "Be brief."


@chatapp.register
def echo(text: str) -> str:
    """A function that returns."""
    return text


@chatapp.register
def words(text: str) -> Iterator[str]:
    """A generator."""
    for word in text.split():
        yield f"{word} "


@chatapp.register
async def shout(text: str) -> str:
    """A coroutine function."""
    await asyncio.sleep(0)
    return text.upper()


@chatapp.register
async def thinker(turn: chatapp.Turn) -> AsyncIterator[str | chatapp.Part]:
    """An async generator that yields parts beside text."""
    yield chatapp.ThinkingPart(text="Hm.")
    yield turn.text


@chatapp.register
async def asker(turn: chatapp.Turn) -> AsyncIterator[str]:
    """Asks in the way that the message names: buttons, radio, select or text."""
    yield "Before."
    options = ["Red", "Green"] if turn.text in ("radio", "select") else None
    answer = await turn.ask("Which way?", kind=turn.text, options=options)  # type: ignore[arg-type]  # as the person likes
    yield f"You said {answer}."


@chatapp.register
def silent() -> None:
    """Says nothing at all."""


@chatapp.register
def excuse() -> None:
    """Raises the one error that a person may see."""
    raise chatapp.VisibleError("The library is closed on Mondays.")


@chatapp.register
def broken() -> None:
    """Raises an error that nobody may see."""
    raise RuntimeError("secret of the house")


@chatapp.tool(title="Find a parcel", icon="truck", approval="never")
def find_parcel(turn: chatapp.Turn, order_number: int) -> str:
    """Say where the parcel of an order is."""
    return f"{order_number} is in Bern for {turn.user.get_username()}."


@chatapp.tool(title="Refund an order")
async def refund(order_number: int, reason: str = "none") -> str:
    """Give the money back."""
    return f"Refunded {order_number}."


@chatapp.tool(title="Count parcels", approval="never", timeout=None)
async def count_parcels(turn: chatapp.Turn) -> AsyncIterator[Any]:
    """Shows how far it is, waits for the person, and then shows a table in the same place."""
    yield chatapp.Status("2 of 5")
    yield "Bern: **3**\n"
    await turn.ask("Go on?")
    table = "| Town | Parcels |\n|---|---|\n| Bern | 3 |"
    yield chatapp.ToolResult({"Bern": 3}, display=chatapp.ToolDisplay(title="Parcels", markdown=table, open=True))


@chatapp.register
class Clerk(chatapp.Assistant):
    """Lets the model answer, with tools at hand."""

    tools = (find_parcel, refund, count_parcels)


@chatapp.register
class Teller(chatapp.Assistant):
    """Has a script for a model, which calls the tool that the message names."""

    tools = (find_parcel, refund, count_parcels)

    def respond(self, turn: chatapp.Turn) -> Any:
        """Call it, and say that it is done."""
        arguments: dict[str, Any] = {} if turn.text == "count_parcels" else {"order_number": 17}
        script = ScriptedProvider([call(turn.text, **arguments)], ["All done."])
        return replace(turn, provider=script).stream()


@chatapp.register
class Adjustable(chatapp.Assistant):
    """Says what was set, and lets everything be set."""

    settings = [
        chatapp.SettingsItem(id="brief", label="Short answers", type="toggle", help="A sentence or two."),
        chatapp.SettingsItem(id="tone", label="Tone", type="select", options=["plain", ("warm", "Warm and kind")]),
        chatapp.SettingsItem(id="courage", label="Courage", type="range", help="How much it dares."),
        chatapp.SettingsItem(id="region", label="Region", type="select", options=["ch", "de"], locked=True),
        chatapp.SettingsItem(id="end", label="This chat", type="separator"),
        chatapp.SettingsItem(id="clear-history", label="Clear the conversation"),
        chatapp.SettingsItem(id="remind", label="Remind me"),
    ]
    models = ["small", ("large", "The large one")]
    show_configuration_controls = True
    config = {"temperature": 1}

    def on_settings_change(self, thread: Any, key: str, value: Any, user: Any) -> None:
        """Reminds nobody."""
        if key == "remind":
            raise chatapp.VisibleError("There is nothing to remind you of.")

    def respond(self, turn: chatapp.Turn) -> str:
        """What was set."""
        told = [f"{key}={value}" for key, value in sorted(turn.settings.items())]
        return f"{', '.join(told)}; {turn.config.get_options()}"
