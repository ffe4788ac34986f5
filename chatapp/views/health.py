"""Alive, and able to work."""

from typing import Any
from uuid import uuid4

from channels.layers import get_channel_layer
from django.db import Error, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache

from chatapp.models.calls import in_database
from chatapp.runs.hub import get_hub
from chatapp.runs.runner import get_runner


@never_cache
async def healthz(request: HttpRequest) -> JsonResponse:
    """200 while the process answers at all."""
    return JsonResponse({"status": "ok"})


@never_cache
async def readyz(request: HttpRequest) -> JsonResponse:
    """200 if the process can work, else 503: database, channel layer, not about to end. Says what, not why."""
    checks: dict[str, Any] = {
        "database": await _has_database(),
        "layer": await _has_layer(),
        "draining": not get_runner().is_draining,
    }
    ready = all(checks.values())
    body = {
        "status": "ok" if ready else "unavailable",
        "checks": {name: "ok" if ok else "no" for name, ok in checks.items()},
    }
    return JsonResponse(
        {**body, "runs": get_runner().count, "sockets": get_hub().count_all()}, status=200 if ready else 503
    )


@in_database
def _has_database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return False
    return True


async def _has_layer() -> bool:
    layer = get_channel_layer()
    if layer is None:
        return True
    try:
        await layer.group_send(f"chatapp.ready.{uuid4().hex}", {"type": "chatapp.mail", "body": ""})
    except Exception:  # Whatever the layer's store raises when it is down.
        return False
    return True
