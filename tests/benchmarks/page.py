"""What the page costs a browser: bytes and requests of a cold load, and the main thread's time for one answer.

    python -m tests.benchmarks.page [--tokens 4000] [--rate 50] [--width 1280]

A real Chromium, without a graphics card, opens a new chat of the hosted site and asks for an answer that comes at an
even rate. Printed: requests and compressed bytes of the first visit, and the seconds that tasks took on the main thread
from sending the question until the answer was complete, by the clock on the wall (to which a busy machine adds) and in
CPU time, with the parts of it that the browser counts by itself.
"""

import argparse
import asyncio
import sys
import time
from typing import Any, Final

from playwright.async_api import Browser, CDPSession, Page, async_playwright

from tests.browser.chromium import launch
from tests.site import Process, Site, get_free_port, wait_until_up

PARTS: Final = ("TaskDuration", "ScriptDuration", "LayoutDuration", "RecalcStyleDuration")


async def _open(browser: Browser, site: Site, key: str, width: int) -> Page:
    context = await browser.new_context(viewport={"width": width, "height": 800})
    await context.add_cookies([{"name": "sessionid", "value": key, "url": site.url}])
    return await context.new_page()


async def measure_load(browser: Browser, site: Site, key: str, width: int) -> tuple[int, int]:
    """Requests and bytes over the wire, headers included, of the page of a new chat; the socket is not counted."""
    page = await _open(browser, site, key, width)
    session = await page.context.new_cdp_session(page)
    sizes: list[float] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    await session.send("Network.enable")
    await page.goto(f"{site.url}/chat/", wait_until="networkidle")
    await page.context.close()
    return len(sizes), int(sum(sizes))


async def count(session: CDPSession) -> dict[str, float]:
    metrics: list[dict[str, Any]] = (await session.send("Performance.getMetrics"))["metrics"]
    return {metric["name"]: metric["value"] for metric in metrics}


async def measure_answer(
    browser: Browser, site: Site, key: str, *, tokens: int, rate: float, width: int = 1280
) -> dict[str, float]:
    """Seconds of the main thread for one answer, by PARTS and in CPU time, and how many frames and bytes it came in."""
    page = await _open(browser, site, key, width)
    frames: list[int] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda data: frames.append(len(data))))
    wall, cpu = [await page.context.new_cdp_session(page) for _ in range(2)]
    await wall.send("Performance.enable", {"timeDomain": "timeTicks"})
    await cpu.send("Performance.enable", {"timeDomain": "threadTicks"})
    await page.goto(f"{site.url}/chat/", wait_until="networkidle")
    before, cpu_before = await count(wall), await count(cpu)
    await page.get_by_role("textbox", name="Message").fill(f"n={tokens} rate={rate}")
    await page.keyboard.press("Enter")
    patience = 1000 * (tokens / rate + 30)
    await page.wait_for_selector('[data-chat-role="assistant"][data-chat-state="complete"]', timeout=patience)
    after, cpu_after = await count(wall), await count(cpu)
    await page.context.close()
    cost = {part: after[part] - before[part] for part in PARTS}
    cpu_seconds = cpu_after["TaskDuration"] - cpu_before["TaskDuration"]
    return {**cost, "cpu": cpu_seconds, "frames": len(frames), "bytes": sum(frames)}


async def _run(options: argparse.Namespace) -> None:
    port = get_free_port()
    model = Process([sys.executable, "-m", "tests.benchmarks.tokens", "--port", str(port)])
    try:
        wait_until_up(f"http://127.0.0.1:{port}/", model)
        provider = {"CHATAPP_PROVIDER": "openai", "OPENAI_MODEL": "even", "OPENAI_API_KEY": "none"}
        with Site(env={**provider, "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1"}) as site:
            [key] = site.sign_in(["reader"])
            async with async_playwright() as playwright:
                browser = await launch(playwright)
                requests, size = await measure_load(browser, site, key, options.width)
                print(f"cold load: {requests} requests, {size / 1024:.1f} KB compressed")
                begun = time.monotonic()
                cost = await measure_answer(
                    browser, site, key, tokens=options.tokens, rate=options.rate, width=options.width
                )
                took = time.monotonic() - begun
                await browser.close()
    finally:
        model.end()
    frames = int(cost["frames"])
    print(f"{options.tokens} tokens in {took:.0f} s: {frames} frames, {cost['bytes'] / 1024:.0f} KB")
    print(", ".join(f"{part} {cost[part]:.2f} s" for part in PARTS))
    print(f"CPU {cost['cpu']:.2f} s, {1000 * cost['cpu'] / max(frames, 1):.2f} ms for each frame")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--tokens", type=int, default=4000)
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--width", type=int, default=1280)
    asyncio.run(_run(parser.parse_args()))
