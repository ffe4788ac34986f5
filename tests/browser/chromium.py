"""How tests and benchmarks find and start Chromium."""

import os
import shutil
from typing import Final

from playwright.async_api import Browser, Playwright

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS: Final = (
    "--no-sandbox",  # containers of CI have no user namespaces
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    # No request of the browser's own: a test listens for requests.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_chromium() -> str | None:
    """Path of a Chromium; None if there is none."""
    return os.environ.get("TEST_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


async def launch(playwright: Playwright) -> Browser:
    """A headless Chromium. Raises RuntimeError with a way to get one if there is none."""
    path = find_chromium()
    if path is None:
        raise RuntimeError("no Chromium is installed; get one (apt-get install chromium), or name one in TEST_CHROMIUM")
    return await playwright.chromium.launch(executable_path=path, args=list(FLAGS))
