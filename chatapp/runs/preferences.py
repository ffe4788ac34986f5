"""Which settings hold: what was chosen for the thread, over what the person chose, over what staff say, over what the
assistant declares. What does not fit the declaration (any more) does not hold.

Sync: called in the database thread.
"""

from collections.abc import Mapping
from typing import Any, Final

from chatapp.assistants import Assistant
from chatapp.menu import MODEL, Menu, SettingsItem, read_value
from chatapp.models import PersonSettings, SettingDefault, Thread
from chatapp.sampling import SAMPLING

DIGEST: Final = "config_digest"
"""Key of Thread.settings: under which declared configuration its numbers were chosen. No assistant gets it."""


def load_menu(assistant: Assistant, user: Any, thread: Thread | None) -> Menu:
    """The settings of the assistant as they hold for this person in this thread. Two queries, or none without any."""
    alias = thread.provider if thread is not None else ""
    items = assistant.list_settings(user, alias)
    if not any(item.has_value for item in items):
        return Menu(items)
    said = {row.key: row for row in SettingDefault.objects.filter(assistant=assistant.slug)}
    person = load_person(assistant, user)
    layers: list[Mapping[str, Any]] = [person.values if person else {}, get_of_thread(assistant, thread)]
    if any(item.id == MODEL for item in items) and assistant.awaits_models(user, alias):
        # What was chosen holds until somebody knows better; of another provider only what was chosen here.
        items = tuple(_with_chosen(item, layers[1:] if alias else layers) for item in items)
    shown, values = [], {}
    for item in items:
        default = said.get(item.id)
        if default is not None and default.locked:
            item = item.model_copy(update={"locked": True})
        shown.append(item)
        if item.has_value:
            is_given = default is not None and default.value is not None
            base: list[Mapping[str, Any]] = [{item.id: default.value}] if default and is_given else []
            values[item.id] = _find(item, base if item.locked else [*base, *layers])
    return Menu(tuple(shown), values)


def load_settings(assistant: Assistant, user: Any, thread: Thread) -> dict[str, Any]:
    """What `turn.settings` has: what holds of the items, and whatever else code keeps in the thread's settings."""
    menu = load_menu(assistant, user, thread)
    known = {item.id for item in menu.items}
    others = get_of_thread(assistant, thread)
    return {**{key: value for key, value in others.items() if key not in known}, **menu.values}


def load_person(assistant: Assistant, user: Any, *, lock: bool = False) -> PersonSettings | None:
    """What this person chose for all their threads; without the numbers, if another configuration was declared then."""
    if getattr(user, "pk", None) is None:
        return None
    rows = PersonSettings.objects.select_for_update(of=("self",)) if lock else PersonSettings.objects.all()
    row = rows.filter(user_id=user.pk, assistant=assistant.slug).first()
    if row is not None and row.config_digest != assistant.config_digest:
        row.values = _without_numbers(row.values)
    return row


def get_of_thread(assistant: Assistant, thread: Thread | None) -> dict[str, Any]:
    """What was chosen for this thread; without the numbers, if another configuration was declared then."""
    values = dict(thread.settings) if thread is not None else {}
    digest = values.pop(DIGEST, None)
    return values if digest in (None, assistant.config_digest) else _without_numbers(values)


def _without_numbers(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in SAMPLING}


def _with_chosen(item: SettingsItem, layers: list[Mapping[str, Any]]) -> SettingsItem:
    """The choice of the model, with those among its options that were chosen before."""
    if item.id != MODEL or item.type != "select":
        return item
    chosen = [layer[MODEL] for layer in layers if isinstance(layer.get(MODEL), str) and layer[MODEL]]
    known = [name for name, _label in item.choices]
    return item.model_copy(update={"options": list(dict.fromkeys([*known, *chosen]))})


def _find(item: SettingsItem, layers: list[Mapping[str, Any]]) -> Any:
    """The value of the last of these that has one which fits; else the declared one."""
    for layer in reversed(layers):
        if item.id in layer:
            try:
                return read_value(item, layer[item.id])
            except ValueError:
                continue
    return item.value
