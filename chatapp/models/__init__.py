"""What is stored: threads, messages and files (content), runs (events)."""

from chatapp.models.files import Attachment
from chatapp.models.runs import LIVE_STATES, Run
from chatapp.models.shares import Share
from chatapp.models.threads import Message, Thread

__all__ = ["LIVE_STATES", "Attachment", "Message", "Run", "Share", "Thread"]
