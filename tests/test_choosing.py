"""What people set holds for a thread or for all of theirs, over what staff and the declaration say."""

import asyncio
import re
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.core.exceptions import ValidationError
from django.test import AsyncClient, Client
from django.urls import reverse

import chatapp
from chatapp import choosing, opening, registry, signals
from chatapp.errors import Refused
from chatapp.models import Message, PersonSettings, SettingDefault, Thread
from chatapp.providers.scripted import gate
from chatapp.runs import pages, preferences
from chatapp.runs.hub import get_hub
from chatapp.testing import Page, ThreadSocket, ask
from tests.conftest import make_thread
from tests.line import Line

TOLD: list[tuple[Any, ...]] = []
"""What the hook of the desk below has heard."""


class Desk(chatapp.Assistant):
    """Lets people set everything."""

    settings = [
        chatapp.SettingsItem(id="brief", type="toggle"),
        chatapp.SettingsItem(id="tone", type="select", options=["plain", "warm"]),
        chatapp.SettingsItem(id="courage", type="range", max=2, value=1),
        chatapp.SettingsItem(id="region", type="select", options=["ch", "de"], locked=True),
        chatapp.SettingsItem(id="line", type="separator"),
        chatapp.SettingsItem(id="clear-history"),
        chatapp.SettingsItem(id="remind"),
    ]
    models = ["small", ("large", "The large one")]

    async def on_settings_change(self, thread: Thread | None, key: str, value: Any, user: Any) -> None:
        """Notes what it hears."""
        TOLD.append((thread and thread.settings.get(key), key, value, user))
        if key == "remind":
            raise chatapp.VisibleError("There is nothing to remind you of.")


class Dials(chatapp.Assistant):
    """Shows the six numbers."""

    show_configuration_controls = True
    config = {"temperature": 1}


class Shut(chatapp.Assistant):
    """Has a setting and no menu."""

    settings = [{"id": "brief", "type": "toggle"}]
    show_settings = False


DEFAULTS = {"model": "small", "brief": False, "tone": "plain", "courage": 1.0, "region": "ch"}


@pytest.fixture
def desk(line: Line) -> Line:
    """A line to the assistants above."""
    TOLD.clear()
    line.declares(Desk, Dials, Shut)
    return line


async def get_settings(line: Line, user: Any = None) -> dict[str, Any]:
    """What the next answer would be told."""
    thread = await line.thread()
    assistant = registry.get(thread.assistant)
    assert assistant is not None
    return await sync_to_async(preferences.load_settings)(assistant, user or line.owner, thread)


async def choose(line: Line, key: str, value: Any, **options: Any) -> None:
    """The owner sets something."""
    await choosing.choose(line.owner, line.thread_id, {key: value}, **options)


# ---- what holds


async def test_the_next_answer_knows_what_was_set_and_one_under_way_does_not(desk: Line) -> None:
    desk.says("So", gate("hold"), "far.")
    await desk.post()
    await desk.provider.reached("hold")

    await choose(desk, "courage", "1.3")
    await choose(desk, "model", "large")
    desk.provider.release("hold")
    await desk.ended()
    run = await desk.answer("Again")

    assert (await get_settings(desk)) == {**DEFAULTS, "courage": 1.3, "model": "large"}
    assert [request.model for request in desk.provider.requests if request.kind == "reply"] == ["small", "large"]
    assert run.model == "large"


async def test_a_thread_goes_over_the_person_over_staff_over_the_declaration(desk: Line) -> None:
    await desk.answer()
    assert (await get_settings(desk))["tone"] == "plain"

    await SettingDefault.objects.acreate(assistant="desk", key="courage", value=0.5)
    assert (await get_settings(desk))["courage"] == 0.5
    await choose(desk, "courage", "1.5", scope="person")
    assert (await get_settings(desk))["courage"] == 1.5
    await choose(desk, "courage", "2")
    assert (await get_settings(desk))["courage"] == 2.0
    other = await sync_to_async(make_thread)(desk.owner, assistant="desk")

    assert (await sync_to_async(preferences.load_settings)(Desk(), desk.owner, other))["courage"] == 1.5
    assert [(None, "courage", 1.5, desk.owner), (2.0, "courage", 2.0, desk.owner)] == TOLD


async def test_what_staff_say_of_the_model_is_so_for_the_next_answer_and_no_earlier_one(desk: Line) -> None:
    provider = desk.says("Hello.")
    first = await desk.answer()

    await SettingDefault.objects.acreate(assistant="desk", key="model", value="large")
    second = await desk.answer()

    assert [request.model for request in provider.requests] == ["small", "large"]
    assert [(await desk.run(run.pk)).model for run in (first, second)] == ["small", "large"]


