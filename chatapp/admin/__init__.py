"""What staff see: threads, messages and runs, to read and not to change."""

from chatapp.admin.files import AttachmentAdmin
from chatapp.admin.runs import RunAdmin
from chatapp.admin.shares import ShareAdmin
from chatapp.admin.threads import MessageAdmin, ThreadAdmin

__all__ = ["AttachmentAdmin", "MessageAdmin", "RunAdmin", "ShareAdmin", "ThreadAdmin"]
