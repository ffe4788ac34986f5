"""What code does to the message box of a page that is open."""

from dataclasses import dataclass, field
from uuid import UUID, uuid4


@dataclass(frozen=True, slots=True, kw_only=True)
class InputUpdate:
    """A change of the message box; what is not given stays as it is. Raises ValueError for what makes no sense."""

    value: str | None = None
    """The text in it; "" empties it."""

    placeholder: str | None = None
    """The hint while it is empty."""

    submit: bool = False
    """Whether `value` is sent as if by the person, whose own draft stays."""

    focus: bool = False
    """Whether the person can type on at once."""

    id: UUID = field(default_factory=uuid4)
    """Of the message that is sent: in however many pages, it is one."""

    def __post_init__(self) -> None:
        if self.value is None and (self.submit or self.focus):
            name = "submit" if self.submit else "focus"
            raise ValueError(f"{name}=True needs a value: say what stands in the message box then")
