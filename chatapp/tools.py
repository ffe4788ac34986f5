"""Functions that a model may call.

    @chatapp.tool(approval="never")
    def find_parcel(turn: chatapp.Turn, order_number: int) -> str:
        \"\"\"Say where the parcel of an order is.\"\"\"

The signature and the docstring are what the model gets as the JSON schema; pydantic checks what it sends. `turn` is
given by us and is not in the schema. The function may be of any shape. A generator shows in its row what it yields: a
Status is the line in the head, a ToolDisplay is the body, a part or a string is added to the body. Its last part,
string or other value is the result, unless a sync generator returns one.
"""

import dataclasses
import inspect
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Annotated, Any, Final, Literal, get_args, get_origin, get_type_hints, overload

from pydantic import BaseModel, ConfigDict, Field, PydanticUserError, TypeAdapter, ValidationError, create_model
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import to_jsonable_python

from chatapp import handlers
from chatapp.activity import ToolDisplay, ToolProgress, ToolResult
from chatapp.docstrings import read_docstring
from chatapp.errors import ChatappError
from chatapp.events import Status
from chatapp.parts import Part

Approval = Literal["always", "never"] | Callable[[Any, Mapping[str, Any]], bool | Awaitable[bool]]
"""Who is asked before it runs: the person; nobody; or the person if the function gives True for turn and arguments."""

MAX_PROGRESS_CHARS: Final = 20_000
"""What a running tool shows of the text that it yields: the end of it."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_INTENT: Final = "_intent"


class ToolRejected(ChatappError):
    """Raise it in a tool, or in its `approval`, to refuse the call; the model and the person get the reason."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tool:
    """A function that a model may call; what `@chatapp.tool` makes of it. Calling it calls the function."""

    function: Callable[..., Any]
    name: str
    """What the model calls it."""

    description: str
    """What the model is told about it."""

    title: str
    """What people read in place of the name."""

    icon: str
    """Name of its icon."""

    approval: Approval
    timeout: float | None
    """Seconds that a call may take. 0: TOOL_SECONDS; None: for ever."""

    parameters: Mapping[str, Any]
    """JSON schema of the arguments."""

    model: type[BaseModel]
    """What checks the arguments."""

    names: Mapping[str, str]
    """Its fields, and the arguments that they are."""

    takes_turn: bool

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    @property
    def definition(self) -> dict[str, Any]:
        """The tool as a request to a model names it."""
        function = {"name": self.name, "description": self.description, "parameters": self.parameters}
        return {"type": "function", "function": {key: value for key, value in function.items() if value != ""}}

    def check(self, arguments: Any) -> dict[str, Any]:
        """The arguments as the function gets them, defaults included. Raises ValidationError."""
        if isinstance(arguments, Mapping) and _INTENT in arguments and _INTENT not in self.names.values():
            arguments = {name: value for name, value in arguments.items() if name != _INTENT}
        checked = self.model.model_validate(arguments)
        return {name: getattr(checked, field) for field, name in self.names.items()}

    def dump(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Checked arguments as JSON has them."""
        dumped: dict[str, Any] = to_jsonable_python(dict(arguments), fallback=str, inf_nan_mode="null")
        return dumped

    async def needs_approval(self, turn: Any, arguments: Mapping[str, Any]) -> bool:
        """Whether the person is to be asked before this call. Raises what the author's function raises."""
        if callable(self.approval):
            return bool(await handlers.call(self.approval, turn, arguments))
        return self.approval == "always"

    async def run(
        self, turn: Any, arguments: Mapping[str, Any], tool_id: str
    ) -> AsyncGenerator[ToolProgress | ToolResult, None]:
        """Its progress, and last its result; both are about the row `tool_id`. Raises what the function raises."""
        row = _Row(tool_id)
        given = {**arguments, "turn": turn} if self.takes_turn else arguments
        result: Any = None
        async with aclosing(handlers.perform(self.function, given)) as items:
            async for item in items:
                if isinstance(item, handlers.Returned):
                    result = item.value if item.value is not None else result
                else:
                    result = result if isinstance(item, Status | ToolDisplay | ToolProgress) else item
                    yield row.show(item)
        yield row.end(result)


class _Row:
    """What the row of a running tool shows."""

    def __init__(self, tool_id: str) -> None:
        self.tool_id = tool_id
        self._line = self._text = ""
        self._parts: list[Part | str] = []

    def show(self, item: Any) -> ToolProgress:
        """The row with what was yielded."""
        display: ToolDisplay | None = None
        if isinstance(item, Status | ToolProgress):
            self._line, display = item.text, getattr(item, "display", None)
        elif isinstance(item, ToolDisplay):
            self._parts, self._text, display = [], "", item
        elif isinstance(item, str):
            self._text = (self._text + item)[-MAX_PROGRESS_CHARS:]
            display = self._draw()
        elif isinstance(item, Part):
            self._parts += [self._text, item] if self._text else [item]
            self._text = ""
            display = self._draw()
        return ToolProgress(self.tool_id, self._line, display)

    def _draw(self) -> ToolDisplay:
        if not self._parts:
            return ToolDisplay(text=self._text, open=True)
        return ToolDisplay(parts=[*self._parts, *filter(None, [self._text])], open=True)

    def end(self, result: Any) -> ToolResult:
        """The row with the result: what the model gets of it, and what people see."""
        display = None
        if isinstance(result, ToolResult):
            result, display = result.result, result.display
        shown = result if isinstance(result, list | tuple) else [result]
        if any(isinstance(item, Part) for item in shown) and all(isinstance(item, Part | str) for item in shown):
            display = display or ToolDisplay(parts=shown)
            result = "\n\n".join(item if isinstance(item, str) else item.model_text or item.plain for item in shown)
        return ToolResult(result, tool_id=self.tool_id, display=display)


def explain(error: ValidationError) -> str:
    """What is wrong with which of the values that a model gave, in the words of pydantic; the first ten."""
    details = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, item['loc'])) or 'all'}: {item['msg']}" for item in details[:10])


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...
@overload
def tool(
    *,
    name: str = "",
    description: str = "",
    title: str = "",
    icon: str = "",
    approval: Approval = "always",
    timeout: float | None = 0,
) -> Callable[[Callable[..., Any]], Tool]: ...
def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str = "",
    description: str = "",
    title: str = "",
    icon: str = "",
    approval: Approval = "always",
    timeout: float | None = 0,
) -> Any:
    """Make a function a tool, with or without arguments (decorator).

    Name and description come from the function and its docstring unless they are given. `approval` says who is asked
    before it runs; see Approval. Raises TypeError or ValueError for what no model could call.
    """

    def declare(function: Callable[..., Any]) -> Tool:
        return _make_tool(
            function, name=name, description=description, title=title, icon=icon, approval=approval, timeout=timeout
        )

    return declare if function is None else declare(function)


