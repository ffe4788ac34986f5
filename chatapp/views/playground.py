"""The playground: its page, its one form, and the questions in its answers. For staff; for others it is not there."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from asgiref.sync import sync_to_async
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from chatapp import answering
from chatapp import playground as playgrounds
from chatapp.conf import settings
from chatapp.errors import Refused
from chatapp.forms import FORM_ID, TrialForm
from chatapp.playground import SIDES, Side, has_questions, load_trials
from chatapp.policy import get_policy
from chatapp.runs.streams import Viewer
from chatapp.sampling import SAMPLING
from chatapp.trials import Choice, Trial, list_choices, write_snippet

from .access import private

_VERBS: Final = {"send": False, "again": True, "load": True, "use": True, "clear": False}
"""What the form can be sent for, and whether that names a side."""


@dataclass(frozen=True, slots=True)
class _Sheet:
    """The page as one person has it."""

    choices: Mapping[str, Choice]
    trials: Mapping[Side, Trial]
    forms: Mapping[Side, TrialForm]

    def find_problems(self, sides: Sequence[Side]) -> dict[str, str]:
        """What is wrong on these sides: a sentence for each control, by its id."""
        return {
            self.forms[side][name].auto_id: " ".join(map(str, errors))
            for side in sides
            for name, errors in self.forms[side].errors.items()
        }


@private
@require_safe
def playground(request: HttpRequest) -> HttpResponse:
    """The page: what is tried on each side, what was said there and what it took."""
    return _render(request, _open(request))


@private
@require_POST
async def ask(request: HttpRequest) -> HttpResponse:
    """The form of the page; `do` says what with it.

    send: ask both. again.a, again.b: ask this side its last question again. load.a: begin anew with what is declared.
    use.a: show what is tried as Python. clear: empty both sides. 303 to the page, for script 200; a refusal is the page
    with its sentences, for script these alone, as JSON.
    """
    sheet = await sync_to_async(_open)(request, request.POST)
    verb, _dot, name = request.POST.get("do", "send").partition(".")
    sides: list[Side] = [side for side in sheet.forms if name in ("", side)]
    if _VERBS.get(verb) is not bool(name) or not sides:
        raise Http404(f"no such verb: {verb!r} of {name!r}")
    if verb == "load":
        return await sync_to_async(_load)(request, sheet, sides)
    if verb == "clear":
        await playgrounds.start_over(request.user)
        return _done(request)
    problems = sheet.find_problems(sides)
    if problems:
        return await _refuse(request, sheet, _("Please have a look at what is marked."), problems=problems)
    trials = {side: sheet.forms[side].get_trial() for side in sides}
    if verb == "use":
        snippets = {side: write_snippet(trial) for side, trial in trials.items()}
        if _is_script(request):
            return JsonResponse({"snippets": snippets})
        return await sync_to_async(_render)(request, sheet, snippets=snippets)
    try:
        await playgrounds.ask(request.user, trials, request.POST.get("text", "") if verb == "send" else None)
    except Refused as error:
        return await _refuse(request, sheet, str(error), status=error.status)
    return _done(request)


@private
@require_POST
async def answer(request: HttpRequest) -> HttpResponse:
    """Answer a question in an answer, or allow a tool: its id as `request`, the answer as `value`."""
    await sync_to_async(_check)(request)
    asked, text = request.POST.getlist("request"), request.POST.get("value", "")
    refused = Refused("one_by_one", _("Please answer one question at a time."), status=409)
    for name in SIDES.values() if len(asked) == 1 else ():
        try:
            stream_id = Viewer.find(request.user).get_id(name)
            await answering.answer(request.user, stream_id, asked[0], text, of_stream=True)
            return _done(request)
        except Refused as error:
            refused = error
            if error.code not in ("not_open", "not_found"):
                break  # It is open on this side, and not on the other.
    sheet = await sync_to_async(_open)(request)
    status = 409 if refused.status == 404 else refused.status
    return await _refuse(request, sheet, str(refused), status=status)


def _check(request: HttpRequest) -> None:
    policy = get_policy()
    if not (policy.can_use_playground(request.user) and policy.can_follow_streams(request.user)):
        raise Http404("no such page for this person")


def _open(request: HttpRequest, data: Any = None) -> _Sheet:
    _check(request)
    choices = list_choices(request.user)
    trials = load_trials(request.user, choices)
    forms = {side: TrialForm(data, prefix=side, choices=choices, trial=trial) for side, trial in trials.items()}
    return _Sheet(choices, trials, forms)


def _load(request: HttpRequest, sheet: _Sheet, sides: Sequence[Side]) -> HttpResponse:
    """The page with everything that was typed, but on these sides with what the chosen one declares."""
    forms = dict(sheet.forms)
    for side in sides:
        choice = sheet.choices.get(request.POST.get(f"{side}-who", ""))
        if choice is not None:
            forms[side] = TrialForm(None, prefix=side, choices=sheet.choices, trial=choice.trial)
    return _render(request, _Sheet(sheet.choices, sheet.trials, forms))


def _render(
    request: HttpRequest,
    sheet: _Sheet,
    *,
    notice: str = "",
    snippets: Mapping[Side, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    sides = []
    for side, form in sheet.forms.items():
        choice = sheet.choices.get(str(form["who"].value()))
        sides.append(
            {
                "name": side,
                "title": side.upper(),
                "form": form,
                "stream": SIDES[side],
                "is_open": bool(form.errors or (snippets or {}).get(side) or not has_questions(request.user, side)),
                "models": choice.models if choice else (),
                "has_tools": choice is not None and choice.has_tools,
                "snippet": (snippets or {}).get(side, ""),
            }
        )
    context = {
        "sides": sides,
        "form_id": FORM_ID,
        "beginnings": json.dumps({name: _write_beginning(choice) for name, choice in sheet.choices.items()}),
        "draft": request.POST.get("text", ""),
        "notice": notice,
        "settings": settings,
    }
    return render(request, "chatapp/playground.html", context, status=status)


def _write_beginning(choice: Choice) -> dict[str, Any]:
    """What the script puts into the controls when this is chosen."""
    trial = choice.trial
    numbers = {name: getattr(trial.config, name) for name in SAMPLING}
    values = {"model": trial.config.model, "instructions": trial.instructions, **numbers}
    return {"values": values, "models": list(choice.models), "tools": choice.has_tools}


def _is_script(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


def _done(request: HttpRequest) -> HttpResponse:
    if _is_script(request):
        return JsonResponse({})
    response = HttpResponseRedirect(reverse("chatapp:playground"))
    response.status_code = HTTPStatus.SEE_OTHER
    return response


async def _refuse(
    request: HttpRequest, sheet: _Sheet, sentence: str, *, status: int = 422, problems: Mapping[str, str] | None = None
) -> HttpResponse:
    if _is_script(request):
        return JsonResponse({"notice": sentence, "problems": problems or {}}, status=status)
    return await sync_to_async(_render)(request, sheet, notice=sentence, status=status)
