"""What is wrong with the configured providers, for the checks that ask."""

from django.core.exceptions import ImproperlyConfigured

from chatapp import registry
from chatapp.conf import settings
from chatapp.providers.base import get_provider


def find_provider_problems() -> dict[str, str]:
    """Sentences by alias for the providers that cannot be made, of those that are configured or that assistants name.

    Empty when CHATAPP itself is invalid: that is another check's message.
    """
    problems: dict[str, str] = {}
    try:
        configured = set(settings.PROVIDERS)
    except ImproperlyConfigured:
        return problems
    assistants = registry.get_all()
    named = {alias for assistant in assistants for alias in (assistant.provider, *assistant.fallback)}
    named |= {alias for entry in settings.PROVIDERS.values() for alias in entry.FALLBACK}
    for alias in sorted(configured | named):
        try:
            get_provider(alias)
        except Exception as error:  # whatever the class of a provider raises about its options
            problems[alias] = str(error)
    return problems


def is_missing_key(problem: str) -> bool:
    """Whether a provider only lacks its key."""
    return "no key:" in problem
