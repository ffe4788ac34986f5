"""How long a search takes among a million messages on PostgreSQL.

    python -m tests.benchmarks.search [--messages 1000000]

Makes a database of its own on the server of TEST_POSTGRES_URL and drops it at the end. The words are as frequent as
those of a language (Zipf), of 60,000 kinds, 15 to 65 in a message, of 60,000 texts. There are 40 people; the one
who searches has a tenth of all messages. What is measured is the whole action, from the query to the snippets.
"""

import argparse
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psycopg

SERVER = os.environ.get("TEST_POSTGRES_URL", "postgres://postgres@127.0.0.1:5432/postgres")
NAME = "chatapp_benchmark_search"
PEOPLE = 40
PER_THREAD = 40
SAMPLES = 40
KINDS = 60_000
POOL = 59_999
BEGIN = datetime(2025, 1, 1, tzinfo=UTC)


def make_vocabulary(chance: random.Random) -> list[str]:
    """Words, the most frequent first."""
    syllables = [a + b for a in "bcdfghjklmnprstvwz" for b in ("a", "e", "i", "o", "u", "an", "er", "is")]
    words: dict[str, None] = {}
    while len(words) < KINDS:
        most = 2 if len(words) < 300 else 4
        words["".join(chance.choices(syllables, k=chance.randint(2, most)))] = None
    return list(words)


