"""The HTTP door: pages, verbs for forms without script, the stream where sockets are blocked, health."""
