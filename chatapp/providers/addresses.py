"""What the address in OPTIONS says: people paste all that a console shows them, with the operation and the query."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

_PORTS: Final = {"http": 80, "https": 443}
_OPERATION: Final = re.compile(r"/(?:chat/completions|responses)$")
_DEPLOYMENT: Final = re.compile(r"/openai/deployments/([^/]+)$")


class Address(NamedTuple):
    """Where requests go."""

    base_url: str
    """Without a slash at its end."""

    query: Mapping[str, str]
    """What goes with every request."""

    has_deployments: bool = False
    """Whether the model is a part of the path, as it was with Azure before v1."""

    deployment: str = ""
    """The model in the path. Empty: it is the one that is asked for."""


def read_origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of a web address; None if it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, LookupError):
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname and parts.scheme in _PORTS else None


def read_address(url: str, query: Mapping[str, str], *, is_azure: bool) -> Address:
    """The parts of an address; `query` is what OPTIONS add to its own.

    Of Azure, the bare endpoint is enough: without an api-version it is v1, with one each deployment has a path.
    """
    parts = urlsplit(url)
    query = {**dict(parse_qsl(parts.query, keep_blank_values=True)), **query}
    path = _OPERATION.sub("", parts.path.rstrip("/"))
    deployment = _DEPLOYMENT.search(path) if is_azure else None
    has_deployments = deployment is not None or (is_azure and path in ("", "/openai") and "api-version" in query)
    if has_deployments:
        path = (path[: deployment.start()] if deployment else "") + "/openai"
    elif is_azure and path in ("", "/openai"):
        path = "/openai/v1"
    base_url = urlunsplit((parts.scheme, parts.netloc, path.rstrip("/"), "", ""))
    return Address(base_url, query, has_deployments, unquote(deployment[1]) if deployment else "")
