"""The playground: staff ask two models at once, with instructions and sampling of their own, and see what each took.

Each side is a stream of the person (see chatapp.streams) with questions in it: a thread that no door to conversations
opens. What is tried lives in that row and nowhere else, and no assistant changes by it.
"""

import logging
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, replace
from typing import Any, Final, Literal

from django.utils.translation import gettext as _
from pydantic import ValidationError

from chatapp.actions import get_ready
from chatapp.assistants import Assistant
from chatapp.composing import check_text
from chatapp.conf import settings
from chatapp.contexts import ContextSource
from chatapp.errors import ProviderError, Refused, VisibleError, get_sentence
from chatapp.events import PartStart
from chatapp.figures import FiguresPart
from chatapp.finding import is_answering
from chatapp.models import Message, Thread
from chatapp.models.calls import in_database, win_races
from chatapp.parts import TextPart
from chatapp.policy import PLAYGROUND_STREAMS, get_policy
from chatapp.prices import get_cost
from chatapp.providers.metering import Calls, Ledger, ProviderCall, sum_usage
from chatapp.redaction import redact
from chatapp.replying import store_reply
from chatapp.runs.live import Job
from chatapp.runs.preferences import load_menu
from chatapp.runs.streams import Viewer
from chatapp.sampling import SAMPLING, ModelConfig
from chatapp.streams import clear_stream, lock_stream
from chatapp.tools import Tool
from chatapp.trials import Choice, Trial
from chatapp.turn import Turn

logger = logging.getLogger("chatapp.playground")

Side = Literal["a", "b"]
SIDES: Final[Mapping[Side, str]] = dict(zip(("a", "b"), PLAYGROUND_STREAMS, strict=True))
"""The name of the stream of each side."""

SETTINGS_KEY: Final = "playground"
"""Where the row of a stream keeps what is tried there."""


def load_trials(user: Any, choices: Mapping[str, Choice]) -> dict[Side, Trial]:
    """What this person tried last, else the first choice on both sides, if possible with two models of it.

    Called in the database thread.
    """
    viewer = Viewer.find(user)
    first = next(iter(choices.values()), None)
    if first is None:
        return {}
    others = [name for name in first.models if name != first.trial.config.model]
    second = first.trial
    if others:
        second = second.model_copy(update={"config": second.config.model_copy(update={"model": others[0]})})
    trials: dict[Side, Trial] = {"a": first.trial, "b": second}
    for side, name in SIDES.items():
        stream = viewer.find_stream(name)
        try:
            kept = Trial.model_validate(stream.settings[SETTINGS_KEY]) if stream is not None else None
        except (KeyError, ValidationError):
            continue
        if kept is not None and kept.who in choices:
            trials[side] = kept
    return trials


def has_questions(user: Any, side: Side) -> bool:
    """Whether anything was asked on this side. Called in the database thread."""
    stream = Viewer.find(user).find_stream(SIDES[side])
    return stream is not None and stream.head is not None and stream.head.parent_id is not None


async def ask(user: Any, trials: Mapping[Side, Trial], text: str | None) -> None:
    """Ask each of these sides, each with what is tried there; None: its last question again, in place of its answer.

    All or none. The answers go on in the background. Raises Refused: bad text (422), an answer is under way there or
    there is nothing to ask again (409), too many (429), the process is ending (503). Nobody is asked whether this
    person may use the playground: that is for the caller to know.
    """
    text = check_text(text) if text is not None else None
    hub, runner = await get_ready()

    async def begin() -> None:
        for job in await _store(user, trials, text, hub.mailbox):
            runner.start(job)
            await hub.thread_changed(job.thread_id)

    await hub.see_through(begin())


async def start_over(user: Any) -> None:
    """Empty both sides; what is said there is stopped. What is tried stays."""
    for name in SIDES.values():
        await clear_stream(name, user=user)


@in_database
def _store(user: Any, trials: Mapping[Side, Trial], text: str | None, mailbox: str) -> list[Job]:
    def store() -> list[Job]:
        return [_store_one(user, side, trial, text, mailbox) for side, trial in trials.items()]

    return win_races(store)


def _store_one(user: Any, side: Side, trial: Trial, text: str | None, mailbox: str) -> Job:
    stream = lock_stream(Viewer.find(user), SIDES[side])
    if is_answering(stream):
        raise Refused("answering", _("Please wait until both have finished, or stop them first."), status=409)
    get_policy().check_post(user)
    _drop_blank_head(stream)
    question = _make_question(stream, text) if text is not None else _find_question(stream)
    stream.settings = {**stream.settings, SETTINGS_KEY: trial.model_dump(mode="json")}
    stream.save(update_fields=["settings"])
    player = _Player(trial)
    job = store_reply(stream, question, player, user, mailbox, is_new=text is not None)
    tried = trial.assistant
    chosen = load_menu(tried, user, None).values if tried is not None else {}
    return replace(job, turn=replace(job.turn, kind="playground", settings=chosen))


