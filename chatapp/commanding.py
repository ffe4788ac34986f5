"""What becomes of a typed slash command: the built-in ones, those that say something without being shown, and who may.

A command that is shown (`echo`) is a question that it answers itself, and goes the way of every question; see
actions.post_message. One that is not shown leaves a row that nobody sees and no branch has, so that the same frame sent
twice does it once.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext as _

from chatapp import clearing, speaking
from chatapp.actions import Posted
from chatapp.assistants import Assistant
from chatapp.commands import BUILT_IN, Command, read_typed
from chatapp.conf import settings
from chatapp.customizing import name_models
from chatapp.errors import ChatappError, Refused
from chatapp.finding import find_assistant, make_thread, not_found
from chatapp.models import Message, Thread
from chatapp.models.calls import in_database
from chatapp.policy import get_policy
from chatapp.runs import transcript
from chatapp.runs.hub import get_hub
from chatapp.turn import Turn

logger = logging.getLogger("chatapp.commands")

EXPORTS: Final = ("md", "json")
"""What `/export` takes."""

SHOWN_CHARS: Final = 300
"""How much of what the model is told is shown in a notice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """A command that somebody may use, as it was typed."""

    command: Command
    text: str
    """What stands after its name."""

    assistant: Assistant


@in_database
def find(user: Any, thread_id: UUID, text: str, slug: str) -> Typed | None:
    """The command in this message; None if it is a message like any other.

    Raises Refused: they may not use it (403), no such thread or assistant (404).
    """
    typed = read_typed(text)
    if typed is None:
        return None
    assistant = find_assistant(user, thread_id, slug)
    command = assistant.list_commands(user).get(typed[0])
    if command is None:
        return None
    if not get_policy().can_command(user, assistant, command.name):
        raise Refused("forbidden", _("You may not use /%(name)s here.") % {"name": command.name}, status=403)
    return Typed(command=command, text=typed[1], assistant=assistant)


def list_commands(user: Any, assistant: Assistant) -> list[Command]:
    """What this person is offered, in the order of their names. Called in the database thread."""
    policy = get_policy()
    commands = assistant.list_commands(user).values()
    allowed = [command for command in commands if policy.can_command(user, assistant, command.name)]
    return sorted(allowed, key=lambda command: command.name)


async def run(user: Any, thread_id: UUID, typed: Typed, *, text: str, client_id: UUID) -> Posted:
    """Do a command that is not shown as a message; `Posted.notice` and `Posted.download` are for who typed it.

    Raises Refused: what it was told is not possible (422), no such thread (404).
    """
    hub = get_hub()
    await hub.open()
    built_in = _BUILT_IN[typed.command.name] if typed.command is BUILT_IN.get(typed.command.name) else _run_quietly
    return await hub.see_through(built_in(user, thread_id, typed, text, client_id))


# ---- the built-in ones


async def _clear(user: Any, thread_id: UUID, typed: Typed, text: str, client_id: UUID) -> Posted:
    if not await _is_there(user, thread_id):
        return _done(client_id)
    if await _remember(user, thread_id, typed, text, client_id) is None:
        return _done(client_id, is_new=False)
    await clearing.clear(user, thread_id)
    return _done(client_id)


async def _export(user: Any, thread_id: UUID, typed: Typed, text: str, client_id: UUID) -> Posted:
    name = typed.text.lower() or EXPORTS[0]
    if name not in EXPORTS:
        known = ", ".join(EXPORTS)
        raise Refused("bad_format", _("/export takes one of these: %(known)s.") % {"known": known})
    if not await _is_there(user, thread_id):
        raise Refused("nothing_to_export", _("There is nothing to save yet."))
    address = reverse("chatapp:export", args=[thread_id])
    return _done(client_id, notice=_("Your file is ready."), download=f"{address}?format={name}")


async def _choose_model(user: Any, thread_id: UUID, typed: Typed, text: str, client_id: UUID) -> Posted:
    own, names = await _list_models(user, thread_id, typed.assistant)
    if not typed.text:
        current = (await _load_settings(user, thread_id)).get("model") or own or _("the provider's own model")
        others = ", ".join(names) if len(names) > 1 else ""
        sentence = _("This chat is answered by %(model)s.") % {"model": current}
        more = _("There are: %(names)s.") % {"names": others} if others else ""
        return _done(client_id, notice=f"{sentence} {more}".strip())
    chosen = next((name for name in names if name.lower() == typed.text.lower()), None)
    if chosen is None:
        sentence = _("There is no model %(name)s here. There are: %(names)s.")
        raise Refused("no_model", sentence % {"name": typed.text[:80], "names": ", ".join(names) or "–"})
    await _store_setting(user, thread_id, typed, text, client_id, "model", "" if chosen == own else chosen)
    return _done(client_id, notice=_("This chat is answered by %(model)s from now on.") % {"model": chosen})


