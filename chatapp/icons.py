"""The icons by name: what an assistant, a message, a suggestion or a tool may name."""

from typing import Final, Literal

NO_ICON: Final = "none"
"""Stored for a message that has no icon at all."""

ICONS: Final[dict[str, str]] = {
    "archive": "M4 5h16v4H4zM5.5 9v10.5h13V9M10 13h4",
    "arrow-down": "M12 5v14M6 13l6 6 6-6",
    "back": "M15 5l-7 7 7 7",
    "at": "M12 8.4a3.6 3.6 0 1 0 0 7.2 3.6 3.6 0 1 0 0-7.2M15.6 8.4v5a2.5 2.5 0 0 0 5 0V12a8.6 8.6 0 1 0-3.4 6.8",
    "book": "M6 4h9a3 3 0 0 1 3 3v13H9a3 3 0 0 1-3-3zM6 17a3 3 0 0 1 3-3h9",
    "braces": "M9 4H8a2 2 0 0 0-2 2v3.5L4 12l2 2.5V18a2 2 0 0 0 2 2h1"
    "M15 4h1a2 2 0 0 1 2 2v3.5l2 2.5-2 2.5V18a2 2 0 0 1-2 2h-1",
    "brain": "M9.2 4.2a2.9 2.9 0 0 0-2.9 3 3 3 0 0 0-1.1 5.2A3 3 0 0 0 7.1 17.6A2.8 2.8 0 0 0 12 18.5V6.6"
    "a2.7 2.7 0 0 0-2.8-2.4zM14.8 4.2a2.9 2.9 0 0 1 2.9 3 3 3 0 0 1 1.1 5.2 3 3 0 0 1-1.9 5.2"
    "A2.8 2.8 0 0 1 12 18.5",
    "calendar": "M5 6h14v14H5zM5 10.5h14M9 3.5V7M15 3.5V7",
    "chart": "M3.5 20h17M6 20v-9M11 20V5M16 20v-7",
    "check": "M5 12.5l4.5 4.5L19 7.5",
    "chevron": "M6 9.5l6 6 6-6",
    "chevron-left": "M14.5 6l-6 6 6 6",
    "chevron-right": "M9.5 6l6 6-6 6",
    "circle": "M12 5a7 7 0 1 0 0 14 7 7 0 1 0 0-14",
    "clock": "M12 4a8 8 0 1 0 0 16 8 8 0 1 0 0-16M12 8v4.5l3 2",
    "close": "M6 6l12 12M18 6L6 18",
    "code": "M8.5 8l-4 4 4 4M15.5 8l4 4-4 4M13.5 5l-3 14",
    "columns": "M4 5h16v14H4zM12 5v14M6.5 9h3M14.5 9h3",
    "copy": "M10.5 9H18a2 2 0 0 1 2 2v7.5a2 2 0 0 1-2 2h-7.5a2 2 0 0 1-2-2V11a2 2 0 0 1 2-2z"
    "M5 15.5a1.5 1.5 0 0 1-1.5-1.5V5A1.5 1.5 0 0 1 5 3.5h8.5A1.5 1.5 0 0 1 15 5v.5",
    "dots": "M6 12h.01M12 12h.01M18 12h.01",
    "download": "M12 4v11M7 10.5l5 5 5-5M4.5 20h15",
    "expand": "M4.5 9V4.5H9M15 4.5h4.5V9M19.5 15v4.5H15M9 19.5H4.5V15",
    "file": "M7 3.5h7l4.5 4.5v12.5H7zM14 3.5V8h4.5M10 12.5h5.5M10 16h5.5",
    "gear": "M12 9a3 3 0 1 0 0 6 3 3 0 1 0 0-6M10.1 5.4L10.4 2.8L13.6 2.8L13.9 5.4L15.3 6L17.4 4.4L19.6 6.6L18 8.7L18."
    "6 10.1L21.2 10.4L21.2 13.6L18.6 13.9L18 15.3L19.6 17.4L17.4 19.6L15.3 18L13.9 18.6L13.6 21.2L10.4 21.2L10"
    ".1 18.6L8.7 18L6.6 19.6L4.4 17.4L6 15.3L5.4 13.9L2.8 13.6L2.8 10.4L5.4 10.1L6 8.7L4.4 6.6L6.6 4.4L8.7 6z",
    "fork": "M7 8.5v7M7 8.5a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM7 19.5a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM17 8.5a2 2 0 1 0 0-4"
    "M17 4.5a2 2 0 0 1 0 4v1a3 3 0 0 1-3 3h-4a3 3 0 0 0-3 3",
    "folder": "M3.5 6.5h6l2 2.5h9v9.5h-17z",
    "image": "M4 5h16v14H4zM4 16l4.5-4.5L13 16l3-3 4 4M15.5 9.5h.01",
    "info": "M12 4a8 8 0 1 0 0 16 8 8 0 1 0 0-16M12 11.5V16M12 8h.01",
    "keyboard": "M4.5 6.5h15A1.5 1.5 0 0 1 21 8v8a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 3 16V8"
    "a1.5 1.5 0 0 1 1.5-1.5zM7 10h.01M10.3 10h.01M13.7 10h.01M17 10h.01M8 14h8",
    "lamp": "M9 18h6M10 21h4M12 3a6 6 0 0 0-3.5 10.9c.6.5.9 1 .9 1.6h5.2c0-.6.3-1.1.9-1.6A6 6 0 0 0 12 3z",
    "leave": "M14 4H7a2 2 0 0 0-2 2v12a2 2 0 0 0 2 2h7M10.5 12H20M16.5 8.5L20 12l-3.5 3.5",
    "lock": "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3M12 14.5v2",
    "menu": "M4 7h16M4 12h16M4 17h10",
    "paperclip": "M19.5 11.5l-7.6 7.6a4.6 4.6 0 0 1-6.5-6.5l8-8a3.1 3.1 0 0 1 4.4 4.4l-7.9 7.9"
    "a1.6 1.6 0 0 1-2.2-2.2l7-7",
    "more": "M5.5 12h.01M12 12h.01M18.5 12h.01",
    "pencil": "M4 20h4L19.5 8.5l-4-4L4 16zM13 7l4 4",
    "pin": "M9 4h6l-.7 6 3.2 3.5h-11L9.7 10zM12 13.5V20",
    "plus": "M12 5v14M5 12h14",
    "retry": "M20 11.5A8 8 0 1 0 17.7 17.2M20 5v6h-6",
    "search": "M11 4.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 1 0 0-13M20 20l-4.3-4.3",
    "send": "M12 19V5M6 11l6-6 6 6",
    "share": "M12 4v11M8 7.5L12 3.5l4 4M6 11.5H5v9h14v-9h-1",
    "spark": "M12 3l1.9 5.6 5.6 1.9-5.6 1.9L12 18l-1.9-5.6-5.6-1.9 5.6-1.9zM19 16v4M17 18h4",
    "stop": "M9 7h6a2 2 0 0 1 2 2v6a2 2 0 0 1-2 2H9a2 2 0 0 1-2-2V9a2 2 0 0 1 2-2z",
    "sun": "M12 8.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 1 0 0-7M12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6L7 7M17 17l1.4 1.4"
    "M5.6 18.4L7 17M17 7l1.4-1.4",
    "table": "M4 5h16v14H4zM4 10h16M4 14.5h16M10 10v9",
    "thumb-down": "M7.5 13.5V4.5H4.5v9zM7.5 13l3.7 7a2.2 2.2 0 0 0 2.1-2.7l-.7-3.3h5a2 2 0 0 0 2-2.4l-1.1-5.5"
    "a2 2 0 0 0-2-1.6h-9",
    "thumb-up": "M7.5 10.5v9H4.5v-9zM7.5 11l3.7-7a2.2 2.2 0 0 1 2.1 2.7L12.6 10h5a2 2 0 0 1 2 2.4l-1.1 5.5"
    "a2 2 0 0 1-2 1.6h-9",
    "tool": "M14.5 6.2a4 4 0 0 0 5.2 5.1l-8.6 8.6a2.6 2.6 0 0 1-3.7-3.7l7.1-7.1z",
    "trash": "M5 7h14M9.5 7V4.5h5V7M7 7l.8 12.5h8.4L17 7M10.3 10.5v6M13.7 10.5v6",
    "truck": "M3 7h11v9H3zM14 10h4l3 3v3h-7zM7 19a1.7 1.7 0 1 0 0-3.4A1.7 1.7 0 0 0 7 19z"
    "M17.5 19a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4z",
    "warning": "M12 9v4.5M12 16.8h.01M12 3.5L21.5 20h-19z",
    "window": "M4 5h16v14H4zM4 9h16M7 7h.01",
}
"""Outline of each icon on a grid of 24 × 24, drawn with a stroke."""


def check_icon(name: str, where: str = "") -> str:
    """The name, if there is such an icon. Raises ValueError that lists those that there are."""
    if name not in ICONS:
        raise ValueError(f"there is no icon {name!r}{where}; there are {', '.join(sorted(ICONS))}")
    return name


def to_stored(icon: str | Literal[False]) -> str:
    """What a message stores for this icon; False is none, "" the assistant's. Raises ValueError for an unknown one."""
    if icon is False:
        return NO_ICON
    return check_icon(icon) if icon else ""


def get_shown(stored: str, default: str | Literal[False]) -> str:
    """The icon to show for what a message stores, beside one whose own icon is `default`; "" is none."""
    return "" if stored == NO_ICON else stored or default or ""
