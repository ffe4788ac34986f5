"""A question that an assistant asks the person in the middle of its answer, as a part of that answer.

    answer = await turn.ask("Proceed?", kind="buttons")

asks and waits; `turn.ask` is `yield InputRequest(…)` and `await turn.wait_for_input()` in one.
"""

import secrets
from collections.abc import Mapping
from typing import Any, Final, Literal, Self

from django.utils.translation import gettext as _
from pydantic import Field, model_validator

from chatapp.events import PartStart
from chatapp.parts import Part, TextPart, load_part, part

InputType = Literal["text", "buttons", "radio", "select"]

_PLACEHOLDER: Final = "Type your response…"


def new_id() -> str:
    """A fresh id of a question."""
    return f"input_{secrets.token_hex(4)}"


@part
class InputRequest(Part):
    """A question to the person, and what became of it. Yield it, then `await turn.wait_for_input()`.

    Raises a ValidationError that says what would be right: an unknown input type, options that are missing, empty or
    equal, options of a text.
    """

    kind = "question"

    prompt: str = ""
    """What is asked, as plain text."""

    input_type: InputType = "text"
    """text: a line to write; buttons, radio and select: one of the options."""

    options: tuple[str, ...] = ()
    """What can be chosen. Buttons without options are Yes and No."""

    placeholder: str = ""
    """Hint in the empty line of a text. Empty: "Type your response…"."""

    id: str = Field(default_factory=new_id, pattern=r"^[\w.:-]{1,100}$")
    """Names the question within its message."""

    state: Literal["open", "answered", "cancelled", "expired"] = "open"
    """cancelled: the answer ended first; expired: nobody answered in time."""

    answer: str | None = None
    """What the person said; None unless answered."""

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        if "kind" in values:
            raise ValueError("an InputRequest takes input_type, not kind: that is its name as a part, question")
        input_type, options = values.get("input_type", "text"), values.get("options")
        if isinstance(options, str):
            raise ValueError(f"options must be a list of strings, not the string {options!r}")
        if options is None or (input_type == "buttons" and not options):
            options = (_("Yes"), _("No")) if input_type == "buttons" else ()
        placeholder = values.get("placeholder")
        if placeholder is None or (not placeholder and input_type == "text"):
            placeholder = _(_PLACEHOLDER) if input_type == "text" else ""
        return {**values, "options": options, "placeholder": placeholder}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.input_type == "text" and self.options:
            raise ValueError('a text has no options; for a choice write input_type="buttons", "radio" or "select"')
        if self.input_type != "text" and not self.options:
            raise ValueError(f'{self.input_type} needs options, such as options=["Red", "Green"]')
        names = {option.strip() for option in self.options}
        if "" in names or len(names) < len(self.options):
            raise ValueError(f"options must be distinct and not empty, not {list(self.options)!r}")
        if (self.state == "answered") != (self.answer is not None):
            raise ValueError(f"a question that is {self.state} has {'an' if self.answer is None else 'no'} answer")
        return self

    @property
    def plain(self) -> str:
        """What was asked, and the answer as a quotation."""
        said = self.answer.splitlines() if self.answer is not None else []
        return "\n\n".join(text for text in (self.prompt, "\n".join(f"> {line}" for line in said)) if text)

    @property
    def shared(self) -> Part | None:
        """What was asked and answered, as words."""
        return TextPart(text=self.plain) if self.answer is not None else None

    @property
    def is_open(self) -> bool:
        """Whether nobody has answered yet, and nothing has ended it."""
        return self.state == "open"

    def find_option(self, text: str) -> str | None:
        """The option that was meant, or the text itself if there are none to choose from; None: it is not an option."""
        if not self.options:
            return text
        return next((option for option in self.options if option.strip() == text.strip()), None)

    def answered(self, text: str) -> "InputRequest":
        """The same question with this answer."""
        return self.model_copy(update={"state": "answered", "answer": text})

    def closed(self, state: Literal["cancelled", "expired"]) -> "InputRequest":
        """The same question, which nobody can answer any more."""
        return self.model_copy(update={"state": state})


def find_request(item: Any) -> InputRequest | None:
    """The open question that an assistant yielded, as a part, as an event or as a dict; None for anything else."""
    if isinstance(item, PartStart):
        item = item.part
    elif isinstance(item, Mapping) and item.get("kind") == InputRequest.kind:
        item = load_part(item)
    return item if isinstance(item, InputRequest) and item.is_open else None
