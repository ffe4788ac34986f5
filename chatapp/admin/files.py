"""Files that people sent: whose, where, how large. What is in them is not for this list."""

from django.contrib import admin
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from chatapp.admin.readonly import ReadOnlyAdmin
from chatapp.admin.threads import link_to_thread
from chatapp.models import Attachment


@admin.register(Attachment)
class AttachmentAdmin(ReadOnlyAdmin):
    """Files of all threads, newest first."""

    list_display = ("shown_name", "media_type", "size_bytes", "owner", "thread_link", "created_at")
    list_filter = ("media_type", "created_at")
    list_select_related = ("owner", "thread")
    search_fields = ("name", "sha256")
    ordering = ("-created_at",)
    fields = (
        "shown_name",
        "media_type",
        "size_bytes",
        "sent_bytes",
        "sha256",
        "width",
        "height",
        "owner",
        "thread_link",
        "message",
        "created_at",
    )
    readonly_fields = ("shown_name", "thread_link")

    @admin.display(description=_("name"), ordering="name")
    def shown_name(self, attachment: Attachment) -> str:
        """Its name, apart from what stands around it: it may be in another direction of writing."""
        return format_html("<bdi>{}</bdi>", attachment.name)

    @admin.display(description=_("thread"), ordering="thread")
    def thread_link(self, attachment: Attachment) -> str:
        """The thread it was sent in, to click; a dash while it waits to be sent."""
        return link_to_thread(attachment.thread) if attachment.thread is not None else "–"
