"""Looks, names, weights, and what works without script."""

import asyncio
import re
from typing import Any

import pytest
from playwright.async_api import expect

from .conftest import Open
from .model import QUESTION, Model
from .visit import Visit

UNNAMED = """() => [...document.querySelectorAll("a, button, input:not([type=hidden]), textarea, summary, select")]
  .filter((element) => element.checkVisibility())
  .filter((element) => !(element.ariaLabel || element.textContent.trim() || element.labels?.[0]?.textContent.trim()))
  .map((element) => element.outerHTML)"""
CONTRAST = """(selector) => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const getLight = (color) => {
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    const [red, green, blue] = [...context.getImageData(0, 0, 1, 1).data]
      .map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const text = getLight(getComputedStyle(document.querySelector(selector)).color);
  const page = getLight(getComputedStyle(document.body).backgroundColor);
  return (Math.max(text, page) + 0.05) / (Math.min(text, page) + 0.05);
}"""
"""As the WCAG defines it."""
FOCUSED = (
    "(({ ariaLabel, textContent, tagName }) => ariaLabel || textContent.trim() || tagName)(document.activeElement)"
)


async def test_a_cold_load_is_small(open_page: Open) -> None:
    visit = await open_page(None)
    session = await visit.context.new_cdp_session(visit.page)
    sizes: list[float] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    await session.send("Network.enable")

    await visit.page.goto(f"{visit.site.url}/chat/", wait_until="networkidle")

    assert len(sizes) <= 8
    assert sum(sizes) <= 100 * 1024


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_page_fits_and_can_be_read(open_page: Open, width: int, scheme: str) -> None:
    visit = await open_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
    await visit.ask(f"fault:ok-markdown {'with a long title ' * 10}")
    await visit.until_state("complete")

    background = await visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background.startswith("oklch(1 " if scheme == "light" else "oklch(0.19 ")
    assert await visit.page.evaluate("document.documentElement.scrollWidth") == width
    for selector in (".chat-prose p", ".chat-hint", ".chat-prose a", ".chat-meta", ".chat-bar h1"):
        assert await visit.page.evaluate(CONTRAST, selector) >= 4.5, selector


async def test_light_and_dark_can_be_chosen_and_stay_chosen(open_page: Open) -> None:
    visit = await open_page(color_scheme="light")
    root = visit.page.locator("html")

    await visit.button("Light or dark").click()
    await expect(root).to_have_attribute("data-theme", "dark")
    await visit.page.reload()

    await expect(root).to_have_attribute("data-theme", "dark")
    await visit.button("Light or dark").click()
    assert await root.get_attribute("data-theme") is None


@pytest.mark.parametrize("path", ["/chat/", "/chat/thread", "/", "/accounts/login/", "/accounts/signup/", "/nowhere/"])
async def test_every_control_has_a_name(open_page: Open, path: str) -> None:
    is_thread = path == "/chat/thread"
    visit = await open_page(None, key="") if not path.startswith("/chat/") else await open_page()
    if is_thread:
        await visit.ask("fault:ok-markdown")
        await visit.until_state("complete")
    elif not path.startswith("/chat/"):
        visit.expect_complaint("404")
        await visit.page.goto(visit.site.url + path)

    assert await visit.page.evaluate(UNNAMED) == []
    ids: list[str] = await visit.page.evaluate("[...document.querySelectorAll('[id]')].map((element) => element.id)")
    assert len(ids) == len(set(ids))


async def test_the_whole_way_goes_by_keyboard(visit: Visit) -> None:
    await visit.page.keyboard.type("fault:ok-markdown")
    await visit.page.keyboard.press("Enter")
    await visit.until_state("complete")

    reached = []
    for _ in range(40):
        await visit.page.keyboard.press("Tab")
        reached.append(await visit.page.evaluate(FOCUSED))
    for wanted in ("Copy", "Try again", "Send message", "Rename", "Delete", "Search conversations", "Sign out"):
        assert wanted in reached


async def test_the_drawer_on_a_phone_takes_the_focus_and_gives_it_back(phone: Visit) -> None:
    side = phone.page.get_by_role("navigation", name="Conversations")
    opener = phone.button("Conversations")
    await expect(side).to_be_hidden()

    await opener.tap()
    await expect(side).to_be_visible()
    await expect(side.get_by_role("button", name="Close")).to_be_focused()
    await expect(opener).to_have_attribute("aria-expanded", "true")
    await phone.page.keyboard.press("Escape")

    await expect(side).to_be_hidden()
    await expect(opener).to_be_focused()


async def test_escape_closes_the_drawer_before_it_stops_the_answer(phone: Visit, model: Model) -> None:
    await phone.box.fill(QUESTION)
    await phone.button("Send message").tap()
    await model.say("Going on")
    await phone.button("Conversations").tap()

    await phone.page.keyboard.press("Escape")

    await expect(phone.page.get_by_role("navigation", name="Conversations")).to_be_hidden()
    assert phone.count_sent("stop") == 0
    await model.finish()
    await phone.until_state("complete")


