"""The catalogue of all parts, as a member of staff sees it."""

import asyncio

import pytest
from playwright.async_api import expect

from tests.site import Site

from .conftest import Open

MAKE_STAFF = """
from django.contrib.auth import get_user_model
get_user_model().objects.filter(username="curator").update(is_staff=True)
"""


@pytest.mark.parametrize("width", [1280, 390])
async def test_the_catalogue_fits_the_window_in_the_light_and_in_the_dark(
    open_page: Open, site: Site, width: int
) -> None:
    (key,) = await asyncio.to_thread(site.sign_in, ["curator"])
    await asyncio.to_thread(site.manage, "shell", "-c", MAKE_STAFF)
    visit = await open_page(None, key=key, viewport={"width": width, "height": 844}, color_scheme="dark")

    await visit.page.goto(site.url + "/catalogue/")
    await visit.until_modules()

    root = visit.page.locator("html")
    assert await root.evaluate("(element) => element.scrollWidth") <= width
    for theme in ("light", "dark"):
        shown = visit.page.locator(f'figure [data-theme="{theme}"] > .chat')
        assert await shown.first.evaluate("(element) => getComputedStyle(element).colorScheme") == theme
        choice = shown.get_by_role("radiogroup").first.get_by_role("radio").first
        await expect(choice).to_be_checked()
    spread = """() => [...document.querySelectorAll(".chat-part")].filter((part) => {
        const holder = part.closest("[data-theme]").getBoundingClientRect(), own = part.getBoundingClientRect();
        return own.width && (own.right > holder.right || own.left < holder.left);
    }).map((part) => part.id)"""
    assert await visit.page.evaluate(spread) == []
    frame = visit.page.locator('iframe[title="Counter"]').first
    await frame.scroll_into_view_if_needed()  # it is loaded when it comes into view
    page = frame.content_frame
    await page.get_by_role("button").click()
    await expect(page.get_by_role("button")).to_have_text("1")
