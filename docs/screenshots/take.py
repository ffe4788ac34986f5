"""Take the screenshots of the README again: `python docs/screenshots/take.py`, from the root of the repository.

Needs the extra `dev` and a Chromium. What is shown are the sample threads of the demo, with production settings.
"""

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.site import Site  # found only with the root on the path

FOLDER = Path(__file__).resolve().parent

PREPARE = """
from django.contrib.auth import get_user_model
from project.samples import load_samples
load_samples(get_user_model().objects.create_user("demo", password="demo"), assistant="guide")
"""

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}

SHOTS = (
    ("thread-light", DESKTOP, "light", "How compound interest works"),
    ("thread-dark", DESKTOP, "dark", "The warmest place"),
    ("welcome-light", DESKTOP, "light", ""),
    ("welcome-phone", PHONE, "light", ""),
    ("thread-phone", PHONE, "dark", "A weekend in the mountains"),
)
"""Name, size, scheme, and the title of the thread; empty: a new chat."""


def sign_in(page: Page, address: str) -> None:
    """As the person of the demo."""
    page.goto(f"{address}/accounts/login/")
    page.fill("[name=username]", "demo")
    page.fill("[name=password]", "demo")
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/chat/")


def main() -> None:
    """Write each of SHOTS beside this file."""
    with Site() as site, sync_playwright() as playwright:
        site.manage("shell", "-c", PREPARE)
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("TEST_CHROMIUM") or shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
        )
        for name, size, scheme, title in SHOTS:
            context = browser.new_context(viewport=size, color_scheme=scheme)
            page = context.new_page()
            sign_in(page, site.url)
            if title:
                link = page.get_by_role("link", name=title, include_hidden=True)
                page.goto(site.url + str(link.get_attribute("href")))
            page.wait_for_load_state("networkidle")
            page.screenshot(path=FOLDER / f"{name}.png")
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