async def test_threads_are_found_by_their_title(visit: Visit) -> None:
    for title in ("fault:echo apples", "fault:echo pears"):
        await visit.go("/chat/")
        await visit.ask(title)
        await visit.until_state("complete")
    links = visit.page.get_by_role("navigation", name="Conversations").get_by_role("listitem")
    await expect(links).to_have_count(2)

    await visit.box.blur()
    await visit.page.keyboard.press("/")
    await visit.page.keyboard.type("PEAR")

    await expect(visit.page.get_by_role("searchbox", name="Search conversations")).to_be_focused()
    await expect(links).to_have_count(1)
    await expect(links.locator("strong")).to_have_text("fault:echo pears")
    await visit.page.keyboard.type("s and plums")
    await expect(visit.page.get_by_text("Nothing found.")).to_be_visible()
    await visit.page.keyboard.press("Escape")
    await expect(links).to_have_count(2)


async def test_a_thread_is_renamed_in_place(visit: Visit) -> None:
    await visit.ask("fault:echo first name")
    await visit.until_state("complete")
    title = visit.page.get_by_role("heading", level=1)
    field = visit.page.get_by_role("textbox", name="Name of the conversation")

    await visit.page.get_by_label("Rename", exact=True).click()
    await expect(field).to_be_focused()
    await field.fill("dropped")
    await field.press("Escape")
    await expect(title).to_have_text("fault:echo first name")

    await visit.page.get_by_label("Rename", exact=True).click()
    await expect(field).to_be_focused()
    await field.fill("A better name")
    await field.press("Enter")

    await expect(title).to_have_text("A better name")
    await expect(visit.page).to_have_title(re.compile("^A better name"))
    await expect(visit.page.get_by_role("link", name="A better name")).to_be_visible()
    await visit.page.reload()
    await expect(title).to_have_text("A better name")


async def test_a_thread_that_is_deleted_leads_to_a_new_chat_that_can_take_it_back(visit: Visit) -> None:
    await visit.ask("fault:echo short life")
    await visit.until_state("complete")

    await visit.page.locator(".chat-bar").get_by_role("button", name="Delete").click()

    await expect(visit.page).to_have_url(f"{visit.site.url}/chat/")
    await expect(visit.page.get_by_role("link", name="short life")).to_have_count(0)
    await visit.button("Undo").click()
    await expect(visit.page.get_by_role("link", name="short life")).to_be_visible()


@pytest.mark.parametrize("has_clipboard", [True, False])
async def test_code_and_messages_are_copied_as_they_were_written(open_page: Open, has_clipboard: bool) -> None:
    visit = await open_page(None)
    await visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
    if not has_clipboard:  # as on plain http
        await visit.page.add_init_script("navigator.clipboard.writeText = () => Promise.reject(new Error())")
    await visit.go("/chat/")
    await visit.ask("fault:ok-markdown")
    await visit.until_state("complete")

    async def copy(button: Any) -> str:
        await button.click()
        await expect(button).to_have_class(re.compile("chat-copied"))
        text: str = await visit.page.evaluate("navigator.clipboard.readText()")
        return text

    code = await copy(visit.answer.locator(".chat-code").get_by_role("button", name="Copy"))
    message = await copy(visit.answer.locator(".chat-actions").get_by_role("button", name="Copy"))

    assert code == "print(1)\n"
    assert message.startswith("## Heading\n\nA paragraph with **bold**")


async def test_without_script_forms_ask_stop_and_show(open_page: Open, model: Model) -> None:
    visit = await open_page(None, java_script_enabled=False)
    await visit.page.goto(f"{visit.site.url}/chat/")
    await visit.box.fill(f"No script {QUESTION}")
    await visit.button("Send message").click()
    await expect(visit.page).to_have_url(re.compile(r"/chat/[0-9a-f-]{36}/"))
    await expect(visit.questions).to_have_text([f"No script {QUESTION}"])
    await model.say("Some words")

    await visit.button("Stop answering").click()

    await expect(visit.questions).to_have_count(1)
    await visit.page.reload()
    await visit.until_state("stopped")
    await visit.button("Try again").click()
    await model.finish("Better.")
    async with asyncio.timeout(10):
        while await visit.answer.get_attribute("data-chat-state") != "complete":
            await visit.page.reload()
    await expect(visit.said).to_have_text("Better.")


async def test_signing_up_in_leads_to_the_chat(open_page: Open) -> None:
    visit = await open_page(None, key="")
    await visit.page.goto(visit.site.url)
    await visit.page.get_by_role("link", name="Create an account").click()
    await visit.page.get_by_label("Username").fill("somebody-new")
    for field in await visit.page.locator("input[type=password]").all():
        await field.fill("a-fine-long-one")
    await visit.page.get_by_role("button", name="Create the account").click()

    await expect(visit.box).to_be_focused()
    await visit.button("Sign out").click()
    await visit.page.get_by_role("link", name="Sign in").click()
    await visit.page.get_by_label("Username").fill("somebody-new")
    await visit.page.get_by_label("Password").fill("wrong")
    await visit.page.get_by_role("button", name="Sign in").click()
    await expect(visit.page.get_by_role("alert")).to_be_visible()
    await visit.page.get_by_label("Password").fill("a-fine-long-one")
    await visit.page.get_by_role("button", name="Sign in").click()
    await expect(visit.box).to_be_focused()
