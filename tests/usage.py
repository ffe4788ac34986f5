"""Rows of the bill for tests."""

from typing import Any

from django.utils import timezone

from chatapp.models import UsageRecord


def make_usage(**values: Any) -> UsageRecord:
    """A request that somebody's assistant made just now. With a cost it is in US dollars."""
    known = {"created_at": timezone.now(), "model": "m", "currency": "USD" if values.get("cost") is not None else ""}
    return UsageRecord.objects.create(**{**known, **values})
