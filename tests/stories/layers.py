"""Channel layers that do not do what they are for."""

from typing import Any, NoReturn

from channels.layers import InMemoryChannelLayer


class DeafLayer(InMemoryChannelLayer):  # type: ignore[misc]  # channels has no types
    """Takes everything and delivers nothing."""

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        """Lost."""

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        """Lost."""


class DownLayer(InMemoryChannelLayer):  # type: ignore[misc]  # channels has no types
    """Its store does not answer."""

    async def _fail(self, *arguments: Any) -> NoReturn:
        raise ConnectionRefusedError("nobody answers")

    send = group_send = receive = group_add = group_discard = new_channel = _fail
