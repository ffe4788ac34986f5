"""What is stored: threads and messages (content), runs (events), what people and staff set."""

from chatapp.models.preferences import PersonSettings, SettingDefault
from chatapp.models.runs import LIVE_STATES, Run
from chatapp.models.threads import Message, Thread

__all__ = ["LIVE_STATES", "Message", "PersonSettings", "Run", "SettingDefault", "Thread"]
