"""What people and staff see of the bill: their own numbers, those of a conversation, all of them."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from unittest import mock
from uuid import uuid4

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone

from chatapp.models import UsageRecord
from chatapp.policy import Policy
from chatapp.rendering.figures import show_money
from tests.conftest import make_thread
from tests.usage import make_usage

pytestmark = pytest.mark.django_db

SUMS = "/chat/usage/"


def show(value: str) -> Any:
    """With this SHOW_USAGE."""
    return override_settings(CHATAPP={**settings.CHATAPP, "SHOW_USAGE": value})


def read(response: Any) -> str:
    """The text of a page, tables with a space between their cells."""
    assert response.status_code == 200
    return " ".join(response.content.decode().replace("</td><td>", " ").split())


# ---- a person's own page


def test_a_page_shows_ones_own_numbers_only(owner: Any, stranger: Any, owner_client: Client) -> None:
    make_usage(person=owner, model="mine", input_tokens=1_234, output_tokens=56)
    make_usage(person=stranger, model="theirs", input_tokens=777_777, output_tokens=8)
    make_usage(model="nobody-s", input_tokens=666_666)

    for by in ("day", "month", "model", "assistant", "kind", "person"):
        page = read(owner_client.get(SUMS, {"by": by, "person": stranger.pk}))
        assert "1,234" in page
        assert "777,777" not in page
        assert "666,666" not in page
        assert "theirs" not in page
    assert b"777777" not in owner_client.get(SUMS, {"by": "model", "format": "csv"}).content


def test_who_asked_for_nothing_reads_so(owner_client: Client) -> None:
    assert "Nothing was asked in this time." in read(owner_client.get(SUMS))


def test_money_is_shown_where_the_site_and_the_policy_want_it(owner: Any, owner_client: Client) -> None:
    make_usage(person=owner, input_tokens=1, cost="0.0421")

    assert "0.0421" not in read(owner_client.get(SUMS))
    with show("cost"):
        assert "0.0421 USD" in read(owner_client.get(SUMS))
        assert b"cost_USD" in owner_client.get(SUMS, {"format": "csv"}).content
        with mock.patch.object(Policy, "can_see_cost", return_value=False):
            assert "0.0421" not in read(owner_client.get(SUMS))
            chart = owner_client.get(SUMS, {"format": "chart", "measure": "cost"})
            assert b"0.0421" not in chart.content


def test_where_nobody_is_shown_anything_there_is_no_page_and_no_way_to_it(owner: Any, owner_client: Client) -> None:
    thread = make_thread(owner, ("Hi", "Hello."))
    ways = (SUMS, f"/chat/{thread.pk}/usage/")
    assert all(way in read(owner_client.get(f"/chat/{thread.pk}/")) for way in ways)

    with show("none"):
        assert [owner_client.get(way).status_code for way in ways] == [404, 404]
        assert not any(way in read(owner_client.get(f"/chat/{thread.pk}/")) for way in ways)


def test_only_the_days_that_were_asked_for_are_summed(owner: Any, owner_client: Client) -> None:
    today = timezone.localdate()
    for days, count in ((0, 11), (5, 100), (29, 1_000), (30, 10_000), (400, 100_000)):
        make_usage(person=owner, input_tokens=count, created_at=timezone.now() - timedelta(days=days))

    def get_sum(**query: str) -> int:
        rows = owner_client.get(SUMS, {"by": "kind", "format": "csv", **query}).content.decode().splitlines()
        return int(rows[1].split(",")[4])

    before = (today - timedelta(days=5)).isoformat()
    assert get_sum() == 1_111
    assert get_sum(since="") == 111_111
    assert get_sum(since=before) == 111
    assert get_sum(since=before, until=before) == 100
    assert get_sum(since="nonsense", until="2026-02-31") == 111_111


@pytest.mark.parametrize(
    "query",
    ["by=secret", "since=9999-99-99", "until=0001-01-01", "model=%00", "person=abc", "kind=x&assistant=-", "format=x"],
)
def test_an_address_that_makes_no_sense_is_no_error(owner: Any, owner_client: Client, query: str) -> None:
    make_usage(person=owner, input_tokens=1)

    assert owner_client.get(f"{SUMS}?{query}").status_code == 200


def test_a_row_leads_to_the_same_for_this_row_only(owner: Any, owner_client: Client) -> None:
    make_usage(person=owner, model="a&b", input_tokens=1)
    make_usage(person=owner, model="", input_tokens=2)

    page = read(owner_client.get(SUMS, {"by": "model"}))

    assert "model=a%26b" in page
    assert "model=-" in page
    assert "Model: <bdi>a&amp;b</bdi>" in read(owner_client.get(SUMS, {"model": "a&b"}))
    assert "Model: <bdi>unknown</bdi>" in read(owner_client.get(SUMS, {"model": "-"}))


def test_hostile_names_are_as_harmless_here_as_anywhere(owner: Any, owner_client: Client) -> None:
    make_usage(person=owner, model="<script>alert(1)</script>", input_tokens=1)

    for query in ({"by": "model"}, {"model": "<script>alert(1)</script>"}, {"by": "model", "format": "chart"}):
        assert b"<script>alert" not in owner_client.get(SUMS, query).content


def test_the_chart_reaches_nothing(owner: Any, owner_client: Client) -> None:
    make_usage(person=owner, input_tokens=41_000)

    chart = owner_client.get(SUMS, {"format": "chart"})

    assert "sandbox allow-scripts; default-src 'none'" in chart.headers["Content-Security-Policy"]
    assert b"41000" in chart.content


# ---- a conversation


def test_a_conversation_says_in_one_sentence_what_it_took(owner: Any, owner_client: Client) -> None:
    thread = make_thread(owner, ("Hi", "Hello."))
    for _ in range(2):
        make_usage(thread=thread, person=owner, input_tokens=6_000, output_tokens=150, cost="0.02")
    make_usage(person=owner, input_tokens=999)
    url = f"/chat/{thread.pk}/usage/"

    assert read(owner_client.get(url, headers={"HX-Request": "true"})) == "This chat: 12,300 tokens in 2 requests"
    with show("cost"):
        said = read(owner_client.get(url, headers={"HX-Request": "true"}))
    assert said == "This chat: 12,300 tokens, 0.04 USD in 2 requests"
    assert "12,000" in read(owner_client.get(url))


def test_a_conversation_of_somebody_else_says_nothing(owner: Any, stranger_client: Client) -> None:
    thread = make_thread(owner, ("Hi", "Hello."))

    for pk in (thread.pk, uuid4()):
        assert stranger_client.get(f"/chat/{pk}/usage/", headers={"HX-Request": "true"}).status_code == 404


# ---- staff

STAFF = "admin:chatapp_usagerecord_summary"


def test_staff_see_everybody_s_numbers_by_all_that_there_is(owner: Any, stranger: Any, staff_client: Client) -> None:
    make_usage(person=owner, model="a", assistant="guide", input_tokens=1_000, cost="0.5")
    make_usage(person=stranger, model="b", input_tokens=2_000, cost="0.25")

    for by, label in (("person", "stranger"), ("model", "b"), ("assistant", "guide"), ("kind", "reply")):
        page = read(staff_client.get(reverse(STAFF), {"by": by}))
        assert f"<bdi>{label}</bdi>" in page
        assert "3,000" in page
        assert "0.75 USD" in page
    only = read(staff_client.get(reverse(STAFF), {"person": stranger.pk}))
    assert "Person: <bdi>stranger</bdi>" in only
    assert "1,000" not in only


@pytest.mark.parametrize("person", ["abc", "99999999999999999999999", "-", "0"])
def test_nobody_is_found_under_an_id_that_is_none(staff_client: Client, owner: Any, person: str) -> None:
    make_usage(person=owner, input_tokens=1_000)

    assert "1,000" not in read(staff_client.get(reverse(STAFF), {"person": person}))


def test_the_sums_are_for_staff_who_may_see_usage(owner: Any, owner_client: Client) -> None:
    clerk = get_user_model().objects.create_user("clerk", is_staff=True)
    browser = Client()
    browser.force_login(clerk)
    assert owner_client.get(reverse(STAFF)).status_code == 302
    assert browser.get(reverse(STAFF)).status_code == 403

    clerk.user_permissions.set(Permission.objects.filter(codename="view_usagerecord"))

    assert browser.get(reverse(STAFF)).status_code == 200
    assert browser.get(reverse(STAFF), {"format": "csv"}).headers["Content-Type"] == "text/csv; charset=utf-8"


@pytest.mark.parametrize("by", ["day", "person"])
def test_the_sums_cost_the_same_for_one_row_and_for_many(
    by: str, owner: Any, staff_client: Client, django_assert_num_queries: Any, django_assert_max_num_queries: Any
) -> None:
    make_usage(person=owner, input_tokens=1)
    with django_assert_max_num_queries(6) as few:
        staff_client.get(reverse(STAFF), {"by": by})

    people = [get_user_model()(username=f"p{number}") for number in range(50)]
    get_user_model().objects.bulk_create(people)
    UsageRecord.objects.bulk_create(
        UsageRecord(person=person, input_tokens=5, created_at=timezone.now() - timedelta(hours=number))
        for person in get_user_model().objects.all()
        for number in range(40)
    )

    with django_assert_num_queries(len(few)):
        staff_client.get(reverse(STAFF), {"by": by})


def test_a_record_of_a_thread_that_is_gone_can_be_read(staff_client: Client, owner: Any) -> None:
    row = make_usage(thread_id=uuid4(), person=owner, input_tokens=5)

    page = read(staff_client.get(reverse("admin:chatapp_usagerecord_change", args=[row.pk])))

    assert "5" in page
    assert staff_client.post(reverse("admin:chatapp_usagerecord_delete", args=[row.pk])).status_code == 403


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (None, ""),
        ("0", "0.00 USD"),
        ("0.0000421", "0.000042 USD"),
        ("0.0123456", "0.0123 USD"),
        ("0.5", "0.50 USD"),
        ("1234.5678", "1,234.57 USD"),
    ],
)
def test_money_is_written_with_the_digits_that_tell_something(amount: str | None, shown: str) -> None:
    assert show_money(None if amount is None else Decimal(amount), "USD") == shown
