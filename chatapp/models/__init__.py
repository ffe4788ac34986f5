"""What is stored: threads, messages and files, runs, what people and staff set, keep and think."""

from chatapp.models.files import Attachment
from chatapp.models.folders import Folder
from chatapp.models.passages import PassageEntry
from chatapp.models.preferences import PersonSettings, SettingDefault
from chatapp.models.prompts import Prompt
from chatapp.models.review import Feedback
from chatapp.models.runs import LIVE_STATES, Run
from chatapp.models.search import SearchEntry
from chatapp.models.shares import Share
from chatapp.models.threads import Message, Thread
from chatapp.models.usage import UsageRecord

__all__ = [
    "LIVE_STATES",
    "Attachment",
    "Feedback",
    "Folder",
    "Message",
    "PassageEntry",
    "PersonSettings",
    "Prompt",
    "Run",
    "SearchEntry",
    "SettingDefault",
    "Share",
    "Thread",
    "UsageRecord",
]
