"""Prompts: their blanks, the library that staff keep, and the form of a browser without script."""

import re
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import AnonymousUser, Group
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

import chatapp
from chatapp import prompts, registry
from chatapp.models import Prompt
from tests.conftest import make_thread
from tests.test_views import get_draft

LETTER = "Dear {{name}}, about {{topic}}. Yours, {{name}}"


class Desk(chatapp.Assistant):
    """Has prompts of its own."""

    prompts = [("Shorter", "Say that in half as many words."), ("Letter", LETTER)]


class Clerk(chatapp.Assistant):
    """Has none."""


# ---- blanks


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{{a}} {{a}}", ["a"]),
        (LETTER, ["name", "topic"]),
        ("{{ a }} {{a b}} {a} {{}} {{a-b}} {{a}", []),
        ("{{größe}} {{x_1}} {{客户}}", ["größe", "x_1", "客户"]),
        ("{{{a}}}", ["a"]),
    ],
)
def test_a_blank_is_a_word_between_double_braces(text: str, names: list[str]) -> None:
    assert prompts.find_blanks(text) == names


def test_filling_in_replaces_every_place_and_leaves_what_is_missing() -> None:
    assert prompts.fill(LETTER, {"name": " Ann ", "topic": " "}) == "Dear Ann, about {{topic}}. Yours, Ann"


@pytest.mark.parametrize("value", ["{% load static %}", "{{topic}}", r"\g<0> \1 $&", "<b>&amp;</b>"])
def test_a_value_is_text_and_never_read_again(value: str) -> None:
    assert prompts.fill("{{name}}!{{topic}}", {"name": value, "topic": "x"}) == f"{value}!x"


@given(st.text(), st.dictionaries(st.text(), st.text()))
def test_a_text_without_blanks_stays_as_it_is(text: str, values: dict[str, str]) -> None:
    if not prompts.find_blanks(text):
        assert prompts.fill(text, values) == text


# ---- the library


def keep(title: str, text: str = "…", *, groups: tuple[Group, ...] = (), **values: Any) -> Prompt:
    """Staff keep a prompt."""
    prompt = Prompt.objects.create(title=title, text=text, **values)
    prompt.groups.set(groups)
    return prompt


def list_titles(user: Any, assistant: type[chatapp.Assistant] = Clerk) -> list[str]:
    """The menu of this person."""
    return [prompt.title for prompt in assistant().list_prompts(user)]


def test_prompts_of_the_library_follow_those_of_the_assistant_in_their_order(owner: Any) -> None:
    keep("Third", position=2)
    keep("Second", position=1)
    keep("First", position=1)

    assert list_titles(owner, Desk) == ["Shorter", "Letter", "First", "Second", "Third"]


def test_only_members_of_its_groups_find_a_prompt(owner: Any, stranger: Any) -> None:
    sales, law = (Group.objects.create(name=name) for name in ("Sales", "Law"))
    owner.groups.add(sales, law)
    keep("For both", groups=(sales, law))
    keep("For everybody")

    assert list_titles(owner) == ["For both", "For everybody"]
    assert list_titles(stranger) == ["For everybody"]
    assert list_titles(AnonymousUser()) == ["For everybody"]


def test_a_prompt_for_another_assistant_or_that_is_off_is_not_offered(owner: Any) -> None:
    keep("For the desk", assistant="desk")
    keep("Off", active=False)
    keep("For all")

    assert list_titles(owner) == ["For all"]
    assert list_titles(owner, Desk)[2:] == ["For all", "For the desk"]


def test_the_menu_is_one_query_and_without_prompts_there_is_no_menu(
    owner_client: Client, owner: Any, django_assert_num_queries: Any
) -> None:
    with registry.override(Clerk):
        assert "chat-prompts" not in owner_client.get("/chat/").content.decode()
    for number in range(5):
        keep(f"Prompt {number}")

    with django_assert_num_queries(1):
        assert len(list_titles(owner)) == 5
    with registry.override(Clerk):
        page = owner_client.get("/chat/").content.decode()
    assert page.count("data-suggestion=") == 5


def test_what_staff_wrote_is_escaped_in_the_menu(owner_client: Client) -> None:
    keep("<script>alert(1)</script>", '"><img src=x> {{name}}')

    with registry.override(Clerk):
        page = owner_client.get("/chat/").content.decode()

    assert "<script>alert(1)" not in page
    assert "<img src=x>" not in page


# ---- without script


def get_links(page: str) -> list[str]:
    """Where the entries of the menu lead without script."""
    return [link.replace("&amp;", "&") for link in re.findall(r'<a role="button" href="([^"]+)"', page)]


@pytest.fixture
def desk() -> Any:
    """There is only the desk."""
    with registry.override(Desk):
        yield


@pytest.mark.usefixtures("desk")
def test_a_prompt_of_the_menu_gets_into_the_box_of_a_new_chat_without_script(owner_client: Client) -> None:
    shorter, letter = get_links(owner_client.get("/chat/").content.decode())

    assert get_draft(owner_client.get(shorter)) == "Say that in half as many words."
    form = owner_client.get(letter).content.decode()
    assert re.findall(r'name="(blank-\w+)"', form) == ["blank-name", "blank-topic"]
    filled = owner_client.post(letter, {"blank-name": "Ann", "blank-topic": "{% load %}", "assistant": "desk"})

    assert filled.status_code == 200
    assert get_draft(filled) == "Dear Ann, about {% load %}. Yours, Ann"
    assert " data-chat-new>" in filled.content.decode()


