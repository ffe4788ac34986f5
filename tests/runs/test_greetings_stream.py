"""The law of the stream, for what stands above the messages: after any history of greetings that are asked for, made,
replaced, dismissed and cleared, in two processes that lose mail, each page equals a fresh page load of its kind."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from typing import Any
from unittest import mock
from uuid import UUID, uuid4

import pytest
from asgiref.sync import sync_to_async

import chatapp
from chatapp import actions, opening, registry
from chatapp.errors import Refused
from chatapp.models import Thread
from chatapp.rendering import renderer
from chatapp.rendering.greetings import render_welcome
from chatapp.runs import greetings, transcript
from chatapp.runs.follower import Follower
from chatapp.runs.hub import Hub
from chatapp.testing import Page, ScriptedProvider, replace_provider

from .histories import FIRST_SEED, HISTORIES, SETTINGS, Reader, Scene, play
from .test_stream_equals_reload import write_script


def make_assistant(chance: random.Random) -> type[chatapp.Assistant]:
    """One whose model makes its greeting, which stays or goes."""

    async def make(turn: chatapp.Turn) -> AsyncIterator[Any]:
        async for item in turn.stream("Greet the person."):
            yield item

    greeting = chatapp.Greeting(make, dismissible=chance.random() < 0.5)
    return type("Greeter", (chatapp.Assistant,), {"greeting": greeting})


@sync_to_async
def draw_page(user: Any, thread_id: UUID, *, in_visit: bool) -> tuple[str, str | None]:
    """A fresh page of this thread, and what the address of its socket says of the visit."""
    thread = Thread.objects.filter(pk=thread_id).first() or Thread(pk=thread_id, assistant="greeter")
    in_visit = in_visit or thread.head_id is None
    above = greetings.find(thread, user, in_visit=in_visit)
    reply = transcript.get_live_run(thread)
    live = reply or (above.run if above.run is not None and above.run.is_live else None)
    views = transcript.load_views(thread, transcript.get_path(thread), user=user)
    html = (
        f'<i id="chat-cursor">{f"{live.pk}:0" if live else ""}</i><h1 id="chat-title"></h1><p id="chat-action"></p>'
        f'<div id="chat-greeting">{render_welcome(above.welcome)}</div><div id="chat-todos"></div>'
        f'<div id="chat-thread">{renderer.render_messages(views, thread_id=thread_id)}</div><ul id="chat-threads"></ul>'
        '<div id="chat-undo"></div>'
    )
    digest = above.welcome.digest if above.welcome is not None else "none"
    return html, digest if in_visit else None


class Visitor(Reader):
    """A tab, of the visit or of somebody who came back."""

    in_visit = True
    visit: str | None = None

    async def begin(self) -> None:
        await self.reload()

    async def reload(self) -> None:
        """In the same visit or not; the socket says which."""
        self.in_visit = self.in_visit and self._chance.random() < 0.7
        html, self.visit = await draw_page(self._user, self._thread_id, in_visit=self.in_visit)
        self.in_visit = self.visit is not None
        self.page = Page(html)

    async def load(self) -> Page:
        html, _ = await draw_page(self._user, self._thread_id, in_visit=self.in_visit)
        return Page(html)

    async def follow(self, hub: Hub) -> Follower:
        is_new = not await Thread.objects.filter(pk=self._thread_id).aexists()
        return Follower(hub, user=self._user, thread_id=self._thread_id, is_new=is_new, visit=self.visit)

    def show(self, page: Page) -> str:
        """Below the greeting only that something stands there."""
        above, start, below = page.html_of("chat-greeting").partition('<div id="chat-start"')
        return page.thread + above + start + str("chat-empty" in below)


async def act(scene: Scene) -> None:
    """Somebody or some code does something in one of the processes, which may die of it."""
    place = scene.chance.randrange(2)
    exists = await Thread.objects.filter(pk=scene.thread_id).aexists()
    what = scene.chance.choice(
        ["greet", "greet", "post", *(["greet", "set", "none", "clear", "new"] if exists else [])]
    )
    with scene.at(place), mock.patch.object(opening, "get_hub", return_value=scene.hubs[place]):
        match what:
            case "greet":
                await opening.greet(scene.user, scene.thread_id, assistant="greeter")
            case "post":
                with suppress(Refused):  # An answer is under way.
                    await actions.post_message(
                        scene.user, scene.thread_id, text="What now?", client_id=uuid4(), assistant="greeter"
                    )
            case "set":
                content = scene.chance.choice(["Set", "Set\n\nanew", "- a list"])
                greeting = chatapp.Greeting(content, dismissible=scene.chance.random() < 0.5)
                await chatapp.set_greeting(scene.thread_id, greeting)
            case "none":
                await chatapp.set_greeting(scene.thread_id, None)
            case _:
                await chatapp.clear_messages(scene.thread_id, greeting=what == "new")
    await scene.pause(40)
    if scene.chance.random() < 0.1:
        await scene.runners[place].checkpoint()
        await scene.kill(place)


async def until_quiet(scene: Scene) -> None:
    """Wait until no run of the thread is unfinished."""
    for runner in scene.runners:
        await runner.checkpoint()  # What the mail did not tell is found by looking.
    async with asyncio.timeout(10):
        # A row of the database has no event to wait for.
        while await scene.is_answering():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


@pytest.mark.django_db(transaction=True)
async def test_after_any_history_of_greetings_the_page_equals_a_fresh_page_load(owner: Any, settings: Any) -> None:
    settings.CHATAPP = SETTINGS

    for seed in range(FIRST_SEED, FIRST_SEED + HISTORIES // 2):
        chance = random.Random(seed)
        provider = ScriptedProvider(partial(write_script, chance))
        with replace_provider(provider), registry.override(make_assistant(chance)):
            await play(seed, owner, act, most=6, reader=Visitor, settle=until_quiet)
