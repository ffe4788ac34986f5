"""What really went wrong, for staff who may know, in the place where they see that something did."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_safe

from chatapp.conf import settings
from chatapp.errors import read_reference
from chatapp.finding import not_found
from chatapp.models import Run
from chatapp.policy import get_policy

from .access import private
from .verbs import is_partial


@private
@require_safe
def cause(request: HttpRequest, thread_id: UUID, reference: str) -> HttpResponse:
    """Why an answer in this thread failed, by its reference; to script a piece of a page. 404 for everybody else."""
    policy = get_policy()
    thread = policy.get_thread(request.user, thread_id)
    if thread is None or not policy.may_read_causes(request.user):
        raise not_found()
    run = Run.objects.filter(thread=thread, error_reference=read_reference(reference) or reference).first()
    if run is None:
        raise not_found()
    context = {"run": run, "admin_url": _find_admin(run), "settings": settings}
    return render(request, "chatapp/_cause_text.html" if is_partial(request) else "chatapp/cause.html", context)


def _find_admin(run: Run) -> str:
    """The run in the admin; empty if the site has none."""
    try:
        return reverse("admin:chatapp_run_change", args=[run.pk])
    except NoReverseMatch:
        return ""
