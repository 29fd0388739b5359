"""`nodetool snapshot` and back, as docs/privacy.md says it: whoever was erased since does not come back."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from benchmarks.cassandra_node import ScratchNode
from domain.identifiers import UserId, pseudonym_of
from persistence.backup import users_in
from persistence.cassandra.settings import keyspace_name
from persistence.erasure import Eraser, Secrets
from persistence.keys import DataKeyStore
from persistence.location import open_store, prepare_store
from persistence.schema import KEYS, MAIN, TRAINING
from persistence.tables import TABLES
from tests.persistence.conftest import MASTER_KEY
from tests.persistence.whole_users import PSEUDONYM_KEY, SIGNING_KEY, whole_user

ADA, BOB = UserId("ada"), UserId("bob")
SAVED = {name: keyspace_name(name, "gym") for name in (MAIN, TRAINING)}
TAG = "monday"


@pytest.mark.soak
def test_a_snapshot_that_comes_back_has_nobody_who_was_erased_since(tmp_path: Path) -> None:
    node = ScratchNode(tmp_path)
    try:
        location = f"cassandra://{node.address}/gym?replication=1"
        prepare_store(location)
        store = open_store(location)
        whole_user(store, ADA, random.Random(1))
        whole_user(store, BOB, random.Random(2))
        before = {table.name: set(store.scan(table)) for table in TABLES if table.keyspace != KEYS}
        node.nodetool("snapshot", "-t", TAG, *SAVED.values())
        eraser = Eraser(
            store,
            DataKeyStore(store, MASTER_KEY),
            Secrets(pseudonym_key=PSEUDONYM_KEY, signing_key=SIGNING_KEY),
            lambda: 9,
        )
        eraser.erase(ADA)
        erased = {table.name: set(store.scan(table)) for table in TABLES if table.keyspace != KEYS}
        _bring_back(node, tmp_path)
        brought = {table.name: set(store.scan(table)) for table in TABLES if table.keyspace != KEYS}
        assert brought == before, "the snapshot was whole, ada's rows are there again"
        assert list(eraser.again(list(users_in(store)))) == [ADA]
        after = {table.name: set(store.scan(table)) for table in TABLES if table.keyspace != KEYS}
        assert after == erased
        names = {ADA, pseudonym_of(ADA, PSEUDONYM_KEY)}
        assert not [row for rows in after.values() for row in rows if names & set(map(str, row))]
        store.close()
    finally:
        node.close()


def _bring_back(node: ScratchNode, directory: Path) -> None:
    """Of each table: emptied, its snapshot copied into its directory, and taken up."""
    session = node.session()
    for table in TABLES:
        if table.keyspace not in SAVED:
            continue
        keyspace = SAVED[table.keyspace]
        (home,) = (directory / "cassandra" / "node1" / "data" / keyspace).glob(f"{table.name}-*")
        saved = home / "snapshots" / TAG
        session.execute(f"TRUNCATE {keyspace}.{table.name}", timeout=60)
        for file in saved.glob("nb-*"):
            shutil.copy(file, home)
        node.nodetool("refresh", keyspace, table.name)
