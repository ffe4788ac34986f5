"""Time limits, on a clock that the test turns."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from chatapp.providers.watchdog import TimeLimit, Watchdog


class Clock(asyncio.SelectorEventLoop):
    """An event loop whose time goes on when the test says so."""

    offset = 0.0

    def time(self) -> float:
        return super().time() + self.offset


def get_clock() -> Clock:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, Clock)
    return loop


async def turn(seconds: float) -> None:
    """Let time pass for everybody, and everybody notice."""
    get_clock().offset += seconds
    for _ in range(5):
        await asyncio.sleep(0)


def on_a_clock(test: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await test()

    with asyncio.Runner(loop_factory=Clock, debug=True) as runner:
        runner.run(run())


async def wait_for(watchdog: Watchdog, event: asyncio.Event) -> None:
    with watchdog:
        await event.wait()


async def begin_to_wait(watchdog: Watchdog, event: asyncio.Event | None = None) -> asyncio.Task[None]:
    """A task that waits for what may never come, on its way."""
    task = asyncio.create_task(wait_for(watchdog, event or asyncio.Event()))
    await turn(0)
    return task


def test_the_first_word_has_a_limit() -> None:
    async def test() -> None:
        watchdog = Watchdog(first=60, idle=5, total=600)
        reader = await begin_to_wait(watchdog)

        await turn(59)
        assert not reader.done()
        await turn(2)

        with pytest.raises(TimeLimit, match="nothing was said within 60 s"):
            await reader
        assert reader.cancelling() == 0

    on_a_clock(test)


def test_the_idle_limit_runs_from_the_last_word() -> None:
    async def test() -> None:
        watchdog = Watchdog(first=60, idle=5, total=600)
        for _ in range(10):
            event = asyncio.Event()
            reader = await begin_to_wait(watchdog, event)
            await turn(4)
            event.set()
            await reader
            watchdog.content_came()

        reader = await begin_to_wait(watchdog)
        await turn(6)

        with pytest.raises(TimeLimit, match="nothing more was said for 5 s"):
            await reader

    on_a_clock(test)


def test_bytes_without_a_word_do_not_move_the_limit() -> None:
    async def test() -> None:
        watchdog = Watchdog(first=60, idle=5, total=600)
        with watchdog:
            pass
        watchdog.content_came()
        for _ in range(2):
            event = asyncio.Event()
            reader = await begin_to_wait(watchdog, event)
            await turn(2)
            event.set()
            await reader

        reader = await begin_to_wait(watchdog)
        await turn(2)

        with pytest.raises(TimeLimit):
            await reader

    on_a_clock(test)


def test_the_time_that_the_reader_takes_for_itself_does_not_count() -> None:
    async def test() -> None:
        watchdog = Watchdog(first=60, idle=5, total=600)
        with watchdog:
            pass
        watchdog.content_came()

        await turn(100)
        event = asyncio.Event()
        reader = await begin_to_wait(watchdog, event)
        await turn(4)
        event.set()

        await reader
        watchdog.stop()

    on_a_clock(test)


def test_the_total_limit_counts_everything() -> None:
    async def test() -> None:
        watchdog = Watchdog(first=60, idle=5, total=600)
        assert watchdog.remaining == pytest.approx(600, abs=1)
        await turn(601)

        with pytest.raises(TimeLimit, match="as a whole"), watchdog:
            pytest.fail("the limit had passed")

    on_a_clock(test)


def test_the_total_limit_ends_a_wait() -> None:
    async def test() -> None:
        watchdog = Watchdog(first=60, idle=60, total=10)
        reader = await begin_to_wait(watchdog)

        await turn(11)

        with pytest.raises(TimeLimit, match="as a whole"):
            await reader

    on_a_clock(test)


def test_a_restart_may_shorten_the_limit() -> None:
    async def test() -> None:
        watchdog = Watchdog(first=60, idle=60, total=600)
        with watchdog:
            pass
        watchdog.restart(1, "the response did not end")
        reader = await begin_to_wait(watchdog)

        await turn(2)

        with pytest.raises(TimeLimit, match="the response did not end"):
            await reader

    on_a_clock(test)


def test_a_cancel_from_elsewhere_stays_one() -> None:
    async def test() -> None:
        watchdog = Watchdog(first=60, idle=5, total=600)
        reader = await begin_to_wait(watchdog)
        await turn(1)

        reader.cancel()

        with pytest.raises(asyncio.CancelledError):
            await reader
        watchdog.stop()

    on_a_clock(test)


def test_a_cancel_at_the_very_moment_of_the_limit_stays_one() -> None:
    async def test() -> None:
        watchdog = Watchdog(first=60, idle=5, total=600)
        reader = await begin_to_wait(watchdog)
        await turn(1)
        get_clock().offset += 60

        asyncio.get_running_loop().call_soon(reader.cancel)

        with pytest.raises(asyncio.CancelledError):
            await reader
        watchdog.stop()

    on_a_clock(test)


def test_a_stopped_watchdog_leaves_no_timer() -> None:
    async def test() -> None:
        watchdog = Watchdog(first=60, idle=5, total=600)
        with watchdog:
            pass

        watchdog.stop()

        assert all(handle.cancelled() for handle in getattr(get_clock(), "_scheduled"))  # noqa: B009  # untyped

    on_a_clock(test)
