"""What the servers and the driver answer, and what muvr makes of it.

    answer                                    what muvr does
    Unavailable, Overloaded, IsBootstrapping, waits a little and asks again, for `retry-seconds`; each time
    ServerError, TruncateError,               half as many messages are under way; then StoreUnavailable
    ReadTimeout, WriteTimeout,
    ReadFailure, WriteFailure,
    no answer within REQUEST_SECONDS,
    connection lost, busy or refused
    Unprepared                                the driver prepares the statement on that node and asks again
    Invalid, SyntaxError, ConfigError,        StoreRejected: nothing was written. Of several rows that shared
    AlreadyExists, FunctionFailure            a message each part is sent by itself, so that one fails alone;
                                              what else a write had to say may be there
    Unauthorized                              StoreRejected, with what the user lacks
    Invalid: disk usage exceeds ...           StoreFull
    anything else                             StoreUnavailable

Every write carries its own time, so a repeated one changes nothing. Conditional statements carry none: see
`conditional`.
"""

from __future__ import annotations

from enum import Enum

import cassandra
from cassandra import cluster, connection, protocol

from domain.errors import StoreError, StoreFull, StoreRejected, StoreUnavailable


class Answer(Enum):
    """What to do about an error."""

    REPEAT = "ask again"
    REFUSED = "the servers will not have it"
    UNKNOWN = "give up: nobody knows"


_REPEATED = (
    cassandra.Unavailable,
    cassandra.Timeout,
    cassandra.CoordinationFailure,
    cassandra.OperationTimedOut,
    cluster.NoHostAvailable,
    connection.ConnectionException,
    protocol.OverloadedErrorMessage,
    protocol.IsBootstrappingErrorMessage,
    protocol.ServerError,
    protocol.TruncateError,
    protocol.UnavailableErrorMessage,
    protocol.ReadTimeoutErrorMessage,
    protocol.WriteTimeoutErrorMessage,
    OSError,
)
_REFUSED = (
    cassandra.RequestValidationException,
    cassandra.FunctionFailure,
    protocol.RequestValidationException,
)


def answer_to(error: BaseException) -> Answer:
    """What to do about `error` of the driver."""
    if isinstance(error, _REPEATED):
        return Answer.REPEAT
    return Answer.REFUSED if isinstance(error, _REFUSED) else Answer.UNKNOWN


def store_error(error: BaseException) -> StoreError:
    """`error` of the driver as the port has it, once nothing more is done about it."""
    text = described(error)
    if answer_to(error) is not Answer.REFUSED:
        return StoreUnavailable(
            f"Cassandra did not do it ({text})", remedy="check that its nodes run and are not overloaded"
        )
    if isinstance(error, cassandra.Unauthorized):
        return StoreRejected(f"Cassandra refuses it ({text})", remedy="grant it to the user of --store")
    if "disk usage exceeds" in text:
        return StoreFull(f"no room is left in Cassandra ({text})", remedy="add nodes, or free their disks")
    return StoreRejected(
        f"Cassandra refuses it ({text})", remedy="compare its tables with `muvr schema check`"
    )


def described(error: BaseException) -> str:
    """What an error says, on one line."""
    if isinstance(error, cluster.NoHostAvailable):
        if not isinstance(error.errors, dict) or not error.errors:
            return "no node is connected"
        return "; ".join(f"{_name(host)}: {described(reason)}" for host, reason in error.errors.items())
    if isinstance(error, cassandra.OperationTimedOut):
        return f"no answer in time from {_name(error.last_host) if error.last_host else 'any node'}"
    text = str(getattr(error, "message", None) or error).strip() or type(error).__name__
    return " ".join(text.split())


def _name(host: object) -> str:
    return str(getattr(host, "endpoint", host))