async def test_what_is_set_for_all_chats_holds_in_this_one_too(desk: Line) -> None:
    await desk.answer()
    await choose(desk, "tone", "warm")

    await choose(desk, "tone", "plain", scope="person")

    assert (await desk.thread()).settings == {}
    assert (await get_settings(desk))["tone"] == "plain"


async def test_what_one_person_sets_is_nothing_to_others(desk: Line, stranger: Any) -> None:
    await SettingDefault.objects.acreate(assistant="desk", key="courage", value=0.5)
    await desk.answer()
    await choose(desk, "courage", "1.3", scope="person")
    theirs = await sync_to_async(make_thread)(stranger, assistant="desk")

    assert (await get_settings(desk))["courage"] == 1.3
    assert (await sync_to_async(preferences.load_settings)(Desk(), stranger, theirs))["courage"] == 0.5


async def test_in_a_new_chat_it_holds_for_the_person_and_no_thread_begins(desk: Line) -> None:
    await choose(desk, "brief", "on", assistant="desk")

    assert not await Thread.objects.aexists()
    await desk.answer(assistant="desk")
    assert (await get_settings(desk))["brief"] is True


async def test_what_code_keeps_in_a_thread_reaches_the_assistant_as_it_is(desk: Line) -> None:
    await desk.answer()

    await chatapp.update_settings(await desk.thread(), {"mood": ["dry"]})

    assert (await get_settings(desk))["mood"] == ["dry"]


async def test_what_does_not_fit_the_declaration_any_more_does_not_hold(desk: Line) -> None:
    await desk.answer()
    await Thread.objects.aupdate(settings={"courage": 99, "tone": "loud", "model": "gone"})

    assert await get_settings(desk) == DEFAULTS


# ---- locks


@pytest.mark.parametrize("scope", ["thread", "person"])
async def test_a_locked_item_is_refused_everywhere_and_what_was_chosen_before_holds_no_more(
    desk: Line, scope: choosing.Scope
) -> None:
    await desk.answer()
    await choose(desk, "courage", "1.3", scope=scope)
    await SettingDefault.objects.acreate(assistant="desk", key="courage", value=0.5, locked=True)

    for key, value in (("courage", "1.7"), ("region", "de")):
        with pytest.raises(Refused, match="set by the site") as refusal:
            await choose(desk, key, value, scope=scope)
        assert (refusal.value.code, refusal.value.status) == ("locked", 403)

    assert await get_settings(desk) == {**DEFAULTS, "courage": 0.5}


def test_staff_may_set_only_what_the_assistant_takes(db: None) -> None:
    with registry.override(Desk):
        for fields in (
            {"assistant": "nobody", "key": "tone"},
            {"assistant": "desk", "key": "remind"},
            {"assistant": "desk", "key": "courage", "value": 9},
        ):
            with pytest.raises(ValidationError):
                SettingDefault(**fields).full_clean()
        row = SettingDefault(assistant="desk", key="courage", value="1.5")
        row.full_clean()

    assert row.value == 1.5


def test_staff_set_a_default_in_the_admin_and_see_nobodys_choices(owner: Any, staff_client: Client) -> None:
    PersonSettings.objects.create(user=owner, assistant="desk", values={"tone": "warm"})
    with registry.override(Desk):
        fields = {"assistant": "desk", "key": "courage", "value": "0.5", "locked": "on"}
        response = staff_client.post(reverse("admin:chatapp_settingdefault_add"), fields)

    assert response.status_code == 302
    row = SettingDefault.objects.get()
    assert (row.value, row.locked) == (0.5, True)
    assert b"courage" in staff_client.get(reverse("admin:chatapp_settingdefault_changelist")).content


# ---- what is refused


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[("courage", "9"), ("courage", "x"), ("tone", "loud"), ("model", "other"), ("brief", "perhaps")],
        *[("nothing", "1"), ("temperature", "1"), ("line", "1"), ("remind", "1"), ("config_digest", "x"), ("", "")],
    ],
)
@pytest.mark.parametrize("scope", ["thread", "person"])
async def test_what_cannot_be_is_stored_nowhere(desk: Line, key: str, value: str, scope: choosing.Scope) -> None:
    await desk.answer()

    with pytest.raises(choosing.RefusedSettings) as refusal:
        await choosing.choose(desk.owner, desk.thread_id, {"tone": "warm", key: value}, scope=scope)

    assert list(refusal.value.problems) == [key]
    assert (await desk.thread()).settings == {}
    assert not await PersonSettings.objects.aexists()
    assert TOLD == []


