"""Who may see, do and use what. The only way to a thread: code elsewhere has no other query for one.

A site changes a decision by naming a subclass in CHATAPP["POLICY"].
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from chatapp.conf import settings
from chatapp.errors import Refused
from chatapp.models import LIVE_STATES, Attachment, Folder, Message, Prompt, Run, Share, Thread, UsageRecord

_MINUTE: Final = timedelta(minutes=1)

PLAYGROUND_STREAMS: Final = ("playground-a", "playground-b")
"""Names of the streams in which a person tries models; what is asked there counts as messages do."""


class Policy:
    """Decisions, each a method to override. Called in the database thread; may use the ORM."""

    def get_threads(self, user: Any) -> QuerySet[Thread]:
        """The threads this person may read and write: their own. Nobody else's exist for them, nor do deleted ones."""
        if not getattr(user, "is_authenticated", False) or not user.is_active:
            return Thread.objects.none()
        return Thread.objects.filter(owner_id=user.pk, stream="", deleted_at=None)

    def get_deleted(self, user: Any) -> QuerySet[Thread]:
        """The threads whose deletion this person may undo: their own."""
        if not getattr(user, "is_authenticated", False) or not user.is_active:
            return Thread.objects.none()
        return Thread.objects.filter(owner_id=user.pk, stream="", deleted_at__isnull=False)

    def get_folders(self, user: Any) -> QuerySet[Folder]:
        """The folders this person sorts their threads into: their own."""
        if not getattr(user, "is_authenticated", False) or not user.is_active:
            return Folder.objects.none()
        return Folder.objects.filter(owner_id=user.pk)

    def get_streams(self, user: Any, guest_key: str = "") -> QuerySet[Thread]:
        """What the site streams outside of chats to this person, or to the visitor with this key."""
        streams = Thread.objects.exclude(stream="")
        if getattr(user, "is_authenticated", False):
            return streams.filter(owner_id=user.pk) if user.is_active else streams.none()
        return streams.filter(owner=None, guest_key=guest_key) if guest_key else streams.none()

    def can_follow_streams(self, user: Any) -> bool:
        """Whether this person, or a visitor who is not signed in, may have streams outside of chats.

        Only the site's own code puts anything into them, so by default everybody may.
        """
        return bool(user.is_active) if getattr(user, "is_authenticated", False) else True

    def get_thread(self, user: Any, thread_id: UUID, *related: str) -> Thread | None:
        """This thread, with what is `related` to it (as in select_related) in the same query.

        None: it is missing and it is somebody else's look the same.
        """
        threads = self.get_threads(user)
        if related:
            threads = threads.select_related(*related)
        return threads.filter(pk=thread_id).first()

    def get_message(self, user: Any, message_id: UUID) -> Message | None:
        """This message, if it is in a thread or stream that this person may read and if people see it; else None."""
        mine = Q(thread__in=self.get_threads(user)) | Q(thread__in=self.get_streams(user))
        return Message.objects.filter(mine, pk=message_id, visible=True).first()

    def get_attachment(self, user: Any, attachment_id: UUID) -> Attachment | None:
        """This file, if this person has staged it, or if it is in a thread or stream that they may read; else None."""
        mine = Q(thread__in=self.get_threads(user)) | Q(thread__in=self.get_streams(user))
        if getattr(user, "is_authenticated", False) and user.is_active:
            mine |= Q(owner_id=user.pk, thread=None)
        return Attachment.objects.filter(mine, pk=attachment_id).first()

    def get_prompts(self, user: Any, assistant: Any) -> QuerySet[Prompt]:
        """The prompts of the library that this person may use with this assistant, in order: those for everybody, and
        those for a group of theirs."""
        mine = Q(groups=None) | Q(groups__in=_get_groups(user))
        return Prompt.objects.filter(mine, active=True, assistant__in=("", assistant.slug)).distinct()

    def get_usage(self, user: Any) -> QuerySet[UsageRecord]:
        """The requests to models of which this person sees what they took: those that they asked for."""
        if not getattr(user, "is_authenticated", False) or not user.is_active:
            return UsageRecord.objects.none()
        return UsageRecord.objects.filter(person_id=user.pk)

    def can_see_cost(self, user: Any) -> bool:
        """Whether this person sees what their answers cost, where CHATAPP["SHOW_USAGE"] is "cost"."""
        return bool(getattr(user, "is_authenticated", False) and user.is_active)

    def can_use(self, user: Any, assistant: Any) -> bool:
        """Whether this person may talk to this assistant."""
        return bool(getattr(user, "is_authenticated", False) and user.is_active)

    def can_use_playground(self, user: Any) -> bool:
        """Whether this person may try models side by side, with instructions of their own: staff may."""
        return bool(getattr(user, "is_authenticated", False) and user.is_active and user.is_staff)

    def get_share_scopes(self, user: Any) -> Sequence[str]:
        """With whom this person may share a conversation: see Share.Scope. Empty: with nobody."""
        return settings.SHARE_SCOPES

    def get_share_groups(self, user: Any) -> QuerySet[Group]:
        """The groups that this person may share with: those that they are in."""
        return _get_groups(user).order_by("name")

    def get_shares(self, user: Any) -> QuerySet[Share]:
        """What this person has shared: their own links."""
        return Share.objects.filter(owner_id=user.pk)

    def may_read_share(self, user: Any, share: Share) -> bool:
        """Whether this person, or a visitor who is not signed in, may read what this link leads to."""
        if share.is_over or str(share.scope) not in settings.SHARE_SCOPES:
            return False
        if str(share.scope) == Share.Scope.LINK:
            return True
        if not getattr(user, "is_authenticated", False) or not user.is_active:
            return False
        if str(share.scope) == Share.Scope.SIGNED_IN or share.owner_id == user.pk:
            return True
        return share.group_id is not None and _get_groups(user).filter(pk=share.group_id).exists()

    def can_command(self, user: Any, assistant: Any, name: str) -> bool:
        """Whether this person may use the slash command of this name. The others are not offered to them.

        `/model` and `/system` change what is asked and what it costs: they are for staff, and for people with the
        permission `chatapp.use_model_command` or `chatapp.use_system_command`.
        """
        if name not in ("model", "system"):
            return True
        return bool(user.is_staff or user.has_perm(f"chatapp.use_{name}_command"))

    def may_read_causes(self, user: Any) -> bool:
        """Whether this person reads what really went wrong when an answer fails: staff who may view runs."""
        return bool(user.is_staff and user.has_perm("chatapp.view_run"))

    def check_post(self, user: Any) -> None:
        """Let the person send one more message, or not. Called inside the transaction that stores it.

        Raises Refused with a sentence and the seconds to wait.
        """
        self._check_pace(user, Run.Kind.REPLY)

    def check_send(self, user: Any) -> None:
        """Let the person send a message so soon after their last one, or not. Called inside the transaction that
        stores it, also when it is to wait for the end of an answer.

        Raises Refused with a sentence and the seconds to wait.
        """
        if not settings.LIMITS or not settings.SEND_COOLDOWN_MS:
            return
        _lock(user)
        now = timezone.now()
        since = now - timedelta(milliseconds=settings.SEND_COOLDOWN_MS)
        # Says with an index which threads there are to look at; a minute more, as the database has a clock of its own.
        recently = Q(thread__updated_at__gt=since - _MINUTE) | Q(thread__queued_at__gt=since - _MINUTE)
        sent = Message.objects.filter(recently, thread__owner_id=user.pk, client_id__isnull=False)
        last = sent.filter(created_at__gt=since).order_by("-created_at").values_list("created_at", flat=True).first()
        if last is not None:
            wait = max((last - since).total_seconds(), 0.1)
            sentence = _("That was very quick. Please wait a moment, then send it again.")
            raise Refused("too_soon", sentence, status=429, retry_after=wait)

    def check_greeting(self, user: Any) -> None:
        """Let one more greeting be made for the person, or not; as check_post, and counted by itself."""
        self._check_pace(user, Run.Kind.GREETING)

    def check_upload(self, user: Any, size_bytes: int) -> None:
        """Let the person upload one more file, or not.

        Raises Refused with a sentence: too many in a minute (429), or too much of theirs is kept (413).
        """
        if not settings.LIMITS:
            return
        theirs = Attachment.objects.filter(owner_id=user.pk)
        if theirs.filter(created_at__gt=Now() - timedelta(minutes=1)).count() >= settings.UPLOADS_PER_MINUTE:
            raise Refused("too_fast", _("You are sending very fast. Please wait a minute."), status=429, retry_after=60)
        kept = theirs.aggregate(total=Sum("size_bytes"))["total"] or 0
        if kept + size_bytes > settings.ATTACHMENT_QUOTA_BYTES:
            sentence = _("You have no room left for files. Delete a conversation with files to make some.")
            raise Refused("no_room", sentence, status=413)

    def _check_pace(self, user: Any, kind: str) -> None:
        if not settings.LIMITS:
            return
        _lock(user)
        mine = Run.objects.filter(kind=kind, thread__owner_id=user.pk, thread__stream__in=("", *PLAYGROUND_STREAMS))
        if mine.filter(state__in=LIVE_STATES).count() >= settings.RUNS_PER_PERSON:
            raise Refused(
                "too_many_runs",
                _("Several answers are under way. Please wait until one of them has finished."),
                status=429,
                retry_after=10,
            )
        if mine.filter(started_at__gt=Now() - timedelta(minutes=1)).count() >= settings.MESSAGES_PER_MINUTE:
            raise Refused("too_fast", _("You are sending very fast. Please wait a minute."), status=429, retry_after=60)

    def may_see_causes(self, user: Any) -> bool:
        """Whether this person sees what really went wrong, in place of a sentence."""
        return False


def _lock(user: Any) -> None:
    """Taken first, so that parallel sends of one person are counted one after the other."""
    get_user_model()._default_manager.select_for_update().filter(pk=user.pk).first()


def _get_groups(user: Any) -> QuerySet[Group]:
    """Those that this person is in. A site's users may have none."""
    groups = getattr(user, "groups", None)
    return Group.objects.none() if groups is None else groups.all()


def get_policy() -> Policy:
    """The site's policy."""
    policy: Policy = import_string(settings.POLICY)()
    return policy
