"""The page of a new chat: who can be asked, and what the message box says."""

import re
from typing import Any

from django.test import Client, override_settings

import chatapp
from chatapp import registry
from chatapp.policy import Policy
from tests.conftest import make_thread


class Support(chatapp.Assistant):
    """Answers questions about orders."""

    title = "Support <b>"
    icon = "truck"


class Sales(chatapp.Assistant):
    """Answers questions about prices."""


def parrot(text: str) -> str:
    """An assistant that is a function."""
    return text


class NoSales(Policy):
    """Sales is for others."""

    def can_use(self, user: Any, assistant: Any) -> bool:
        return assistant.slug != "sales" and super().can_use(user, assistant)


def list_assistants(page: str) -> list[tuple[str, str]]:
    """Address and name of the assistants to choose from; the name of the one that is asked here has a star."""
    found = re.findall(r'<a href="(/chat/new/[^"]+)"([^>]*)>.*?<bdi>(.*?)</bdi></a>', page)
    return [(address, name + "*" * ("aria-current" in attributes)) for address, attributes, name in found]


def test_a_new_chat_says_who_else_can_be_asked(owner_client: Client) -> None:
    with registry.override(Support, Sales, parrot):
        page = owner_client.get("/chat/new/sales/").content.decode()

    assert list_assistants(page) == [
        ("/chat/new/support/", "Support &lt;b&gt;"),
        ("/chat/new/sales/", "Sales*"),
        ("/chat/new/parrot/", "Parrot"),
    ]


@override_settings(CHATAPP={"POLICY": f"{__name__}.NoSales"})
def test_whom_a_person_may_not_ask_is_not_offered(owner_client: Client) -> None:
    with registry.override(Support, Sales, parrot):
        page = owner_client.get("/chat/").content.decode()

    assert [address for address, _ in list_assistants(page)] == ["/chat/new/support/", "/chat/new/parrot/"]


def test_where_there_is_no_choice_none_is_offered(owner_client: Client, owner: Any) -> None:
    with registry.override(Support):
        alone = owner_client.get("/chat/").content.decode()
    with registry.override(Support, Sales):
        empty = make_thread(owner, assistant="support")
        begun = owner_client.get(empty.get_absolute_url()).content.decode()

    assert "chat-assistants" not in alone
    assert "chat-assistants" not in begun


def test_the_message_box_says_whom_it_is_for_whatever_they_are_declared_as(owner_client: Client) -> None:
    with registry.override(Support, parrot):
        pages = [owner_client.get(f"/chat/new/{slug}/").content.decode() for slug in ("support", "parrot")]

    hints = [re.findall(r'<textarea id="chat-text"[^>]*placeholder="([^"]*)"', page) for page in pages]
    assert hints == [["Message Support &lt;b&gt;…"], ["Message Parrot…"]]
