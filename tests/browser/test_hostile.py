"""The hostile corpus in a browser: no script runs, nothing is requested, nothing outside a message changes."""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from playwright.async_api import WebSocketRoute, expect

from chatapp.rendering import fragments
from chatapp.rendering.markdown import MarkdownStream
from chatapp.scrubbing import scrub
from tests.hostile.corpus import PAYLOADS
from tests.site import Site

from .conftest import Open
from .threads import Said, make_threads
from .visit import Visit

HOSTILE = [scrub(payload.text) for payload in PAYLOADS if payload.family != "dos"]
PAGE = 50  # messages on a page
FIELDS = [scrub(payload.text) for payload in PAYLOADS if payload.family == "field"]

OUTSIDE = """() => {
  const copy = document.documentElement.cloneNode(true);
  for (const id of ["chat-thread", "chat-threads", "chat-title"]) copy.querySelector(`#${id}`).replaceChildren();
  for (const field of copy.querySelectorAll("input[type=hidden], [name=title]")) field.remove();
  copy.querySelector("title").remove();
  copy.querySelector("#chat-cursor").remove();
  return [copy.outerHTML, document.querySelector("#chat-thread").cloneNode().outerHTML].join("\\n");
}"""
"""The page without what was said, without titles, and without what differs between any two pages."""

FRAMES = """() => [...document.querySelectorAll("#chat-thread > *")].map((message) => {
  const copy = message.cloneNode(true);
  for (const text of copy.querySelectorAll("[data-chat-text] > *, .chat-said")) text.replaceChildren();
  for (const source of copy.querySelectorAll("template")) source.remove();
  return copy.outerHTML.replaceAll(copy.dataset.chatMessage, "id");
})"""
"""Each message without what was said."""

LIST_TAGS = """() => [...new Set([...document.querySelectorAll("#chat-threads *, #chat-title *")]
  .map((element) => element.tagName))].sort()"""


Item = TypeVar("Item")


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """The items in lists of at most `size`."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


async def look(visit: Visit) -> tuple[str, list[str]]:
    """What stands around what was said."""
    outside: str = await visit.page.evaluate(OUTSIDE)
    frames: list[str] = await visit.page.evaluate(FRAMES)
    outside = re.sub(r'value="\w{64}"', "", outside)  # tokens in templates
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "id", outside), sorted(set(frames))


async def test_stored_harm_stays_in_its_message(open_page: Open, site: Site, key: str) -> None:
    harmless: list[Said] = [("user", "x"), ("assistant", "x")] * (PAGE // 2)
    harmful: list[Said] = [(role, text) for text in HOSTILE for role in ("user", "assistant")]
    pages = [("x", harmless), *(("x", page) for page in batched(harmful, PAGE))]
    first, *paths = await make_threads(site, key, pages)
    visit = await open_page(first)
    expected = await look(visit)

    for path in paths:
        await visit.go(path)

        assert await visit.page.evaluate("window.pwned") is None, path
        outside, frames = await look(visit)
        assert outside == expected[0], path
        assert set(frames) <= set(expected[1]), path
    assert len(paths) > 25


async def test_harm_in_titles_stays_in_its_title(open_page: Open, site: Site, key: str) -> None:
    *paths, last = await make_threads(site, key, [(text, [("user", "x")]) for text in [*FIELDS, "x"]])
    visit = await open_page(last)
    expected = await look(visit)

    for path in paths:
        await visit.go(path)

        assert await visit.page.evaluate("window.pwned") is None, path
        assert await look(visit) == expected, path
        assert await visit.page.evaluate(LIST_TAGS) == [
            "A",
            "BUTTON",
            "H2",
            "LI",
            "SECTION",
            "SPAN",
            "UL",
            "path",
            "svg",
        ], path


def write_steps() -> Iterator[str]:
    """HTML of every payload after every character, each once."""
    seen = set()
    for text in HOSTILE:
        stream = MarkdownStream()
        for character in text:
            stream.append(character)
            stream.step()
            html = stream.settled_html + stream.live_html
            if html not in seen:
                seen.add(html)
                yield html


async def test_harm_that_streams_in_stays_in_its_message_after_every_character(open_page: Open) -> None:
    routes: list[WebSocketRoute] = []
    visit = await open_page()
    await visit.ask("fault:echo x")
    await visit.until_state("complete")
    await visit.page.route_web_socket("**/ws/**", lambda route: routes.append(route))
    await visit.page.reload()
    await expect(visit.said).to_have_text("fault:echo x")
    assert routes
    expected = await look(visit)
    target = f"{await visit.said.get_attribute('id')}-live"
    count = 0

    for steps in batched(write_steps(), 200):
        count += len(steps)
        [frame] = fragments.write_frames([fragments.fill(target, html) for html in steps])
        routes[-1].send(frame)
    routes[-1].send("".join(fragments.write_frames([fragments.fill(target, "<p>after all</p>")])))

    await expect(visit.said).to_contain_text("after all", timeout=60_000)
    assert count > 10_000
    assert await visit.page.evaluate("window.pwned") is None
    assert await look(visit) == expected
