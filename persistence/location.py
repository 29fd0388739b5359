"""Where a store is, in one word: `sqlite:DIRECTORY` or `cassandra://HOST/KEYSPACE`.

Only this module knows which backend that means. Those of the other need not be installed.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from domain.errors import ConfigurationError
from persistence import sqlite_schema
from persistence.cassandra import ddl
from persistence.cassandra.settings import FORM, SCHEME, CassandraSettings, parse_location
from persistence.counted import CountedStore
from persistence.ports import Store
from persistence.sqlite import SqliteStore, directory_differences

if TYPE_CHECKING:
    from persistence.cassandra.schema import SchemaSession

SQLITE = "sqlite:"
DRIVER = "cassandra"


def sqlite_directory(location: str) -> Path | None:
    """The directory that `location` names; None if it is of another kind, ConfigurationError if of none."""
    parsed = _parsed(location)
    return parsed if isinstance(parsed, Path) else None


def open_store(location: str) -> Store:
    """The store at `location`; raises ConfigurationError.

    That of a directory is made if there is none; the tables of Cassandra must be there: see `prepare_store`.
    """
    parsed = _parsed(location)
    if isinstance(parsed, Path):
        return CountedStore(SqliteStore(parsed), "sqlite")
    _check_driver()
    from persistence.cassandra.store import CassandraStore

    return CountedStore(CassandraStore(parsed), DRIVER)


def prepare_store(location: str) -> list[str]:
    """Make the store at `location`, or bring it forward from an earlier version; says what was done.

    Raises ConfigurationError if it cannot be used or is of a newer version.
    """
    parsed = _parsed(location)
    if isinstance(parsed, Path):
        return _prepare_directory(parsed)
    with _schema_session(parsed) as session:
        return [] if session.is_current() else session.apply()


def apply_schema(location: str) -> list[str]:
    """As `prepare_store`, and also make what is missing of a schema that says it is of this version."""
    parsed = _parsed(location)
    if isinstance(parsed, Path):
        return _prepare_directory(parsed)
    with _schema_session(parsed) as session:
        return session.apply()


def schema_differences(location: str) -> list[str]:
    """What of the store at `location` is not as declared, in words; nothing is made or changed."""
    parsed = _parsed(location)
    if isinstance(parsed, Path):
        return directory_differences(parsed)
    with _schema_session(parsed) as session:
        return session.differences()


def store_clock_s(location: str) -> float | None:
    """What a server of the store takes for the time, since 1970; None where it has no clock of its own."""
    parsed = _parsed(location)
    if isinstance(parsed, Path):
        return None
    with _schema_session(parsed) as session:
        return session.clock_s()


def schema_statements(location: str) -> Iterator[str]:
    """The statements that would make the store at `location`, which need not exist."""
    parsed = _parsed(location)
    return sqlite_schema.ddl() if isinstance(parsed, Path) else ddl.statements(parsed)


def make_roles(location: str, passwords: Mapping[str, str]) -> list[str]:
    """Make the roles of `persistence.cassandra.roles` with these passwords by role; says what was done.

    `superuser` among them becomes that of the location's user. Raises ConfigurationError and StoreError.
    """
    parsed = _parsed(location)
    if isinstance(parsed, Path):
        raise ConfigurationError(f"{location} has no roles: whoever may read its files may read all")
    with _schema_session(parsed) as session:
        copies = session.copies()
    from persistence.cassandra import roles

    done = roles.make_roles(parsed, passwords, copies)
    if "superuser" in passwords:
        roles.change_password(parsed, passwords["superuser"])
        done.append(f"{parsed.user} has another password")
    return done


def _prepare_directory(directory: Path) -> list[str]:
    before = directory_differences(directory)
    SqliteStore(directory).close()
    left = directory_differences(directory)
    return [f"put right: {difference}" for difference in before if difference not in left]


def _schema_session(settings: CassandraSettings) -> SchemaSession:
    _check_driver()
    from persistence.cassandra.schema import SchemaSession

    return SchemaSession(settings)


def _parsed(location: str) -> Path | CassandraSettings:
    if location.startswith(SQLITE) and location != SQLITE:
        return Path(location.removeprefix(SQLITE))
    if location.startswith(SCHEME):
        return parse_location(location)
    raise ConfigurationError(
        f"store {location!r} is not of a known kind",
        expected=f"sqlite:DIRECTORY or {FORM}",
        remedy="correct --store",
    )


def _check_driver() -> None:
    if importlib.util.find_spec(DRIVER) is None:
        raise ConfigurationError(
            "the Cassandra driver is not installed", remedy="pip install 'muvr[cassandra]'"
        )
