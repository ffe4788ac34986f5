"""Secrets that errors carry are in no page, frame, row or log, whatever fails, with DEBUG and without."""

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import pytest

from tests.faults.server import FAULTS
from tests.site import Site

from .conftest import StartSite
from .people import Person
from .provider import MODEL, Provider
from .stored import Stored

SEEDED: Final = {
    # None has a form that a pattern alone would know.
    "SECRET_KEY": "seeded+signing,key;with:odd&letters-0123456789abcdefghij",
    "SEEDED_PROVIDER": "seeded.provider,key 0123456789",
    "SITE_PASSWORD": "seeded(storehouse)gatecode",
    # These are in no setting of the site: what stands around them has to tell.
    "SEEDED_ELSEWHERE": "seededwordofanotherdatabase",
    "SEEDED_QUERY": "seededkeyinanaddress",
    "SEEDED_BEARER": "seededbearer.ofsomebody",
    "SEEDED_AZURE": "5eededa2ure0123456789abcdef01234",
}
"""By the variable of the environment in which the site finds it."""

HEADERS: Final = {"api-key": "seeded-azure-header", "Authorization-Of-Gateway": "seeded-gateway-header"}
QUERY: Final = {"key": "seeded-query"}

PIECES: Final = [piece for value in SEEDED.values() for piece in re.findall(r"[\w.+-]{8,}", value)]
"""What would still be a leak: long pieces of those with marks in them."""

LEAKS: Final = [*SEEDED.values(), *PIECES, *HEADERS.values(), *QUERY.values()]

NAMES: Final = [
    name
    for name, fault in FAULTS.items()
    if fault.code and not re.search("hang|comments|huge|long|deep|always|-50|529|close|reset", name)
]
"""What a provider can say wrong, without those that take long and say nothing."""

QUESTIONS: Final = [
    *(f"Please fault:{name}" for name in (*NAMES, "tools")),
    "Fail by yourself",
    "Fail visibly",
    "/leak",
]


@dataclass
class Seen:
    """All that somebody can read of a site."""

    frames: list[str] = field(default_factory=list)
    pages: dict[str, str] = field(default_factory=dict)
    """By address, also those of the admin."""

    rows: list[str] = field(default_factory=list)
    log: str = ""
    references: list[str] = field(default_factory=list)


async def ask_everything(site: Site) -> Seen:
    """Ask every question as somebody on the staff, and look everywhere afterwards."""
    seen, stored, person = Seen(), Stored(site), Person(site)
    try:
        await person.sign_up()
        promote = "from django.contrib.auth.models import User; User.objects.update(is_staff=True, is_superuser=True)"
        await asyncio.to_thread(site.manage, "shell", "-c", promote)
        tabs = [await person.open(assistant="leaking") for _ in QUESTIONS]
        await asyncio.gather(*(tab.post(question) for tab, question in zip(tabs, QUESTIONS, strict=True)))
        for tab in tabs:
            await tab.until(lambda page: page.state not in (None, "streaming") and page.cursors == {}, 60)
        seen.frames = [frame for tab in tabs for frame in tab.frames]
        paths = ["/chat/", "/admin/chatapp/run/", "/admin/chatapp/thread/", "/admin/chatapp/message/"]
        for tab in tabs:
            paths += [f"/chat/{tab.thread_id}/", f"/admin/chatapp/thread/{tab.thread_id}/change/"]
            for run in stored.runs(tab.thread_id):
                seen.references.append(run.reference)
                seen.rows.append(run.cause)
                paths.append(f"/admin/chatapp/run/{run.id}/change/")
                if run.reference:
                    paths.append(f"/chat/{tab.thread_id}/errors/{run.reference}/")
            seen.rows += [f"{message.text} {message.parts}" for message in stored.messages(tab.thread_id)]
        for path in paths:
            answer = await person.get(path)
            assert (path, answer.status) == (path, 200)
            seen.pages[path] = answer.text
    finally:
        await person.leave()
    seen.log = site.log
    return seen


@pytest.fixture(scope="module", params=["0", "1"], ids=["without DEBUG", "with DEBUG"])
def seen(request: pytest.FixtureRequest, start_site: StartSite, provider: Provider) -> Iterator[Seen]:
    """What can be read of a site on which everything has failed with every secret."""
    options = {
        "model": MODEL,
        "base_url": provider.url,
        "api_key_env": "SEEDED_PROVIDER",
        "headers": HEADERS,
        "query": QUERY,
    }
    site = start_site(
        "uvicorn",
        env={**SEEDED, "DEBUG": request.param, "LOG_LEVEL": "DEBUG", "LOG_FORMAT": "json"},
        PROVIDERS={"default": {"BACKEND": "chatapp.providers.openai.OpenAIProvider", "OPTIONS": options}},
        TITLES="off",
    )
    yield asyncio.run(ask_everything(site))
    site.end()


def find_leaks(text: str) -> list[str]:
    """Which of the secrets are in it."""
    return [leak for leak in LEAKS if leak in text]


def test_everything_has_failed_with_them(seen: Seen) -> None:
    assert len(seen.references) >= len(QUESTIONS)
    assert sum(bool(reference) for reference in seen.references) == len(QUESTIONS) - 1  # The tool's answer goes on.
    causes = "".join(seen.rows)
    assert causes.count("[redacted]") > 20
    assert "gateway.example" in causes
    assert "LookupError" in seen.log


def test_no_frame_has_them(seen: Seen) -> None:
    assert find_leaks("".join(seen.frames)) == []


def test_no_page_has_them_for_people_or_for_staff(seen: Seen) -> None:
    assert {path: found for path, text in seen.pages.items() if (found := find_leaks(text))} == {}


def test_no_row_has_them(seen: Seen) -> None:
    assert find_leaks("".join(seen.rows)) == []


def test_the_line_of_a_failure_has_its_ids_in_fields_of_their_own(seen: Seen) -> None:
    lines = [json.loads(line) for line in seen.log.splitlines() if line.startswith("{")]
    failed = {line["reference"]: line for line in lines if line["logger"] == "chatapp.runs" and "reference" in line}

    assert failed.keys() >= set(filter(None, seen.references))
    for line in failed.values():
        assert {"run_id", "thread_id", "code", "level", "time"} <= line.keys()
        assert line["reference"] in line["message"]


def test_no_line_of_the_log_has_them(seen: Seen) -> None:
    assert [line[:300] for line in seen.log.splitlines() if find_leaks(line)] == []
