"""What staff see: threads, messages and runs, to read and not to change; and what they set and keep for everybody."""

from chatapp.admin.files import AttachmentAdmin
from chatapp.admin.preferences import SettingDefaultAdmin
from chatapp.admin.prompts import PromptAdmin
from chatapp.admin.review import FeedbackAdmin
from chatapp.admin.runs import RunAdmin
from chatapp.admin.shares import ShareAdmin
from chatapp.admin.threads import MessageAdmin, ThreadAdmin
from chatapp.admin.usage import UsageRecordAdmin

__all__ = [
    "AttachmentAdmin",
    "FeedbackAdmin",
    "MessageAdmin",
    "PromptAdmin",
    "RunAdmin",
    "SettingDefaultAdmin",
    "ShareAdmin",
    "ThreadAdmin",
    "UsageRecordAdmin",
]
