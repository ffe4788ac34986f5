"""An assistant whose model says, line by line, what it is to yield: `{"ToolCall": {"name": "search"}}`, or text."""

import json
import os
from collections.abc import AsyncIterator
from typing import Any

from django.conf import settings
from django.utils.safestring import SafeString

import chatapp


@chatapp.register
async def stage(turn: chatapp.Turn) -> AsyncIterator[Any]:
    """Yields what the lines of its model name; a line that is no JSON object is text."""
    rest = ""
    async for delta in turn.stream():
        if not isinstance(delta, str):
            continue
        *lines, rest = (rest + delta).split("\n")
        for line in lines:
            yield to_event(line)


def to_event(line: str) -> Any:
    """What this line names: a class of chatapp and its arguments."""
    if not line.startswith("{"):
        return line + "\n"
    ((name, values),) = json.loads(line).items()
    display = values.get("display")
    if display is not None:
        if "html" in display:
            display["html"] = SafeString(display["html"])
        values["display"] = chatapp.ToolDisplay(**display)
    return getattr(chatapp, name)(**values)


@chatapp.register
class Queueing(chatapp.Assistant):
    """Lets people send on while it answers."""

    while_running = "queue"


@chatapp.register
class Disabling(chatapp.Assistant):
    """Takes no text while it answers."""

    while_running = "disable"


@chatapp.register
class Stopping(chatapp.Assistant):
    """Is stopped by the next message."""

    while_running = "stop"


@chatapp.register
class Composing(chatapp.Assistant):
    """Has a message box of its own kind."""

    placeholder = "Up to forty characters…"
    submit_key = "enter+modifier"
    send_icon = "spark"
    max_chars = 40


@chatapp.register
class Closed(chatapp.Assistant):
    """Takes nothing."""

    disabled = "Come back on Monday."


@chatapp.register
async def shop_desk(turn: chatapp.Turn) -> AsyncIterator[Any]:
    """Shows two forms of the site's own, then says what its model says."""
    context = {"thread": str(turn.thread_id)}
    yield chatapp.TemplatePart(template="stage/forms.html", context=context, text="How many?")
    async for delta in turn.stream():
        yield delta


@chatapp.register
class Greeter(chatapp.Assistant):
    """Has its model make the greeting."""

    def greeting(self, turn: chatapp.Turn) -> Any:
        return turn.stream("fault:stage Greet the person.")


@chatapp.register
class Host(chatapp.Assistant):
    """Has a greeting with a form, which stays."""

    greeting = chatapp.Greeting(chatapp.TemplatePart(template="stage/hello.html"), dismissible=False)


@chatapp.register
class Planner(chatapp.Assistant):
    """Has a form above the message box that fills it."""

    def greeting(self, thread_id: Any) -> chatapp.TemplatePart:
        return chatapp.TemplatePart(template="stage/planner.html", context={"thread": str(thread_id)})


@chatapp.register
async def prefiller(turn: chatapp.Turn) -> str:
    """Does to the message box what the message says, as JSON; anything else is said back."""
    if turn.text.startswith("{"):
        await turn.update_input(**json.loads(turn.text))
        return "Done."
    return f"You said {turn.text}"


@chatapp.command("quiet", "Says it quietly", echo=False)
def say_quietly(text: str) -> str:
    """Says it without being shown."""
    return f"Quietly: {text}"


@chatapp.register
class Commander(chatapp.Assistant):
    """Has commands, prompts and data of its own."""

    commands = [
        chatapp.command("say", "Says it back", lambda text: f"You said {text}"),
        chatapp.command("dark", "Does something in the page", None, echo=True),
        chatapp.command("fail", "Fails", lambda: 1 / 0),
        say_quietly,
    ]
    prompts = [("Apology letter", "Write an apology to {{customer}}."), "Say it shorter"]
    context_sources = [
        chatapp.context_source("sales", "Sales Data", description="Of today")(lambda user: f"31 kettles for {user}"),
        chatapp.context_source("stock", "Stock")(lambda: "7 lamps"),
    ]


def leak() -> str:
    """All that this process knows and nobody may see, in words as errors have them."""
    seeded = {name: os.environ.get(f"SEEDED_{name}") for name in ("PROVIDER", "ELSEWHERE", "QUERY", "BEARER", "AZURE")}
    headers = {"Authorization": f"Bearer {seeded['BEARER']}", "api-key": seeded["AZURE"]}
    return (
        f"key {seeded['PROVIDER']} of {settings.SECRET_KEY}; password {settings.DATABASES['default']['PASSWORD']} in "
        f"postgres://chat:{seeded['ELSEWHERE']}@db/chat and GET /v1?key={seeded['QUERY']} with {headers}"
    )


@chatapp.tool(approval="never")
def find_parcel(order_number: int) -> str:
    """Say where it is."""
    raise LookupError(leak())


@chatapp.register
class Leaking(chatapp.Assistant):
    """Fails with everything secret in the text of its errors, by itself or in a tool of its model."""

    tools = [find_parcel]
    commands = [chatapp.command("leak", "Fails", lambda: int(leak()))]

    async def respond(self, turn: chatapp.Turn) -> AsyncIterator[Any]:
        if "visibly" in turn.text:
            raise chatapp.VisibleError(f"Not now: {leak()}") from RuntimeError(leak())
        if "fault:" not in turn.text:
            yield "So far."
            raise RuntimeError(leak())
        async for item in turn.stream():
            yield item


@chatapp.register
class Crashing(chatapp.Assistant):
    """Disconnects its pages when it fails."""

    on_error = "unhandled"


@chatapp.register
class Toasting(chatapp.Assistant):
    """Says in a note that it has failed."""

    error_display = "toast"


@chatapp.register
class Anchoring(chatapp.Assistant):
    """Puts what one says at the top of the view."""

    scroll = "anchor"


@chatapp.register
class Taking(chatapp.Assistant):
    """Takes files."""

    attachments = True
