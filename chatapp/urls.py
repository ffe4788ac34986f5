"""Addresses, under the prefix where the site includes them."""

from django.urls import path

from chatapp.views import artifacts, exports, imports, live, pages, search, streams, verbs

app_name = "chatapp"

urlpatterns = [
    path("", pages.new_thread, name="list"),
    path("new/<slug:assistant>/", pages.new_thread, name="new"),
    path("import/", imports.import_threads, name="import"),
    path("search/", search.search, name="search"),
    path("artifacts/<uuid:message_id>/<int:index>/", artifacts.artifact, name="artifact"),
    path("streams/<uuid:stream_id>/<slug:name>/live/", streams.live, name="stream-live"),
    path("streams/<uuid:stream_id>/<slug:name>/cancel/", streams.cancel, name="stream-cancel"),
    path("<uuid:thread_id>/", pages.thread, name="thread"),
    path("<uuid:thread_id>/messages/", verbs.post_message, name="post"),
    path("<uuid:thread_id>/stop/", verbs.stop, name="stop"),
    path("<uuid:thread_id>/retry/", verbs.retry, name="retry"),
    path("<uuid:thread_id>/answer/", verbs.answer, name="answer"),
    path("<uuid:thread_id>/unqueue/", verbs.unqueue, name="unqueue"),
    path("<uuid:thread_id>/rename/", verbs.rename, name="rename"),
    path("<uuid:thread_id>/delete/", verbs.delete, name="delete"),
    path("<uuid:thread_id>/todos/clear/", verbs.clear_todos, name="clear-todos"),
    path("<uuid:thread_id>/greeting/", verbs.greet, name="greet"),
    path("<uuid:thread_id>/export/", exports.export, name="export"),
    path("<uuid:thread_id>/live/", live.live, name="live"),
]
