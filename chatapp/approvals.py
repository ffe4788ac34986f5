"""What a person must allow before a tool runs: a question of which every answer has a meaning that is fixed beforehand.

The id of an approval is a keyed digest of the person, the run, the call and its exact arguments, so an answer to
it can mean nothing else. Like every question it is stored before it is shown and answered once; see questions.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _

from chatapp.activity import write_json
from chatapp.parts import part
from chatapp.questions import InputRequest

Decision = Literal["allow", "allow_thread", "deny"]

DECISIONS: Final[tuple[Decision, ...]] = ("allow", "allow_thread", "deny")
"""Allow once, allow in this conversation from now on, deny."""


@part
class ApprovalRequest(InputRequest):
    """A tool that waits for its person, with the arguments that it will get, and what they decided."""

    kind = "approval"

    input_type: Literal["buttons"] = "buttons"

    tool: str
    """Name of the tool."""

    title: str = ""
    icon: str = ""
    call_id: str
    arguments: dict[str, Any] = {}
    """Exactly what the tool gets."""

    expires_at: datetime
    decided_by: str = ""
    """Name of the person who decided."""

    decided_at: datetime | None = None

    @property
    def plain(self) -> str:
        """Nothing: nobody said it, and arguments are no words of the conversation."""
        return ""

    @property
    def shared(self) -> None:
        """Nothing: what was allowed, by whom and with which arguments, is between the person and the tool."""
        return None

    @property
    def shown_title(self) -> str:
        """What people read in place of the name."""
        return self.title or self.tool

    @property
    def arguments_text(self) -> str:
        """The arguments as indented JSON; empty if there are none."""
        return write_json(self.arguments) if self.arguments else ""

    def belongs_to(self, user: Any, run_id: Any) -> bool:
        """Whether this is what that person was asked in that answer, to the letter."""
        return constant_time_compare(self.id, make_id(user, run_id, self.call_id, self.tool, self.arguments))

    def has_expired(self) -> bool:
        """Whether it is too late to decide."""
        return timezone.now() >= self.expires_at

    def decided(self, user: Any, decision: str) -> "ApprovalRequest":
        """The same with what this person decided now."""
        update = {"decided_by": user.get_username(), "decided_at": timezone.now()}
        return self.model_copy(update={"state": "answered", "answer": decision, **update})


def make_approval(
    user: Any,
    run_id: Any,
    *,
    tool: str,
    title: str,
    icon: str,
    call_id: str,
    arguments: Mapping[str, Any],
    seconds: float,
) -> ApprovalRequest:
    """The question to this person whether this call may be made, for so many seconds."""
    return ApprovalRequest(
        id=make_id(user, run_id, call_id, tool, arguments),
        prompt=_("Allow %(tool)s?") % {"tool": title or tool},
        input_type="buttons",
        options=DECISIONS,
        tool=tool,
        title=title,
        icon=icon,
        call_id=call_id,
        arguments=dict(arguments),
        expires_at=timezone.now() + timedelta(seconds=seconds),
    )


def make_id(user: Any, run_id: Any, call_id: str, tool: str, arguments: Mapping[str, Any]) -> str:
    """Names an approval by all that it is about; without the site's secret nobody can make one."""
    meant = json.dumps([str(getattr(user, "pk", "")), str(run_id), call_id, tool, arguments], sort_keys=True)
    return f"approval_{salted_hmac('chatapp.approvals', meant, algorithm='sha256').hexdigest()[:40]}"
