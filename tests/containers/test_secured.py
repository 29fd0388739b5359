"""A real node with certificates and roles: who has neither gets nothing, who has them gets what is theirs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cli.cassandra.certificates import issue, make_authority
from domain.errors import ConfigurationError, StoreRejected
from persistence.cassandra.connection import connect
from persistence.cassandra.settings import parse_location
from persistence.location import open_store, schema_differences
from persistence.ports import Insert
from persistence.tables import (
    DATA_KEY,
    JOURNAL,
    SENSOR,
    SESSION_BY_USER,
    TABLES,
    WINDOW,
    DataKeyRow,
    SensorRow,
    WindowRow,
)
from tests.actors.helpers import eventually
from tests.cluster.checker import check_acknowledged, check_settled
from tests.cluster.crowd import Crowd
from tests.cluster.rig import Rig
from tests.containers.secured import KEYSPACE, Secured

KEY = DataKeyRow("somebody", b"wrapped")
WINDOW_ROW = WindowRow("a@50", 0, "p1", "s", 1, 0, "curl", b"\1\0\2\0")


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    secured = Secured(tmp_path_factory.mktemp("secured"))
    try:
        secured.up()
        yield secured
    finally:
        secured.node.kill()


def sensor_rows(user: str, count: int) -> list[SensorRow]:
    return [
        SensorRow(user, "s", "a", n, "a", n * 1000, 50.0, 0.01, bytes([n, 0, 2, 0])) for n in range(count)
    ]


def test_without_a_certificate_there_is_no_answer(secured: Secured, tmp_path: Path) -> None:
    password = secured.passwords / "node"
    with pytest.raises(ConfigurationError, match="no Cassandra answers"):
        open_store(secured.location(f"{KEYSPACE}_node", password=password, has_tls=False))
    make_authority(tmp_path)
    stranger = issue(tmp_path, "stranger")
    shutil.copy(secured.certificates / "ca.pem", stranger / "ca.pem")  # trusts, and is not trusted
    with pytest.raises(ConfigurationError, match="no Cassandra answers"):
        open_store(secured.location(f"{KEYSPACE}_node", password=password, tls=stranger))


def test_a_server_of_another_authority_is_not_spoken_to(secured: Secured, tmp_path: Path) -> None:
    mistrusting = tmp_path / "muvr"
    shutil.copytree(secured.certificates / "muvr", mistrusting)
    make_authority(tmp_path / "other")
    shutil.copy(tmp_path / "other" / "ca.pem", mistrusting / "ca.pem")
    with pytest.raises(ConfigurationError, match="no Cassandra answers"):
        open_store(secured.location(f"{KEYSPACE}_node", password=secured.passwords / "node", tls=mistrusting))


def test_certificates_that_are_not_there_are_named(secured: Secured, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="certificates in"):
        open_store(secured.location(None, tls=tmp_path))


def test_without_a_role_there_is_no_answer(secured: Secured, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="users without a name"):
        open_store(secured.location(None))
    (tmp_path / "wrong").write_text("guessed")
    with pytest.raises(ConfigurationError, match="does not know muvr_node"):
        open_store(secured.location(f"{KEYSPACE}_node", password=tmp_path / "wrong"))


def test_what_everybody_knows_opens_nothing_any_more(secured: Secured) -> None:
    eventually(lambda: is_turned_away(secured.first_superuser), "the first password is forgotten")
    assert not schema_differences(secured.superuser)


def test_a_node_reads_and_writes_and_makes_no_tables(secured: Secured) -> None:
    with closing(open_store(secured.of_role("node"))) as store:
        store.write([Insert(SENSOR, row) for row in sensor_rows("of-node", 3)])
        assert list(store.read(SENSOR, ("of-node", "s", "a"))) == sensor_rows("of-node", 3)
        store.insert_if_absent(DATA_KEY, [KEY])
        assert list(store.read(DATA_KEY, (KEY.user_id,))) == [KEY]
    for cql in (
        f"CREATE TABLE {KEYSPACE}.x (a int PRIMARY KEY)",
        f"DROP TABLE {KEYSPACE}.sensor",
        "CREATE ROLE x",
    ):
        assert "Unauthorized" in refusal(secured.of_role("node"), cql)


def test_a_night_writes_results_and_sees_no_journal_and_no_key(secured: Secured) -> None:
    with closing(open_store(secured.of_role("batch"))) as store:
        store.write([Insert(WINDOW, WINDOW_ROW)])
        assert list(store.read(SENSOR, ("nobody", "s", "a"))) == []
        for table, key in ((DATA_KEY, (KEY.user_id,)), (JOURNAL, ("somebody", 0))):
            with pytest.raises(StoreRejected, match="grant it"):
                list(store.read(table, key))
        with pytest.raises(StoreRejected, match="grant it"):
            store.write([Insert(SENSOR, row) for row in sensor_rows("of-batch", 1)])


def test_a_reader_reads_what_is_readable(secured: Secured) -> None:
    with closing(open_store(secured.of_role("read"))) as store:
        assert list(store.read(SESSION_BY_USER, ("nobody",))) == []
        with pytest.raises(StoreRejected, match="grant it"):
            list(store.read(DATA_KEY, (KEY.user_id,)))
        with pytest.raises(StoreRejected, match="grant it"):
            store.write([Insert(SENSOR, row) for row in sensor_rows("of-read", 1)])


def test_a_whole_node_of_muvr_works_with_its_role(secured: Secured, tmp_path: Path) -> None:
    rig = Rig(tmp_path, secured.of_role("node"), count=1)
    try:
        rig.up()
        with Crowd(30, rig.urls, rig.tokens, users=5) as crowd:
            crowd.heard()
            assert check_acknowledged(rig.store, crowd)
            crowd.settle()
        check_settled(rig.store, crowd)
    finally:
        rig.down()


def test_what_a_snapshot_has_is_restored(secured: Secured, tmp_path: Path) -> None:
    rows = sensor_rows("of-backup", 20)
    with closing(open_store(secured.of_role("node"))) as store:
        store.write([Insert(SENSOR, row) for row in rows])
        secured.node.nodetool("snapshot", "--tag", "t1", KEYSPACE)
        tables = secured.node.directory / "data" / "tables"
        (snapshot,) = tables.glob(f"{KEYSPACE}/sensor-*/snapshots/t1")
        shutil.copytree(snapshot, tmp_path / "backup" / KEYSPACE / "sensor")
        assert not list(tables.glob(f"{KEYSPACE}_keys/*/snapshots/t1"))  # keys are kept apart
        assert refusal(secured.superuser, f"TRUNCATE {KEYSPACE}.sensor") == ""
        assert list(store.read(SENSOR, ("of-backup", "s", "a"))) == []
        secured.node.nodetool(
            "import", "--copy-data", KEYSPACE, "sensor", str(tmp_path / "backup" / KEYSPACE / "sensor")
        )
        assert list(store.read(SENSOR, ("of-backup", "s", "a"))) == rows


def test_stopped_by_its_runtime_it_drains_and_starts_with_what_it_had(secured: Secured) -> None:
    rows = sensor_rows("of-restart", 5)
    with closing(open_store(secured.of_role("node"))) as store:
        store.write([Insert(SENSOR, row) for row in rows])
    secured.node.stop()
    assert "Cassandra shutdown complete" in secured.node.log()
    secured.node.up()
    with closing(open_store(secured.of_role("node"))) as store:
        assert list(store.read(SENSOR, ("of-restart", "s", "a"))) == rows


def test_every_table_is_someones(secured: Secured) -> None:
    """A table that is added is readable by readers, or is kept from them on purpose."""
    granted = permissions(secured)
    for table in TABLES:
        place = f"data/{parse_location(secured.superuser).qualified(table).replace('.', '/')}"
        is_sealed = table.keyspace.endswith("keys") or table.name in ("journal", "snapshot")
        assert ("read" in {role for role, resource in granted if resource == place}) != is_sealed, table.name


def permissions(secured: Secured) -> set[tuple[str, str]]:
    session = connect(parse_location(secured.superuser))
    try:
        rows = list(session.execute("SELECT role, resource FROM system_auth.role_permissions"))
    finally:
        session.cluster.shutdown()
    return {(role.removeprefix(f"{KEYSPACE}_"), resource) for role, resource in rows}


def is_turned_away(location: str) -> bool:
    """A node remembers for some seconds whom it has let in."""
    try:
        connect(parse_location(location)).cluster.shutdown()
    except ConfigurationError as refused:
        return "does not know cassandra" in str(refused)
    return False


def refusal(location: str, cql: str) -> str:
    """What the server says against it; nothing if it did it."""
    session = connect(parse_location(location))
    try:
        session.execute(cql, timeout=60)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        session.cluster.shutdown()
    return ""
