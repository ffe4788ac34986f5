"""What is stored: threads and messages (content), runs (events)."""

from chatapp.models.runs import LIVE_STATES, Run
from chatapp.models.search import SearchEntry
from chatapp.models.threads import Message, Thread

__all__ = ["LIVE_STATES", "Message", "Run", "SearchEntry", "Thread"]
