"""Log lines for people, or as JSON for programs; both tell the fields that a record carries."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from telemetry.pages import COUNTING

LogFormat = Literal["plain", "json"]
PLAIN = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class PlainLines(logging.Formatter):
    """Fields follow the message as `name=value`."""

    def __init__(self) -> None:
        super().__init__(PLAIN)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        fields = [f"{name}={json.dumps(value)}" for name, value in _fields(record).items()]
        return " ".join((super().formatMessage(record), *fields))


class JsonLines(logging.Formatter):
    """An object a line: time (UTC), level, logger, process (its role in the node), pid, message, the record's
    fields, and `error` with the traceback of an exception.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": COUNTING.role or "node",
            "pid": record.process,
            "message": record.getMessage(),
        }
        line.update((name, value) for name, value in _fields(record).items() if name not in line)
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def definitions(path: Path, style: LogFormat, level: int) -> dict[str, Any]:
    """For logging.config: every logger appends to the file."""
    lines = JsonLines if style == "json" else PlainLines
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {style: {"()": lines}},
        "handlers": {
            "file": {
                "class": "logging.FileHandler",
                "filename": str(path),
                "formatter": style,
                "level": level,
            }
        },
        "root": {"handlers": ["file"], "level": level},
    }


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields = getattr(record, "fields", None)
    return fields if isinstance(fields, dict) else {}
