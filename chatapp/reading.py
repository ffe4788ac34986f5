"""What was said in a thread, for code elsewhere: as people see it, as a model gets it, and what it took.

And back: `set_turns` makes the thread go on from what a model was told elsewhere. Nobody is asked whether they may:
that is for the caller to know.
"""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

from asgiref.sync import async_to_sync
from django.db import transaction
from django.db.models.functions import Now
from pydantic import BaseModel, ConfigDict

from chatapp.accounting import sum_all
from chatapp.history import read_messages, write_messages
from chatapp.models import Message, Thread, UsageRecord
from chatapp.models.calls import in_database
from chatapp.parts import Part, TextPart, plain_text
from chatapp.runs import greetings, transcript
from chatapp.runs.hub import get_hub

VERSION: Final = 1
"""Of what get_state gives."""

_MAX_STARTUP: Final = 100


class SaidMessage(BaseModel):
    """A message as people see it; dict() of it has the same three."""

    model_config = ConfigDict(frozen=True)

    role: str
    """user or assistant."""

    content: str
    """As plain text or Markdown; without thinking, errors and notices."""

    attachments: tuple[Any, ...] = ()
    """Files that came with it."""


class Tokens(NamedTuple):
    """What a thread took, over all requests to models that have ended."""

    input: int | None
    """None: no provider said."""

    output: int | None
    cost: Decimal | None
    """In CHATAPP["CURRENCY"]. None: no price is known."""

    unknown_calls: int
    """Requests of which the provider said nothing; the sums are of the others."""

    cached: int | None = None
    """Of the input."""

    reasoning: int | None = None
    """Of the output."""

    calls: int = 0
    """All requests."""


def get_messages_sync(thread: Thread | UUID) -> tuple[SaidMessage, ...]:
    """What people and assistants said on the branch that is shown, oldest first.

    Without greetings, messages with which every chat begins, instructions and hidden ones. Raises Thread.DoesNotExist.
    """
    row = _get_thread(thread)
    path = transcript.get_path(row)
    begin = {greetings.get_startup_id(row.pk, index) for index in range(_MAX_STARTUP)}
    found = Message.objects.filter(visible=True, role__in=("user", "assistant")).in_bulk(path)
    said = [found[pk] for pk in path if pk in found and pk not in begin]
    return tuple(
        SaidMessage(role=message.role, content=plain_text(message.load_parts()), attachments=tuple(loaded.attachments))
        for message, loaded in zip(said, transcript.to_chat_messages(row, said), strict=True)
    )


def get_turns_sync(thread: Thread | UUID) -> list[dict[str, Any]]:
    """The messages of the thread as the API of a model has them, calls of tools and their results included.

    Raises Thread.DoesNotExist.
    """
    return [turn for _, turns in _list_turns(_get_thread(thread)) for turn in turns]


def _list_turns(thread: Thread) -> list[tuple[UUID | None, list[dict[str, Any]]]]:
    """Each stored message that the model gets, and what it gets of it."""
    history = transcript.load_history(thread, thread.head_id)
    return [(message.id, write_messages(message.role, message.parts)) for message in history]


async def set_turns(thread: Thread | UUID, turns: Sequence[Mapping[str, Any]]) -> None:
    """Make these the messages of the thread that a model gets with the next question.

    What is there already stays: from the first one that differs on there is a new branch, and what was said before is
    another version of it. What get_turns gave changes nothing. Raises ValueError for a message that is none, or while
    an answer is being said; Thread.DoesNotExist.
    """
    found = await in_database(_store_turns)(thread.pk if isinstance(thread, Thread) else thread, turns)
    if found is not None:
        await get_hub().thread_changed(*found)


def _store_turns(thread_id: UUID, turns: Sequence[Mapping[str, Any]]) -> tuple[UUID, str] | None:
    wanted = check_turns(turns)
    with transaction.atomic():
        thread = Thread.objects.select_for_update().get(pk=thread_id)
        if transcript.get_live_run(thread) is not None:
            raise ValueError("an answer is being said in this thread; stop it, or wait for its end")
        stored = _list_turns(thread)
        at, last = 0, None
        for pk, told in stored:
            if wanted[at : at + len(told)] != told:
                break
            at, last = at + len(told), pk
        else:
            if at == len(wanted):
                return None
            last = thread.head_id
        append_turns(thread, last, wanted[at:])
        return thread.pk, str(thread.owner_id)


