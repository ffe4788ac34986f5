"""What staff see: threads, messages and runs, to read and not to change; and the prompt library, which they keep."""

from chatapp.admin.prompts import PromptAdmin
from chatapp.admin.runs import RunAdmin
from chatapp.admin.threads import MessageAdmin, ThreadAdmin

__all__ = ["MessageAdmin", "PromptAdmin", "RunAdmin", "ThreadAdmin"]
