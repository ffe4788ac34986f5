"""A conversation as a file."""

import json
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from chatapp.artifacts.kinds import make_file_name
from chatapp.exporting import export_csv, export_html, export_json, export_markdown
from chatapp.finding import not_found
from chatapp.policy import get_policy

from .access import private

MEDIA_TYPES = {"md": "text/markdown", "json": "application/json", "html": "text/html"}
"""By the values of `format`."""

STAFF_MEDIA_TYPES = {**MEDIA_TYPES, "csv": "text/csv"}
"""For staff, who put conversations into tables."""


@private
@require_http_methods(["GET", "HEAD", "POST"])
def export(request: HttpRequest, thread_id: UUID) -> HttpResponse:
    """The conversation as a file: `?format=md` (the default), `json` or `html`; `?thinking=1` adds thoughts."""
    thread = get_policy().get_thread(request.user, thread_id)
    if thread is None:
        raise not_found()
    name, thinking = request.GET.get("format", "md"), request.GET.get("thinking") == "1"
    media_types = STAFF_MEDIA_TYPES if request.user.is_staff else MEDIA_TYPES
    if name not in media_types:
        known = ", ".join(media_types)
        sentence = _("There is no format %(name)s; there are %(known)s.") % {"name": repr(name[:20]), "known": known}
        return HttpResponse(sentence, status=400, content_type="text/plain; charset=utf-8")
    if name == "md":
        content = export_markdown(thread, thinking=thinking)
    elif name == "html":
        content = export_html(thread, thinking=thinking)
    elif name == "csv":
        content = export_csv(thread)
    else:
        content = json.dumps(export_json(thread, thinking=thinking), ensure_ascii=False, indent=2)
    response = HttpResponse(content, content_type=f"{media_types[name]}; charset=utf-8")
    file_name = make_file_name(thread.title, name, default="conversation")
    disposition = content_disposition_header(as_attachment=True, filename=file_name)
    response.headers["Content-Disposition"] = disposition or "attachment"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
