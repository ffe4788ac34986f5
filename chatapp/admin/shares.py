"""What people have shared: who with whom, until when. Not what was said in it."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from chatapp.admin.readonly import ReadOnlyAdmin
from chatapp.models import Share


@admin.register(Share)
class ShareAdmin(ReadOnlyAdmin):
    """Links, to read; whoever may change them may take them back."""

    list_display = ("id", "owner", "scope", "group", "with_files", "created_at", "expires_at", "revoked_at")
    list_filter = ("scope", "with_files", "created_at")
    list_select_related = ("owner", "group")
    search_fields = ("id", "thread__id", "owner__username")
    fields = ("id", "thread", "owner", "scope", "group", "with_files", "created_at", "expires_at", "revoked_at")
    actions = ("revoke",)  # type: ignore[assignment]  # the others have none

    def get_queryset(self, request: HttpRequest) -> QuerySet[Share]:
        """Without the content."""
        rows: QuerySet[Share] = super().get_queryset(request)
        return rows.defer("messages")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Who may take links back."""
        return request.user.has_perm("chatapp.change_share")

    @admin.action(description=_("Revoke these links"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, shares: QuerySet[Any]) -> None:
        """They lead nowhere from now on."""
        count = shares.filter(revoked_at=None).update(revoked_at=timezone.now())
        self.message_user(
            request,
            ngettext("%(count)s link was revoked.", "%(count)s links were revoked.", count) % {"count": count},
            messages.SUCCESS,
        )
