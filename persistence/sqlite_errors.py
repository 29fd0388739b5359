"""SQLite's errors as the errors of the port."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from domain.errors import (
    ConfigurationError,
    StoredValueCorrupt,
    StoreError,
    StoreFull,
    StoreRejected,
    StoreUnavailable,
)

# What SQLite says of a value, not of the file. Python's own complaints about one carry no code.
_REFUSALS = ("SQLITE_CONSTRAINT", "SQLITE_MISMATCH", "SQLITE_TOOBIG")


@contextmanager
def usable(path: Path) -> Iterator[None]:
    """While a store is opened, a file that cannot be opened or written is a wrong setting."""
    try:
        yield
    except StoreUnavailable as error:
        reason = getattr(error.__cause__, "sqlite_errorname", "")
        if isinstance(error.__cause__, OSError) or reason.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")):
            raise ConfigurationError(
                f"the store's file {path} cannot be used: {error.__cause__}",
                remedy="choose a directory that you may write to with --data",
            ) from error
        raise


@contextmanager
def errors_of(path: Path) -> Iterator[None]:
    """What SQLite says of the file `path` becomes what the port documents."""
    try:
        yield
    except sqlite3.Error as error:
        raise _translated(path, error) from error
    except (OverflowError, UnicodeError) as error:
        raise _rejected(path, error) from error
    except OSError as error:
        raise StoreUnavailable(
            f"{path}: {error.strerror}", remedy="check the disk and its permissions"
        ) from error


def _translated(path: Path, error: sqlite3.Error) -> StoreError:
    code = getattr(error, "sqlite_errorname", "")
    if code == "SQLITE_FULL":
        return StoreFull(
            f"no room is left for {path}",
            remedy="free space on that disk; devices keep what is unacknowledged",
        )
    if str(error).startswith("Could not decode"):
        return StoredValueCorrupt(f"{path}: {error}", remedy="correct or delete the row")
    if code.startswith("SQLITE_CORRUPT") or code == "SQLITE_NOTADB":
        return StoredValueCorrupt(
            f"{path} is not a sound SQLite file ({error})",
            remedy="restore it from a backup, or choose another --data directory",
        )
    if code.startswith(_REFUSALS) or (not code and "closed" not in str(error)):
        return _rejected(path, error)
    return StoreUnavailable(f"{path}: {error}", remedy="check that the disk works and who else uses the file")


def _rejected(path: Path, error: Exception) -> StoreRejected:
    return StoreRejected(f"{path}: {error}", expected="values of the declared types, and a key without None")