def _make_tool(
    function: Callable[..., Any], *, name: str, description: str, approval: Approval, timeout: float | None, **look: str
) -> Tool:
    if not inspect.isroutine(function):
        raise TypeError(f"@chatapp.tool takes a function, not {function!r}")
    where, name = f"{function.__module__}.{function.__qualname__}", name or function.__name__
    if not _NAME.fullmatch(name):
        raise ValueError(f"{where}: the name {name!r} is not usable; use up to 64 letters, digits, _ and -")
    if not callable(approval) and approval not in ("always", "never"):
        raise ValueError(f'{where}: approval is {approval!r}; give "always", "never" or a function')
    if timeout is not None and timeout < 0:
        raise ValueError(f"{where}: timeout must be seconds, or None for ever, not {timeout!r}")
    said, described = read_docstring(function)
    fields = _read_parameters(function, where, described)
    names = {f"argument_{place}": argument for place, argument in enumerate(fields)}
    # By aliases, for a field of its own name could shadow an attribute of the model: copy, json, schema.
    aliased: dict[str, Any] = {
        field: (Annotated[fields[alias][0], Field(alias=alias)], fields[alias][1]) for field, alias in names.items()
    }
    arguments: type[BaseModel] = create_model(name, __config__=ConfigDict(extra="forbid"), **aliased)
    schema = arguments.model_json_schema(schema_generator=_Schema)
    return Tool(
        function=function,
        name=name,
        description=description or said,
        title=look["title"],
        icon=look["icon"],
        approval=approval,
        timeout=timeout,
        parameters={key: value for key, value in schema.items() if key not in ("title", "description")},
        model=arguments,
        names=names,
        takes_turn="turn" in inspect.signature(function).parameters,
    )


class _Schema(GenerateJsonSchema):
    """Without the titles that repeat names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _read_parameters(
    function: Callable[..., Any], where: str, described: Mapping[str, str]
) -> dict[str, tuple[Any, Any]]:
    """Annotation and default of each argument that the model gives."""
    try:
        hints = get_type_hints(function, include_extras=True)
    except NameError as error:
        raise TypeError(f"{where}: {error}; declare a tool where the types of its arguments can be found") from error
    fields: dict[str, tuple[Any, Any]] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise TypeError(
                f"{where} takes {str(parameter)!r}; a model gives each argument by its name, so name them all"
            )
        if name == "turn":
            continue
        if name not in hints:
            raise TypeError(f"{where}: {name!r} has no annotation; write what it is, such as {name}: str")
        known: Any = hints[name]
        base, *more = get_args(hints[name]) if get_origin(hints[name]) is Annotated else (hints[name],)
        # What the annotation says itself comes after the docstring, and wins.
        if name in described:
            known = Annotated[(base, Field(description=described[name]), *more)]
        try:
            TypeAdapter(known).json_schema()
        except PydanticUserError as error:
            raise TypeError(f"{where}: {name!r} is a {hints[name]!r}, which has no JSON schema: {error}") from error
        fields[name] = known, ... if parameter.default is parameter.empty else parameter.default
    return fields
