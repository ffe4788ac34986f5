"""What happened, for the site's own code. Sent robustly: a receiver that fails is logged and breaks nothing."""

from django.dispatch import Signal

message_created = Signal()
"""A person's message was stored. Arguments: `message` (chatapp.models.Message). Sender: the Assistant's class."""

message_posted = Signal()
"""A message that somebody sent was accepted: to be answered, or to wait for its turn. Once for each, however often the
same frame came. Arguments: `user`, who sent it, `thread`, `text` as it is stored, `message`.

Sender: the Assistant's class.
"""

run_started = Signal()
"""An answer or a greeting began. Arguments: `run_id`, `thread_id` (UUIDs). Sender: the Assistant's class."""

run_finished = Signal()
"""An answer or a greeting ended, however it did. Arguments: `run_id`, `thread_id` (UUIDs), `state` (see models.Run).

Sender: the Assistant's class.
"""

greeting_dismissed = Signal()
"""A greeting went away with the first message, once for each. Arguments: `thread_id` (UUID), `dismissed_at` (datetime).

Sender: the Assistant's class.
"""

settings_changed = Signal()
"""A person set something, and it is stored; an action has the value None. Arguments: `thread_id` (UUID), `key`,
`value`, `user`, `scope` ("thread" or "person"). Sender: the Assistant's class.
"""

feedback_given = Signal()
"""A person rated an answer, changed that or took it back. Arguments: `message_id` (UUID), `feedback` (models.Feedback;
None: it was taken back). Sender: the Assistant's class.
"""
