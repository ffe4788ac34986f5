"""Addresses of the hosted site."""

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path

from chatapp.views.health import healthz, readyz

from . import accounts
from .catalogue import catalogue

urlpatterns = [
    path("", accounts.home, name="home"),
    path("accounts/login/", accounts.Login.as_view(), name="login"),
    path("accounts/signup/", accounts.SignUp.as_view(), name="signup"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    path("chat/", include("chatapp.urls")),
    path("admin/", admin.site.urls),
    path("catalogue/", catalogue, name="catalogue"),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
]
