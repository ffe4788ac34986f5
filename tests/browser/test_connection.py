"""Sockets that are cut, refused, blocked; servers that go and come back."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from playwright.async_api import WebSocketRoute, expect

from tests.faults.server import FaultServer
from tests.site import Site

from .conftest import Open, make_site
from .model import QUESTION, Model
from .visit import Visit

NO_SOCKETS = """
window.WebSocket = class extends EventTarget {
  static CONNECTING = 0;
  static OPEN = 1;
  static CLOSED = 3;
  readyState = 0;
  constructor(url) {
    super();
    this.url = url;
    setTimeout(() => {
      this.readyState = 3;
      const event = new CloseEvent("close", { code: 1006 });
      this.dispatchEvent(event);
      this.onclose?.(event);
    }, 20);
  }
  send() { throw new Error("not open") }
  close() {}
};
"""
"""As behind a proxy that lets no websocket through."""

Cut = Callable[[int], Awaitable[None]]


@pytest_asyncio.fixture(loop_scope="session")
async def cut(visit: Visit) -> Cut:
    """Cuts the page's socket with a close code; later ones get through."""
    routes: list[WebSocketRoute] = []
    is_open = asyncio.Event()

    def connect(route: WebSocketRoute) -> None:
        routes.append(route)
        is_open.clear()
        server = route.connect_to_server()

        def pass_on(message: str | bytes) -> None:
            is_open.set()
            route.send(message)

        server.on_message(pass_on)

    await visit.page.route_web_socket("**/ws/**", connect)
    await visit.page.reload()
    await expect(visit.box).to_be_focused()

    async def close(code: int) -> None:
        # Up to the server: the browser warns of a socket that is closed before it is open.
        async with asyncio.timeout(10):
            await is_open.wait()
        await routes[-1].close(code=code)

    return close


@pytest.mark.parametrize("code", [1000, 1001, 1011, 1012, 4012])
async def test_the_page_comes_back_after_its_socket_was_closed(visit: Visit, model: Model, cut: Cut, code: int) -> None:
    await visit.ask(QUESTION)
    await model.say("Before. ")
    await expect(visit.said).to_have_text("Before.")

    await cut(code)
    await expect(visit.banner).to_contain_text("Connection lost")
    await model.say("Meanwhile. ")

    await expect(visit.banner).to_be_hidden()
    await model.finish("After.")
    await expect(visit.said).to_have_text("Before. Meanwhile. After.")
    await visit.until_state("complete")


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (4400, "do not understand each other"),
        (4401, "You are signed out. Sign in"),
        (4403, "may not connect from here"),
        (4404, "does not exist"),
        (4429, "Too many"),
    ],
)
async def test_a_refusal_is_final_and_says_why(visit: Visit, cut: Cut, code: int, sentence: str) -> None:
    await cut(code)

    await expect(visit.banner).to_contain_text(sentence)
    await visit.page.clock.install()
    await visit.page.clock.fast_forward("05:00")
    await expect(visit.banner).to_contain_text(sentence)


async def test_a_message_written_while_the_socket_is_down_is_sent_once_and_later(visit: Visit, cut: Cut) -> None:
    await cut(1000)
    await expect(visit.banner).to_contain_text("Connection lost")

    await visit.ask("fault:echo into the dark")

    await expect(visit.page.get_by_text("Waiting to be sent")).to_be_visible()
    await expect(visit.questions).to_have_text(["fault:echo into the dark"])
    await expect(visit.page.get_by_text("Waiting to be sent")).to_be_hidden()
    await visit.until_state("complete")


async def test_who_signs_out_elsewhere_is_told(visit: Visit) -> None:
    other = await visit.context.new_page()
    await other.goto(f"{visit.site.url}/chat/")

    await other.get_by_role("button", name="Sign out").click()

    await expect(visit.banner).to_contain_text("You are signed out.")
    await visit.banner.get_by_role("link", name="Sign in").click()
    await expect(visit.page.get_by_role("button", name="Sign in")).to_be_visible()


async def test_without_websockets_everything_works_over_http(open_page: Open, model: Model) -> None:
    visit = await open_page(None)
    await visit.page.add_init_script(NO_SOCKETS)
    await visit.page.goto(f"{visit.site.url}/chat/")
    async with visit.page.expect_request("**/live/**", timeout=20_000):
        pass
    await expect(visit.banner).to_be_hidden()

    await visit.ask(QUESTION)
    await model.say("Word ")
    await expect(visit.said).to_have_text("Word")
    await expect(visit.questions).to_have_count(1)
    await visit.page.keyboard.press("Escape")

    await visit.until_state("stopped")
    await visit.ask("fault:echo once more")
    await expect(visit.questions).to_have_count(2)
    await visit.until_state("complete")


@pytest_asyncio.fixture(loop_scope="session")
async def own_site(faults: FaultServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """A site that a test may end and start again."""
    site = make_site(faults, tmp_path_factory)
    await asyncio.to_thread(site.__enter__)
    yield site
    await asyncio.to_thread(site.end)


async def test_a_page_outlives_its_server(open_page: Open, own_site: Site) -> None:
    [key] = await asyncio.to_thread(own_site.sign_in, ["survivor"])
    visit = await open_page(key=key, at=own_site)
    visit.expect_complaint("WebSocket connection to", "ERR_CONNECTION_REFUSED", "[object Event]")
    await visit.ask("fault:echo first")
    await visit.until_state("complete")

    await asyncio.to_thread(own_site.end)
    await expect(visit.banner).to_contain_text("Connection lost")
    await visit.ask("fault:echo second")
    await asyncio.to_thread(own_site.start)

    await expect(visit.questions).to_have_text(["fault:echo first", "fault:echo second"], timeout=40_000)
    await expect(visit.banner).to_be_hidden()
    await visit.until_state("complete")
