"""What the list of conversations costs the server: pages of a person who has many.

    python -m tests.benchmarks.threads [--threads 5000] [--n 60]

In one process with the database of the suite (TEST_DATABASE_URL, or a SQLite file). Printed: milliseconds of CPU and by
the clock on the wall, the median and the 95th percentile.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from datetime import timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from django.contrib.auth import get_user_model  # noqa: E402  # after the settings are there
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import setup_test_environment  # noqa: E402
from django.utils import timezone  # noqa: E402

from chatapp.models import Thread  # noqa: E402


def measure(name: str, work: Callable[[], object], n: int) -> None:
    """Print what `work` costs."""
    work()
    cpu, wall = [], []
    for _number in range(n):
        began, began_cpu = time.perf_counter(), time.process_time()
        work()
        cpu.append((time.process_time() - began_cpu) * 1000)
        wall.append((time.perf_counter() - began) * 1000)
    times = [(statistics.median(values), statistics.quantiles(values, n=20)[18]) for values in (cpu, wall)]
    print(
        f"{name}: CPU {times[0][0]:.1f} ms, p95 {times[0][1]:.1f} ms; "
        f"wall {times[1][0]:.1f} ms, p95 {times[1][1]:.1f} ms"
    )


def main() -> None:
    """Fill a database and look at it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=5_000)
    parser.add_argument("--n", type=int, default=60)
    options = parser.parse_args()
    setup_test_environment()
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        user = get_user_model().objects.create_user("benchmark")
        browser = Client()
        browser.force_login(user)
        now = timezone.now()
        measure("new chat, no conversations", lambda: browser.get("/chat/"), options.n)
        Thread.objects.bulk_create(
            Thread(owner=user, assistant="model", title=f"No {number}", updated_at=now - timedelta(minutes=17 * number))
            for number in range(options.threads)
        )
        partial = {"HX-Request": "true"}
        measure(f"new chat beside {options.threads}", lambda: browser.get("/chat/"), options.n)
        measure("first page of the list", lambda: browser.get("/chat/threads/", headers=partial), options.n)
        html = browser.get("/chat/threads/", headers=partial).content.decode()
        for _page in range(options.threads // 200):
            end = html.partition('data-chat-end="')[2].partition('"')[0]
            address = f"/chat/threads/?after={end}"
            html = browser.get(address, headers=partial).content.decode()
        measure("a page in the middle", lambda: browser.get(address, headers=partial), options.n)
    finally:
        connection.creation.destroy_test_db(str(name), verbosity=0)


if __name__ == "__main__":
    main()
