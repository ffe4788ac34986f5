"""Chats on pages of the site: the tags, and what may frame what."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.template import Context, Template, TemplateSyntaxError
from django.test import Client, RequestFactory
from django.utils import timezone

import chatapp
from chatapp.policy import Policy
from tests.conftest import make_thread


class Shop(chatapp.Assistant):
    """Has something for each region."""

    attachments = True
    context_sources = [chatapp.ContextSource(id="order", name="Order", function=lambda turn: "Order 7")]
    settings = [chatapp.SettingsItem(id="brief", label="Brief", type="toggle")]


class NobodyMay(Policy):
    """Nobody may use anything."""

    def can_use(self, user: Any, assistant: chatapp.Assistant) -> bool:
        return False


def draw(tag: str, user: Any, **values: Any) -> str:
    """What the tag makes for this person."""
    request = RequestFactory().get("/shop/?page=2")
    request.user = user
    return Template("{% load chatapp_chats %}{% " + tag + " %}").render(Context({"request": request, **values}))


@pytest.mark.django_db
def test_the_tag_is_a_frame_with_the_chat_of_an_assistant(owner: Any) -> None:
    with chatapp.registry.override(Shop):
        html = draw('chat "shop" name="help" height=400', owner)
        usual = draw("chat", owner)

    assert html == (
        '<iframe src="/chat/frames/shop/help/" title="Shop" width="100%" height="400" frameborder="0" loading="lazy">'
        "</iframe>"
    )
    assert 'src="/chat/frames/shop/chat/"' in usual


@pytest.mark.django_db
def test_who_is_not_signed_in_gets_a_way_in_and_who_may_not_gets_nothing(owner: Any, settings: Any) -> None:
    with chatapp.registry.override(Shop):
        assert 'href="/accounts/login/?next=/shop/%3Fpage%3D2"' in draw("chat", AnonymousUser())
        assert draw("chat_shell", AnonymousUser()) == ""
        settings.CHATAPP = {**settings.CHATAPP, "POLICY": "tests.test_embedding.NobodyMay"}
        assert draw("chat", owner) == draw("chat_shell", owner) == ""


@pytest.mark.django_db
def test_an_assistant_that_is_not_there_is_an_error_that_names_those_that_are(owner: Any) -> None:
    with chatapp.registry.override(Shop), pytest.raises(TemplateSyntaxError, match=r"no assistant 'shpo'.*'shop'"):
        draw('chat "shpo"', owner)


REGIONS = {
    "show_sidebar": 'id="chat-side"',
    "show_settings": 'id="chat-settings"',
    "enable_context": "data-chat-mentions",
    "enable_file_attach": 'id="chat-files"',
}


@pytest.mark.django_db
@pytest.mark.parametrize("flag", REGIONS)
def test_the_shell_has_each_region_exactly_as_its_flag_says(owner: Any, flag: str) -> None:
    with chatapp.registry.override(Shop):
        off = " ".join(f"{name}=False" for name in REGIONS)
        html = draw(f"chat_shell {off.replace(f'{flag}=False', f'{flag}=True')}", owner)

    assert {name for name, mark in REGIONS.items() if mark in html} == {flag}


@pytest.mark.django_db
def test_the_shell_has_a_place_actions_and_files_as_it_is_told(owner: Any) -> None:
    with chatapp.registry.override(Shop):
        html = draw(
            'chat_shell container_id="desk" header_actions=call enable_file_attach=True file_accept_types=kinds',
            owner,
            call="<b>Call</b>",
            kinds=[".csv"],
        )

    assert html.startswith('<div id="desk">')
    assert "&lt;b&gt;Call&lt;/b&gt;" in html
    assert 'accept=".csv' in html


@pytest.mark.django_db
def test_the_shell_shows_a_thread_to_its_owner_only(owner: Any, stranger: Any) -> None:
    with chatapp.registry.override(Shop):
        thread = make_thread(owner, ("Hi", "My secret."), assistant="shop")

        assert "My secret." in draw("chat_shell thread=thread", owner, thread=thread)
        assert draw("chat_shell thread=thread", stranger, thread=thread) == ""


def get_shown(client: Client, url: str) -> Any:
    """The id of the thread in this frame."""
    return client.get(url).context["thread"]["id"]


@pytest.mark.django_db
def test_a_frame_has_its_own_conversation_for_each_person_and_name(
    owner_client: Client, stranger_client: Client
) -> None:
    url = "/chat/frames/model/help/"
    first = get_shown(owner_client, url)

    assert get_shown(owner_client, url) == first
    assert len({first, get_shown(owner_client, "/chat/frames/model/other/"), get_shown(stranger_client, url)}) == 3


@pytest.mark.django_db
def test_a_frame_shows_the_newest_conversation_also_in_the_next_session(owner_client: Client, owner: Any) -> None:
    url = "/chat/frames/model/help/"
    make_thread(owner, ("Hi", "The first."), pk=get_shown(owner_client, url))
    assert b"The first." in owner_client.get(url).content

    second = get_shown(owner_client, url + "?new")
    assert get_shown(owner_client, url) == second
    assert b"The first." not in owner_client.get(url).content
    for number in range(25):
        make_thread(owner, ("Hi", f"Number {number}."), pk=get_shown(owner_client, url + "?new"))
    owner_client.logout()
    owner_client.force_login(owner)

    assert b"Number 24." in owner_client.get(url).content


@pytest.mark.django_db
def test_after_a_conversation_was_deleted_a_frame_begins_another(owner_client: Client, owner: Any) -> None:
    url = "/chat/frames/model/help/"
    first = get_shown(owner_client, url)
    make_thread(owner, ("Hi", "Hello."), pk=first, deleted_at=timezone.now())

    answer = owner_client.get(url)

    assert answer.context["thread"]["id"] != first


@pytest.mark.django_db
def test_a_page_may_be_framed_by_this_site_only_and_only_if_it_is_for_a_frame(owner_client: Client, owner: Any) -> None:
    thread = make_thread(owner, ("Hi", "Hello."))
    page = f"/chat/{thread.pk}/"

    framed = owner_client.get(page, headers={"Sec-Fetch-Dest": "iframe"})
    assert framed["X-Frame-Options"] == owner_client.get("/chat/frames/model/help/")["X-Frame-Options"] == "SAMEORIGIN"
    assert b'id="chat-side"' not in framed.content
    assert owner_client.get(page)["X-Frame-Options"] == "DENY"
    assert owner_client.get("/chat/frames/nobody/help/").status_code == 404