async def _tell_system(user: Any, thread_id: UUID, typed: Typed, text: str, client_id: UUID) -> Posted:
    if not typed.text:
        told = str((await _load_settings(user, thread_id)).get("system") or "")
        if not told:
            return _done(
                client_id,
                notice=_("The model is told nothing more in this chat. /system and a text tells it something."),
            )
        shown = told if len(told) <= SHOWN_CHARS else f"{told[:SHOWN_CHARS]}…"
        sentence = _("The model is told in this chat: “%(text)s” /system off ends that.")
        return _done(client_id, notice=sentence % {"text": shown})
    if typed.text.lower() == "off":
        await _store_setting(user, thread_id, typed, text, client_id, "system", "")
        return _done(client_id, notice=_("The model is told nothing more in this chat."))
    await _store_setting(user, thread_id, typed, text, client_id, "system", typed.text)
    return _done(client_id, notice=_("The model is told so in this chat from now on."))


_Run = Callable[[Any, UUID, Typed, str, UUID], Any]
_BUILT_IN: Final[dict[str, _Run]] = {
    "clear": _clear,
    "export": _export,
    "model": _choose_model,
    "system": _tell_system,
}


def _done(client_id: UUID, *, notice: str = "", download: str = "", is_new: bool = True) -> Posted:
    return Posted(message_id=client_id, run_id=None, is_new=is_new, is_shown=False, notice=notice, download=download)


@in_database
def _list_models(user: Any, thread_id: UUID, assistant: Assistant) -> tuple[str, Sequence[str]]:
    """The model that answers by itself, and all that can be chosen, that one first."""
    thread = get_policy().get_thread(user, thread_id)
    alias = thread.provider if thread is not None else ""
    own = assistant.find_model(alias)
    return own, list(dict.fromkeys(filter(None, [own, *name_models(assistant.list_models(user, alias))])))


@in_database
def _is_there(user: Any, thread_id: UUID) -> bool:
    return get_policy().get_thread(user, thread_id) is not None


@in_database
def _load_settings(user: Any, thread_id: UUID) -> dict[str, Any]:
    thread = get_policy().get_thread(user, thread_id)
    return dict(thread.settings) if thread is not None else {}


async def _store_setting(
    user: Any, thread_id: UUID, typed: Typed, text: str, client_id: UUID, key: str, value: str
) -> None:
    """Keep what was chosen for this thread; "" takes it away."""
    if await _remember(user, thread_id, typed, text, client_id, key, value) is not None:
        await get_hub().thread_changed(thread_id)


# ---- those that say something, and are not shown themselves


async def _run_quietly(user: Any, thread_id: UUID, typed: Typed, text: str, client_id: UUID) -> Posted:
    if typed.command.function is None:
        name = typed.command.name
        raise Refused("only_in_the_page", _("/%(name)s does nothing on this page.") % {"name": name})
    turn = await _remember(user, thread_id, typed, text, client_id)
    if turn is not None:
        get_hub().spawn(_speak(typed, turn))
    return _done(client_id, is_new=turn is not None)


async def _speak(typed: Typed, turn: Turn) -> None:
    """Call the function; its first word makes a message, and so does an error."""
    said = typed.command.answer(turn, typed.text)
    async with aclosing(said):
        first, error = await _take_first(said)
        if first is None and error is None:
            return
        try:
            async with speaking.message_stream(turn.thread_id, for_model=typed.command.for_model) as message:
                if error is not None:
                    raise error
                await message.append(first)
                async for item in said:
                    await message.append(item)
        except ChatappError:
            logger.debug("/%s was stopped, or said why it failed", typed.command.name, exc_info=True)
        except Thread.DoesNotExist:
            logger.info("/%s has no thread any more", typed.command.name)
        except Exception as failure:
            # The message has a sentence and a reference, under which the log has the cause.
            logger.warning("/%s failed: %s", typed.command.name, type(failure).__name__)


async def _take_first(said: AsyncGenerator[Any, None]) -> tuple[Any, Exception | None]:
    try:
        async with asyncio.timeout(settings.TOTAL_SECONDS):
            async for item in said:
                return item, None
    except Exception as error:
        return None, error
    return None, None


# ---- what is left of them


@in_database
def _remember(
    user: Any, thread_id: UUID, typed: Typed, text: str, client_id: UUID, key: str = "", value: str = ""
) -> Turn | None:
    """Store that this was typed, and what it sets; the turn in which it is done. None: it was typed and done before."""
    try:
        with transaction.atomic():
            thread = get_policy().get_threads(user).select_for_update(of=("self",)).filter(pk=thread_id).first()
            if thread is None:
                if Thread.objects.filter(pk=thread_id).exists():
                    raise not_found()
                thread = make_thread(user, thread_id, typed.assistant.slug)
            elif Message.objects.filter(thread=thread, client_id=client_id).exists():
                return None
            if key:
                kept = {name: each for name, each in thread.settings.items() if name != key}
                thread.settings = {**kept, key: value} if value else kept
            if thread._state.adding:
                thread.updated_at = Now()
                thread.save(force_insert=True)
            elif key:
                thread.save(update_fields=["settings"])
            Message(
                thread=thread,
                role=Message.Role.SYSTEM,
                text=text,
                client_id=client_id,
                for_model=False,
                visible=False,
            ).save(force_insert=True)
            history = transcript.load_history(thread, thread.head_id) if thread.head_id else []
    except IntegrityError:
        return None  # The same frame over another socket was faster.
    return Turn(
        assistant=typed.assistant,
        messages=tuple(history),
        user=user,
        thread_id=thread_id,
        settings=dict(thread.settings),
    )
