"""Signing in and signing up, with a limit on guessing."""

import contextlib
import hashlib
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.forms import AuthenticationForm, UserCreationForm
from django.contrib.auth.views import LoginView
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.forms import BaseForm
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView

from .environment import get_environment

if TYPE_CHECKING:
    AnyFormView = FormView[Any]
else:  # Django's own class takes no parameters at run time
    AnyFormView = FormView

ATTEMPTS: Final = 10
"""Wrong passwords for one name from one address, or new accounts from one address, in ATTEMPT_SECONDS."""

ATTEMPT_SECONDS: Final = 300

LIMITED: Final = "limited"
"""Code of the form error that says "too often"."""


@never_cache
def home(request: HttpRequest) -> HttpResponse:
    """Landing page; who is signed in goes to the chat."""
    if request.user.is_authenticated:
        return redirect(settings.LOGIN_REDIRECT_URL)
    return render(request, "home.html", {"signup_open": get_environment().SIGNUP_OPEN})


class Attempts:
    """Counts attempts under some words in the cache, for ATTEMPT_SECONDS from the first one on."""

    def __init__(self, *words: str) -> None:
        # Hashed: a cache key may not hold spaces, and whoever looks at the cache need not see names.
        self.key = "attempts:" + hashlib.sha256("\0".join(words).encode()).hexdigest()

    def check(self) -> None:
        """Raises ValidationError when there were too many."""
        if get_environment().has_limits and cache.get(self.key, 0) >= ATTEMPTS:
            raise ValidationError(_("Too many attempts. Please try again in a few minutes."), code=LIMITED)

    def count(self) -> None:
        """Add one."""
        cache.add(self.key, 0, ATTEMPT_SECONDS)
        with contextlib.suppress(ValueError):  # expired since the line above: nothing to limit
            cache.incr(self.key)

    def forget(self) -> None:
        """Begin again at none."""
        cache.delete(self.key)


class LoginForm(AuthenticationForm):
    """Django's, which pauses for a name and an address after ATTEMPTS wrong passwords."""

    def clean(self) -> dict[str, Any]:
        """The name and the password, checked. Raises ValidationError, also for a right password during the pause."""
        address = str(self.request.META.get("REMOTE_ADDR")) if self.request else ""
        attempts = Attempts("login", address, str(self.cleaned_data.get("username", "")).casefold())
        attempts.check()
        try:
            cleaned = super().clean()
        except ValidationError:
            attempts.count()
            raise
        attempts.forget()
        return cleaned


class LimitedFormMixin:
    """A form view that answers 429 when its form says LIMITED."""

    def form_invalid(self, form: BaseForm) -> HttpResponse:
        """The form again, with what is wrong."""
        response: HttpResponse = super().form_invalid(form)  # type: ignore[misc]  # of the form view it is mixed into
        if form.has_error("__all__", code=LIMITED):
            response.status_code = 429
            response.headers["Retry-After"] = str(ATTEMPT_SECONDS)
        return response


class Login(LimitedFormMixin, LoginView):
    """Name and password."""

    authentication_form = LoginForm
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What the template sees: `signup_open` beside Django's own."""
        return super().get_context_data(**kwargs, signup_open=get_environment().SIGNUP_OPEN)


@method_decorator([sensitive_post_parameters(), never_cache], name="dispatch")
class SignUp(LimitedFormMixin, AnyFormView):
    """A new account, signed in at once. 404 unless SIGNUP_OPEN."""

    form_class = UserCreationForm
    template_name = "registration/signup.html"
    success_url = reverse_lazy(settings.LOGIN_REDIRECT_URL)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Nobody gets in while the door is shut, and nobody twice."""
        if not get_environment().SIGNUP_OPEN:
            raise Http404
        if request.user.is_authenticated:
            return redirect(self.get_success_url())
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        """Make the account, unless this address has made many."""
        attempts = Attempts("signup", str(self.request.META.get("REMOTE_ADDR")))
        try:
            attempts.check()
        except ValidationError as error:
            form.add_error(None, error)
            return self.form_invalid(form)
        attempts.count()
        login(self.request, form.save(), backend=settings.AUTHENTICATION_BACKENDS[0])
        return super().form_valid(form)
