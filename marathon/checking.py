"""What fields of a description have to do with each other; all faults are told at once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import available_timezones

from cronsim import CronSim, CronSimError

from marathon.memory import CASSANDRA_MEMORY_MB_MIN, SPARK_MEMORY_MB_MIN

if TYPE_CHECKING:
    from marathon.description import Deployment

NOTICE_SECONDS = 120  # between a spot market's warning and the machine's end
PRODUCTION_NODES_MIN = 3
NODE_MEMORY_MB_MIN = 512
_EPOCH = datetime.fromtimestamp(0, UTC)
STOP_MARGIN_SECONDS = 15  # of the notice: Marathon has to hear of it, and the agent to kill


@dataclass(frozen=True)
class Fault:
    """`field` as in the file."""

    field: str
    wrong: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.field}: {self.wrong}; {self.remedy}"


def check(deployment: Deployment) -> list[Fault]:
    """Every fault of a description whose fields are each well-formed; empty if it can be deployed."""
    parts = (_store, _cassandra, _node, _spark, _night, _secrets)
    faults = [fault for part in parts for fault in part(deployment)]
    return faults + (list(_production(deployment)) if deployment.environment == "production" else [])


def _store(deployment: Deployment) -> Iterator[Fault]:
    if deployment.cassandra.nodes == 0 and deployment.store is None:
        yield Fault("store", "there is no ring (cassandra.nodes is 0), and no store", "name one of the two")
    if deployment.cassandra.nodes > 0 and deployment.store is not None:
        yield Fault("store", "it is given besides a ring", "leave it out, or set cassandra.nodes to 0")
    if deployment.store is not None and not deployment.store.startswith(("cassandra://", "sqlite:")):
        yield Fault("store", f"{deployment.store!r} is no store", "write cassandra://HOST[,HOST]/KEYSPACE")
    is_embedded = deployment.store is not None and deployment.store.startswith("sqlite:")
    if is_embedded and (deployment.environment != "dev" or deployment.images.muvr is not None):
        yield Fault("store", "an embedded store is lost with its machine", "use Cassandra")


def _cassandra(deployment: Deployment) -> Iterator[Fault]:
    ring, zones = deployment.cassandra, deployment.placement.zones
    if ring.nodes == 0:
        return
    if deployment.images.cassandra is None:
        yield Fault("images.cassandra", "the ring has no image", "name one, with its tag")
    least = CASSANDRA_MEMORY_MB_MIN[deployment.environment]
    if ring.memory_mb < least:
        yield Fault(
            "cassandra.memory_mb",
            f"{ring.memory_mb} MB is too little for a heap and what is beside it",
            f"give at least {least}",
        )
    if ring.cql_port == ring.storage_port:
        yield Fault("cassandra.storage_port", "it is the cql_port too", "choose another")
    if len(set(zones)) != len(zones):
        yield Fault("placement.zones", "a zone is named twice", "name each once")
    if ring.seed_count == ring.nodes and ring.nodes > 1:
        yield Fault("cassandra.seeds", "every node is a seed, so none would take data over when it joins",
                    f"give at most {ring.nodes - 1}")  # fmt: skip


def _node(deployment: Deployment) -> Iterator[Fault]:
    node = deployment.node
    yield from _grace("node", node.stop_seconds, is_spot=node.spot)
    if node.memory_mb < NODE_MEMORY_MB_MIN:
        yield Fault("node.memory_mb", f"{node.memory_mb} MB", f"give at least {NODE_MEMORY_MB_MIN}")
    if deployment.store is not None and deployment.store.startswith("sqlite:") and node.instances > 1:
        yield Fault("node.instances", "nodes on several machines share no embedded store", "use Cassandra")
    if not node.spot and (node.on_demand or node.spot_notice is not None):
        name = "on_demand" if node.on_demand else "spot_notice"
        yield Fault(f"node.{name}", "no node is on a spot machine", "leave it out, or set node.spot")
    if node.spot and 0 < node.instances <= node.on_demand:
        yield Fault(
            "node.on_demand", f"{node.on_demand} of {node.instances}", "give fewer, or node.spot = false"
        )


def _grace(part: str, seconds: int, *, is_spot: bool) -> Iterator[Fault]:
    most = NOTICE_SECONDS - STOP_MARGIN_SECONDS
    if is_spot and seconds > most:
        yield Fault(
            f"{part}.stop_seconds",
            f"a spot machine is gone {NOTICE_SECONDS} s after its notice",
            f"give at most {most}, or {part}.spot = false",
        )


def _spark(deployment: Deployment) -> Iterator[Fault]:
    spark = deployment.spark
    yield from _grace("spark", spark.stop_seconds, is_spot=spark.spot)
    if spark.master_port == spark.master_ui_port:
        yield Fault("spark.master_ui_port", "it is the master_port too", "choose another")
    if spark.workers and spark.memory_mb < SPARK_MEMORY_MB_MIN:
        yield Fault("spark.memory_mb", f"{spark.memory_mb} MB", f"give at least {SPARK_MEMORY_MB_MIN}")
    if spark.workers and spark.cpus < 1:
        yield Fault(
            "spark.cpus", f"{spark.cpus:g} CPUs, and a task of Spark takes a whole one", "give 1 or more"
        )


def _night(deployment: Deployment) -> Iterator[Fault]:
    night = deployment.night
    if night is None:
        return
    try:
        CronSim(night.cron, _EPOCH)
    except CronSimError as error:
        yield Fault("night.cron", f"{night.cron!r}: {error}", "write five fields, as 30 2 * * *")
    if night.time_zone not in available_timezones():
        yield Fault("night.time_zone", f"there is no {night.time_zone!r}", "write one as Europe/Prague")
    for name in ("metronome", "mesos"):
        url = getattr(deployment.services, name)
        if url is None or not url.startswith(("http://", "https://")):
            yield Fault(
                f"services.{name}", "the night's steps are started through it", "write http://HOST:PORT"
            )


def _secrets(deployment: Deployment) -> Iterator[Fault]:
    keys, count = deployment.secrets.keys, 4
    if keys and len(keys) < count:
        yield Fault("secrets", f"{len(keys)} of the {count} keys are named", "name all, or none")
    if keys and deployment.node.keys_path is not None:
        yield Fault("node.keys_path", "the keys are secrets already", "leave one of the two out")
    if not keys and deployment.node.keys_path is None:
        yield Fault("secrets", "nodes share keys, and none are named", "name them, or node.keys_path")
    if keys and deployment.images.muvr is None:
        yield Fault("secrets", "only a container is given secrets as files", "use node.keys_path")


def _production(deployment: Deployment) -> Iterator[Fault]:
    ring, zones = deployment.cassandra, deployment.placement.zones
    if 0 < ring.nodes < PRODUCTION_NODES_MIN:
        yield Fault("cassandra.nodes", f"{ring.nodes}", f"production has {PRODUCTION_NODES_MIN} or more")
    if ring.nodes and len(zones) < PRODUCTION_NODES_MIN:
        yield Fault("placement.zones", f"{len(zones)}", f"three copies want {PRODUCTION_NODES_MIN} zones")
    if ring.nodes and ring.nodes % len(zones):
        whole = math.ceil(ring.nodes / len(zones)) * len(zones)
        yield Fault("cassandra.nodes", f"{ring.nodes} are not spread evenly over {len(zones)} zones",
                    f"give {whole}")  # fmt: skip
    if deployment.node.instances < 2:
        yield Fault("node.instances", f"{deployment.node.instances}", "production has 2 or more")
    if ring.nodes and deployment.secrets.cassandra_password is None:
        yield Fault("secrets.cassandra_password", "it is not named", "production asks for a password")
    if deployment.images.muvr is None:
        yield Fault("images.muvr", "it is not named", "production runs images")
    for name in ("muvr", "cassandra"):
        image = getattr(deployment.images, name)
        if image is not None and not _is_pinned(image):
            yield Fault(f"images.{name}", f"{image!r} may be another one tomorrow", "give a tag or a digest")


def _is_pinned(image: str) -> bool:
    tag = image.rpartition("/")[2].partition(":")[2]
    return "@" in image or tag not in ("", "latest")
