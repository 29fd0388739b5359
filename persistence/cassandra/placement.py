"""Which partitions the same nodes hold: a message should not have to travel on from its coordinator."""

from __future__ import annotations

import time
from collections.abc import Hashable
from typing import Any

from cassandra.metadata import Metadata

FRESH_SECONDS = 5.0


class Placement:
    """Follows the ring as the driver knows it."""

    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata
        self._everywhere: dict[str, tuple[float, bool]] = {}

    def is_everywhere(self, keyspace: str) -> bool:
        """Whether every node holds all of `keyspace`."""
        now = time.monotonic()
        until, answer = self._everywhere.get(keyspace, (0.0, False))
        if until < now:
            answer = self._is_everywhere(keyspace)
            self._everywhere[keyspace] = (now + FRESH_SECONDS, answer)
        return answer

    def replicas(self, keyspace: str, routing_key: bytes) -> Hashable:
        """The same for partitions that the same nodes hold."""
        return frozenset(self._metadata.get_replicas(keyspace, routing_key))

    def _is_everywhere(self, keyspace: str) -> bool:
        hosts = self._metadata.all_hosts()
        if len(hosts) == 1:
            return True
        known: Any = self._metadata.keyspaces.get(keyspace)
        strategy = getattr(known, "replication_strategy", None)
        if strategy is None:
            return False
        by_datacenter = getattr(strategy, "dc_replication_factors_info", None)
        if by_datacenter is None:
            return int(getattr(strategy, "replication_factor", 0)) >= len(hosts)
        return all(
            host.datacenter in by_datacenter
            and by_datacenter[host.datacenter].all_replicas
            >= sum(other.datacenter == host.datacenter for other in hosts)
            for host in hosts
        )
