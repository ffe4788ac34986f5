"""What staff see: threads, messages and runs, to read and not to change."""

from chatapp.admin.review import FeedbackAdmin
from chatapp.admin.runs import RunAdmin
from chatapp.admin.threads import MessageAdmin, ThreadAdmin

__all__ = ["FeedbackAdmin", "MessageAdmin", "RunAdmin", "ThreadAdmin"]
