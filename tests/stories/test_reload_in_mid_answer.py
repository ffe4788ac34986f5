"""Somebody reloads, opens a second tab, or goes away and comes back while an answer comes."""

import asyncio
import time

import pytest

from .conftest import Measured
from .people import Person, Tab
from .stored import Stored

TOKENS = 200


def ask_for(tokens: int) -> str:
    """A question whose answer has so many tokens, forty in a second."""
    return f"Count. fault:slow-drip;n={tokens};delay=0.025"


def count_tokens(text: str) -> int:
    """How many tokens a text has, all of which must stand in order from the first on."""
    words = text.split()
    assert words == [f"word{number}" for number in range(len(words))], f"not what was said: {text[-100:]!r}"
    return len(words)


async def ask_until(person: Person, token: int, *, of: int) -> Tab:
    """A tab that shows the answer up to this token."""
    tab = await person.ask(ask_for(of))
    await tab.until(lambda page: len(page.texts) == 2 and count_tokens(page.text) >= token)
    return tab


async def test_a_page_reloaded_at_any_token_shows_everything_so_far_within_a_second(
    person: Person, stored: Stored, measured: Measured
) -> None:
    async def reload_at(token: int) -> tuple[Tab, float]:
        former = await ask_until(person, token, of=TOKENS)
        seen = count_tokens(former.page.text)
        assert seen < TOKENS
        start = time.monotonic()
        await former.disconnect()
        tab = await person.open(former.thread_id)
        await tab.until(lambda page: count_tokens(page.text) >= seen)
        took = time.monotonic() - start
        assert tab.page.state == "streaming"
        return tab, took

    reloaded = await asyncio.gather(*(reload_at(token) for token in (1, TOKENS // 2, TOKENS - 20)))

    for tab, took in reloaded:
        measured("reload until everything so far is there", took, "s", at_most=1.0)
        await tab.until_ended()
        await tab.until(lambda page: page.cursors == {})
        fresh = await person.load(tab.thread_id)
        (_, message) = stored.messages(tab.thread_id)
        assert count_tokens(tab.page.text) == TOKENS
        assert tab.page.text == fresh.text == message.text.strip()
        assert tab.page.thread == fresh.thread
        assert tab.page.missed == []


async def test_a_second_tab_follows_from_the_middle_and_both_end_alike(person: Person) -> None:
    first = await ask_until(person, 20, of=60)

    second = await person.open(first.thread_id)
    await second.until(lambda page: count_tokens(page.text) >= 20)
    halfway = count_tokens(second.page.text)
    await asyncio.gather(first.until_ended(), second.until_ended())

    fresh = await person.load(first.thread_id)
    assert halfway < 60
    assert count_tokens(fresh.text) == 60
    assert first.page.thread == second.page.thread == fresh.thread
    assert len(second.frames) > 5, "it came at once and not as a stream"


@pytest.mark.parametrize("token", [0, 30])
async def test_who_comes_back_after_the_end_finds_the_whole_answer(person: Person, stored: Stored, token: int) -> None:
    tab = await person.ask(ask_for(60))
    await tab.until(lambda page: len(page.texts) == 2 and count_tokens(page.text) >= token)
    await tab.disconnect()
    watcher = await person.open(tab.thread_id)
    await watcher.until_ended()
    assert count_tokens(tab.page.text) < 60

    await tab.connect()
    await tab.until_ended()

    fresh = await person.load(tab.thread_id)
    assert tab.page.text == fresh.text == stored.messages(tab.thread_id)[-1].text.strip()
    assert count_tokens(fresh.text) == 60
    assert tab.page.thread == fresh.thread
    assert [(run.state, run.is_finished) for run in stored.runs(tab.thread_id)] == [("complete", True)]


async def test_an_answer_goes_on_when_nobody_watches(person: Person, stored: Stored) -> None:
    tab = await ask_until(person, 5, of=40)
    await tab.disconnect()

    await stored.until(lambda: [run.state for run in stored.runs(tab.thread_id)] == ["complete"])

    assert count_tokens((await person.load(tab.thread_id)).text) == 40
