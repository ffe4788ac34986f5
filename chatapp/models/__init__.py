"""What is stored: threads and messages (content), runs (events), feedback (review)."""

from chatapp.models.review import Feedback
from chatapp.models.runs import LIVE_STATES, Run
from chatapp.models.threads import Message, Thread

__all__ = ["LIVE_STATES", "Feedback", "Message", "Run", "Thread"]
