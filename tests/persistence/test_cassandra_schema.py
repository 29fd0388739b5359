"""Making, checking and bringing forward the schema on a real server."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from domain.errors import ConfigurationError
from persistence.cassandra.connection import connect
from persistence.cassandra.settings import keyspace_name, parse_location
from persistence.location import apply_schema, open_store, prepare_store, schema_differences
from persistence.migrations import SCHEMA_VERSION
from persistence.ports import Insert
from persistence.tables import JOURNAL, KEYSPACES, LABEL, SENSOR, TABLES
from tests.cassandra_server import ENVIRONMENT
from tests.persistence import rows


class Keyspaces:
    """Of one test's own, that are not made yet."""

    def __init__(self, address: str) -> None:
        self.name = f"s{uuid.uuid4().hex[:12]}"
        self.location = f"cassandra://{address}/{self.name}?replication=1"
        self._session = connect(parse_location(self.location))

    def execute(self, cql: str) -> list[tuple[object, ...]]:
        return list(self._session.execute(cql, timeout=60))

    def close(self) -> None:
        for keyspace in KEYSPACES if ENVIRONMENT in os.environ else ():
            self.execute(f"DROP KEYSPACE IF EXISTS {keyspace_name(keyspace, self.name)}")
        self._session.cluster.shutdown()


@pytest.fixture
def keyspaces(cassandra_address: str) -> Iterator[Keyspaces]:
    made = Keyspaces(cassandra_address)
    yield made
    made.close()


def test_a_schema_from_nothing_to_newer(keyspaces: Keyspaces) -> None:
    """One story, as making the tables takes seconds."""
    location, name = keyspaces.location, keyspaces.name
    with pytest.raises(ConfigurationError, match=r"no tables of muvr.*muvr schema apply"):
        open_store(location)
    assert f"keyspace {name} is missing" in schema_differences(location)

    with ThreadPoolExecutor(3) as pool:  # three nodes start at once
        done = [line for lines in pool.map(prepare_store, [location] * 3) for line in lines]
    assert sum(line.startswith("made table") for line in done) == len(TABLES)
    assert prepare_store(location) == apply_schema(location) == schema_differences(location) == []

    store = open_store(location)
    store.write([Insert(JOURNAL, rows.journal(1)), Insert(LABEL, rows.label(1, 5.0))])
    store.close()
    _make_it_version_1(keyspaces)
    with pytest.raises(ConfigurationError, match=r"schema version 1.*muvr schema apply"):
        open_store(location)
    assert set(schema_differences(location)) == {
        f"the schema is of version 1, not {SCHEMA_VERSION}",
        f"table {name}_keys.member is missing",
        f"{name}.label.weight_kg is missing",
    }
    assert set(prepare_store(location)) == {
        f"dropped table {name}_keys.lease",
        f"dropped table {name}_training.window",
        f"made table {name}_training.window",
        f"made table {name}_keys.member",
        f"added column weight_kg to {name}.label",
        f"the schema is of version {SCHEMA_VERSION}",
    }
    store = open_store(location)
    assert list(store.read(JOURNAL, ("ada", 0))) == [rows.journal(1)]
    assert list(store.read(LABEL, ("ada", "s"))) == [rows.label(1)]
    store.write([Insert(LABEL, rows.label(1, 7.0))])
    store.close()

    keyspaces.execute(f"UPDATE {name}.schema_version SET version = {SCHEMA_VERSION + 1} WHERE name = 'muvr'")
    for refused in (open_store, prepare_store, apply_schema):
        with pytest.raises(ConfigurationError, match="a newer muvr wrote it"):
            refused(location)


def test_differences_are_told_in_words(keyspaces: Keyspaces) -> None:
    name = keyspaces.name
    prepare_store(keyspaces.location)
    keyspaces.execute(f"ALTER KEYSPACE {name}_keys WITH durable_writes = false")
    keyspaces.execute(f"ALTER TABLE {name}.label ADD mood text")
    keyspaces.execute(f"DROP TABLE {name}.job_run")
    keyspaces.execute(
        f"CREATE TABLE {name}.job_run (job text, started_at bigint, run_id text, state text, log text,"
        " PRIMARY KEY ((job), run_id, started_at))"
    )
    keyspaces.execute(f"ALTER TABLE {name}.sensor WITH compression = {{'class': 'LZ4Compressor'}}")
    found = schema_differences(keyspaces.location)
    assert f"keyspace {name}_keys has durable_writes = false: what is acknowledged may be lost" in found
    assert f"{name}.label.mood is unknown" in found
    assert f"{name}.job_run.progress is missing" in found
    assert f"{name}.job_run.started_at is bigint clustering 2 asc, not timestamp clustering 1 desc" in found
    assert f"{name}.job_run.run_id is text clustering 1 asc, not text clustering 2 desc" in found
    assert not [line for line in found if "journal" in line]
    (option,) = SENSOR.options
    assert [line for line in found if f"{name}.sensor has compression = {{" in line and option in line]
    done = apply_schema(keyspaces.location)  # it adds columns too, where the table is of other types
    assert [line for line in done if line.startswith(f"gave {name}.sensor {option}, not ")]
    assert not [line for line in schema_differences(keyspaces.location) if "sensor" in line]
    three = keyspaces.location.replace("replication=1", "replication=3")
    with pytest.raises(ConfigurationError, match="3 copies of each row are wanted, and there are 1 nodes"):
        schema_differences(three)


def _make_it_version_1(keyspaces: Keyspaces) -> None:
    name = keyspaces.name
    keyspaces.execute(f"CREATE TABLE {name}_keys.lease (name text PRIMARY KEY, owner text)")
    keyspaces.execute(f"DROP TABLE {name}_keys.member")
    keyspaces.execute(f"ALTER TABLE {name}.label DROP weight_kg")
    keyspaces.execute(f"UPDATE {name}.schema_version SET version = 1 WHERE name = 'muvr'")
