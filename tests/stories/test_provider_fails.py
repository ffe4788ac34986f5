"""The provider fails in every way that tests/faults knows, behind the hosted site without DEBUG."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

import pytest

from chatapp.errors import NEXT_STEPS, get_sentence
from tests.faults.fault import Fault
from tests.faults.server import FAULTS
from tests.site import Site

from .conftest import StartSite, find_failures
from .people import Person
from .provider import MODEL, SECRET_KEY, Provider
from .stored import Stored, StoredMessage, StoredRun

HEAVY: Final = ("big-delta", "tiny-deltas", "huge-error", "long-line", "deep-json", "endless")
"""Those that keep a processor busy, one after the other: the time limits of the others are short."""

BUTTONS: Final = {"retry": ">Try again<", "continue": ">Continue<", "new_chat": ">New chat<"}
"""What is offered beside the sentence, by the next step."""

REFERENCE: Final = re.compile(r"ref ([2-9A-Z]{4}-[2-9A-Z]{2})")
LEAKS: Final = (
    SECRET_KEY,
    "sk-CANARY",
    "Bearer",
    "127.0.0.1",
    "/v1",
    "/srv/",
    MODEL,
    "Traceback",
    "nginx",
    "req_17",
    "Error:",
    "openai",
    "httpx",
    "aiohttp",
    "chatapp.providers",
)
"""What no person may see: what was seeded, and what errors of the libraries look like."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one question."""

    state: str | None
    text: str
    html: str
    """The thread as a page shows it."""

    frames: str
    notices: list[str]
    run: StoredRun
    messages: list[StoredMessage]
    requests: int


async def ask(site: Site, provider: Provider, name: str, assistant: str = "") -> Outcome:
    """Ask for a fault as somebody new, and wait for the end. `assistant`: who is asked, by slug."""
    stored, person = Stored(site), Person(site)
    before = (await provider.get_stats(name))["requests"]
    try:
        await person.sign_up()
        tab = person.tab(uuid4())
        await tab.connect(query=f"?assistant={assistant}" if assistant else "")
        await tab.post(f"Please {uuid4().hex} fault:{name}")
        await tab.until(lambda page: page.state not in (None, "streaming"), 60)
        await tab.until(lambda page: page.cursors == {})
        page = await person.load(tab.thread_id)
    finally:
        await person.leave()
    (run,) = stored.runs(tab.thread_id)
    return Outcome(
        state=page.state,
        text=page.text,
        html=page.html_of("chat-thread"),
        frames="".join(tab.frames),
        notices=tab.page.notices,
        run=run,
        messages=stored.messages(tab.thread_id),
        requests=(await provider.get_stats(name))["requests"] - before,
    )


async def ask_for_all(site: Site, provider: Provider) -> dict[str, Outcome]:
    """Every fault once; most at the same time."""
    light = [name for name in FAULTS if name not in HEAVY]
    outcomes = await asyncio.gather(*(ask(site, provider, name) for name in light))
    found = dict(zip(light, outcomes, strict=True))
    for name in HEAVY:
        found[name] = await ask(site, provider, name)
    assert Stored(site).count_live() == 0
    return found


@pytest.fixture(scope="module")
def site(start_site: StartSite) -> Iterator[Site]:
    """A site that does not wait long for its provider."""
    site = start_site("uvicorn", FIRST_BYTE_SECONDS=5, IDLE_SECONDS=5, TOTAL_SECONDS=30)
    yield site
    site.end()
    assert find_failures(site.log) == []


@pytest.fixture(scope="module")
def outcomes(site: Site, provider: Provider) -> dict[str, Outcome]:
    """What came of every fault."""
    return asyncio.run(ask_for_all(site, provider))


@pytest.fixture(params=[name for name, fault in FAULTS.items() if fault.code])
def failure(request: pytest.FixtureRequest) -> Fault:
    """Every fault in which a run fails."""
    return FAULTS[request.param]


@pytest.fixture(params=[name for name, fault in FAULTS.items() if not fault.code])
def oddity(request: pytest.FixtureRequest) -> Fault:
    """Every fault that a run survives."""
    return FAULTS[request.param]


def squeeze(text: str) -> str:
    """The text without white space, which Markdown folds."""
    return "".join(text.split())


def test_a_failure_keeps_the_text_and_says_one_sentence_a_reference_and_a_way_on(
    failure: Fault, outcomes: dict[str, Outcome]
) -> None:
    outcome = outcomes[failure.name]
    assert failure.code
    # In a new chat there is nothing that could leave: it is the question that is too long.
    code = "too_long" if failure.code == "context" else failure.code

    assert (outcome.state, outcome.run.state, outcome.run.error_code) == ("failed", "failed", code)
    assert squeeze(outcome.messages[-1].said) == squeeze(failure.text or "")
    assert squeeze(outcome.text) == squeeze(failure.text or "")
    assert outcome.html.count(get_sentence(code)) == 1
    assert REFERENCE.findall(outcome.html) == [outcome.run.reference]
    step = NEXT_STEPS[code]
    step = "retry" if step == "continue" and not squeeze(failure.text or "") else step
    assert {name for name, button in BUTTONS.items() if button in outcome.html} == {step} - {"none"}
    assert outcome.html.count('aria-label="Try again"') == 1
    assert outcome.notices == []
    assert outcome.requests == failure.requests


