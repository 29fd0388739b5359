"""A real Cassandra for the tests: that of MUVR_TEST_CASSANDRA=HOST:PORT, else one node that is started once,
as its image's entry point starts it.

A whole run of the tests shares one set of keyspaces; a test that wants an empty place has it emptied.
"""

from __future__ import annotations

import os
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from persistence.cassandra.settings import keyspace_name
from persistence.location import prepare_store
from persistence.tables import KEYSPACES, TABLES

HOST = "127.0.0.1"
ENVIRONMENT = "MUVR_TEST_CASSANDRA"
HEAP_MB = 384  # the 128 MB of development run out in some of the runs that write rows of a MiB and more
PARTITIONS_MAX = 100  # of a table that are deleted one by one: what was deleted makes the next look slower


@contextmanager
def running_server(directory: Path) -> Iterator[str]:
    """HOST:PORT of a server; one that is started here keeps its data in `directory`."""
    if address := os.environ.get(ENVIRONMENT):
        yield address
        return
    from tests.containers.ring import ALONE, RingNode, image_environ, ports

    heap = {"MAX_HEAP_SIZE": f"{HEAP_MB}M", "HEAP_NEWSIZE": f"{HEAP_MB * 3 // 16}M"}
    said = {**image_environ(), **ports([HOST]), **heap, "CASSANDRA_JAVA_OPTIONS": ALONE}
    node = RingNode(directory, HOST, said)
    node.up()
    try:
        yield f"{HOST}:{said['CASSANDRA_CQL_PORT']}"
    finally:
        node.kill()


class Place:
    """Keyspaces of this run's own at `address`, made at once."""

    def __init__(self, address: str) -> None:
        from persistence.cassandra.connection import connect
        from persistence.cassandra.settings import parse_location

        self.keyspace = f"t{uuid.uuid4().hex[:12]}"
        self.location = f"cassandra://{address}/{self.keyspace}?replication=1"
        prepare_store(self.location)
        self._session = connect(parse_location(self.location))
        self._deleted: Counter[str] = Counter()  # partitions of a table since it was truncated

    def empty(self) -> None:
        """Delete all rows of all tables."""
        asked = [
            (table, self._session.execute_async(f"SELECT DISTINCT {', '.join(table.partition)} FROM {name}"))
            for table, name in ((table, self.qualified(table)) for table in TABLES)
        ]
        under_way = []
        for table, future in asked:
            partitions = list(future.result())
            name = self.qualified(table)
            self._deleted[table.name] += len(partitions)
            if self._deleted[table.name] > PARTITIONS_MAX:
                self._session.execute(f"TRUNCATE {name}", timeout=60)
                del self._deleted[table.name]
                continue
            where = " AND ".join(f"{column} = %s" for column in table.partition)
            condition = " IF EXISTS" if table.conditional else ""
            under_way += [
                self._session.execute_async(f"DELETE FROM {name} WHERE {where}{condition}", tuple(key))
                for key in partitions
            ]
        for future in under_way:
            future.result()

    def execute(self, cql: str) -> list[Any]:
        """Rows that the server gives for `cql`."""
        return list(self._session.execute(cql, timeout=60))

    def qualified(self, table: Any) -> str:
        return f"{keyspace_name(table.keyspace, self.keyspace)}.{table.name}"

    def close(self) -> None:
        """Drop the keyspaces, if the server lives longer than this run."""
        for keyspace in KEYSPACES if ENVIRONMENT in os.environ else ():
            name = keyspace_name(keyspace, self.keyspace)
            self._session.execute(f"DROP KEYSPACE IF EXISTS {name}", timeout=60)
        self._session.cluster.shutdown()
