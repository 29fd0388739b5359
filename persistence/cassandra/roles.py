"""Who may do what in Cassandra: the roles of muvr's programs, none of which may change a table or a role.

    PREFIX_node    reads and writes every table: sessions, keys, leases, and what the night computes where a
                   node itself runs it
    PREFIX_batch   the night apart from the nodes (`muvr batch`, `train`, `evaluate`): reads what is readable,
                   writes results and models; nothing of journals, snapshots and keys
    PREFIX_read    for people and dashboards: reads what is readable; nothing of journals, snapshots and keys

PREFIX is the keyspace's name. Tables are made by whoever may (`muvr schema apply`), not by these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cassandra.query import SimpleStatement

from persistence.batch_tables import ARRIVAL, BATCH_STATE
from persistence.cassandra.connection import connect
from persistence.cassandra.ddl import VERSION, replication_of
from persistence.cassandra.errors import store_error
from persistence.cassandra.settings import CassandraSettings, keyspace_name
from persistence.learned_tables import LEARNED_TABLES
from persistence.schema import KEYS, Table
from persistence.tables import (
    ARTEFACT,
    CURRENT_MODEL,
    EVALUATION,
    JOURNAL,
    KEYSPACES,
    MODEL,
    SNAPSHOT,
    TABLES,
    WINDOW,
)

ROLES = ("node", "batch", "read")
GRANT_SECONDS_MAX = 30.0
_SYSTEM = "system_auth"  # has one copy of every role until somebody changes that
_WRITTEN_BY_NIGHT: tuple[Table[Any], ...] = (
    WINDOW, MODEL, ARTEFACT, EVALUATION, CURRENT_MODEL, ARRIVAL, BATCH_STATE, *LEARNED_TABLES,
)  # fmt: skip
_SEALED = (JOURNAL, SNAPSHOT)


def role_name(settings: CassandraSettings, role: str) -> str:
    return f"{settings.keyspace}_{role}"


def grants(settings: CassandraSettings) -> Iterator[str]:
    """The statements that let each of ROLES, which exist, do what it may."""
    node, batch, read = (role_name(settings, role) for role in ROLES)
    for keyspace in KEYSPACES:
        for permission in ("SELECT", "MODIFY"):
            yield f"GRANT {permission} ON KEYSPACE {keyspace_name(keyspace, settings.keyspace)} TO {node}"
    for table in _readable():
        yield f"GRANT SELECT ON TABLE {settings.qualified(table)} TO {batch}"
        yield f"GRANT SELECT ON TABLE {settings.qualified(table)} TO {read}"
    for table in _WRITTEN_BY_NIGHT:
        yield f"GRANT MODIFY ON TABLE {settings.qualified(table)} TO {batch}"


def make_roles(settings: CassandraSettings, passwords: Mapping[str, str], copies: int) -> list[str]:
    """Make the roles with `passwords`, by name of ROLES, or give them these; says what was done.

    It needs a superuser, and tables that are there. Every node is to have `copies` of the roles: who asks one
    that has none is turned away. Raises ConfigurationError and StoreError.
    """
    session = connect(settings)
    try:
        strategy = ", ".join(f"'{key}': '{value}'" for key, value in replication_of(settings, copies).items())
        _do(session, f"ALTER KEYSPACE {_SYSTEM} WITH replication = {{{strategy}}}")
        done = [f"{_SYSTEM} has {copies} {'copy' if copies == 1 else 'copies'} of each role"]
        for role in ROLES:
            name = role_name(settings, role)
            _do(session, f"CREATE ROLE IF NOT EXISTS {name} WITH LOGIN = true AND SUPERUSER = false")
            _do(session, f"ALTER ROLE {name} WITH PASSWORD = {_literal(passwords[role])}")
            done.append(f"role {name}")
        for statement in grants(settings):
            _do(session, statement)
        return done
    finally:
        session.cluster.shutdown()


def change_password(settings: CassandraSettings, password: str) -> None:
    """Of the user of `settings`: that of a new cluster's superuser is known to everybody."""
    session = connect(settings)
    try:
        _do(session, f"ALTER ROLE {settings.user} WITH PASSWORD = {_literal(password)}")
    finally:
        session.cluster.shutdown()


def _readable() -> list[Table[Any]]:
    return [VERSION, *(table for table in TABLES if table.keyspace != KEYS and table not in _SEALED)]


def _do(session: Any, cql: str) -> None:
    try:
        session.execute(SimpleStatement(cql), timeout=GRANT_SECONDS_MAX)
    except Exception as error:
        raise store_error(error) from error


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
