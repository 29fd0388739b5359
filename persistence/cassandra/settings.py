"""What a Cassandra location says: the nodes, the keyspaces, how often and how surely rows are kept.

    cassandra://[USER@]HOST[:PORT][,HOST[:PORT]...]/KEYSPACE[?OPTION=VALUE&...]

    replication=COPIES           how many nodes hold a row; 3, or as many as there are if they are fewer
    datacenter=NAME              of the nodes that are asked and keep the copies; needed if there are several
    serial-consistency=LEVEL     of conditional statements: LOCAL_SERIAL (default) or SERIAL
    retry-seconds=8              how long what can be repeated is tried again before StoreUnavailable
    password-file=PATH           a file with the password of USER, on one line
    tls=DIRECTORY                with ca.pem and identity.pem, as `muvr cassandra certificates` makes them
    TABLE.consistency=LEVEL      of reading and writing that table; LOCAL_QUORUM by default
    TABLE.ttl=SECONDS            rows written to that table from now on are gone after so long

KEYSPACE is also the prefix of the others: `muvr` means muvr, muvr_training and muvr_keys.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from domain.errors import ConfigurationError
from persistence.schema import MAIN, Table
from persistence.tables import TABLES

ValueT = TypeVar("ValueT")

SCHEME = "cassandra:"
PORT = 9042
FORM = "cassandra://[USER@]HOST[:PORT][,HOST[:PORT]...]/KEYSPACE[?OPTION=VALUE&...]"
LEVELS = ("ONE", "TWO", "THREE", "QUORUM", "ALL", "LOCAL_ONE", "LOCAL_QUORUM", "EACH_QUORUM")
SERIAL_LEVELS = ("LOCAL_SERIAL", "SERIAL")
AUTHORITY, IDENTITY = "ca.pem", "identity.pem"  # of a directory with certificates; and as Java has them:
AUTHORITY_P12, IDENTITY_P12, P12_PASSWORD = "ca.p12", "identity.p12", "changeit"
TTL_SECONDS_MAX = 20 * 365 * 86_400  # Cassandra's own limit
_OPTIONS = ("replication", "datacenter", "serial-consistency", "retry-seconds", "password-file", "tls")
_KEYSPACE = re.compile(r"[a-z][a-z0-9_]{0,38}")  # 48 characters with the longest suffix


def keyspace_name(keyspace: str, prefix: str) -> str:
    """What `keyspace` is called where the main one is called `prefix`."""
    return prefix + keyspace.removeprefix(MAIN)


@dataclass(frozen=True, kw_only=True)
class CassandraSettings:
    """`hosts` are names or addresses with ports; `consistency` and `ttl_seconds` are by table name."""

    hosts: tuple[tuple[str, int], ...]
    keyspace: str
    user: str | None = None
    password_file: Path | None = None
    tls: Path | None = None
    replication: int | None = None
    datacenter: str | None = None
    serial_consistency: str = SERIAL_LEVELS[0]
    retry_seconds: float = 8.0
    consistency: Mapping[str, str] = field(default_factory=dict)
    ttl_seconds: Mapping[str, int] = field(default_factory=dict)

    def consistency_of(self, table: Table[Any]) -> str:
        return self.consistency.get(table.name, "LOCAL_QUORUM")

    def password(self) -> str:
        """What `password_file` says; raises ConfigurationError."""
        if self.password_file is None:
            return ""
        try:
            return self.password_file.read_text().strip()
        except (OSError, UnicodeError) as error:
            raise ConfigurationError(
                f"the password file {self.password_file} cannot be read: {error}",
                remedy="correct password-file in --store",
            ) from error

    def qualified(self, table: Table[Any]) -> str:
        """The table's name with that of its keyspace here."""
        return f"{keyspace_name(table.keyspace, self.keyspace)}.{table.name}"

    def shown_hosts(self) -> str:
        return ", ".join(f"{host}:{port}" for host, port in self.hosts)


