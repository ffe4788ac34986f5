"""Into the database and back: from async code, and again where somebody else was faster."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from asgiref.sync import SyncToAsync, sync_to_async
from django.db import IntegrityError, connections, transaction

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def in_database(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, Awaitable[_Result]]:
    """The coroutine function of a sync function that uses the ORM: one hop into the database thread for one
    transaction.

    The connection is given back afterwards as after a request, so an open socket holds none.
    """

    def call(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        try:
            return function(*args, **kwargs)
        finally:
            give_back_connections()

    return sync_to_async(wraps(function)(call), thread_sensitive=True)


def win_races(store: Callable[[], _Result], *, tries: int = 3) -> _Result:
    """What `store` gives in a transaction of its own; again, if somebody else was faster to make a row.

    Raises IntegrityError if that was so each time.
    """
    for attempt in range(tries):
        try:
            with transaction.atomic():
                return store()
        except IntegrityError:
            if attempt == tries - 1:
                raise
    raise AssertionError("unreachable")


def give_back_connections() -> None:
    """Close or return to their pool the connections of this thread, save the lasting thread's healthy ones to SQLite.

    Such a connection costs nobody anything while it is idle; to open it anew for each call costs more than most calls.
    """
    # A request has a thread of its own that ends with it; outside of requests there is one for the whole process.
    is_lasting = SyncToAsync.thread_sensitive_context.get(None) is None
    for connection in connections.all(initialized_only=True):
        if not is_lasting or connection.vendor != "sqlite" or connection.errors_occurred:
            connection.close_if_unusable_or_obsolete()
