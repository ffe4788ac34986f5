"""Who may see, do and use what. The only way to a thread."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db.models.functions import Now
from django.test import override_settings

from chatapp import registry
from chatapp.errors import Refused
from chatapp.models import Run
from chatapp.policy import Policy, get_policy
from tests.conftest import make_thread

pytestmark = pytest.mark.django_db


def test_people_have_their_own_threads_and_nobody_elses(owner: Any, stranger: Any, staff: Any) -> None:
    thread = make_thread(owner)

    assert Policy().get_thread(owner, thread.pk) == thread
    assert Policy().get_thread(stranger, thread.pk) is None
    assert Policy().get_thread(staff, thread.pk) is None
    assert Policy().get_thread(owner, uuid4()) is None


def test_who_is_not_signed_in_or_not_active_has_none(owner: Any) -> None:
    thread = make_thread(owner)
    nobodys = make_thread(None)
    owner.is_active = False

    assert Policy().get_thread(owner, thread.pk) is None
    assert Policy().get_thread(AnonymousUser(), nobodys.pk) is None
    assert Policy().get_thread(None, nobodys.pk) is None


def test_who_is_signed_in_and_active_may_use_an_assistant(owner: Any) -> None:
    assistant = registry.get_default()

    assert Policy().can_use(owner, assistant)
    assert not Policy().can_use(AnonymousUser(), assistant)
    assert not Policy().can_use(None, assistant)
    owner.is_active = False
    assert not Policy().can_use(owner, assistant)


def test_nobody_sees_causes_unless_a_site_says_so(staff: Any) -> None:
    assert Policy().may_see_causes(staff) is False


def check(user: Any) -> Refused | None:
    """Why this person may not send one more message."""
    try:
        Policy().check_post(user)
    except Refused as refused:
        return refused
    return None


@override_settings(CHATAPP={"MESSAGES_PER_MINUTE": 3})
def test_messages_in_a_minute_are_counted_over_all_threads(owner: Any, stranger: Any) -> None:
    make_thread(owner, ("1", "."), ("2", "."))
    assert check(owner) is None

    make_thread(owner, ("3", "."))
    refused = check(owner)

    assert refused is not None
    assert (refused.status, refused.code, refused.retry_after) == (429, "too_fast", 60)
    assert check(stranger) is None


@override_settings(CHATAPP={"MESSAGES_PER_MINUTE": 1})
def test_what_is_older_than_a_minute_or_a_title_does_not_count(owner: Any) -> None:
    make_thread(owner, ("old", "."), ("title", "."))
    Run.objects.filter(prompt__text="old").update(started_at=Now() - timedelta(seconds=61))
    Run.objects.filter(prompt__text="title").update(kind="title")

    assert check(owner) is None


@override_settings(CHATAPP={"RUNS_PER_PERSON": 2})
def test_answers_under_way_are_counted(owner: Any) -> None:
    make_thread(owner, ("1", ""), state="running")
    make_thread(owner, ("done", "."), state="stopped")
    assert check(owner) is None

    make_thread(owner, ("2", ""), state="waiting")
    refused = check(owner)

    assert refused is not None
    assert (refused.status, refused.code, refused.retry_after) == (429, "too_many_runs", 10)


@override_settings(CHATAPP={"RUNS_PER_PERSON": 1, "MESSAGES_PER_MINUTE": 1, "LIMITS": False})
def test_limits_can_be_off(owner: Any) -> None:
    make_thread(owner, ("1", ""), state="running")

    assert check(owner) is None


class OpenHouse(Policy):
    """Everybody sees everything."""


@override_settings(CHATAPP={"POLICY": f"{__name__}.OpenHouse"})
def test_a_site_brings_its_own_policy() -> None:
    assert isinstance(get_policy(), OpenHouse)
