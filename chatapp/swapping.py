"""Another provider takes over a conversation, with what was said before or without it."""

from uuid import UUID

from asgiref.sync import async_to_sync
from django.db import transaction

from chatapp import registry
from chatapp.menu import MODEL
from chatapp.models import Thread
from chatapp.models.calls import in_database
from chatapp.posting import place
from chatapp.providers.base import get_provider
from chatapp.providers.listing import find_offer
from chatapp.runs.cuts import make_cut
from chatapp.runs.hub import get_hub


async def set_provider(thread: Thread | UUID, alias: str, *, model: str = "", sync: bool = True) -> None:
    """Have this thread answered by another provider of CHATAPP["PROVIDERS"]; "": by the assistant's own again.

    From the next question on: what is being said now is said to its end by who began it. `model` is one of the new
    provider's, by default its own; what was chosen for the old one holds no more. Without `sync` the new one hears
    nothing of what was said before; people still see it. Instructions and tools are the assistant's as before. Nobody
    is asked whether they may: that is for the caller to know.

    Raises Thread.DoesNotExist, ImproperlyConfigured for an alias that is not there, ValueError for a model that the
    provider is known not to offer; then nothing has changed.
    """
    thread_id = thread.pk if isinstance(thread, Thread) else thread
    owner = await _store(thread_id, alias, model, sync)
    await get_hub().thread_changed(thread_id, owner)


@in_database
def _store(thread_id: UUID, alias: str, model: str, sync: bool) -> str:
    assistant = registry.get(Thread.objects.values_list("assistant", flat=True).get(pk=thread_id))
    own = assistant.provider if assistant is not None else "default"
    provider = get_provider(alias or own)
    offered = find_offer(alias or own)
    if model and offered and model not in (provider.model, *offered):
        known = ", ".join(dict.fromkeys([provider.model, *offered]))
        raise ValueError(f"provider {alias or own!r} does not offer the model {model!r}; it offers {known}")
    with transaction.atomic():
        if not sync:
            place(make_cut(thread_id))
        thread = Thread.objects.select_for_update(of=("self",)).get(pk=thread_id)
        thread.provider = "" if alias == own else alias
        thread.settings = {key: value for key, value in thread.settings.items() if key != MODEL}
        if model:
            thread.settings[MODEL] = model
        thread.save(update_fields=["provider", "settings"])
        return str(thread.owner_id or "")


set_provider_sync = async_to_sync(set_provider)
"""See set_provider; for code that is not async."""
