"""The model that answers in these tests: the test says what it says, and when."""

import asyncio

from tests.faults.exchange import Exchange

QUESTION = "fault:stage"
"""A message with this in it is answered by the test."""

PATIENCE_SECONDS = 10.0


class Model:
    """Answers one question after the other, as the test says."""

    def __init__(self) -> None:
        self._exchange: Exchange | None = None
        self._asked = asyncio.Event()
        self._ended = asyncio.Event()
        self.is_aborted = False
        """Whether the site closed the connection before the answer was complete."""

    async def play(self, exchange: Exchange) -> None:
        """Be asked: hold the connection until the test has finished, or the site goes."""
        await exchange.start()
        await exchange.chunk({"role": "assistant", "content": ""})
        self._exchange, self.is_aborted = exchange, False
        self._ended.clear()
        self._asked.set()
        leaving = asyncio.ensure_future(exchange.hang())
        ending = asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait({leaving, ending}, return_when=asyncio.FIRST_COMPLETED)
            self.is_aborted = leaving.done() and not ending.done()
            if self.is_aborted and self._exchange is exchange:
                self._asked.clear()  # Whoever says more waits for the next question.
        finally:
            ending.cancel()
            leaving.cancel()
            await asyncio.gather(leaving, ending, return_exceptions=True)

    async def say(self, *texts: str, pause: float = 0.0) -> None:
        """Say more, with a pause of seconds after each text. Waits to be asked first."""
        for text in texts:
            await (await self._get_exchange()).say(text)
            await asyncio.sleep(pause)

    async def finish(self, *texts: str) -> None:
        """Say the rest and end the answer."""
        await self.say(*texts)
        exchange = await self._get_exchange()
        await exchange.finish()
        self._asked.clear()
        self._ended.set()

    async def _get_exchange(self) -> Exchange:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._asked.wait()
        assert self._exchange is not None
        return self._exchange
