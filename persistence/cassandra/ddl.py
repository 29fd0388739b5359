"""The schema in CQL: the keyspaces, the declared tables and one more that says which version they are of."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from persistence.cassandra.settings import CassandraSettings
from persistence.schema import Table
from persistence.tables import KEYSPACES, MAIN, TABLES, keyspace_name

REPLICATION = 3


class VersionRow(NamedTuple):
    name: str
    version: int
    holder: str


# Two nodes that make a table at once would give it two identities, so this one, which orders them, has one.
_VERSION_ID = uuid.uuid5(uuid.NAMESPACE_URL, "muvr/schema_version")
VERSION = Table(
    name="schema_version",
    keyspace=MAIN,
    row=VersionRow,
    partition=("name",),
    comment="Row muvr: the version of the schema; row lock: who is changing it",
    options=(f"ID = '{_VERSION_ID}'",),
)


def statements(settings: CassandraSettings) -> Iterator[str]:
    """All of it, for a cluster with as many nodes as copies are wanted."""
    for keyspace in KEYSPACES:
        yield keyspace_cql(keyspace, settings, settings.replication or REPLICATION)
    for table in (VERSION, *TABLES):
        yield table.cql(keyspace_name(table.keyspace, settings.keyspace))


def keyspace_cql(keyspace: str, settings: CassandraSettings, copies: int) -> str:
    replication = ", ".join(
        f"'{name}': '{value}'" for name, value in replication_of(settings, copies).items()
    )
    return (
        f"CREATE KEYSPACE IF NOT EXISTS {keyspace_name(keyspace, settings.keyspace)}\n"
        f"  WITH replication = {{{replication}}} AND durable_writes = true;"
    )


def replication_of(settings: CassandraSettings, copies: int) -> Mapping[str, str]:
    """The keyspaces' replication as Cassandra describes it."""
    if settings.datacenter is None:
        return {"class": "SimpleStrategy", "replication_factor": str(copies)}
    return {"class": "NetworkTopologyStrategy", settings.datacenter: str(copies)}