async def test_nobody_sets_anything_of_somebody_else_or_of_an_assistant_without_a_menu(
    desk: Line, stranger: Any
) -> None:
    await desk.answer()

    for person, thread_id, slug in (
        (stranger, desk.thread_id, "desk"),
        (desk.owner, uuid4(), "shut"),
        (desk.owner, uuid4(), "nobody"),
    ):
        with pytest.raises(Refused) as refusal:
            await choosing.choose(person, thread_id, {"brief": "on"}, assistant=slug)
        assert refusal.value.status == 404
    assert not await PersonSettings.objects.aexists()


async def test_two_changes_at_once_are_both_kept(desk: Line) -> None:
    await desk.answer()

    await asyncio.gather(choose(desk, "tone", "warm", scope="person"), choose(desk, "brief", "on", scope="person"))

    assert (await PersonSettings.objects.aget()).values == {"tone": "warm", "brief": True}


# ---- the site hears of it


async def test_the_hook_and_the_signal_come_after_the_value_is_stored(desk: Line) -> None:
    heard: list[dict[str, Any]] = []

    def hear(sender: Any, thread_id: Any, key: str, **rest: Any) -> None:
        heard.append({"sender": sender, "key": key, "stored": Thread.objects.get(pk=thread_id).settings[key], **rest})

    await desk.answer()
    signals.settings_changed.connect(hear)
    try:
        await choose(desk, "tone", "warm")
    finally:
        signals.settings_changed.disconnect(hear)

    assert [("warm", "tone", "warm", desk.owner)] == TOLD
    (told,) = heard
    assert (told["sender"], told["key"], told["stored"], told["value"]) == (Desk, "tone", "warm", "warm")
    assert (told["user"], told["scope"]) == (desk.owner, "thread")


async def test_an_action_calls_the_hook_with_nothing_and_its_sentence_is_shown(desk: Line) -> None:
    await desk.answer()

    with pytest.raises(Refused, match="nothing to remind you of"):
        await choosing.act(desk.owner, desk.thread_id, "remind")

    assert [(None, "remind", None, desk.owner)] == TOLD
    with pytest.raises(Refused, match="no such setting"):
        await choosing.act(desk.owner, desk.thread_id, "tone")