def fill(count: int, vocabulary: list[str], chance: random.Random) -> int:
    """Store so many messages, and what is searched of them; the key of the person who has a tenth of them."""
    from django.contrib.auth import get_user_model
    from django.db import connection

    from chatapp.models import Message, SearchEntry, Thread, search

    people = [get_user_model().objects.create(username=f"person{number}").pk for number in range(PEOPLE)]
    weights = list(accumulate(1 / (rank + 2.7) for rank in range(KINDS)))
    threads = range(count // PER_THREAD)
    owners = [people[0] if number % 10 == 0 else people[1 + number % (PEOPLE - 1)] for number in threads]

    def copy(model: Any, rows: Iterator[dict[str, Any]], **values: Any) -> None:
        fields = [field for field in model._meta.concrete_fields if field.column != "id" or model is not SearchEntry]
        blank = model(**values)
        usual = {field.attname: field.get_db_prep_save(getattr(blank, field.attname), connection) for field in fields}
        names = ", ".join(f'"{field.column}"' for field in fields)
        order = [field.attname for field in fields]
        with connection.cursor() as cursor, cursor.copy(f"COPY {model._meta.db_table} ({names}) FROM STDIN") as out:
            for row in rows:
                known = usual | row
                out.write_row([known[name] for name in order])

    def make_threads() -> Iterator[dict[str, Any]]:
        for number in threads:
            yield {
                "id": UUID(int=number),
                "owner_id": owners[number],
                "title": " ".join(chance.choices(vocabulary, k=4)),
            }

    # Made once and said again with other ids: to make each anew would take most of the time.
    texts, vectors = [], []
    for _ in range(min(count, POOL)):
        words = chance.choices(vocabulary, cum_weights=weights, k=chance.randint(15, 65))
        texts.append(" ".join(words))
        vectors.append(search._write_vector(search.Words("", words)).removeprefix("'@' "))

    def make_messages(first: int, last: int) -> Iterator[dict[str, Any]]:
        for number in range(first, last):
            thread, place = number % len(threads), number // len(threads)
            yield {
                "id": UUID(int=number),
                "thread_id": UUID(int=thread),
                "parent_id": UUID(int=number - len(threads)) if place else None,
                "role": "assistant" if place % 2 else "user",
                "text": texts[number * 7 % POOL % len(texts)],
                "created_at": BEGIN + timedelta(seconds=number * 20),
            }

    def make_entries(first: int, last: int) -> Iterator[dict[str, Any]]:
        for number in range(first, last):
            owner = owners[number % len(threads)]
            yield {
                "message_id": UUID(int=number),
                "owner_id": owner,
                "words": f"'@{owner}' {vectors[number * 7 % POOL % len(vectors)]}",
                "said_at": BEGIN + timedelta(seconds=number * 20),
            }

    copy(Thread, make_threads(), assistant="guide", updated_at=BEGIN, created_at=BEGIN)
    for first in range(0, count, 50_000):
        last = min(count, first + 50_000)
        copy(Message, make_messages(first, last), role="user", created_at=BEGIN)
        copy(SearchEntry, make_entries(first, last), owner_id=people[0], said_at=BEGIN)
        print(f"  {last:,} messages", flush=True)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE chatapp_thread SET head_id = last.id FROM (SELECT DISTINCT ON (thread_id) thread_id, id "
            "FROM chatapp_message ORDER BY thread_id, created_at DESC) last WHERE last.thread_id = chatapp_thread.id"
        )
    return int(people[0])


def measure(user: Any, vocabulary: list[str], chance: random.Random) -> None:
    """Ask as a person does, and say how long it took."""
    from chatapp import searching
    from chatapp.models import Message

    mine = list(
        Message.objects.filter(thread__owner=user).order_by("created_at").values_list("text", flat=True)[:20_000:50]
    )

    def pick(first: int, last: int) -> str:
        return vocabulary[chance.randrange(first, last)]

    kinds: dict[str, Callable[[], str]] = {
        "rare word": lambda: pick(20_000, KINDS) + " ",
        "medium word": lambda: pick(300, 5000) + " ",
        "frequent word": lambda: pick(0, 30) + " ",
        "two frequent words": lambda: f"{pick(0, 30)} {pick(0, 30)} ",
        "frequent and rare word": lambda: f"{pick(0, 30)} {pick(5000, KINDS)} ",
        "phrase of long ago": lambda: '"{} {}"'.format(*chance.choice(mine).split()[3:5]),
        "beginning of 3 letters": lambda: pick(0, KINDS)[:3],
        "beginning of 1 letter": lambda: pick(0, KINDS)[:1],
        "two words, one begun": lambda: f"{pick(0, 3000)} {pick(0, 3000)[:2]}",
        "nothing found": lambda: "xyzzyx qwertyq ",
    }
    every = []
    for kind, make in kinds.items():
        searching.find(user, make())
        times, hits = [], []
        for _ in range(SAMPLES):
            query = make()
            begin = time.perf_counter()
            hits.append(len(searching.find(user, query).hits))
            times.append((time.perf_counter() - begin) * 1000)
        every += times
        found = f"{min(hits)} to {max(hits)} found"
        print(f"{kind:24} p50 {statistics.median(times):6.1f} ms   p95 {get_p95(times):6.1f} ms   {found}")
    print(f"{'all':24} p50 {statistics.median(every):6.1f} ms   p95 {get_p95(every):6.1f} ms")


def get_p95(times: list[float]) -> float:
    """Of twenty, nineteen are not above it."""
    return statistics.quantiles(times, n=20)[-1]


def main() -> None:
    """Fill, measure, drop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    count = parser.parse_args().messages
    with psycopg.connect(SERVER, autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{NAME}" WITH (FORCE)')
        server.execute(f'CREATE DATABASE "{NAME}"')
    os.environ["TEST_DATABASE_URL"] = urlsplit(SERVER)._replace(path=f"/{NAME}").geturl()
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    try:
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        from django.contrib.auth import get_user_model
        from django.db import connection

        from chatapp.models import search

        chance = random.Random(4)  # the same words each time
        vocabulary = make_vocabulary(chance)
        begin = time.monotonic()
        with connection.cursor() as cursor:
            cursor.execute(search.write_remove("chatapp_search")["postgresql"][0])
        key = fill(count, vocabulary, chance)
        print(f"filled in {time.monotonic() - begin:.0f} s", flush=True)
        begin = time.monotonic()
        with connection.cursor() as cursor:
            cursor.execute(search.write_install(*search.TABLES[0])["postgresql"][0])
            cursor.execute("ANALYZE")
            cursor.execute("SELECT pg_size_pretty(pg_relation_size('chatapp_search_words'))")
            print(f"indexed in {time.monotonic() - begin:.0f} s, {cursor.fetchone()[0]}", flush=True)
        measure(get_user_model().objects.get(pk=key), vocabulary, chance)
        connection.close()
    finally:
        with psycopg.connect(SERVER, autocommit=True) as server:
            server.execute(f'DROP DATABASE IF EXISTS "{NAME}" WITH (FORCE)')


if __name__ == "__main__":
    main()
