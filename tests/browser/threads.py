"""Threads that are there before a test begins."""

import asyncio
import json
from collections.abc import Sequence

from tests.site import Site

Said = tuple[str, str]
"""A role and a text."""

_MAKE = """
import json, sys
from datetime import timedelta
from django.contrib.sessions.models import Session
from django.utils import timezone
from chatapp.models import Message, Thread
owner = Session.objects.get(pk={key!r}).get_decoded()["_auth_user_id"]
now = timezone.now()
paths = []
for title, said in json.loads(open({file!r}).read()):
    thread = Thread.objects.create(owner_id=owner, assistant="guide", title=title[:200], updated_at=now)
    for number, (role, text) in enumerate(said):
        thread.head = Message.objects.create(
            thread=thread, parent=thread.head, role=role, text=text, parts=[dict(kind="text", text=text)],
            created_at=now + timedelta(seconds=number),
        )
    thread.save()
    paths.append(thread.get_absolute_url())
print("PATHS" + json.dumps(paths))
"""


async def make_threads(site: Site, key: str, threads: Sequence[tuple[str, Sequence[Said]]]) -> list[str]:
    """Store threads, each a title and what was said, for the person with this session key; their paths."""
    file = site.folder / "threads.json"
    file.write_text(json.dumps(threads))
    out = await asyncio.to_thread(site.manage, "shell", "-c", _MAKE.format(key=key, file=str(file)))
    paths: list[str] = json.loads(out.partition("PATHS")[2])
    return paths