async def test_a_hook_that_fails_takes_nothing_back(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    class Clumsy(chatapp.Assistant):
        settings = [{"id": "brief", "type": "toggle"}]

        def on_settings_change(self, thread: Any, key: str, value: Any, user: Any) -> None:
            raise RuntimeError("oh")

    line.declares(Clumsy)
    await line.answer()

    await choose(line, "brief", "on")

    assert (await line.thread()).settings == {"brief": True}
    assert "on_settings_change" in caplog.text


async def test_clearing_empties_this_thread_only_and_calls_no_hook(desk: Line) -> None:
    await desk.answer()
    await chatapp.update_todos(desk.thread_id, [{"id": 1, "title": "Think"}])
    await choose(desk, "tone", "warm")
    other = await sync_to_async(make_thread)(desk.owner, ("Mine", "Stays."), assistant="desk")
    TOLD.clear()

    await choosing.act(desk.owner, desk.thread_id, "clear-history")

    thread = await desk.thread()
    assert (thread.head_id, thread.todos, thread.settings) == (None, [], {"tone": "warm"})
    assert {message.thread_id async for message in Message.objects.filter(visible=True)} == {other.pk}
    assert TOLD == []


# ---- by code


async def test_code_sets_something_for_a_thread_and_every_page_follows(desk: Line) -> None:
    await desk.answer()
    thread = await desk.thread()
    async with ThreadSocket(desk.owner, thread.pk) as first, ThreadSocket(desk.owner, thread.pk) as second:
        for socket in (first, second):
            await socket.until(lambda page: page.text == "Hello.")

        await chatapp.update_settings(thread, {"courage": 1.4, "model": "large"})

        for socket in (first, second):
            page = await socket.until(lambda page: 'value="1.4"' in page.html_of("chat-settings-body"))
            assert "Desk · The large one" in page.html_of("chat-model")
            browser = AsyncClient()
            await browser.aforce_login(desk.owner)
            fresh = Page((await browser.get(f"/chat/{thread.pk}/")).content.decode())
            assert page.html_of("chat-settings-body") == fresh.html_of("chat-settings-body")
            assert page.missed == []
    assert TOLD == []


@pytest.mark.parametrize("values", [{"courage": 9}, {"region": "de"}, {"line": 1}, {"tone": "warm", "brief": 7}])
async def test_code_cannot_set_what_cannot_be(desk: Line, values: dict[str, Any]) -> None:
    await desk.answer()

    with pytest.raises(ValueError, match=next(reversed(values))):
        await chatapp.update_settings(desk.thread_id, values)

    assert (await desk.thread()).settings == {}


def test_code_that_is_not_async_sets_something_too(transactional_db: None, owner: Any) -> None:
    with registry.override(Desk):
        thread = make_thread(owner, assistant="desk")

        chatapp.update_settings_sync(thread, {"brief": True})

    thread.refresh_from_db()
    assert thread.settings == {"brief": True}


async def test_a_hint_that_was_lost_is_made_up_for(desk: Line) -> None:
    await desk.answer()
    async with ThreadSocket(desk.owner, desk.thread_id) as socket:
        await socket.until(lambda page: page.text == "Hello.")
        await Thread.objects.filter(pk=desk.thread_id).aupdate(settings={"courage": 1.4})

        await get_hub().look()

        await socket.until(lambda page: 'value="1.4"' in page.html_of("chat-settings-body"))


async def test_a_page_that_was_loaded_before_the_change_is_brought_up_to_date(desk: Line) -> None:
    await desk.answer()
    browser = AsyncClient()
    await browser.aforce_login(desk.owner)
    html = (await browser.get(f"/chat/{desk.thread_id}/")).content.decode()
    (loaded,) = re.findall(r"&amp;menu=([0-9a-f]+)", html.split("data-chat-url")[0])
    same = await pages.find(desk.owner, desk.thread_id, pages.PageState(menu=loaded), is_stale=False, with_list=False)
    await choose(desk, "courage", "1.4", scope="person")

    found = await pages.find(desk.owner, desk.thread_id, pages.PageState(menu=loaded), is_stale=False, with_list=False)

    assert [fragment for fragment in same.changed if fragment.target == "chat-settings-body"] == []
    (drawn,) = (fragment.html for fragment in found.changed if fragment.target == "chat-settings-body")
    assert 'value="1.4"' in drawn


# ---- the six numbers


async def test_the_numbers_are_sent_if_they_are_shown_and_an_empty_one_is_not(desk: Line) -> None:
    await desk.answer(assistant="dials")
    assert desk.provider.requests[0].options == {
        **{"max_tokens": 4096, "temperature": 1.0, "top_p": 1.0, "top_k": 40},
        **{"frequency_penalty": 0.0, "presence_penalty": 0.0},
    }
    for name in ("top_p", "top_k", "frequency_penalty"):
        await choose(desk, name, "")
    await choose(desk, "temperature", "0.3", scope="person")

    await desk.answer("Again")

    options = [request.options for request in desk.provider.requests if request.kind == "reply"][-1]
    assert options == {"max_tokens": 4096, "temperature": 0.3, "presence_penalty": 0.0}


async def test_nothing_is_sent_of_numbers_that_are_not_shown(line: Line) -> None:
    class Plain(chatapp.Assistant):
        """Shows no numbers."""

    line.declares(Plain)

    await line.answer()

    assert line.provider.requests[0].options == {}


async def test_another_configuration_resets_what_people_chose(desk: Line) -> None:
    await desk.answer(assistant="dials")
    await choose(desk, "top_p", "0.2", scope="person")
    await choose(desk, "temperature", "0.3")
    assert {"top_p": 0.2, "temperature": 0.3}.items() <= (await get_settings(desk)).items()

    class Changed(Dials):
        slug = "dials"
        config = {"temperature": 0.9}

    desk.declares(Changed)

    settings = await get_settings(desk)
    assert (settings["top_p"], settings["temperature"]) == (1, 0.9)
    await choose(desk, "top_k", "7", scope="person")
    assert (await PersonSettings.objects.aget()).values == {"top_k": 7}


async def test_numbers_that_people_chose_hold_no_more_once_they_are_hidden(desk: Line) -> None:
    await desk.answer(assistant="dials")
    await choose(desk, "top_p", "0.2")

    class Hidden(chatapp.Assistant):
        slug = "dials"

    desk.declares(Hidden)
    await desk.answer("Again")

    assert [request.options for request in desk.provider.requests if request.kind == "reply"][-1] == {}


async def test_a_test_of_an_assistant_may_set_something() -> None:
    class Counter(chatapp.Assistant):
        settings = [{"id": "words", "type": "range", "max": 9, "value": 3}]

        def respond(self, turn: chatapp.Turn) -> str:
            return f"{turn.settings['words']:g}"

    assert (await ask(Counter, "Hi")).text == "3"
    assert (await ask(Counter, "Hi", settings={"words": 5})).text == "5"


async def test_a_greeting_that_is_made_knows_what_was_set(line: Line) -> None:
    class Host(chatapp.Assistant):
        settings = [{"id": "brief", "type": "toggle"}]

        def greeting(self, turn: chatapp.Turn) -> str:
            return "Hi." if turn.settings["brief"] else "A very good morning."

    line.declares(Host)
    await choosing.choose(line.owner, line.thread_id, {"brief": "on"}, assistant="host")

    await opening.greet(line.owner, line.thread_id, assistant="host")
    await line.ended()

    assert await chatapp.get_greeting(line.thread_id) == "Hi."


# ---- over HTTP


async def post(line: Line, *, partial: bool = True, **fields: str) -> Any:
    """What the dialog sends."""
    browser = AsyncClient()
    await browser.aforce_login(line.owner)
    headers = {"HX-Request": "true"} if partial else {}
    return await browser.post(f"/chat/{line.thread_id}/settings/", fields, headers=headers)


async def test_a_change_is_posted_as_it_is_made(desk: Line) -> None:
    await desk.answer()

    response = await post(desk, key="courage", value="1.3")

    assert response.status_code == 204
    assert (await desk.thread()).settings == {"courage": 1.3}


async def test_a_refusal_is_a_sentence(desk: Line) -> None:
    await desk.answer()

    response = await post(desk, key="courage", value="9")

    assert (response.status_code, response["Content-Type"]) == (422, "text/plain; charset=utf-8")
    assert response.content.decode() == "This must be between 0 and 2."


async def test_without_script_the_form_is_taken_as_a_whole_and_only_what_is_new_is_stored(desk: Line) -> None:
    await desk.answer()
    fields = {"set.model": "small", "set.brief": "on", "set.tone": "plain", "set.courage": "1"}

    response = await post(desk, partial=False, **fields)

    assert (response.status_code, response["Location"]) == (303, f"/chat/{desk.thread_id}/")
    assert (await desk.thread()).settings == {"brief": True}


async def test_without_script_a_refusal_stands_beside_its_control(desk: Line) -> None:
    await desk.answer()

    response = await post(desk, partial=False, **{"set.courage": "9", "set.tone": "warm"})

    html = response.content.decode()
    assert response.status_code == 422
    assert 'id="chat-set-courage-problem" role="alert">This must be between 0 and 2.</p>' in html
    assert "<dialog" in html
    assert " open>" in html
    assert (await desk.thread()).settings == {}


async def test_without_script_a_new_chat_stays_one(desk: Line) -> None:
    response = await post(desk, partial=False, assistant="desk", **{"set.brief": "on"})

    assert (response.status_code, response["Location"]) == (303, "/chat/new/desk/")
    assert (await PersonSettings.objects.aget()).values == {"brief": True}


async def test_an_action_is_posted_by_its_key(desk: Line) -> None:
    await desk.answer()

    assert (await post(desk, key="clear-history")).status_code == 204
    response = await post(desk, key="remind")

    assert (await desk.thread()).head_id is None
    assert (response.status_code, response.content.decode()) == (422, "There is nothing to remind you of.")


def test_the_gear_is_there_unless_the_assistant_hides_it(owner_client: Client) -> None:
    class Bare(chatapp.Assistant):
        """Has nothing to set."""

    with registry.override(Desk, Shut, Bare):
        desk, shut, bare = (
            owner_client.get(f"/chat/new/{slug}/").content.decode() for slug in ("desk", "shut", "bare")
        )

    assert 'aria-label="Settings"' in desk
    assert "set.temperature" not in desk
    assert "Settings" not in shut
    assert "chat-settings" not in shut
    assert "No settings" in bare
    assert "No settings" not in desk


def test_what_people_may_set_may_depend_on_who_they_are(owner: Any, owner_client: Client) -> None:
    class Picky(chatapp.Assistant):
        settings = [{"id": "brief", "type": "toggle"}]

        def get_settings(self, user: Any) -> Any:
            return [*self.settings, {"id": f"for-{user.username}", "type": "toggle"}]

        def get_models(self, user: Any) -> Any:
            return [f"of-{user.username}"]

    with registry.override(Picky):
        html = owner_client.get("/chat/").content.decode()

    assert 'name="set.brief"' in html
    assert 'name="set.for-owner"' in html
    assert "Picky · of-owner" in html
