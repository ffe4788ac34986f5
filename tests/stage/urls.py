"""Addresses of the stage, before those of the hosted site."""

from django.urls import path

from project.urls import urlpatterns as of_the_site

from . import views

urlpatterns = [
    path("stage/", views.page, name="stage"),
    path("stage/begin/", views.begin, name="stage-begin"),
    path("stage/order/<uuid:thread_id>/", views.order, name="stage-order"),
    path("stage/name/", views.keep_name, name="stage-name"),
    path("stage/<uuid:thread_id>/compose/", views.compose, name="stage-compose"),
    path("stage/<uuid:thread_id>/clear/", views.clear, name="stage-clear"),
    path("stage/two-chats/", views.two_chats, name="stage-two-chats"),
    path("stage/shell/", views.shell, name="stage-shell"),
    *of_the_site,
]
