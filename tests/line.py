"""The straight line in one process, for tests: who asks, what the model says, and what came of it."""

import asyncio
from contextlib import AbstractContextManager, ExitStack
from typing import Any
from uuid import UUID, uuid4

from asgiref.sync import sync_to_async
from django.conf import settings
from django.test import override_settings

from chatapp import actions, answering, registry, signals
from chatapp.actions import Posted
from chatapp.models import Message, Run, Thread
from chatapp.parts import Part
from chatapp.providers.base import replace_provider
from chatapp.providers.scripted import PATIENCE_SECONDS, Script
from chatapp.questions import InputRequest
from chatapp.runs.hub import get_hub
from chatapp.testing import ScriptedProvider, stop_everything


class Line:
    """Posts as the owner into one thread; the model says what `says` was given. Ends everything on leaving."""

    def __init__(self, owner: Any) -> None:
        self.owner = owner
        self.thread_id = uuid4()
        self.provider = ScriptedProvider()
        self.ends: list[tuple[UUID, str]] = []
        """Run and state of each end, in order."""
        self._stack = ExitStack()
        self._ended = asyncio.Event()

    async def __aenter__(self) -> "Line":
        signals.run_finished.connect(self._note)
        self._stack.callback(signals.run_finished.disconnect, self._note)
        self.says("Hello.")
        return self

    async def __aexit__(self, *error: object) -> None:
        await stop_everything()
        self._stack.close()

    def says(self, *script: Any) -> ScriptedProvider:
        """From now on the model says this to each request."""
        return self.plays(script)

    def plays(self, *scripts: Script) -> ScriptedProvider:
        """From now on the model plays these scripts, one for each request."""
        self.provider = ScriptedProvider(*scripts)
        self.enters(replace_provider(self.provider))
        return self.provider

    def declares(self, *assistants: Any) -> None:
        """From now on there are only these assistants; the first one answers."""
        self.enters(registry.override(*assistants))

    def sets(self, **values: Any) -> None:
        """From now on these are the settings, beside those of the tests. Not together with the fixture `settings`."""
        self.enters(override_settings(CHATAPP={**settings.CHATAPP, **values}))

    def enters(self, context: AbstractContextManager[Any]) -> Any:
        """Until the end of the test this holds; what it gives."""
        return self._stack.enter_context(context)

    async def post(self, text: str = "Hi", *, client_id: UUID | None = None, assistant: str = "") -> Posted:
        """The owner sends a message."""
        return await actions.post_message(
            self.owner, self.thread_id, text=text, client_id=client_id or uuid4(), assistant=assistant
        )

    async def answer(self, text: str = "Hi", *, assistant: str = "") -> Run:
        """The owner sends a message and the answer ends; its run as it is stored."""
        count = len(self.ends)
        posted = await self.post(text, assistant=assistant)
        await self.ended(count + 1)
        return await self.run(posted.run_id)

    async def ended(self, count: int = 1) -> None:
        """Wait until so many answers have ended and are stored."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.ends) < count:
                self._ended.clear()
                await self._ended.wait()

    async def asked(self) -> InputRequest:
        """Wait until the answer that is under way waits for the owner; its open question as it is stored."""
        news = asyncio.Event()
        feed = get_hub().feeds[(await self.run()).pk]
        feed.attach(news.set)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await self.run()).state != Run.State.WAITING:
                await news.wait()
                news.clear()
        feed.detach(news.set)
        (question,) = (part for part in await self.parts() if isinstance(part, InputRequest) and part.is_open)
        return question

    async def replies(self, text: str, question: InputRequest) -> None:
        """The owner answers a question."""
        await answering.answer(self.owner, self.thread_id, question.id, text)

    async def run(self, run_id: UUID | None = None) -> Run:
        """A run as it is stored, by default the newest answer of the thread."""
        runs = Run.objects.select_related("reply", "prompt", "thread")
        if run_id is not None:
            return await runs.aget(pk=run_id)
        newest = await runs.filter(thread_id=self.thread_id, kind="reply").order_by("-started_at").afirst()
        assert newest is not None
        return newest

    async def parts(self) -> list[Part]:
        """The parts of the last message as they are stored."""
        thread = await Thread.objects.select_related("head").aget(pk=self.thread_id)
        assert thread.head is not None
        return thread.head.load_parts()

    async def thread(self) -> Thread:
        """The thread as it is stored."""
        return await Thread.objects.aget(pk=self.thread_id)

    async def change(self, run: Any, **values: Any) -> None:
        """Change the row of a run behind everybody's back."""
        await Run.objects.filter(pk=getattr(run, "pk", run)).aupdate(**values)

    async def count(self) -> tuple[int, int, int]:
        """How many threads, messages and runs are stored."""
        return await sync_to_async(_count)()

    async def _note(self, sender: Any, run_id: UUID, state: str, **kwargs: Any) -> None:
        self.ends.append((run_id, str(state)))
        self._ended.set()


def _count() -> tuple[int, int, int]:
    return Thread.objects.count(), Message.objects.count(), Run.objects.count()