def _drop_blank_head(stream: Thread) -> None:
    """What was emptied has one answer without a word, and begins anew."""
    head = stream.head
    if head is not None and head.parent_id is None and not head.parts:
        stream.head = None


def _make_question(stream: Thread, text: str) -> Message:
    return Message(
        thread=stream,
        parent_id=stream.head_id,
        role=Message.Role.USER,
        parts=[TextPart(text=text).dump()],
        text=text,
    )


def _find_question(stream: Thread) -> Message:
    question = stream.head.parent if stream.head is not None else None
    if question is None or question.role != Message.Role.USER:
        raise Refused("nothing_to_retry", _("There is no question to ask again."), status=409)
    return question


class _Player(Assistant):
    """What is tried, in the shape in which a runner takes it."""

    slug = "playground"
    while_running = "block"

    def __init__(self, trial: Trial) -> None:
        self._trial, self._tried = trial, trial.assistant
        self.provider = trial.alias  # type: ignore[misc]
        if self._tried is not None:
            self.sees_images = self._tried.sees_images  # type: ignore[misc]
            self.stall_seconds = self._tried.stall_seconds  # type: ignore[misc]
            self.options = {  # type: ignore[misc]
                name: value for name, value in self._tried.options.items() if name not in SAMPLING
            }
        super().__init__()

    def make_config(self, values: Mapping[str, Any]) -> ModelConfig:
        """What is tried, whatever was chosen elsewhere."""
        return self._trial.config

    async def load_instructions(self, turn: Turn) -> str:
        """What is tried, and nothing beside it."""
        return self._trial.instructions

    async def load_tools(self, turn: Turn) -> dict[str, Tool]:
        """Those of the assistant, if they are to be there."""
        return await self._tried.load_tools(turn) if self._tried is not None and self._trial.with_tools else {}

    async def load_context_sources(self, user: Any) -> Sequence[ContextSource]:
        """Those of the assistant."""
        return await self._tried.load_context_sources(user) if self._tried is not None else ()

    async def answer(self, turn: Turn) -> AsyncGenerator[Any, None]:
        """What the assistant says to the turn, then what it took, also if it was stopped or failed."""
        tape = _Tape(turn.ledger)
        heard = replace(turn, ledger=tape)
        said = self._tried.answer(heard) if self._tried is not None else heard.stream()
        began = time.monotonic()
        try:
            async with aclosing(said) as items:
                async for item in items:
                    yield item
        except Exception as error:
            raise _explain(error) from error
        finally:
            if turn.speech is not None:
                # No yield: a generator that is being closed may not.
                await turn.speech.say(PartStart(add_up(tape, time.monotonic() - began, self._trial)))


class _Tape(Calls):
    """A ledger that remembers, between a turn and the ledger of its run."""

    def __init__(self, ledger: Ledger | None) -> None:
        super().__init__()
        self._ledger = ledger

    def record(self, call: ProviderCall) -> None:
        super().record(call)
        if self._ledger is not None:
            self._ledger.record(call)


def add_up(calls: Sequence[ProviderCall], seconds: float, trial: Trial) -> FiguresPart:
    """What these requests took together; `seconds` are those of an answer without any.

    The cost is known if that of each request is.
    """
    usage = sum_usage(calls)
    costs = [get_cost(call.alias, call.model, call.usage) for call in calls]
    known = [cost for cost in costs if cost is not None]
    figures = FiguresPart(
        provider=calls[0].alias if calls else trial.alias,
        model=calls[0].model if calls else "",
        seconds=sum(call.seconds for call in calls) if calls else seconds,
        first_token_seconds=calls[0].first_token_seconds if calls else None,
        cost=sum(known[1:], known[0]) if known and len(known) == len(calls) else None,
        currency=settings.CURRENCY,
        requests=len(calls),
    )
    return figures if usage is None else figures.model_copy(update=asdict(usage))


class _Explained(ProviderError, VisibleError):
    """A failure whose cause is shown in place: whoever is here is staff."""

    def __init__(self, code: str, cause: str) -> None:
        super().__init__(code, cause)
        self.sentence = f"{get_sentence(code)} ({cause})" if cause else get_sentence(code)

    def __str__(self) -> str:
        return self.sentence


def _explain(error: Exception) -> Exception:
    if isinstance(error, ProviderError):
        return _Explained(error.code, redact(error.cause))
    if isinstance(error, VisibleError):
        return error
    logger.error("what was tried failed", exc_info=error)
    return _Explained("failed", redact(f"{type(error).__name__}: {error}"))