def parse_location(location: str) -> CassandraSettings:
    """Raises ConfigurationError that names what is wrong."""
    try:
        parts = urlsplit(location)
    except ValueError as error:
        raise _wrong(location, str(error), FORM) from error
    keyspace = parts.path.removeprefix("/")
    if parts.scheme != "cassandra" or not parts.netloc or parts.fragment:
        raise _wrong(location, "it is not of the form", FORM)
    if not _KEYSPACE.fullmatch(keyspace):
        raise _wrong(
            location, f"its keyspace is {keyspace!r}", "a lower-case letter, then letters, digits or _"
        )
    user, _, hosts = parts.netloc.rpartition("@")
    if ":" in user:
        shown = location.replace(parts.netloc, f"{user.partition(':')[0]}:...@{hosts}")
        raise _wrong(shown, "it holds a password, which others would see", "password-file=PATH")
    options = _options(location, parts.query)
    return CassandraSettings(
        hosts=tuple(_host(location, host) for host in hosts.split(",")),
        keyspace=keyspace,
        user=unquote(user) or None,
        **_parsed(location, options),
    )


def _options(location: str, query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError as error:
        raise _wrong(location, f"its options do not parse ({error})", "?OPTION=VALUE&OPTION=VALUE") from error
    options = dict(pairs)
    if len(options) < len(pairs):
        raise _wrong(location, "an option is given twice", "each once")
    return options


def _parsed(location: str, options: Mapping[str, str]) -> dict[str, Any]:
    """The options as fields of CassandraSettings."""
    known: dict[str, Callable[[str], Any]] = {
        "replication": lambda text: _integer(text, 1, 100),
        "datacenter": lambda text: _one(text, bool(re.fullmatch(r"[\w.-]+", text)), "a name"),
        "serial-consistency": lambda text: _one(text, text in SERIAL_LEVELS, " or ".join(SERIAL_LEVELS)),
        "retry-seconds": _seconds,
        "password-file": lambda text: _one(Path(text), bool(text), "a path"),
        "tls": lambda text: _one(Path(text), bool(text), "a path"),
        "consistency": lambda text: _one(text, text in LEVELS, f"one of {', '.join(LEVELS)}"),
        "ttl": lambda text: _integer(text, 1, TTL_SECONDS_MAX),
    }
    parsed: dict[str, Any] = {"consistency": {}, "ttl_seconds": {}}
    tables = {table.name for table in TABLES}
    for name, text in options.items():
        table, _, of_table = name.rpartition(".")
        if name not in _OPTIONS and not (table in tables and of_table in ("consistency", "ttl")):
            names = ", ".join([*_OPTIONS, "TABLE.consistency", "TABLE.ttl"])
            raise _wrong(location, f"it has no option {name!r}", f"one of {names}")
        try:
            value = known[of_table](text)
        except ValueError as error:
            raise _wrong(location, f"{name} is {text!r}", str(error)) from error
        if table:
            parsed["ttl_seconds" if of_table == "ttl" else of_table][table] = value
        else:
            parsed[name.replace("-", "_")] = value
    return parsed


def _host(location: str, text: str) -> tuple[str, int]:
    match = re.fullmatch(r"(?P<host>\[[0-9a-fA-F:.]+\]|[\w.-]+)(?::(?P<port>\d{1,5}))?", text)
    port = int(match["port"] or PORT) if match else 0
    if match is None or not 0 < port < 65536:
        raise _wrong(location, f"{text!r} is no host", "HOST or HOST:PORT")
    return match["host"].strip("[]"), port


def _one(value: ValueT, is_right: bool, expected: str) -> ValueT:
    if not is_right:
        raise ValueError(expected)
    return value


def _integer(text: str, least: int, most: int) -> int:
    number = int(text) if re.fullmatch(r"[0-9]{1,10}", text) else least - 1
    return _one(number, least <= number <= most, f"a whole number from {least} to {most}")


def _seconds(text: str) -> float:
    expected = "seconds from 0 to 3600"
    try:
        seconds = float(text)
    except ValueError:
        raise ValueError(expected) from None
    return _one(seconds, 0 <= seconds <= 3600, expected)


def _wrong(location: str, what: str, expected: str) -> ConfigurationError:
    return ConfigurationError(f"store {location!r}: {what}", expected=expected, remedy="correct --store")
