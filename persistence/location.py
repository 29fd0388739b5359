"""Where a store is, in one word: `sqlite:DIRECTORY`. Only this module knows which backend that means."""

from __future__ import annotations

from pathlib import Path

from domain.errors import ConfigurationError
from persistence.ports import Store
from persistence.sqlite import SqliteStore

SQLITE = "sqlite:"


def sqlite_directory(location: str) -> Path:
    """The directory that `location` names; raises ConfigurationError if it names no known kind of store."""
    if not location.startswith(SQLITE) or location == SQLITE:
        raise ConfigurationError(
            f"store {location!r} is not of a known kind",
            expected="sqlite:DIRECTORY",
            remedy="correct --store",
        )
    return Path(location.removeprefix(SQLITE))


def open_store(location: str) -> Store:
    """The store at `location`, made if there is none; raises ConfigurationError."""
    return SqliteStore(sqlite_directory(location))
