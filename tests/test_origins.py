"""Scheme, host and port of the page that opens a socket must be ours."""

from typing import Any

import pytest
from django.test import override_settings

from chatapp.origins import is_own_origin


def make_scope(origin: str | None, host: str | None = "chat.example", *, scheme: str = "wss", **headers: str) -> Any:
    """The handshake of a socket."""
    sent = {"origin": origin, "host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in sent.items() if value is not None]
    return {"type": "websocket", "scheme": scheme, "headers": pairs}


OURS = override_settings(ALLOWED_HOSTS=["chat.example"], CSRF_TRUSTED_ORIGINS=[], SECURE_PROXY_SSL_HEADER=None)


@OURS
@pytest.mark.parametrize(
    ("origin", "host", "scheme"),
    [
        ("https://chat.example", "chat.example", "wss"),
        ("http://chat.example", "chat.example", "ws"),
        ("https://chat.example:8443", "chat.example:8443", "wss"),
    ],
)
def test_our_own_page_may_open_a_socket(origin: str, host: str, scheme: str) -> None:
    assert is_own_origin(make_scope(origin, host, scheme=scheme))


@OURS
@pytest.mark.parametrize(
    "origin",
    [
        None,
        "",
        "null",
        "https://evil.example",
        "http://chat.example",
        "https://chat.example:8443",
        "https://chat.example.evil.example",
        "https://evil-chat.example",
        "https://sub.chat.example",
        "https://chat.example/",
        "https://chat.example?x",
        "https://user@chat.example",
        "chat.example",
        "//chat.example",
        "https://",
        "https://[",
        "https://chat.example:port",
        "file://",
        "HTTPS://EVIL.EXAMPLE",
    ],
)
def test_no_other_page_may(origin: str | None) -> None:
    assert not is_own_origin(make_scope(origin))


@OURS
@pytest.mark.parametrize("host", [None, "", "evil.example", "chat.example.evil.example", "chat.example:x"])
def test_a_host_that_is_not_ours_does_not_make_an_origin_ours(host: str | None) -> None:
    assert not is_own_origin(make_scope(f"https://{host}", host))


@override_settings(ALLOWED_HOSTS=["*"], CSRF_TRUSTED_ORIGINS=[], SECURE_PROXY_SSL_HEADER=None)
def test_where_any_host_is_allowed_the_origin_must_still_be_the_host() -> None:
    assert is_own_origin(make_scope("https://any.example", "any.example"))
    assert not is_own_origin(make_scope("https://other.example", "any.example"))


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "app.localhost:8000"])
def test_while_debugging_local_hosts_are_ours(host: str) -> None:
    scope = make_scope(f"http://{host}", host, scheme="ws")

    with override_settings(ALLOWED_HOSTS=[], DEBUG=True):
        assert is_own_origin(scope)
    with override_settings(ALLOWED_HOSTS=[], DEBUG=False):
        assert not is_own_origin(scope)


@override_settings(
    ALLOWED_HOSTS=["chat.example"],
    CSRF_TRUSTED_ORIGINS=["https://www.example", "https://*.partner.example", "http://*.partner.example:8080"],
)
@pytest.mark.parametrize(
    ("origin", "is_trusted"),
    [
        ("https://www.example", True),
        ("https://a.partner.example", True),
        ("https://a.b.partner.example", True),
        ("http://a.partner.example:8080", True),
        ("http://www.example", False),
        ("https://www.example:444", False),
        ("http://a.partner.example", False),
        ("https://a.partner.example/", False),
        ("https://a.partner.example?x", False),
        ("https://a.partner.example:8080", False),
        ("https://evil-partner.example", False),
        ("https://partner.example.evil.example", False),
    ],
)
def test_trusted_origins_may_too(origin: str, is_trusted: bool) -> None:
    assert is_own_origin(make_scope(origin)) is is_trusted


BEHIND_A_PROXY = override_settings(
    ALLOWED_HOSTS=["chat.example"],
    CSRF_TRUSTED_ORIGINS=[],
    SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
)


@BEHIND_A_PROXY
@pytest.mark.parametrize(
    ("origin", "sent", "is_ours"),
    [
        ("https://chat.example", "https", True),
        ("https://chat.example", "https, http", True),
        ("http://chat.example", "http", True),
        ("http://chat.example", "https", False),
        ("https://chat.example", "http", False),
    ],
)
def test_behind_a_proxy_its_header_says_the_scheme(origin: str, sent: str, is_ours: bool) -> None:
    scope = make_scope(origin, scheme="ws", x_forwarded_proto=sent)

    assert is_own_origin(scope) is is_ours


@BEHIND_A_PROXY
def test_behind_a_proxy_that_says_nothing_the_scheme_is_http() -> None:
    assert is_own_origin(make_scope("http://chat.example", scheme="wss"))
    assert not is_own_origin(make_scope("https://chat.example", scheme="wss"))


def test_a_handshake_without_headers_is_refused() -> None:
    assert not is_own_origin({"type": "websocket"})


@OURS
def test_names_of_headers_may_be_written_in_capitals() -> None:
    scope = {"scheme": "wss", "headers": [(b"Origin", b"https://chat.example"), (b"HOST", b"chat.example")]}

    assert is_own_origin(scope)
