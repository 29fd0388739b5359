"""Descriptions of deployments that the tests share."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

from marathon.description import Deployment, Node, parse_deployment
from marathon.spot import CLOUDS

PRODUCTION = """
environment = "production"

[images]
muvr = "registry.example/muvr:1.4.2"
cassandra = "registry.example/muvr-cassandra:5.0.6"

[placement]
zones = ["a", "b", "c"]

[secrets]
master_key = "muvr/master-key"
tokens_key = "muvr/tokens-key"
models_key = "muvr/models-key"
pseudonyms_key = "muvr/pseudonyms-key"
cassandra_password = "muvr/cassandra-password"

[cassandra]
nodes = 3

[node]
instances = 3

[spark]
workers = 4

[night]
cron = "30 2 * * *"
time_zone = "Europe/Prague"

[services]
marathon = "http://marathon.example:8080"
metronome = "http://metronome.example:9000"
mesos = "http://mesos.example:5050"
zookeeper = ["zk-1.example:2181", "zk-2.example:2181"]
"""


def production(**changes: Any) -> Deployment:
    """The one above, with other parts."""
    return msgspec.structs.replace(parse_deployment(PRODUCTION), **changes)


def _part(part: Any, **strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(lambda given: msgspec.structs.replace(part, **given), st.fixed_dictionaries(strategies))


def _without_spot(node: Node) -> Node:
    """What only nodes on spot machines have is left out where there are none."""
    return node if node.spot else msgspec.structs.replace(node, on_demand=0, spot_notice=None)


def deployments() -> st.SearchStrategy[Deployment]:
    """Those that can be deployed, of many sizes."""
    whole = parse_deployment(PRODUCTION)
    ring = _part(
        whole.cassandra,
        nodes=st.integers(0, 4).map(lambda racks: 3 * racks),
        seeds=st.integers(1, 2),
        cpus=st.floats(0.1, 64),
        memory_mb=st.integers(4_096, 1 << 20),
    )
    node = _part(
        whole.node,
        instances=st.integers(2, 400),
        cpus=st.floats(0.1, 64),
        memory_mb=st.integers(512, 1 << 17),
        spot=st.booleans(),
        stop_seconds=st.integers(1, 100),
        lease_seconds=st.floats(1, 600),
        on_demand=st.integers(0, 1),
        spot_notice=st.sampled_from([None, *CLOUDS]),
    ).map(_without_spot)
    spark = _part(
        whole.spark, workers=st.integers(0, 50), memory_mb=st.integers(1_536, 1 << 18), spot=st.booleans()
    )

    def build(ring: Any, node: Any, spark: Any, with_night: bool, group: str) -> Deployment:
        return msgspec.structs.replace(
            whole,
            group=group,
            cassandra=ring,
            node=node,
            spark=spark,
            night=whole.night if with_night else None,
            store=None if ring.nodes else "cassandra://10.0.0.1/muvr",
        )

    return st.builds(build, ring, node, spark, st.booleans(), st.sampled_from(["/muvr", "/gym/east/muvr-2"]))
