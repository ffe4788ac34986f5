"""The message box: what an assistant says about it, and that the site refuses what the box would not have sent."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.test import AsyncClient, Client, override_settings
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy

import chatapp
from chatapp import actions, composing, registry, signals
from chatapp.errors import Refused
from chatapp.models import Message, Thread
from chatapp.policy import Policy
from chatapp.providers.scripted import gate
from chatapp.runs.hub import get_hub
from chatapp.testing import ThreadSocket
from tests.conftest import make_thread
from tests.line import Line

CLOSED: set[str] = set()
"""Names of the people to whom the desk is closed."""


class Desk(chatapp.Assistant):
    """Is closed to some."""

    max_chars = 20
    send_icon = "spark"

    def get_disabled(self, user: Any) -> bool | str:
        """By name."""
        return "Please give a key first." if user.get_username() in CLOSED else False


class Shut(chatapp.Assistant):
    """Takes nothing and says nothing about it."""

    disabled = True


class Queues(chatapp.Assistant):
    """Lets people send on."""

    while_running = "queue"


@pytest.fixture
def closed(owner: Any) -> Any:
    """The desk is closed to the owner."""
    CLOSED.add(owner.get_username())
    yield
    CLOSED.clear()


def get_page(browser: Client, *assistants: Any) -> str:
    """The page of a new chat."""
    with registry.override(*assistants):
        return browser.get("/chat/").content.decode()


def get_box(page: str) -> str:
    """The tag of the message box."""
    found = re.search(r"<textarea[^>]*>", page)
    assert found
    return found[0]


async def refused(work: Any) -> Refused:
    """How it was refused."""
    with pytest.raises(Refused) as caught:
        await work
    return caught.value


# ---- the hint


def test_the_hint_names_the_assistant_unless_it_has_its_own(owner_client: Client) -> None:
    class Clerk(chatapp.Assistant):
        placeholder = gettext_lazy("Message")  # type: ignore[assignment]  # a lazy string is one

    assert 'placeholder="Message Desk…"' in get_page(owner_client, Desk)
    assert 'placeholder="Message"' in get_page(owner_client, Clerk)


def test_the_hint_of_its_own_kind_is_found_out_in_the_language_of_the_page() -> None:
    class Clerk(chatapp.Assistant):
        placeholder = gettext_lazy("Yes")  # type: ignore[assignment]  # a lazy string is one

    clerk = Clerk()
    with translation.override("de"):
        assert str(clerk.placeholder) == "Ja"


@pytest.mark.parametrize("hint", ["", " \n"])
def test_a_blank_hint_is_refused_by_the_check(hint: str) -> None:
    cls = type("Clerk", (chatapp.Assistant,), {"placeholder": hint})

    assert cls().check() == ["placeholder is blank; write a hint, or leave it out"]


# ---- keys, icon


def test_another_key_than_these_two_is_refused() -> None:
    cls = type("Clerk", (chatapp.Assistant,), {"submit_key": "shift+enter"})

    with pytest.raises(ValueError, match=r"submit_key 'shift\+enter' is not known; known are enter, enter\+modifier"):
        cls()


def test_the_icon_of_the_button_is_replaced_and_never_removed(owner_client: Client) -> None:
    plain = type("Plain", (chatapp.Assistant,), {"send_icon": False})

    assert "chat-icon-spark" in get_page(owner_client, Desk).partition("data-chat-send")[2]
    assert "chat-icon-send" in get_page(owner_client, plain).partition("data-chat-send")[2]
    with pytest.raises(ValueError, match=r"there is no icon 'rocket' \(.*send_icon\)"):
        type("Clerk", (chatapp.Assistant,), {"send_icon": "rocket"})()


async def test_the_icon_stays_when_the_button_comes_back_after_an_answer(line: Line) -> None:
    line.declares(Desk)

    async with ThreadSocket(line.owner, line.thread_id) as socket:
        await socket.post("Hi")
        page = await socket.until(lambda page: "data-chat-send" in page.html_of("chat-action"))

    assert "chat-icon-spark" in page.html_of("chat-action")


# ---- how long


async def test_an_assistant_takes_shorter_messages_than_the_site(line: Line) -> None:
    line.declares(Desk)

    error = await refused(line.post("x" * 21))
    await line.post("é" * 20)

    assert (error.code, error.status) == ("too_long", 422)
    assert str(error) == "Your message has 21 characters; at most 20 can be sent. Please shorten it."


def test_an_assistant_never_takes_longer_messages_than_the_site() -> None:
    cls = type("Clerk", (chatapp.Assistant,), {"max_chars": 50})

    assert cls().get_max_chars() == 50
    with override_settings(CHATAPP={"MAX_MESSAGE_CHARS": 30}):
        assert cls().get_max_chars() == 30
    with pytest.raises(ValueError, match="max_chars must be more than 0, or None, not 0"):
        type("Clerk", (chatapp.Assistant,), {"max_chars": 0})()


def test_the_box_knows_how_long_and_from_when_on_to_count(owner: Any) -> None:
    composer = composing.look(Desk(), owner)

    assert (composer.max_chars, composer.count_from) == (20, 18)


# ---- off


def test_the_box_is_off_and_says_why(owner_client: Client, closed: None) -> None:
    page = get_page(owner_client, Desk)

    assert " disabled" in get_box(page)
    assert "Please give a key first." in page
    assert re.search(r"<button[^>]*data-chat-send[^>]* disabled>", page)
    assert "Nothing can be sent here at the moment." in get_page(owner_client, Shut)


def test_the_box_is_on_for_everybody_else(stranger_client: Client, closed: None) -> None:
    page = get_page(stranger_client, Desk)

    assert " disabled" not in get_box(page)
    assert "Please give a key first." not in page


async def test_a_hand_made_frame_to_a_box_that_is_off_is_refused(line: Line, closed: None) -> None:
    line.declares(Desk)

    async with ThreadSocket(line.owner, line.thread_id) as socket:
        await socket.post("Let me in")
        page = await socket.until(lambda page: "chat-toast" in page.html_of("chat-notice"))

    assert "Please give a key first." in page.html_of("chat-notice")
    assert await line.count() == (0, 0, 0)


async def test_a_form_and_another_try_are_refused_too(line: Line) -> None:
    line.declares(Desk)
    await line.answer()
    CLOSED.add(line.owner.get_username())
    browser = AsyncClient()
    await browser.aforce_login(line.owner)

    response = await browser.post(f"/chat/{line.thread_id}/messages/", {"text": "Hi", "client_id": str(uuid4())})
    error = await refused(actions.retry(line.owner, line.thread_id))
    CLOSED.clear()

    assert response.status_code == 403
    assert "Please give a key first." in response.content.decode()
    assert (error.code, error.status) == ("disabled", 403)
    assert (await line.count())[1] == 2


async def test_an_open_page_hears_that_the_box_is_off_and_on_again(line: Line) -> None:
    line.declares(Desk)
    await line.answer()

    async with ThreadSocket(line.owner, line.thread_id) as socket:
        await socket.until(lambda page: page.state == "complete")
        CLOSED.add(line.owner.get_username())
        await get_hub().thread_changed(line.thread_id)
        page = await socket.until(lambda page: "give a key" in page.html_of("chat-disabled"))
        assert " disabled" in page.html_of("chat-action")
        CLOSED.clear()
        await get_hub().thread_changed(line.thread_id)
        page = await socket.until(lambda page: "give a key" not in page.html_of("chat-disabled"))

    assert " disabled" not in page.html_of("chat-action")
    assert page.missed == []


# ---- how soon


async def test_a_second_message_within_the_pause_is_refused_over_all_threads(line: Line) -> None:
    line.sets(SEND_COOLDOWN_MS=60_000)
    await line.answer("One")
    first, line.thread_id = line.thread_id, uuid4()

    error = await refused(line.post("Two"))
    await Message.objects.filter(client_id__isnull=False).aupdate(created_at=timezone.now() - timedelta(seconds=61))
    await line.post("Three")

    assert (error.code, error.status) == ("too_soon", 429)
    assert str(error) == "That was very quick. Please wait a moment, then send it again."
    assert 50 < (error.retry_after or 0) <= 60
    assert await Thread.objects.filter(pk__in=[first, line.thread_id]).acount() == 2


async def test_the_pause_holds_for_messages_that_wait_and_not_for_their_turn(line: Line) -> None:
    line.declares(Queues)
    line.plays(["So far.", gate("first")], ["Second."])
    line.sets(SEND_COOLDOWN_MS=60_000)
    await line.post("One")
    await line.provider.reached("first")

    error = await refused(line.post("Two"))
    line.sets(SEND_COOLDOWN_MS=0)
    await line.post("Three")
    line.sets(SEND_COOLDOWN_MS=60_000)
    line.provider.release("first")
    await line.ended(2)

    assert error.code == "too_soon"
    assert [text async for text in Message.objects.filter(role="user").values_list("text", flat=True)] == [
        "One",
        "Three",
    ]


async def test_trying_again_and_sending_the_same_again_need_no_pause(line: Line) -> None:
    line.plays(["One."], ["Two."])
    line.sets(SEND_COOLDOWN_MS=60_000)
    client_id = uuid4()
    await line.post("Hi", client_id=client_id)
    await line.ended()

    assert (await line.post("Hi", client_id=client_id)).is_new is False
    await actions.retry(line.owner, line.thread_id)
    await line.ended(2)


def test_what_others_and_code_say_is_no_message_of_this_person(owner: Any, stranger: Any) -> None:
    make_thread(stranger, ("Hi", "Hello."))
    Message.objects.filter(role="user").update(client_id=uuid4())
    make_thread(owner, ("From code", "Hello."))

    with override_settings(CHATAPP={"SEND_COOLDOWN_MS": 60_000}):
        Policy().check_send(owner)
        with pytest.raises(Refused, match="very quick"):
            Policy().check_send(stranger)


@pytest.mark.parametrize("values", [{"LIMITS": False}, {"SEND_COOLDOWN_MS": 0}])
def test_the_pause_can_be_off(owner: Any, values: dict[str, Any]) -> None:
    make_thread(owner, ("Hi", "Hello."))
    Message.objects.filter(role="user").update(client_id=uuid4())

    with override_settings(CHATAPP={"SEND_COOLDOWN_MS": 60_000, **values}):
        Policy().check_send(owner)
        assert composing.look(Desk(), owner).cooldown_ms == 0


# ---- who hears of it


async def test_an_accepted_message_is_told_once_with_its_person_thread_and_text(line: Line) -> None:
    line.declares(Queues)
    line.plays(["So far.", gate("first")], ["Second."])
    told: list[tuple[Any, ...]] = []

    async def hear(sender: Any, *, user: Any, thread: Thread, text: str, message: Message, **kwargs: Any) -> None:
        told.append((sender, user, thread.pk, text, message.text))

    signals.message_posted.connect(hear)
    try:
        client_id = uuid4()
        await line.post(" One ", client_id=client_id)
        await line.post(" One ", client_id=client_id)
        await line.provider.reached("first")
        await line.post("Two")
        await refused(line.post(" "))
        line.provider.release("first")
        await line.ended(2)
        await chatapp.post(line.thread_id, "By code", role="user")
    finally:
        signals.message_posted.disconnect(hear)

    assert told == [(Queues, line.owner, line.thread_id, text, text) for text in ("One", "Two")]


# ---- what a site adds


def test_a_footer_and_a_toolbar_stand_below_the_box_and_nowhere_by_themselves(
    owner_client: Client, tmp_path: Path
) -> None:
    template = tmp_path / "chatapp" / "_composer.html"
    template.parent.mkdir()
    template.write_text(
        '{% extends "chatapp/_composer.html" %}'
        '{% block toolbar_input %}<form class="chat-toolbar" method="post" action="/tone/">{% csrf_token %}'
        '<button name="tone" value="formal">Formal</button></form>{% endblock %}'
        '{% block footer %}<div class="chat-footer">Ask a doctor.</div>{% endblock %}'
    )
    engine = {**settings.TEMPLATES[0], "DIRS": [tmp_path]}

    plain = get_page(owner_client, Desk)
    with override_settings(TEMPLATES=[engine]):
        page = get_page(owner_client, Desk)

    assert "chat-footer" not in plain
    assert "chat-toolbar" not in plain
    assert page.index("<textarea") < page.index("</form>", page.index("<textarea")) < page.index('action="/tone/"')
    assert page.index('action="/tone/"') < page.index("Ask a doctor.") < page.index("</main>")


async def test_how_soon_and_how_is_said_in_the_page(line: Line) -> None:
    line.declares(type("Clerk", (chatapp.Assistant,), {"submit_key": "enter+modifier"}))
    line.sets(SEND_COOLDOWN_MS=1500)
    browser = AsyncClient()
    await browser.aforce_login(line.owner)

    page = (await browser.get("/chat/")).content.decode()

    assert 'data-chat-cooldown="1500" data-chat-modifier' in page
    assert "Ctrl + Enter to send" in page
