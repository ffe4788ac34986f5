"""Sums over the bill: by the database, in the time zone of the site, and nothing that nobody counted is 0."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings
from django.utils import timezone

from chatapp import accounting
from chatapp.artifacts import ChartArtifact
from chatapp.models import UsageRecord
from tests.usage import make_usage

pytestmark = pytest.mark.django_db

ALL = UsageRecord.objects.all


def get_labels(by: accounting.By) -> list[tuple[str, int]]:
    """What the rows are called, and how many requests each is of."""
    return [(each.label, each.sums.calls) for each in accounting.group(ALL(), by)]


def test_everything_is_summed_and_what_nobody_said_is_unknown() -> None:
    make_usage(input_tokens=10, cached_tokens=4, output_tokens=3, reasoning_tokens=1, cost="0.5", latency_ms=100)
    make_usage(input_tokens=1, cached_tokens=0, output_tokens=2, reasoning_tokens=0, latency_ms=300, error_code="busy")
    make_usage()

    sums = accounting.sum_all(ALL())

    assert (sums.input_tokens, sums.cached_tokens, sums.output_tokens, sums.reasoning_tokens) == (11, 4, 5, 1)
    assert (sums.calls, sums.unknown, sums.failed, sums.unpriced) == (3, 1, 1, 2)
    assert (sums.cost, sums.latency_ms, sums.first_token_ms, sums.tokens) == (Decimal("0.5"), 200, None, 16)


def test_no_request_is_no_sum() -> None:
    sums = accounting.sum_all(ALL())

    assert (sums.calls, sums.input_tokens, sums.cost, sums.tokens) == (0, None, None, None)


def test_money_of_another_currency_is_not_added_up() -> None:
    make_usage(input_tokens=1, cost="2")
    make_usage(input_tokens=1, cost="300", currency="JPY")

    sums = accounting.sum_all(ALL())

    assert (sums.cost, sums.unpriced) == (Decimal(2), 1)
    with override_settings(CHATAPP={**settings.CHATAPP, "CURRENCY": "JPY"}):
        assert accounting.sum_all(ALL()).cost == Decimal(300)


def test_a_day_begins_where_the_site_is() -> None:
    make_usage(created_at=datetime(2026, 3, 1, 22, 30, tzinfo=UTC))
    make_usage(created_at=datetime(2026, 3, 1, 23, 30, tzinfo=UTC))

    with timezone.override("Europe/Zurich"):
        assert get_labels("day") == [("03/02/2026", 1), ("03/01/2026", 1)]
    assert get_labels("day") == [("03/01/2026", 2)]
    assert get_labels("month") == [("March 2026", 2)]


def test_what_took_the_most_is_first(owner: Any, stranger: Any) -> None:
    make_usage(model="small", assistant="guide", kind="title", person=owner, input_tokens=1, output_tokens=1)
    make_usage(model="large", assistant="gone", person=stranger, input_tokens=50, output_tokens=50)
    make_usage(model="", input_tokens=5)

    assert get_labels("model") == [("large", 1), ("unknown", 1), ("small", 1)]
    assert get_labels("assistant") == [("gone", 1), ("unknown", 1), ("guide", 1)]
    assert get_labels("kind") == [("reply", 2), ("title", 1)]
    assert get_labels("person") == [("stranger", 1), ("visitors and deleted people", 1), ("owner", 1)]


@pytest.mark.parametrize("by", accounting.TITLES)
def test_a_table_is_one_query_whatever_there_is(
    by: accounting.By, owner: Any, stranger: Any, django_assert_num_queries: Any
) -> None:
    UsageRecord.objects.bulk_create(
        UsageRecord(
            person=[owner, stranger, None][number % 3],
            model=f"m{number % 7}",
            assistant=f"a{number % 5}",
            created_at=datetime(2026, 1 + number % 12, 1 + number % 28, tzinfo=UTC),
            input_tokens=number,
        )
        for number in range(2000)
    )

    with django_assert_num_queries(1):
        groups = accounting.group(ALL(), by)

    assert sum(each.sums.input_tokens or 0 for each in groups) == 2000 * 1999 // 2
    assert sum(each.sums.calls for each in groups) == 2000


def test_no_cell_of_the_file_is_a_formula() -> None:
    make_usage(model="=cmd|' /C calc'!A0", input_tokens=10, output_tokens=5, cost="0.25", latency_ms=1200)

    lines = accounting.write_sums("model", accounting.group(ALL(), "model"), with_cost=True).splitlines()

    head = "calls,failed,unknown,input_tokens,cached_tokens,output_tokens,reasoning_tokens,cost_USD,unpriced"
    assert lines == [
        f"model,{head},latency_ms,first_token_ms",
        "'=cmd|' /C calc'!A0,1,0,0,10,,5,,0.25,0,1200,",
    ]


def test_the_file_has_no_money_for_whom_it_is_not() -> None:
    make_usage(cost="7")

    assert "7" not in accounting.write_sums("model", accounting.group(ALL(), "model"), with_cost=False)


def test_the_chart_has_the_days_between_too_and_is_one_that_can_be_drawn() -> None:
    for day in (1, 4):
        make_usage(input_tokens=day, output_tokens=1, created_at=datetime(2026, 3, day, tzinfo=UTC))

    with timezone.override("UTC"):
        spec = accounting.make_chart("day", accounting.group(ALL(), "day"), with_cost=False)

    ins = [value for value in spec["data"]["values"] if value["series"] == "Tokens in"]
    assert [value["amount"] for value in ins] == [1, 0, 0, 4]
    assert [value["label"] for value in ins] == ["03/01/2026", "03/02/2026", "03/03/2026", "03/04/2026"]
    assert ChartArtifact(spec=spec).library == "vega-lite"


def test_a_chart_of_money_has_one_colour() -> None:
    make_usage(model="m", cost="0.5")

    spec = accounting.make_chart("model", accounting.group(ALL(), "model"), with_cost=True)

    assert spec["data"]["values"] == [{"label": "m", "series": "Cost (USD)", "amount": 0.5}]


def test_nothing_at_all_is_a_chart_too() -> None:
    for by in accounting.TITLES:
        ChartArtifact(spec=accounting.make_chart(by, [], with_cost=False))
