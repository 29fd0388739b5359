"""The schema in CQL: the keyspaces, the declared tables and one more that says which version they are of."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from persistence.cassandra.settings import CassandraSettings, keyspace_name
from persistence.schema import MAIN, Table
from persistence.tables import KEYSPACES, TABLES

REPLICATION = 3


class VersionRow(NamedTuple):
    name: str
    version: int
    holder: str


VERSION = Table(
    name="schema_version",
    keyspace=MAIN,
    row=VersionRow,
    partition=("name",),
    comment="Row muvr: the version of the schema; row lock: who is changing it",
)


def statements(settings: CassandraSettings) -> Iterator[str]:
    """All of it, for a cluster with as many nodes as copies are wanted."""
    for keyspace in KEYSPACES:
        yield keyspace_cql(keyspace, settings, settings.replication or REPLICATION)
    yield version_cql(settings)
    for table in TABLES:
        yield table.cql(keyspace_name(table.keyspace, settings.keyspace))


def version_cql(settings: CassandraSettings) -> str:
    """Two nodes that make a table at once would give it two identities, so this one, which orders them, has
    one that follows from its name.
    """
    keyspace = keyspace_name(VERSION.keyspace, settings.keyspace)
    identity = uuid.uuid5(uuid.NAMESPACE_URL, f"muvr/{keyspace}/{VERSION.name}")
    return replace(VERSION, options=(f"ID = '{identity}'",)).cql(keyspace)


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
