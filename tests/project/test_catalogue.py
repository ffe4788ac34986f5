"""The catalogue: every part in every state, light and dark, from stored messages, for staff only."""

import re
from typing import Any, Literal, get_args, get_origin

import pytest

from chatapp.models import Message, Run
from chatapp.parts import Part, UnknownPart, get_kinds
from project.catalogue import GROUPS, THEMES, draw, make_id, store_catalogue
from project.specimens import MESSAGES, PARTS
from project.specimens.specimen import State
from tests.project.conftest import Browser

KINDS = [cls for cls in get_kinds() if cls.__module__.startswith(("chatapp.", "project."))]


def list_parts(kind: str) -> list[Part]:
    """What the catalogue shows of a kind."""
    return [part for specimen in PARTS.get(kind, ()) for part in specimen.parts if part.kind == kind]


@pytest.mark.parametrize("cls", KINDS, ids=lambda cls: cls.kind)
def test_every_kind_of_part_is_in_the_catalogue_in_every_state_that_it_has(cls: type[Part]) -> None:
    shown = list_parts(cls.kind)
    states = {name: field.annotation for name, field in cls.model_fields.items()}
    missing = {
        (name, value)
        for name, annotation in states.items()
        if get_origin(annotation) is Literal
        for value in set(get_args(annotation)) - {getattr(part, name) for part in shown}
    }

    assert shown, f"project/specimens/ has no specimen of the kind {cls.kind!r}"
    assert missing == set()


def test_no_kind_is_in_the_catalogue_that_is_gone() -> None:
    assert set(PARTS) - {cls.kind for cls in get_kinds()} == set()


def test_every_state_of_a_message_is_in_the_catalogue() -> None:
    shown = [specimen for specimens in GROUPS.values() for specimen in specimens]

    assert {specimen.state for specimen in shown} == set(get_args(State))
    assert {specimen.is_user for specimen in shown} == {True, False}
    assert any(isinstance(part, UnknownPart) for specimen in MESSAGES for part in specimen.parts)


def test_what_is_shown_is_stored_once(staff: Any) -> None:
    thread = store_catalogue(staff)
    stored = dict(Message.objects.values_list("pk", "created_at"))

    again = store_catalogue(staff)

    assert again == thread
    assert dict(Message.objects.values_list("pk", "created_at")) == stored
    assert len(stored) == len(THEMES) * sum(map(len, GROUPS.values()))


def test_a_specimen_that_has_changed_is_stored_anew(staff: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    thread = store_catalogue(staff)

    monkeypatch.setitem(GROUPS, "message", MESSAGES[:1])
    store_catalogue(staff)

    assert thread.messages.count() == len(THEMES) * (sum(map(len, PARTS.values())) + 1)


def test_nothing_in_it_waits_for_a_process(staff: Any) -> None:
    store_catalogue(staff)

    assert Run.objects.exists()
    assert not Run.objects.filter(finished_at__isnull=True).exists()


def test_every_specimen_comes_back_from_the_database_as_it_went_in(staff: Any) -> None:
    thread = store_catalogue(staff)
    stored = thread.messages.select_related("run").in_bulk()

    for kind, specimens in GROUPS.items():
        for place, specimen in enumerate(specimens):
            for theme in THEMES:
                message = stored[make_id(staff.pk, kind, place, theme)]
                assert message.load_parts() == list(specimen.parts)
                assert f'data-chat-state="{specimen.state}"' in draw(thread, message, specimen)


async def test_visitors_are_asked_to_sign_in_and_others_find_nothing(browser: Browser) -> None:
    visitor, _ = await browser.get("/catalogue/")
    await browser.sign_in("one")
    other, _ = await browser.get("/catalogue/")

    assert (visitor.status, visitor.headers["Location"]) == (302, "/accounts/login/?next=/catalogue/")
    assert other.status == 404


async def test_staff_see_every_specimen_in_the_light_and_in_the_dark(browser: Browser) -> None:
    await browser.sign_in("root")

    response, text = await browser.get("/catalogue/")

    assert response.status == 200
    assert "no-store" in response.headers["Cache-Control"]
    for kind, specimens in GROUPS.items():
        assert text.count(f'data-specimen="{kind}"') == len(specimens)
    shown = re.findall(r'id="m-([0-9a-f-]{36})"', text)
    assert len(shown) == len(set(shown)) == len(THEMES) * sum(map(len, GROUPS.values()))
    ids = re.findall(r'\sid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    pages = re.findall(r'<iframe src="([^"]+)"', text)
    assert pages
    conversation = re.findall(r'href="(/chat/[^"]+)"', text)[0]
    for address in [*pages, conversation]:
        page, _ = await browser.get(address)
        assert page.status == 200