@pytest.mark.usefixtures("desk")
def test_a_form_with_a_blank_comes_back_with_what_was_filled_in(owner_client: Client, owner: Any) -> None:
    thread = make_thread(owner, ("Hi", "Hello."), assistant="desk")
    letter = get_links(owner_client.get(f"/chat/{thread.pk}/").content.decode())[1]

    response = owner_client.post(letter, {"blank-name": '"><b>Ann', "blank-topic": " "})
    page = response.content.decode()
    filled = owner_client.post(letter, {"blank-name": "Ann", "blank-topic": "tea"})

    assert response.status_code == 422
    assert 'value="&quot;&gt;&lt;b&gt;Ann"' in page
    assert "Dear &quot;&gt;&lt;b&gt;Ann, about {{topic}}." in page
    assert page.index('name="blank-topic"') < page.index(" autofocus")
    assert get_draft(filled) == "Dear Ann, about tea. Yours, Ann"
    assert thread.messages.count() == 2


@pytest.mark.usefixtures("desk")
def test_nobody_opens_a_prompt_that_is_not_in_their_menu(owner_client: Client, stranger_client: Client) -> None:
    secret = keep("Secret", groups=(Group.objects.create(name="Law"),))
    key = prompts.get_key(secret.title, secret.text)
    thread = make_thread(owner_client.get("/chat/").context["user"], ("Hi", "Hello."), assistant="desk")
    mine = prompts.get_key("Letter", LETTER)

    assert owner_client.get(f"/chat/{uuid4()}/prompts/{key}/?assistant=desk").status_code == 404
    assert owner_client.get(f"/chat/{thread.pk}/prompts/{mine}/").status_code == 200
    assert stranger_client.get(f"/chat/{thread.pk}/prompts/{mine}/").status_code == 404
    assert stranger_client.get(f"/chat/{thread.pk}/prompts/{mine}/?assistant=desk").status_code == 404
    assert owner_client.get(f"/chat/{uuid4()}/prompts/{mine}/?assistant=gone").status_code == 404


# ---- the admin


LIST = "admin:chatapp_prompt_changelist"


def test_staff_write_a_prompt_and_choose_whom_it_is_for(staff_client: Client, owner: Any) -> None:
    law = Group.objects.create(name="Law")
    values = {"title": "Contract", "text": "Read {{clause}}.", "assistant": "echo", "position": "3", "active": "on"}

    page = staff_client.get(reverse("admin:chatapp_prompt_add")).content.decode()
    added = staff_client.post(reverse("admin:chatapp_prompt_add"), {**values, "groups": [law.pk]})

    assert '<option value="">All assistants</option>' in page.replace(" selected", "")
    assert '<option value="echo">Echo</option>' in page
    assert added.status_code == 302
    prompt = Prompt.objects.get()
    assert (prompt.title, prompt.assistant, prompt.position, list(prompt.groups.all())) == (
        "Contract",
        "echo",
        3,
        [law],
    )
    listed = staff_client.get(
        reverse(LIST), {"q": "clause", "assistant": "echo", "active__exact": "1"}
    ).content.decode()
    assert ("Contract" in listed, "clause" in listed, "Law" in listed) == (True, True, True)


def test_place_and_whether_it_is_offered_are_changed_in_the_list(staff_client: Client, owner: Any) -> None:
    one, two = keep("One", position=1), keep("Two", position=2)
    form = {"form-TOTAL_FORMS": "2", "form-INITIAL_FORMS": "2", "_save": "Save"}
    rows = {
        "form-0-id": one.pk,
        "form-0-position": "9",
        "form-0-active": "on",
        "form-1-id": two.pk,
        "form-1-position": "2",
    }

    assert staff_client.post(reverse(LIST), {**form, **rows}).status_code == 302

    one.refresh_from_db()
    two.refresh_from_db()
    assert (one.position, one.active, two.active) == (9, True, False)


def test_a_prompt_of_an_assistant_that_is_gone_keeps_it(staff_client: Client) -> None:
    prompt = keep("Old", assistant="gone")
    url = reverse("admin:chatapp_prompt_change", args=[prompt.pk])

    assert '<option value="gone" selected>gone</option>' in staff_client.get(url).content.decode()
    staff_client.post(url, {"title": "New", "text": "…", "assistant": "gone", "position": "0"})

    prompt.refresh_from_db()
    assert (prompt.title, prompt.assistant, prompt.active) == ("New", "gone", False)


def test_the_library_is_for_staff_and_costs_the_same_for_many(
    owner_client: Client, staff_client: Client, django_assert_num_queries: Any, django_assert_max_num_queries: Any
) -> None:
    law = Group.objects.create(name="Law")
    keep("One", groups=(law,))
    assert owner_client.get(reverse(LIST)).status_code == 302
    with django_assert_max_num_queries(12) as few:
        staff_client.get(reverse(LIST))

    for number in range(10):
        keep(f"More {number}", groups=(law,))

    with django_assert_num_queries(len(few)):
        staff_client.get(reverse(LIST))
