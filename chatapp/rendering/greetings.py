"""What stands above the messages: the greeting, and in an empty chat the cards below it."""

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from chatapp.parts import Part

from . import fragments
from .fragments import Fragment
from .renderer import render_stored_part


@dataclass(frozen=True, slots=True, kw_only=True)
class WelcomeView:
    """What a page shows above the messages."""

    thread_id: UUID
    assistant: Any
    version: int = 0
    """See Thread.greeting_version."""

    parts: Sequence[Part] = ()
    """Of the greeting."""

    is_wanted: bool = False
    """Nobody has asked for the greeting yet; whoever sees the page does."""

    run_id: UUID | None = None
    """The run that says it now."""

    is_start: bool = False
    """The chat is empty: there are cards to begin with."""

    suggestions: Sequence[Any] = ()

    @property
    def digest(self) -> str:
        """The same for what a page has and what it should have, if they are the same; also while more is being said."""
        parts = [part.dump() for part in self.parts] if self.run_id is None else []
        told = json.dumps(
            [self.version, parts, self.is_wanted, str(self.run_id), self.is_start], sort_keys=True, default=str
        )
        return f"{zlib.crc32(json.dumps(told, sort_keys=True, default=str).encode()):08x}"

    @property
    def is_empty(self) -> bool:
        """Whether there is no greeting at all, and none to come."""
        return not (self.parts or self.is_wanted or self.run_id)


def render_welcome(view: WelcomeView | None, request: HttpRequest | None = None) -> SafeString:
    """The greeting and what stands below it; nothing for None. With a request, also what works without script."""
    if view is None:
        return SafeString("")
    parts = [render_stored_part(view.thread_id, index, part) for index, part in enumerate(view.parts)]
    context = {
        "welcome": view,
        "assistant": view.assistant,
        "thread": {"id": view.thread_id},
        "part_html": mark_safe("".join(parts)),  # noqa: S308  # each is a rendered template
        "client_id": uuid4(),
    }
    return render_to_string("chatapp/_welcome.html", context, request)


def draw_welcome(before: WelcomeView | None, now: WelcomeView | None) -> list[Fragment]:
    """What makes the one of the other, in a page that shows the first. What goes on is left as it is."""
    if before is None or now is None or before.is_empty != now.is_empty or before.is_wanted != now.is_wanted:
        return [fragments.fill(fragments.GREETING, render_welcome(now))] if before != now else []
    changed = []
    if now.run_id is None and before.parts != now.parts:
        html = [render_stored_part(now.thread_id, index, part) for index, part in enumerate(now.parts)]
        changed.append(fragments.fill(fragments.parts_id(now.thread_id), "".join(html)))
        changed.append(fragments.text(f"{fragments.message_id(now.thread_id)}-status", ""))
    if before.is_start and not now.is_start:
        changed.append(fragments.fill(fragments.START, ""))
    elif now.is_start and not before.is_start:
        return [fragments.fill(fragments.GREETING, render_welcome(now))]
    return changed