def test_a_failure_shows_nothing_of_its_cause(failure: Fault, outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes[failure.name]

    rows = "".join(str(message.parts) + message.text for message in outcome.messages)
    for leak in LEAKS:
        assert leak.lower() not in outcome.html.lower()
        assert leak.lower() not in outcome.frames.lower()
        assert leak.lower() not in rows.lower()


def test_staff_and_the_log_have_the_cause_under_the_reference(
    failure: Fault, outcomes: dict[str, Outcome], site: Site
) -> None:
    run = outcomes[failure.name].run

    lines = [line for line in site.log.splitlines() if f"reference {run.reference}: " in line]
    assert len(lines) == 1
    logged = lines[0].partition(f"reference {run.reference}: ")[2]
    assert len(run.cause) > 5
    assert logged[:40] == run.cause.splitlines()[0][:40]
    assert len(run.cause) < 5000
    assert SECRET_KEY not in run.cause
    assert "sk-CANARY" not in run.cause


def test_an_oddity_is_an_ordinary_answer(oddity: Fault, outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes[oddity.name]

    assert (outcome.state, outcome.run.state, outcome.run.error_code) == ("complete", "complete", "")
    if oddity.text is not None and len(oddity.text) < 100_000:
        assert outcome.messages[-1].said == oddity.text
    assert outcome.requests == oddity.requests
    if oddity.finish in ("length", "filtered"):
        assert outcome.html.count(get_sentence(oddity.finish)) == 1


CALLS: Final[dict[str, tuple[str, str, list[str], int]]] = {
    # State and error of the run, states of the calls, requests.
    "tools": ("complete", "", ["done"] * 3, 3),
    "tool-shapes": ("complete", "", ["done"] * 3, 2),
    "tool-reset": ("failed", "cut_off", [], 1),
    "tool-length": ("complete", "", [], 1),
    "tool-json": ("complete", "", ["failed"] * 2, 3),
    "tool-schema": ("complete", "", ["failed"] * 2, 3),
    "tool-unknown": ("complete", "", ["failed"] * 2, 3),
    "tool-huge": ("complete", "", ["failed"] * 2, 3),
    "tool-loop": ("complete", "", ["done"] * 8, 9),
}
"""What becomes of the calls of a model that calls tools in these ways."""


async def ask_with_tools(site: Site, provider: Provider) -> dict[str, Outcome]:
    """The same to an assistant that has tools."""
    outcomes = await asyncio.gather(*(ask(site, provider, name, "clerk") for name in CALLS))
    return dict(zip(CALLS, outcomes, strict=True))


@pytest.fixture(scope="module")
def called(site: Site, provider: Provider) -> dict[str, Outcome]:
    """What came of every way to call a tool."""
    return asyncio.run(ask_with_tools(site, provider))


@pytest.mark.parametrize("name", CALLS)
def test_a_call_runs_once_if_it_is_whole_and_right_and_never_else(name: str, called: dict[str, Outcome]) -> None:
    outcome = called[name]
    calls = [part for part in outcome.messages[-1].parts if part["kind"] == "tool"]

    assert (outcome.run.state, outcome.run.error_code, [part["state"] for part in calls], outcome.requests) == CALLS[
        name
    ]
    is_ended = name == "tool-loop" or "failed" in CALLS[name][2]
    assert ("The answer was ended: the model asked for tools again and again." in outcome.html) is is_ended
    assert (get_sentence("length") in outcome.html) is (name == "tool-length")


def test_all_ways_to_call_a_tool_are_tried() -> None:
    assert {name for name in FAULTS if name.startswith("tool")} == set(CALLS)


def test_no_key_is_in_the_log(site: Site, outcomes: dict[str, Outcome]) -> None:
    assert outcomes
    assert SECRET_KEY not in site.log
    assert "sk-CANARY-0123456789" not in site.log


def test_nothing_that_was_said_is_in_the_log(site: Site, outcomes: dict[str, Outcome]) -> None:
    said = [message.text for outcome in outcomes.values() for message in outcome.messages[:1]]

    assert len(said) == len(outcomes)
    assert [text for text in said if text.partition(" fault:")[0] in site.log] == []


def test_there_are_as_many_faults_as_were_promised() -> None:
    assert sum(fault.code is not None for fault in FAULTS.values()) >= 25
