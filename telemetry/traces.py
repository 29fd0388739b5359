"""The trace of a message: session, stream and number, which name it on every part of its way.

Nothing is added to messages or rows for it, and nothing is made of it unless debug is on. A log line names
all messages that it is about, so that a grep for one shows its way: `grep '"s-1/wrist/17"' node.log`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from domain.commands import AcceptFrame, Command, session_of

COMMANDS = "-"  # in place of the stream, of what is no frame


def frame_trace(session: str, stream: str, sequence_nr: int) -> str:
    return f"{session}/{stream or COMMANDS}/{sequence_nr}"


def acknowledged_trace(session: str, stream: str, next_nr: int) -> str:
    """Of the last message that an acknowledgement is about."""
    return frame_trace(session, stream, next_nr - 1)


def trace_of(command: Command) -> str:
    """Of a command; one of no session has `-` for that too."""
    if isinstance(command, AcceptFrame):
        frame = command.frame
        return frame_trace(frame.session, frame.stream, frame.sequence_nr)
    return frame_trace(session_of(command) or COMMANDS, COMMANDS, getattr(command, "command_nr", 0))


def follow(log: logging.Logger, message: str, traces: Iterable[str], **fields: Any) -> None:
    """Say where these messages are now. Ask `log.isEnabledFor(DEBUG)` first: `traces` cost."""
    log.debug(message, extra={"fields": {**fields, "traces": list(traces)}})
