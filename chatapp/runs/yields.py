"""What an assistant yields, on its way into a message: dicts become parts, parts are scrubbed, the rest is refused."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from chatapp.errors import ChatappError
from chatapp.parts import STORED, Part, TextPart, UnknownPart, make_part
from chatapp.scrubbing import scrub_value

_ESCAPED = re.compile(r"\\[bfru]")


class UnknownYield(ChatappError):
    """An assistant yielded something that is neither a string, a part, nor an event."""


def part_from(item: Mapping[str, Any]) -> Part:
    """The part in dict form: {"kind": …, …} or {"content": "text"}."""
    if "kind" in item:
        try:
            return make_part(item)
        except ValidationError as error:
            raise UnknownYield(
                f"respond yielded a dict of kind {item['kind']!r} that is no such part: {error}"
            ) from error
    if (role := item.get("role", "assistant")) != "assistant":
        raise UnknownYield(
            f"respond yielded a dict with the role {role!r}; an answer has the role 'assistant', or none"
        )
    try:
        return TextPart(text=item["content"])
    except (KeyError, ValidationError) as error:
        found = f"respond yielded a dict with {sorted(item)}"
        raise UnknownYield(f"{found}; give it a 'kind' and its fields, or 'content'") from error


def scrub_part(part: Part) -> Part:
    """The part as JSON can have it, with every text in it scrubbed; itself when there is nothing to scrub."""
    if _is_clean(part):
        return part
    data = part.model_dump(mode="json")
    clean = scrub_value(data)
    if clean == data and not isinstance(part, UnknownPart):
        return part
    return type(part).model_validate(clean, context=STORED)  # It was checked when it was made.


def _is_clean(part: Part) -> bool:
    """Whether there is surely nothing to scrub: what would be stands in JSON as one of these escapes.

    A table of 100,000 rows takes a tenth of a second so, and a whole one cell by cell, in which nobody else is served.
    """
    try:
        return not isinstance(part, UnknownPart) and _ESCAPED.search(part.model_dump_json()) is None
    except ValueError:  # half a character, or a value that is none of JSON's
        return False
