"""Where a socket may be opened from.

Browsers do not apply the same-origin rule to sockets, so the Origin header is all there is. Scheme, host and port must
be those of this site, or of CSRF_TRUSTED_ORIGINS; Channels' own validator compares the host only and lets a page on
another port in. A missing Origin is refused: every browser sends one.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host
from django.utils.http import is_same_domain

_LOCAL_HOSTS = (".localhost", "127.0.0.1", "[::1]")


def is_own_origin(scope: Mapping[str, Any]) -> bool:
    """Whether the page that opens this socket is one of ours."""
    headers = {bytes(name).lower(): bytes(value).decode("latin-1") for name, value in scope.get("headers", ())}
    origin = headers.get(b"origin", "")
    try:
        parts = urlsplit(origin)
        _ = parts.port
    except ValueError:
        return False
    if not parts.scheme or not parts.netloc or parts.path or parts.query:
        return False
    if _is_trusted(origin, parts.scheme, parts.netloc):
        return True
    host = headers.get(b"host", "")
    domain, _port = split_domain_port(host)
    allowed = settings.ALLOWED_HOSTS or (_LOCAL_HOSTS if settings.DEBUG else [])
    if not domain or not validate_host(domain, allowed):
        return False
    return origin == f"{_get_scheme(scope, headers)}://{host}"


def _get_scheme(scope: Mapping[str, Any], headers: Mapping[bytes, str]) -> str:
    if settings.SECURE_PROXY_SSL_HEADER:
        name, secure = settings.SECURE_PROXY_SSL_HEADER
        sent = headers.get(name.removeprefix("HTTP_").replace("_", "-").lower().encode(), "")
        return "https" if sent.split(",")[0].strip() == secure else "http"
    return "https" if scope.get("scheme") in ("wss", "https") else "http"


def _is_trusted(origin: str, scheme: str, netloc: str) -> bool:
    for trusted in settings.CSRF_TRUSTED_ORIGINS:
        if trusted == origin:
            return True
        known = urlsplit(trusted.replace("*", "", 1))
        if "*" in trusted and known.scheme == scheme and is_same_domain(netloc, known.netloc):
            return True
    return False
