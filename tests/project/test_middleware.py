"""The site's own middleware, in both colours."""

from typing import Any

import pytest
from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings

from project.middleware import content_security_policy

pytestmark = pytest.mark.filterwarnings("error")

POLICY = {"default-src": ["'self'"], "img-src": ["'self'", "data:"]}


def answer(request: HttpRequest) -> HttpResponse:
    """A page."""
    return HttpResponse("page")


async def answer_later(request: HttpRequest) -> HttpResponse:
    """A page of an async view."""
    return HttpResponse("page")


def answer_with_a_policy_of_its_own(request: HttpRequest) -> HttpResponse:
    """A page that allows nothing."""
    return HttpResponse("page", headers={"Content-Security-Policy": "sandbox"})


@override_settings(SECURE_CSP=POLICY)
async def test_the_policy_is_sent_whatever_the_colour_of_the_view(rf: RequestFactory) -> None:
    sync: Any = content_security_policy(answer)
    later: Any = content_security_policy(answer_later)

    assert not iscoroutinefunction(sync)
    assert iscoroutinefunction(later)
    for response in (sync(rf.get("/")), await later(rf.get("/"))):
        assert response.headers["Content-Security-Policy"] == "default-src 'self'; img-src 'self' data:"


@override_settings(SECURE_CSP=POLICY)
def test_a_view_that_sends_its_own_policy_keeps_it(rf: RequestFactory) -> None:
    middleware: Any = content_security_policy(answer_with_a_policy_of_its_own)

    assert middleware(rf.get("/")).headers["Content-Security-Policy"] == "sandbox"
