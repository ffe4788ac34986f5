"""What can be tried in the playground: an assistant or a provider, with other instructions, model and sampling."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from asgiref.sync import async_to_sync
from pydantic import BaseModel, ConfigDict, ValidationError

from chatapp import registry
from chatapp.assistants import Assistant
from chatapp.conf import settings
from chatapp.customizing import name_models
from chatapp.policy import get_policy
from chatapp.providers.base import get_provider
from chatapp.sampling import SAMPLING, ModelConfig
from chatapp.turn import Turn

logger = logging.getLogger("chatapp.playground")


class Trial(BaseModel):
    """What is tried on one side."""

    model_config = ConfigDict(frozen=True)

    who: str
    """`assistant:<slug>`, or `provider:<alias>`."""

    instructions: str = ""
    with_tools: bool = False
    """Whether the model may call the tools of the assistant."""

    config: ModelConfig = ModelConfig()
    """Without a model the provider's own answers."""

    @property
    def assistant(self) -> Assistant | None:
        """The assistant that is tried; None for a bare provider, or if its app was removed."""
        kind, _colon, name = self.who.partition(":")
        return registry.get(name) if kind == "assistant" else None

    @property
    def alias(self) -> str:
        """Of the provider that is asked."""
        kind, _colon, name = self.who.partition(":")
        return name if kind == "provider" else self.assistant.provider if self.assistant else "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What can be tried: an assistant or a provider, and how it begins."""

    label: str
    trial: Trial
    models: Sequence[str]
    """Models that are known to be there."""

    has_tools: bool = False


def list_choices(user: Any) -> dict[str, Choice]:
    """What this person can try, by `Trial.who`: the assistants that they may use, and the providers.

    Called in the database thread.
    """
    policy = get_policy()
    assistants = [item for item in registry.get_all() if policy.can_use(user, item)]
    known: dict[str, list[str]] = {alias: [] for alias in ("default", *settings.PROVIDERS)}
    for item in assistants:
        known.setdefault(item.provider, []).extend(
            filter(None, (item.find_model(), item.model, *name_models(item.get_models(user))))
        )
    choices = {}
    for item in assistants:
        choice = Choice(
            label=str(item.title),
            trial=_begin_with(item, user),
            models=list(dict.fromkeys(known[item.provider])),
            has_tools=bool(item.tools) or type(item).get_tools is not Assistant.get_tools,
        )
        choices[choice.trial.who] = choice
    for alias, models in known.items():
        try:
            model = get_provider(alias).model
        except Exception:
            logger.warning("provider %r cannot be tried", alias, exc_info=True)  # A system check says so as well.
            continue
        trial = Trial(who=f"provider:{alias}", config=ModelConfig(model=model or None))
        choices[trial.who] = Choice(
            label=alias, trial=trial, models=list(dict.fromkeys(filter(None, (model, *models))))
        )
    return choices


def _begin_with(assistant: Assistant, user: Any) -> Trial:
    """An assistant as it is declared, with the instructions that this person's conversations begin with."""
    try:
        turn = Turn(assistant=assistant, messages=(), user=user)
        instructions = async_to_sync(assistant.load_instructions)(turn)
    except Exception:
        logger.warning("%r has no instructions outside of a conversation", assistant, exc_info=True)
        instructions = str(assistant.instructions)
    chosen: dict[str, Any] = {}
    for name, value in {**assistant.options, **assistant.config}.items():
        if name in SAMPLING:
            try:
                ModelConfig(**{name: value})
            except ValidationError:
                continue  # It is out of the range that can be tried.
            chosen[name] = value
    return Trial(
        who=f"assistant:{assistant.slug}",
        instructions=instructions,
        config=ModelConfig(model=assistant.find_model() or None, **chosen),
    )


def write_snippet(trial: Trial) -> str:
    """What is tried as a class for an `assistants.py`: Python that means exactly this, whatever the texts have in
    them."""
    tried = trial.assistant
    lines = ["@chatapp.register", f"class {type(tried).__name__ if tried else 'Tried'}(chatapp.Assistant):"]
    if trial.alias != "default":
        lines.append(f"    provider = {_quote(trial.alias)}")
    if trial.config.model:
        lines.append(f"    model = {_quote(trial.config.model)}")
    said = trial.instructions.splitlines(keepends=True)
    if len(said) > 1:
        lines += ["    instructions = (", *(f"        {_quote(line)}" for line in said), "    )"]
    elif said:
        lines.append(f"    instructions = {_quote(said[0])}")
    if options := trial.config.get_options():
        lines += [
            "    options = {",
            *(f"        {_quote(name)}: {value!r}," for name, value in options.items()),
            "    }",
        ]
    if len(lines) == 2:
        lines.append("    pass")
    return "\n".join(["import chatapp", "", "", *lines, ""])


_quote = partial(json.dumps, ensure_ascii=False)
"""A text as a literal of Python: those of JSON are some, once no half of a surrogate pair is in them."""
