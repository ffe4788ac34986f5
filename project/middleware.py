"""What the hosted site puts around every page: its content security policy and its static files."""

import io
from collections.abc import Awaitable, Callable
from typing import cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

View = Callable[[HttpRequest], HttpResponseBase]
AsyncView = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


@sync_and_async_middleware
def content_security_policy(get_response: View | AsyncView) -> View | AsyncView:
    """Send SECURE_CSP as a header, as Django 6 does by itself. A header or a policy that a view has set stays."""

    def protect(response: HttpResponseBase) -> HttpResponseBase:
        policy = getattr(response, "_csp_config", settings.SECURE_CSP)
        header = "; ".join(" ".join([directive, *sources]) for directive, sources in policy.items())
        response.headers.setdefault("Content-Security-Policy", header)
        return response

    if iscoroutinefunction(get_response):
        get_async_response = cast(AsyncView, get_response)

        async def answer(request: HttpRequest) -> HttpResponseBase:
            return protect(await get_async_response(request))

        return answer
    get_sync_response = cast(View, get_response)
    return lambda request: protect(get_sync_response(request))


class StaticFiles(WhiteNoiseMiddleware):  # type: ignore[misc]  # whitenoise has no types
    """WhiteNoise for an asynchronous site.

    WhiteNoise itself is synchronous: Django would move every request, streams too, to a thread and back on its account,
    and warn of each file that it streams.
    """

    sync_capable = False
    async_capable = True

    def __init__(self, get_response: AsyncView) -> None:
        super().__init__(get_response)
        markcoroutinefunction(self)

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        path = request.path_info
        find = sync_to_async(self.find_file, thread_sensitive=False)
        found = await find(path) if self.autorefresh else self.files.get(path)
        if found is None:
            response: HttpResponseBase = await self.get_response(request)
            return response
        return await sync_to_async(read_static_file, thread_sensitive=False)(found, request)


def read_static_file(found: StaticFile, request: HttpRequest) -> HttpResponse:
    """The whole answer at once: the files are small, and nothing is left open."""
    answer = found.get_response(request.method, request.META)
    with answer.file or io.BytesIO() as file:
        return HttpResponse(file.read(), status=int(answer.status), headers=dict(answer.headers))
