"""Which assistants there are."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

import chatapp
from chatapp import registry
from chatapp.testing import ask


@pytest.fixture(autouse=True)
def _nobody_yet() -> Iterator[None]:
    with registry.override():
        yield


class Desk(chatapp.Assistant):
    """The first."""


class OtherDesk(chatapp.Assistant):
    """Another one with the same slug."""

    slug = "desk"


def test_a_class_is_registered_and_given_back() -> None:
    assert registry.register(Desk) is Desk
    assert isinstance(registry.get("desk"), Desk)


def test_nobody_answers_to_a_slug_that_is_not_there() -> None:
    assert registry.get("desk") is None
    assert registry.get_default() is None


async def test_a_plain_function_becomes_an_assistant() -> None:
    @registry.register
    def order_desk(text: str) -> str:
        """Answers questions about orders."""
        return text.upper()

    assistant = registry.get("order-desk")
    assert assistant is not None
    assert (assistant.title, assistant.__doc__) == ("Order desk", "Answers questions about orders.")
    assert (await ask(assistant, "hi")).text == "HI"
    assert order_desk("hi") == "HI"


def test_a_function_with_an_unknown_argument_is_not_registered() -> None:
    def desk(question: str) -> str:
        return question

    with pytest.raises(TypeError, match="'question', which is not known"):
        registry.register(desk)
    assert registry.get("desk") is None


def test_a_slug_that_is_taken_stays_with_the_first_and_is_reported() -> None:
    registry.register(Desk)

    assert registry.register(OtherDesk) is OtherDesk

    assert isinstance(registry.get("desk"), Desk)
    assert registry.get_problems() == [
        f"slug 'desk' of {__name__}.OtherDesk is taken by {__name__}.Desk; give one of them another slug"
    ]


def test_force_replaces_the_first() -> None:
    registry.register(Desk)

    registry.register(OtherDesk, force=True)

    assert isinstance(registry.get("desk"), OtherDesk)
    assert registry.get_problems() == []


def test_a_module_that_is_loaded_twice_replaces_its_own() -> None:
    registry.register(Desk)
    reloaded = type("Desk", (chatapp.Assistant,), {"__module__": Desk.__module__, "__qualname__": Desk.__qualname__})

    registry.register(reloaded)

    assert isinstance(registry.get("desk"), reloaded)
    assert registry.get_problems() == []


def test_the_first_answers_a_new_chat_unless_the_settings_name_another() -> None:
    class Second(chatapp.Assistant):
        pass

    registry.register(Desk)
    registry.register(Second)

    assert isinstance(registry.get_default(), Desk)
    with override_settings(CHATAPP={"DEFAULT_ASSISTANT": "second"}):
        assert isinstance(registry.get_default(), Second)
    with override_settings(CHATAPP={"DEFAULT_ASSISTANT": "gone"}):
        assert isinstance(registry.get_default(), Desk)


def test_they_are_listed_in_order_of_registration() -> None:
    def second() -> None:
        pass

    registry.register(Desk)
    registry.register(second)

    assert [assistant.slug for assistant in registry.get_all()] == ["desk", "second"]


def test_an_override_is_undone_with_its_problems() -> None:
    registry.register(Desk)

    with registry.override(OtherDesk, Desk) as inside:
        assert [type(assistant) for assistant in inside] == [OtherDesk]
        assert len(registry.get_problems()) == 1

    assert [type(assistant) for assistant in registry.get_all()] == [Desk]
    assert registry.get_problems() == []


def test_an_override_is_undone_when_the_test_fails() -> None:
    registry.register(Desk)

    def fail(*declared: Any) -> None:
        with registry.override(*declared):
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    with pytest.raises(TypeError):
        fail(lambda unknown: unknown)
    assert [type(assistant) for assistant in registry.get_all()] == [Desk]


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of an installed app."""
    (tmp_path / "desks").mkdir()
    (tmp_path / "desks" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with override_settings(INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "desks"]):
        yield tmp_path / "desks"
    for name in ("desks", "desks.assistants"):
        sys.modules.pop(name, None)


def test_the_assistants_of_an_installed_app_are_found(app: Path) -> None:
    (app / "assistants.py").write_text("import chatapp\n\n@chatapp.register\ndef found_desk():\n    pass\n")

    registry.autodiscover()

    assert [assistant.slug for assistant in registry.get_all()] == ["found-desk"]


def test_an_app_without_assistants_is_no_mistake_and_a_broken_one_is(app: Path) -> None:
    registry.autodiscover()

    (app / "assistants.py").write_text("1 / 0")
    importlib.invalidate_caches()

    with pytest.raises(ZeroDivisionError):
        registry.autodiscover()
