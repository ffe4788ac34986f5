"""The prompt library as the menu of one person shows it, behind the prompts of the assistant itself."""

from typing import Any

from chatapp.assistants import Assistant
from chatapp.policy import get_policy
from chatapp.prompts import Suggestion, set_library


def list_shared(assistant: Assistant, user: Any) -> list[Suggestion]:
    """What staff keep for this person and this assistant. One query, in the database thread."""
    kept = get_policy().get_prompts(user, assistant)
    return [Suggestion(prompt.text, title=prompt.title, icon="book") for prompt in kept]


def connect() -> None:
    """From now on `Assistant.list_prompts` has what staff keep."""
    set_library(list_shared)
