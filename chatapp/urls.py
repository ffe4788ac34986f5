"""Addresses, under the prefix where the site includes them."""

from django.urls import path

from chatapp.views import arranging, artifacts, branches, exports, files, live, menus, pages, shares, streams, verbs

app_name = "chatapp"

urlpatterns = [
    path("", pages.new_thread, name="list"),
    path("new/<slug:assistant>/", pages.new_thread, name="new"),
    path("threads/", arranging.threads, name="threads"),
    path("threads/arrange/", arranging.arrange, name="arrange"),
    path("archived/", arranging.archived, name="archived"),
    path("folders/<int:folder_id>/", arranging.folder, name="folder"),
    path("artifacts/<uuid:message_id>/<int:index>/", artifacts.artifact, name="artifact"),
    path("files/<uuid:attachment_id>/", files.file, name="file"),
    path("streams/<uuid:stream_id>/<slug:name>/live/", streams.live, name="stream-live"),
    path("streams/<uuid:stream_id>/<slug:name>/cancel/", streams.cancel, name="stream-cancel"),
    path("<uuid:thread_id>/", pages.thread, name="thread"),
    path("<uuid:thread_id>/messages/", verbs.post_message, name="post"),
    path("<uuid:thread_id>/stop/", verbs.stop, name="stop"),
    path("<uuid:thread_id>/retry/", verbs.retry, name="retry"),
    path("<uuid:thread_id>/edit/", branches.edit, name="edit"),
    path("<uuid:thread_id>/versions/", branches.show_version, name="versions"),
    path("<uuid:thread_id>/continue/", branches.continue_answer, name="continue"),
    path("<uuid:thread_id>/fork/", branches.fork, name="fork"),
    path("<uuid:thread_id>/delete-message/", branches.delete_message, name="delete-message"),
    path("<uuid:thread_id>/feedback/", branches.feedback, name="feedback"),
    path("<uuid:thread_id>/answer/", verbs.answer, name="answer"),
    path("<uuid:thread_id>/unqueue/", verbs.unqueue, name="unqueue"),
    path("<uuid:thread_id>/rename/", verbs.rename, name="rename"),
    path("<uuid:thread_id>/delete/", verbs.delete, name="delete"),
    path("<uuid:thread_id>/todos/clear/", verbs.clear_todos, name="clear-todos"),
    path("<uuid:thread_id>/greeting/", verbs.greet, name="greet"),
    path("<uuid:thread_id>/settings/", menus.change_settings, name="settings"),
    path("<uuid:thread_id>/export/", exports.export, name="export"),
    path("<uuid:thread_id>/share/", shares.share, name="share"),
    path("shares/", shares.list_shares, name="shares"),
    path("shares/<uuid:share_id>/revoke/", shares.revoke, name="revoke-share"),
    path("shared/<str:token>/", shares.shared, name="shared"),
    path("shared/<str:token>/fork/", shares.fork, name="fork-share"),
    path("shared/<str:token>/<uuid:message_id>/<int:index>/", shares.artifact, name="shared-artifact"),
    path("<uuid:thread_id>/files/", files.upload, name="upload"),
    path("<uuid:thread_id>/files/<uuid:attachment_id>/remove/", files.remove, name="remove-file"),
    path("<uuid:thread_id>/live/", live.live, name="live"),
]
