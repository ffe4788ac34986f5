"""Somebody sets something of an assistant: for one thread, or for all their threads with it.

What a browser sends is checked against the declaration, and all of it is stored or nothing.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from asgiref.sync import async_to_sync
from django.db import transaction
from django.utils.translation import gettext as _

from chatapp import clearing, handlers, registry, signals
from chatapp.assistants import Assistant
from chatapp.errors import Refused, VisibleError
from chatapp.finding import not_found
from chatapp.menu import CLEAR_HISTORY, Menu, SettingsItem, read_value
from chatapp.models import PersonSettings, Thread
from chatapp.models.calls import in_database
from chatapp.policy import get_policy
from chatapp.runs import preferences
from chatapp.runs.hub import get_hub
from chatapp.sampling import SAMPLING

logger = logging.getLogger("chatapp")

Scope = Literal["thread", "person"]


class RefusedSettings(Refused):
    """What was set cannot be; nothing is stored."""

    def __init__(self, code: str, problems: Mapping[str, str], *, status: int = 422) -> None:
        super().__init__(code, next(iter(problems.values())), status=status)
        self.problems = dict(problems)
        """Sentence by item."""


@dataclass(frozen=True, slots=True)
class _Chosen:
    assistant: Assistant
    thread: Thread | None
    values: Mapping[str, Any]
    scope: Scope


async def choose(
    user: Any, thread_id: UUID, given: Mapping[str, Any], *, scope: Scope = "thread", assistant: str = ""
) -> dict[str, Any]:
    """Store what the person set, by the id of the item; what is stored. The site's hook and signal hear of each.

    In a new chat, which has no row yet, the scope is the person, and `assistant` says with whom. Raises Refused: what
    cannot be (422; RefusedSettings says what is wrong with which), what is locked (403), not the owner (403), no such
    thread or assistant (404); and with the sentence of the hook, if that raises a VisibleError: then it is stored.
    """
    chosen = await _store(user, thread_id, given, scope, assistant)
    await get_hub().thread_changed(thread_id, str(user.pk))
    for key, value in chosen.values.items():
        await _tell(chosen, thread_id, key, value, user)
    return dict(chosen.values)


async def act(user: Any, thread_id: UUID, key: str, *, assistant: str = "") -> None:
    """Do what an action of the settings does: the site's hook, or the clearing of the conversation.

    Raises Refused as `choose` does.
    """
    found = await _find_action(user, thread_id, key, assistant)
    if key == CLEAR_HISTORY:
        if found.thread is not None:
            await clearing.clear(user, thread_id)
    else:
        await _tell(found, thread_id, key, None, user)


async def is_action(user: Any, thread_id: UUID, key: str, *, assistant: str = "") -> bool:
    """Whether this item of the settings is an action. Raises Refused: no such thread or assistant (404)."""
    item = (await _load(user, thread_id, assistant)).get(key)
    return item is not None and item.type == "action"


async def update_settings(thread: Thread | UUID, values: Mapping[str, Any]) -> None:
    """Set something for this thread by code; the controls of all open pages follow, and the hook is not called.

    What has no item is kept for the assistant as it is. Raises ValueError for what an item does not take or is locked,
    Thread.DoesNotExist.
    """
    thread_id = thread.pk if isinstance(thread, Thread) else thread
    await _store_update(thread_id, values)
    await get_hub().thread_changed(thread_id)


update_settings_sync = async_to_sync(update_settings)
"""See update_settings; for code that is not async."""


async def _tell(chosen: _Chosen, thread_id: UUID, key: str, value: Any, user: Any) -> None:
    assistant = chosen.assistant
    await signals.settings_changed.asend_robust(
        type(assistant), thread_id=thread_id, key=key, value=value, user=user, scope=chosen.scope
    )
    try:
        await handlers.call(assistant.on_settings_change, chosen.thread, key, value, user)
    except VisibleError as error:
        raise Refused("hook", str(error)) from error
    except Exception:
        logger.exception("on_settings_change of %r failed for %s", assistant, key)


def _find(user: Any, thread_id: UUID, slug: str, *, lock: bool = False) -> tuple[Assistant, Thread | None]:
    """Who answers there, and the thread; None in a new chat."""
    policy = get_policy()
    if not getattr(user, "is_authenticated", False):
        raise not_found()
    threads = policy.get_threads(user)
    thread = (threads.select_for_update(of=("self",)) if lock else threads).filter(pk=thread_id).first()
    if thread is None and Thread.objects.filter(pk=thread_id).exists():
        raise not_found()
    slug = thread.assistant if thread is not None else slug
    assistant = registry.get(slug)
    if assistant is None or not assistant.show_settings or not policy.can_use(user, assistant):
        raise not_found()
    if thread is not None and thread.owner_id != user.pk:
        raise Refused("not_yours", _("Only the owner of this conversation can do that."), status=403)
    return assistant, thread


@in_database
def _load(user: Any, thread_id: UUID, slug: str) -> Menu:
    assistant, thread = _find(user, thread_id, slug)
    return preferences.load_menu(assistant, user, thread)


@in_database
def _find_action(user: Any, thread_id: UUID, key: str, slug: str) -> _Chosen:
    assistant, thread = _find(user, thread_id, slug)
    item = preferences.load_menu(assistant, user, thread).get(key)
    if item is None or item.type != "action":
        raise RefusedSettings("unknown", {key: _("There is no such setting.")})
    if item.locked:
        raise RefusedSettings("locked", {key: _("This is set by the site.")}, status=403)
    return _Chosen(assistant, thread, {}, "thread" if thread is not None else "person")


@in_database
def _store(user: Any, thread_id: UUID, given: Mapping[str, Any], scope: Scope, slug: str) -> _Chosen:
    with transaction.atomic():
        assistant, thread = _find(user, thread_id, slug, lock=True)
        menu = preferences.load_menu(assistant, user, thread)
        values = _check(menu, given)
        if len(given) > 1:  # A whole form: what nobody touched is not chosen.
            values = {key: value for key, value in values.items() if value != menu.values[key]}
        if not values:
            return _Chosen(assistant, thread, values, scope)
        if scope == "thread" and thread is not None:
            _store_in_thread(assistant, thread, values)
            return _Chosen(assistant, thread, values, "thread")
        _store_for_person(assistant, user, values)
        if thread is not None and thread.settings.keys() & values.keys():
            # What is to hold everywhere holds here too.
            thread.settings = {key: value for key, value in thread.settings.items() if key not in values}
            thread.save(update_fields=["settings"])
        return _Chosen(assistant, thread, values, "person")


def _check(menu: Menu, given: Mapping[str, Any]) -> dict[str, Any]:
    """What was given, each of the right type. Raises RefusedSettings that says all that is wrong."""
    values: dict[str, Any] = {}
    problems: dict[str, str] = {}
    is_locked = False
    for key, value in given.items():
        item = menu.get(key)
        if item is None or not item.has_value:
            problems[key] = _("There is no such setting.")
        elif item.locked:
            is_locked, problems[key] = True, _("This is set by the site.")
        else:
            try:
                values[key] = read_value(item, value)
            except ValueError as error:
                problems[key] = str(error)
    if problems:
        raise RefusedSettings("locked" if is_locked else "invalid", problems, status=403 if is_locked else 422)
    return values


def _store_in_thread(assistant: Assistant, thread: Thread, values: Mapping[str, Any]) -> None:
    settings = {**preferences.get_of_thread(assistant, thread), **values}
    if assistant.show_configuration_controls and settings.keys() & set(SAMPLING):
        settings[preferences.DIGEST] = assistant.config_digest
    thread.settings = settings
    thread.save(update_fields=["settings"])


def _store_for_person(assistant: Assistant, user: Any, values: Mapping[str, Any]) -> None:
    PersonSettings.objects.get_or_create(
        user=user, assistant=assistant.slug, defaults={"config_digest": assistant.config_digest}
    )
    row = preferences.load_person(assistant, user, lock=True)
    if row is not None:
        row.values = {**row.values, **values}
        row.config_digest = assistant.config_digest
        row.save()


@in_database
def _store_update(thread_id: UUID, values: Mapping[str, Any]) -> None:
    with transaction.atomic():
        thread = Thread.objects.select_for_update(of=("self",)).select_related("owner").get(pk=thread_id)
        assistant = registry.get(thread.assistant)
        items: dict[str, SettingsItem] = {}
        if assistant is not None:
            items = {item.id: item for item in preferences.load_menu(assistant, thread.owner, thread).items}
        checked: dict[str, Any] = {}
        for key, value in values.items():
            item = items.get(key)
            if item is not None and (item.locked or not item.has_value):
                raise ValueError(f"{key!r} is locked or has no value; nothing was changed")
            try:
                checked[key] = value if item is None else read_value(item, value)
            except ValueError as error:
                raise ValueError(f"{key}: {error}") from error
        if assistant is None:
            Thread.objects.filter(pk=thread_id).update(settings={**thread.settings, **checked})
        else:
            _store_in_thread(assistant, thread, checked)
