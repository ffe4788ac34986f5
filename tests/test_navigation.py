"""What the browser asks for when it goes to another thread, or to a message, without loading the page again."""

import re
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

import chatapp
from chatapp.conf import Settings, read_settings
from chatapp.testing import Page
from tests.conftest import make_thread
from tests.test_views import make_long_thread, read


def test_who_has_the_list_already_gets_the_page_without_it_and_with_fewer_queries(
    owner_client: Client, owner: Any
) -> None:
    thread = make_thread(owner, ("Hi", "Hello."))
    owner_client.get(f"/chat/{thread.pk}/")
    with CaptureQueriesContext(connection) as whole:
        page = owner_client.get(f"/chat/{thread.pk}/")
    with CaptureQueriesContext(connection) as swapped:
        without = owner_client.get(f"/chat/{thread.pk}/", headers={"Chat-Switch": "1"})

    def get_main(response: Any) -> str:
        html = re.sub(r'name="(csrfmiddlewaretoken|client_id)" value="[^"]*"', "", read(response))
        return html[html.index("<main") : html.index("</main>")]

    assert 'id="chat-side"' in read(page)
    assert 'id="chat-side"' not in read(without)
    assert get_main(page) == get_main(without)
    assert len(swapped) < len(whole)
    assert "Chat-Switch" in page["Vary"]


def test_the_pages_up_to_a_message_come_at_once_but_not_a_whole_year(owner_client: Client, owner: Any) -> None:
    thread = make_long_thread(owner, 200)
    path = f"/chat/{thread.pk}/"
    ids = list(thread.messages.order_by("created_at").values_list("pk", flat=True))
    newest = ids[350]

    def get_texts(upto: Any) -> list[str]:
        html = read(owner_client.get(f"{path}?before={newest}&upto={upto}"))
        return Page(f'<div id="chat-thread">{html}</div>').texts

    assert get_texts(ids[349]) == [f"No {number}" for number in range(300, 350)]
    assert get_texts(ids[300]) == [f"No {number}" for number in range(300, 350)]
    assert get_texts(ids[299]) == [f"No {number}" for number in range(250, 350)]
    assert get_texts(ids[160]) == [f"No {number}" for number in range(150, 350)]
    assert get_texts(ids[0]) == [f"No {number}" for number in range(150, 350)]
    for unknown in (ids[350], ids[399], uuid4(), "x"):
        assert owner_client.get(f"{path}?before={newest}&upto={unknown}").status_code == 404


def test_the_address_of_a_thread_holds_its_id_and_nothing_of_what_was_said(owner_client: Client, owner: Any) -> None:
    thread = make_thread(owner, ("My secret question", "An answer."))

    assert thread.get_absolute_url() == f"/chat/{thread.pk}/"
    page = Page(read(owner_client.get(thread.get_absolute_url())))
    assert page.texts == ["My secret question", "An answer."]


def test_when_the_address_changes_is_one_of_three_and_anything_else_is_refused() -> None:
    assert Settings().BOOKMARK_ON == "message"
    assert read_settings({"BOOKMARK_ON": "response"}).BOOKMARK_ON == "response"
    assert read_settings({"BOOKMARK_ON": None}).BOOKMARK_ON is None
    with pytest.raises(ImproperlyConfigured, match=r"BOOKMARK_ON.*'message' or 'response'"):
        read_settings({"BOOKMARK_ON": "always"})


def test_an_assistant_whose_scrolling_nobody_knows_is_refused() -> None:
    class Jumping(chatapp.Assistant):
        scroll = "jump"  # type: ignore[assignment]

    with pytest.raises(ValueError, match="'jump' is not known; known are stick, anchor"):
        Jumping()


@pytest.mark.parametrize("path", ["search/", "import/", "shares/"])
def test_a_page_that_is_no_chat_has_the_styles_of_what_it_shows(owner_client: Client, path: str) -> None:
    page = owner_client.get(f"/chat/{path}").content.decode()

    assert re.findall(r"<link rel=\"stylesheet\" href=\"/static/chatapp/(\w+)\.css\">", page) == [
        "chatapp",
        "parts",
        "more",
    ]
