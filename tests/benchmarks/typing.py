"""How long a key waits for its letter on a page with many messages: from the press to the paint.

    python -m tests.benchmarks.typing [--messages 1000] [--keys 40] [--width 1280]

A real Chromium, without a graphics card, opens a thread of the hosted site, loads all of its messages, and types; each
tenth key makes a new line, with which the message box grows. Printed: milliseconds from the press to the next paint,
as the Event Timing API counts them (in steps of 8) and as requestAnimationFrame does, median, 95th and 100th of a
hundred; and the CPU time of the main thread for each key, to which a busy machine adds nothing. For a thread of two
messages, and for the long one.
"""

import argparse
import asyncio
from typing import Any, Final

from playwright.async_api import Browser, Page, async_playwright

from tests.browser.chromium import launch
from tests.browser.threads import make_threads
from tests.site import Site

from .page import count

PARAGRAPH: Final = "Some words that fill more than one line of the column, with **bold** ones and `code` in them. " * 3

WATCH: Final = """() => {
  window.keys = [];
  window.paints = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (entry.name === "keydown") window.keys.push(entry.duration);
  }).observe({ type: "event", durationThreshold: 16 });
  addEventListener("keydown", (event) => {
    const pressed = event.timeStamp;
    // The frame after next begins when the one with the letter has been painted.
    requestAnimationFrame(() => requestAnimationFrame((now) => window.paints.push(now - pressed)));
  }, { capture: true });
}"""

LOAD_ALL: Final = """async (wanted) => {
  const scroller = document.getElementById("chat-scroll");
  while (document.querySelector(".chat-older")) {
    scroller.scrollTop = 0;
    await new Promise((done) => setTimeout(done, 50));
  }
  scroller.scrollTop = scroller.scrollHeight;
  return document.querySelectorAll("article").length;
}"""


async def measure(browser: Browser, site: Site, key: str, path: str, *, keys: int, width: int) -> dict[str, Any]:
    """The messages of this thread, and the milliseconds of each key by both clocks."""
    context = await browser.new_context(viewport={"width": width, "height": 800})
    await context.add_cookies([{"name": "sessionid", "value": key, "url": site.url}])
    page: Page = await context.new_page()
    page.set_default_timeout(180_000)
    await page.goto(site.url + path, wait_until="networkidle")
    messages = await page.evaluate(LOAD_ALL)
    box = page.get_by_role("textbox", name="Message")
    await box.press("x")  # what is loaded with the first key is not what is measured
    await page.wait_for_load_state("networkidle")
    await page.evaluate(WATCH)
    session = await context.new_cdp_session(page)
    await session.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = await count(session)
    for number in range(keys):
        await page.keyboard.press("Shift+Enter" if number % 10 == 9 else "w")
        await asyncio.sleep(0.1)
    after = await count(session)
    found = await page.evaluate("({ keys: window.keys, paints: window.paints })")
    await context.close()
    # What took less than 16 ms is in no list.
    quick = [8.0] * max(0, keys - len(found["keys"]))
    clocks = {"Event Timing": quick + found["keys"], "requestAnimationFrame": found["paints"]}
    return {
        "messages": messages,
        "cpu": 1000 * (after["TaskDuration"] - before["TaskDuration"]) / keys,
        "clocks": clocks,
    }


def show(name: str, values: list[float]) -> str:
    """Median, 95th and 100th of hundred."""
    ordered = sorted(values)
    p50, p95 = (ordered[int(len(ordered) * part)] for part in (0.5, 0.95))
    return f"{name} p50 {p50:.0f} ms, p95 {p95:.0f} ms, longest {ordered[-1]:.0f} ms"


async def _run(options: argparse.Namespace) -> None:
    with Site() as site:
        [key] = site.sign_in(["writer"])
        said = [("assistant" if number % 2 else "user", f"{number} {PARAGRAPH}") for number in range(options.messages)]
        paths = await make_threads(site, key, [("Short", said[:2]), ("Long", said)])
        async with async_playwright() as playwright:
            browser = await launch(playwright)
            for path in paths:
                found = await measure(browser, site, key, path, keys=options.keys, width=options.width)
                clocks = "; ".join(show(name, values) for name, values in found["clocks"].items())
                print(f"{found['messages']} messages: {clocks}; CPU {found['cpu']:.1f} ms for each key")
            await browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--keys", type=int, default=40)
    parser.add_argument("--width", type=int, default=1280)
    asyncio.run(_run(parser.parse_args()))
