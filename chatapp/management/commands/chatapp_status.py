"""`manage.py chatapp_status`: what is being answered now, and what was lately."""

import json
from argparse import ArgumentParser
from datetime import datetime, timedelta
from typing import Any, Final

from django.core.management import BaseCommand
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from chatapp.conf import settings
from chatapp.models import Run

RECENT: Final = timedelta(hours=1)
"""Finished runs are shown for so long."""

MOST_ROWS: Final = 200


class Command(BaseCommand):
    """Print live and recent runs: id, thread, kind, state, lease left, hub, age. Never what was said."""

    help = "Print the answers under way and those of the last hour, without their text."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """--json."""
        parser.add_argument("--json", action="store_true", help="One JSON object, for programs.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Read the rows and print them."""
        rows = [describe(run) for run in list_runs()]
        if options["json"]:
            self.stdout.write(json.dumps({"runs": rows}, indent=2))
            return
        self.stdout.write(f"{sum(row['live'] for row in rows)} live, {len(rows)} in all")
        for row in rows:
            lease = "" if row["lease_left_seconds"] is None else f"lease {row['lease_left_seconds']:+.1f} s"
            self.stdout.write(
                f"{row['id']}  thread {row['thread']}  {row['kind']:8} {row['state']:11} "
                f"age {row['age_seconds']:.0f} s  seq {row['seq']}  {lease}  {row['hub']}".rstrip()
            )


def list_runs() -> QuerySet[Run]:
    """Live runs and those of the last hour, newest first, each with `now`, the time by the database's clock."""
    runs = Run.objects.annotate(now=Now())
    recent = runs.filter(finished_at__isnull=True) | runs.filter(started_at__gt=Now() - RECENT)
    return recent.order_by(F("finished_at").desc(nulls_first=True), "-started_at")[:MOST_ROWS]


def describe(run: Any) -> dict[str, Any]:
    """One run for a program: seconds are relative to now; a negative lease has run out."""
    now: datetime = run.now
    lease_left = settings.LEASE_SECONDS - (now - run.heartbeat_at) / timedelta(seconds=1)
    return {
        "id": str(run.pk),
        "thread": str(run.thread_id),
        "kind": run.kind,
        "state": run.state,
        "live": run.is_live,
        "seq": run.seq,
        "hub": run.hub,
        "age_seconds": round((now - run.started_at) / timedelta(seconds=1), 1),
        "lease_left_seconds": round(lease_left, 1) if run.is_live else None,
    }
