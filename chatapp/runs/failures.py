"""How a failure ends a run: a sentence and a reference for the person, the cause for staff and for the log."""

import logging

from django.conf import settings as django_settings

from chatapp.conf import settings
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
    reference = new_reference()
    code, cause = "failed", redact(f"{type(error).__name__}: {error}")
    if isinstance(error, ProviderError):
        code, cause = error.code, redact(error.cause or str(error))
    if isinstance(error, VisibleError):
        sentence = str(error)
        cause = redact(repr(error.__cause__)) if error.__cause__ else cause
    elif settings.ERRORS == "actual" or (settings.ERRORS == "auto" and django_settings.DEBUG):
        sentence = f"{get_sentence(code)} ({cause})"
    else:
        sentence = get_sentence(code)
    cause = scrub(cause)
    expected = isinstance(error, ProviderError | VisibleError)
    logger.log(
        logging.WARNING if expected else logging.ERROR,
        "run %s failed with %s, reference %s: %s",
        live.job.run_id,
        code,
        reference,
        cause,
        exc_info=None if expected else error,
    )
    live.assembler.end()
    live.take(ErrorPart(code=code, message=sentence, reference=reference))
    return journal.Outcome(
        state=Run.State.FAILED,
        usage=live.assembler.usage,
        error_code=code,
        error_reference=reference,
        error=cause,
    )