def append_turns(thread: Thread, last: UUID | None, turns: Sequence[dict[str, Any]]) -> None:
    """Store these as messages after `last`; the branch that is shown ends with them. Within a transaction."""
    for role, parts in _group(turns):
        message = Message(
            thread=thread,
            parent_id=last,
            role=role,
            parts=[part.dump() for part in parts],
            text=plain_text(parts),
            visible=role != Message.Role.SYSTEM,
        )
        message.save(force_insert=True)
        last = message.pk
    Thread.objects.filter(pk=thread.pk).update(head_id=last, updated_at=Now())


def check_turns(turns: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Messages of the API with nothing but what is stored of them. Raises ValueError for what is none."""
    return [_check(turn, place) for place, turn in enumerate(turns, 1)]


def _check(turn: Mapping[str, Any], place: int) -> dict[str, Any]:
    """A message of the API with nothing but what is stored of it."""
    role, content = turn.get("role"), turn.get("content")
    if role not in Message.Role.values:
        raise ValueError(f"message {place} has the role {role!r}; known are {', '.join(Message.Role.values)}")
    if not isinstance(content, str) and not (content is None and turn.get("tool_calls")):
        raise ValueError(f"message {place} has a content of type {type(content).__name__}; give it a string")
    known = ("role", "content", "tool_calls", "tool_call_id")
    return {key: turn[key] for key in known if key in turn}


def _group(turns: Sequence[dict[str, Any]]) -> list[tuple[str, list[Part]]]:
    """Roles and parts: what an answer did with tools, its results and what it then said are one message."""
    groups: list[tuple[str, list[dict[str, Any]]]] = []
    for turn in turns:
        last = groups[-1][1] if groups else []
        if turn["role"] == "tool" and not last:
            raise ValueError("the result of a tool follows no message that called it")
        if turn["role"] == "tool" or (turn["role"] == "assistant" and last and last[-1]["role"] == "tool"):
            last.append(turn)
        else:
            groups.append((turn["role"], [turn]))
    return [(role, _to_parts(group)) for role, group in groups]


def _to_parts(turns: Sequence[dict[str, Any]]) -> list[Part]:
    try:
        calls = {call.tool_id: call for call in read_messages(turns)}
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError("a call of a tool is not as the API has it") from error
    parts: list[Part] = []
    for turn in turns:
        if turn["role"] == "tool":
            continue
        if turn["content"]:
            parts.append(TextPart(text=turn["content"]))
        parts += [calls[call["id"]] for call in turn.get("tool_calls") or ()]
    return parts


def get_state_sync(thread: Thread | UUID) -> dict[str, Any]:
    """All that a model knows of the thread, as JSON that can be kept anywhere. Raises Thread.DoesNotExist."""
    return {"version": VERSION, "turns": get_turns_sync(thread)}


async def set_state(thread: Thread | UUID, state: Mapping[str, Any]) -> None:
    """Give a thread what get_state gave, of this thread or another one. Raises ValueError for another version."""
    if state.get("version") != VERSION:
        raise ValueError(f"the state has version {state.get('version')!r}; {VERSION} is known")
    await set_turns(thread, state["turns"])


def get_tokens_sync(thread: Thread | UUID) -> Tokens:
    """What the requests of a thread took: answers, those that were replaced by another version or deleted too, titles,
    greetings. What no provider said is not taken for 0. Raises Thread.DoesNotExist."""
    sums = sum_all(UsageRecord.objects.filter(thread=_get_thread(thread)))
    return Tokens(
        sums.input_tokens,
        sums.output_tokens,
        sums.cost,
        sums.unknown,
        sums.cached_tokens,
        sums.reasoning_tokens,
        sums.calls,
    )


def _get_thread(thread: Thread | UUID) -> Thread:
    return Thread.objects.get(pk=thread.pk if isinstance(thread, Thread) else thread)


get_messages = in_database(get_messages_sync)
"""See get_messages_sync."""

get_turns = in_database(get_turns_sync)
"""See get_turns_sync."""

get_state = in_database(get_state_sync)
"""See get_state_sync."""

get_tokens = in_database(get_tokens_sync)
"""See get_tokens_sync."""

set_turns_sync = async_to_sync(set_turns)
"""See set_turns; for code that is not async."""

set_state_sync = async_to_sync(set_state)
"""See set_state; for code that is not async."""
