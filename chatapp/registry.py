"""Which assistants there are: register them, find them, replace them for a test."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, overload

from django.utils.module_loading import autodiscover_modules
from django.utils.text import slugify

from chatapp.assistants import Assistant
from chatapp.conf import settings

_AssistantType = TypeVar("_AssistantType", bound=type[Assistant])
_Function = TypeVar("_Function", bound=Callable[..., Any])

_assistants: dict[str, Assistant] = {}
_problems: list[str] = []


@overload
def register(declared: _AssistantType, *, force: bool = False) -> _AssistantType: ...
@overload
def register(declared: _Function, *, force: bool = False) -> _Function: ...
def register(declared: Any, *, force: bool = False) -> Any:
    """Register an Assistant class, or a plain function as the `respond` of a new one (decorator).

    Gives back what it got. A slug that is taken is kept by the first and reported by the system check chatapp.E005,
    unless `force` says to replace it. Raises TypeError or ValueError for a declaration that cannot work.
    """
    cls = declared if isinstance(declared, type) else _from_function(declared)
    assistant = cls()
    taken = _assistants.get(assistant.slug)
    if taken is not None and not force and _name(type(taken)) != _name(cls):
        _problems.append(
            f"slug {assistant.slug!r} of {_name(cls)} is taken by {_name(type(taken))}; give one of them another slug"
        )
        return declared
    _assistants[assistant.slug] = assistant
    return declared


def unregister(declared: Any) -> None:
    """Take an assistant out again, by its class, its function or its slug: nobody can ask it any more, and nothing of
    it is called. What was said stays, and so does an answer that is under way. Unknown: nothing happens."""
    names = (declared,) if isinstance(declared, str) else ()
    for slug, assistant in list(_assistants.items()):
        cls = type(assistant)
        if slug in names or cls is declared or cls.respond is declared:
            del _assistants[slug]


def get(slug: str) -> Assistant | None:
    """The assistant with this slug; None if there is none (its app may have been removed)."""
    return _assistants.get(slug)


def get_default() -> Assistant | None:
    """Who answers a new chat: DEFAULT_ASSISTANT, else the first that was registered, else None."""
    return _assistants.get(settings.DEFAULT_ASSISTANT) or next(iter(_assistants.values()), None)


def get_all() -> list[Assistant]:
    """All of them, in order of registration."""
    return list(_assistants.values())


def get_problems() -> list[str]:
    """What was wrong with registrations, one sentence each."""
    return list(_problems)


@contextmanager
def override(*declared: Any) -> Iterator[list[Assistant]]:
    """Within the block only these assistants exist. For tests."""
    before, problems = dict(_assistants), list(_problems)
    _assistants.clear()
    try:
        for item in declared:
            register(item)
        yield get_all()
    finally:
        _assistants.clear()
        _assistants.update(before)
        _problems[:] = problems


def autodiscover() -> None:
    """Import the `assistants` module of every installed app. A missing module is fine, a broken one is not."""
    autodiscover_modules("assistants")


def _from_function(function: Callable[..., Any]) -> type[Assistant]:
    name = function.__name__
    return type(
        name,
        (Assistant,),
        {
            "__module__": function.__module__,
            "__doc__": function.__doc__,
            "slug": slugify(name.replace("_", "-")),
            "title": name.replace("_", " ").capitalize(),
            "respond": staticmethod(function),
        },
    )


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
