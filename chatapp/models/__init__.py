"""What is stored: threads and messages (content), runs (events), prompts of the library."""

from chatapp.models.prompts import Prompt
from chatapp.models.runs import LIVE_STATES, Run
from chatapp.models.threads import Message, Thread

__all__ = ["LIVE_STATES", "Message", "Prompt", "Run", "Thread"]
