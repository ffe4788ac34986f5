"""An answer of the model as an object: asked for by a JSON schema, checked by pydantic, sent back once if it is wrong.

Providers that know no schema, or refuse this one, are asked in words. So what comes may stand in a code block, or after
a sentence, or after thinking.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from chatapp.conf import settings
from chatapp.errors import ExtractionError, ProviderError
from chatapp.events import Finish, FinishReason
from chatapp.providers.base import ModelRequest
from chatapp.tools import explain
from chatapp.trimming import Window

Shape = TypeVar("Shape", bound=BaseModel)

_THOUGHTS: Final = re.compile(r"\A\s*<(think|thinking)>.*?(?:</\1>|\Z)", re.DOTALL)
"""What some models write before they answer."""

MAX_CANDIDATES: Final = 50
"""Places of an answer at which JSON may begin."""

MAX_SENT_BACK: Final = 20_000
"""Characters of a wrong answer that the model gets again."""


async def extract(window: Window, request: ModelRequest, shape: type[Shape], *, knows_schemas: bool) -> Shape:
    """What the model says to as much of the request as fits, as this. Raises ExtractionError, ProviderError."""
    schema = shape.model_json_schema(mode="validation")
    in_words = _say(request, f"Answer with JSON only, which follows this JSON schema:\n{json.dumps(schema)}")
    asked = in_words
    if knows_schemas and schema.get("type") == "object":
        asked = replace(request, options={**request.options, "response_format": write_format(shape.__name__, schema)})
    try:
        text, finish = await _listen(window, asked)
    except ProviderError as error:
        if error.code != "refused" or asked is in_words:
            raise
        asked = in_words
        text, finish = await _listen(window, asked)
    try:
        return read(text, shape)
    except ValueError as error:
        problem = _explain(error, finish)
    said = {"role": "assistant", "content": text[:MAX_SENT_BACK] or "(nothing)"}
    asked = replace(asked, messages=[*asked.messages, said])
    asked = _say(asked, f"That could not be read: {problem}. Answer again, with the whole of it, and with JSON only.")
    text, finish = await _listen(window, asked)
    try:
        return read(text, shape)
    except ValueError as error:
        raise ExtractionError(f"{shape.__name__}: {_explain(error, finish)}") from error


def write_format(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The `response_format` for this schema: a strict one, unless the schema has objects with any keys."""
    is_strict = _is_closed(schema)
    schema = _make_strict(schema) if is_strict else dict(schema)
    return {"type": "json_schema", "json_schema": {"name": name[:64], "schema": schema, "strict": is_strict}}


def read(text: str, shape: type[Shape]) -> Shape:
    """The first JSON in the text that is of this shape. Raises ValueError, about the longest that is not."""
    problems: list[tuple[int, ValidationError]] = []
    for candidate in _find_json(text):
        try:
            return shape.model_validate_json(candidate)
        except ValidationError as error:
            problems.append((len(candidate), error))
    raise max(problems, key=lambda each: each[0])[1] if problems else ValueError("there is no JSON in it")


async def _listen(window: Window, request: ModelRequest) -> tuple[str, FinishReason]:
    """What the model says without its thoughts, and how it finished. Raises ProviderError."""
    finish, room = Finish(), settings.MAX_ANSWER_CHARS
    pieces: list[str] = []
    async with aclosing(window.ask(request)) as deltas:
        async for delta in deltas:
            if isinstance(delta, str):
                pieces.append(delta)
                room -= len(delta)
                if room < 0:
                    finish = Finish("length")
                    break
            elif isinstance(delta, Finish):
                finish = delta
    if finish.reason == "filtered":
        raise ProviderError("filtered", "while something was extracted")
    return _THOUGHTS.sub("", "".join(pieces)).strip(), finish.reason


def _say(request: ModelRequest, text: str) -> ModelRequest:
    """The request with this said last. As part of the last question: some servers refuse two of one role in a row."""
    *before, last = request.messages or ({"role": "", "content": ""},)
    if last["role"] != "user":
        return replace(request, messages=[*request.messages, {"role": "user", "content": text}])
    content = last["content"]
    added = [*content, {"type": "text", "text": text}] if isinstance(content, list) else f"{content}\n\n{text}"
    return replace(request, messages=[*before, {**last, "content": added}])


def _explain(error: ValueError, finish: FinishReason) -> str:
    """What is wrong with an answer, in words for the model and for staff."""
    if finish == "length":
        return "it was cut off at the length limit"
    return explain(error) if isinstance(error, ValidationError) else str(error)


def _find_json(text: str) -> Iterator[str]:
    """What may be JSON, the likeliest first: all of it, then whatever begins with a bracket."""
    if text[:1] in ("{", "["):
        yield text
    decoder = json.JSONDecoder()
    place = 0
    for _ in range(MAX_CANDIDATES):
        places = [found for found in (text.find("{", place), text.find("[", place)) if found >= 0]
        if not places:
            return
        place = min(places)
        try:
            _value, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            place += 1
        else:
            if place or end != len(text):
                yield text[place:end]
            place = end


def _is_closed(schema: Any) -> bool:
    """Whether all objects in it have named keys only, as strict schemas must."""
    if isinstance(schema, list):
        return all(map(_is_closed, schema))
    if not isinstance(schema, Mapping):
        return True
    if schema.get("type") == "object" and (schema.get("additionalProperties") or not schema.get("properties")):
        return False
    return all(map(_is_closed, schema.values()))


def _make_strict(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema in the form that strict servers take: every key required, no others, no defaults."""
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}  # Nothing may stand beside it.
    strict: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("properties", "$defs"):
            strict[key] = {name: _make_strict(item) for name, item in value.items()}
        elif key in ("anyOf", "oneOf", "allOf", "prefixItems"):
            strict["anyOf" if key == "oneOf" else key] = [_make_strict(item) for item in value]
        elif key == "items":
            strict[key] = _make_strict(value)
        elif key not in ("default", "discriminator", "title"):
            strict[key] = value
    if "properties" in strict:
        strict |= {"required": list(strict["properties"]), "additionalProperties": False}
    return strict
