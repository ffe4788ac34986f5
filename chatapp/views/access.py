"""What every view of a person's threads has in common."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings as django_settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils.cache import add_never_cache_headers, patch_vary_headers
from django.views.decorators.clickjacking import xframe_options_deny

from chatapp import handlers
from chatapp.errors import Refused

_View = Callable[..., Any]


def private(view: _View) -> _View:
    """Signed-in people only; never cached, never framed. A Refused with status 404 is a 404."""
    return login_required(personal(view))


def personal(view: _View) -> _View:
    """As private, and for visitors who are not signed in as well: each gets something of their own."""

    @wraps(view)
    async def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            response: HttpResponseBase = await handlers.call(view, request, *args, **kwargs)
        except Refused as error:
            if error.status == 404:
                raise Http404(str(error)) from error
            raise
        add_never_cache_headers(response)
        patch_vary_headers(response, ["Cookie"])
        return response

    answered: _View = xframe_options_deny(answer)
    return answered


def allow_own_frames(response: HttpResponseBase) -> None:
    """Let pages of this site show the response in a frame, and nobody else.

    What Django 6 sends of SECURE_CSP follows; another sender of a policy has to be told.
    """
    response["X-Frame-Options"] = "SAMEORIGIN"
    policy = getattr(django_settings, "SECURE_CSP", None)
    if policy:
        response._csp_config = {**policy, "frame-ancestors": ["'self'"]}  # type: ignore[attr-defined]  # see csp_override
