"""How a failure ends a run: a sentence and a reference for the person, the cause for staff and for the log."""

import logging

from django.conf import settings as django_settings

from chatapp.conf import OnError
from chatapp.errors import ProviderError, VisibleError, get_sentence, new_reference
from chatapp.models import Run
from chatapp.parts import ErrorPart
from chatapp.redaction import redact
from chatapp.scrubbing import scrub

from . import journal
from .live import LiveRun

logger = logging.getLogger("chatapp.runs")


def fail(live: LiveRun, error: Exception) -> journal.Outcome:
    """Keep what was said, add a sentence and a reference; the cause goes to staff and to the log."""
    assistant = live.job.turn.assistant
    reference = new_reference()
    code, cause = "failed", redact(f"{type(error).__name__}: {error}")
    if isinstance(error, ProviderError):
        code, cause = error.code, redact(error.cause or str(error))
    rule = _resolve(assistant.get_on_error())
    if isinstance(error, VisibleError):
        sentence = redact(str(error))
        cause = redact(repr(error.__cause__)) if error.__cause__ else cause
    elif rule == "unhandled":
        code, cause = "unhandled", redact(f"{type(error).__name__}: {error}")
        sentence = get_sentence(code)
    elif rule == "actual":
        sentence = f"{get_sentence(code)} ({cause})"
    else:
        sentence = get_sentence(code)
    cause = scrub(cause)
    expected = isinstance(error, ProviderError | VisibleError) and code != "unhandled"
    logger.log(
        logging.WARNING if expected else logging.ERROR,
        "run %s failed with %s, reference %s: %s",
        live.job.run_id,
        code,
        reference,
        cause,
        exc_info=None if expected else error,
        # Fields of their own where the log is JSON.
        extra={"run_id": live.job.run_id, "thread_id": live.job.thread_id, "code": code, "reference": reference},
    )
    live.assembler.end()
    is_toast = assistant.error_display == "toast" and not live.job.greets
    is_hidden = is_toast and not live.assembler.to_parts()
    live.take(ErrorPart(code=code, message=sentence, reference=reference, display="toast" if is_toast else "bubble"))
    return journal.Outcome(
        state=Run.State.FAILED,
        usage=live.assembler.usage,
        error_code=code,
        error_reference=reference,
        error=cause,
        is_hidden=is_hidden,
    )


def _resolve(rule: OnError) -> OnError:
    if rule != "auto":
        return rule
    return "actual" if django_settings.DEBUG else "sanitize"
