"""One description of a whole deployment, from which every definition is rendered.

A TOML file names the environment, how many of what there are, their images and resources, the zones, what may
run on spot machines, and secrets by their names in the cluster's secret store, never by their values.
`docs/operations.md` has a whole example.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from domain.errors import ConfigurationError
from marathon.checking import check
from marathon.spot import Cloud

Environment = Literal["dev", "staging", "production"]
Count = Annotated[int, Meta(ge=0, le=1000)]
Cpus = Annotated[float, Meta(ge=0.1, le=256)]
Megabytes = Annotated[int, Meta(ge=64, le=4 << 20)]
Port = Annotated[int, Meta(ge=1, le=65535)]
Seconds = Annotated[int, Meta(ge=1, le=7 * 86_400)]
Name = Annotated[str, Meta(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length=63)]
Path_ = Annotated[str, Meta(pattern=r"^(/[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$")]
Text = Annotated[str, Meta(min_length=1, max_length=1024)]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Images(_Part, frozen=True):
    """Docker images. Without `muvr` its commands run on the agents, which then have to have muvr."""

    muvr: Text | None = None
    cassandra: Text | None = None


class Placement(_Part, frozen=True):
    """Attributes of the agents, and the zones that are used, one rack of Cassandra each."""

    lifecycle_attribute: Text = "lifecycle"
    on_demand: Text = "ondemand"
    spot: Text = "spot"
    zone_attribute: Text = "zone"
    zones: Annotated[tuple[Text, ...], Meta(min_length=1, max_length=32)] = ("a",)


class Secrets(_Part, frozen=True):
    """Names in the secret store. The four files of a node's key directory, and Cassandra's password."""

    master_key: Text | None = None
    tokens_key: Text | None = None
    models_key: Text | None = None
    pseudonyms_key: Text | None = None
    cassandra_password: Text | None = None

    @property
    def keys(self) -> dict[str, str]:
        """Names in the secret store of those that are files, by file."""
        found = {
            "master.key": self.master_key,
            "tokens.key": self.tokens_key,
            "models.key": self.models_key,
            "pseudonyms.key": self.pseudonyms_key,
        }
        return {file: source for file, source in found.items() if source is not None}


class Cassandra(_Part, frozen=True):
    """The ring; with 0 nodes it is somebody else's, and `store` says where."""

    nodes: Annotated[int, Meta(ge=0, le=999)] = 3
    seeds: Annotated[int, Meta(ge=1, le=8)] = 2
    cpus: Cpus = 4.0
    memory_mb: Megabytes = 16_384
    data_mb: Megabytes = 200_000
    commitlog_mb: Megabytes = 20_000
    saved_caches_mb: Megabytes = 2_000
    cql_port: Port = 9042
    storage_port: Port = 7000
    datacenter: Text = "muvr"
    dns_domain: Text = "marathon.mesos"
    start_seconds: Seconds = 600  # until a node that starts has to answer: it may have to join the ring
    stop_seconds: Seconds = 300  # to drain

    @property
    def seed_count(self) -> int:
        return min(self.seeds, self.nodes)


class Node(_Part, frozen=True):
    """muvr's nodes."""

    instances: Count = 3
    cpus: Cpus = 2.0
    memory_mb: Megabytes = 2_048
    disk_mb: Megabytes = 2_048
    spot: bool = True
    on_demand: Count = 0  # of the instances; they serve all users while no spot machine is to be had
    spot_notice: Cloud | None = None  # whose notice a node on a spot machine heeds
    per_agent: Annotated[int, Meta(ge=1, le=64)] = 1
    listen: Text = "0.0.0.0"  # an agent's checks come from its own loopback, devices from elsewhere
    lease_seconds: Annotated[float, Meta(ge=1, le=600)] = 10.0
    start_seconds: Seconds = 60
    stop_seconds: Seconds = 30  # to tell devices, to snapshot, to leave the view
    keys_path: Text | None = None  # a directory of the agents instead of secrets


class Spark(_Part, frozen=True):
    """A standalone master and workers; with 0 workers each batch runs in its job alone.

    With `master` the workers belong to somebody else's.
    """

    workers: Count = 0
    cpus: Cpus = 4.0
    memory_mb: Megabytes = 8_192
    disk_mb: Megabytes = 20_000
    spot: bool = True
    stop_seconds: Seconds = 30
    master: Annotated[str, Meta(pattern=r"^spark://[^/\s]+:\d+$")] | None = None
    master_port: Port = 7077
    master_ui_port: Port = 7078
    dns_domain: Text = "marathon.mesos"


class Night(_Part, frozen=True):
    """The job of Metronome that begins each night, and what each step of it may use."""

    cron: Text = "30 2 * * *"
    time_zone: Text = "UTC"
    starting_deadline_seconds: Seconds = 3_600
    active_deadline_seconds: Seconds = 8 * 3_600  # for as long a night that failed is asked for again
    cpus: Cpus = 4.0
    memory_mb: Megabytes = 8_192
    disk_mb: Megabytes = 8_192
    spot: bool = True


class Services(_Part, frozen=True):
    """What is there already, and is not managed from here."""

    marathon: Text | None = None
    metronome: Text | None = None
    mesos: Text | None = None
    zookeeper: tuple[Text, ...] = ()


class Deployment(_Part, frozen=True):
    """`store` is where the data is if there is no ring of its own; `program` is muvr's
    command and `python` the interpreter that has it, in the image or on an agent."""

    environment: Environment
    group: Path_ = "/muvr"
    store: Text | None = None
    keyspace: Name = "muvr"
    program: Text = "muvr"
    python: Text = "python3"
    images: Images = Images()
    placement: Placement = Placement()
    secrets: Secrets = Secrets()
    cassandra: Cassandra = Cassandra()
    node: Node = Node()
    spark: Spark = Spark()
    night: Night | None = None
    services: Services = Services()

    @property
    def folder(self) -> str:
        """Of the jobs on Metronome: the group, as Metronome writes it."""
        return self.group.strip("/").replace("/", ".")


def read_deployment(path: Path) -> Deployment:
    """The description in a file. Raises ConfigurationError, which names the file and every fault."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error
    try:
        return parse_deployment(text)
    except ConfigurationError as error:
        error.wrong = f"{path}: {error.wrong}"
        raise


def parse_deployment(text: str) -> Deployment:
    """The description in a text of TOML. Raises ConfigurationError."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"it is no TOML: {error}") from error
    try:
        deployment = msgspec.convert(found, Deployment)
    except msgspec.ValidationError as error:
        wrong, _, place = str(error).partition(" - at ")
        field = place.strip("`").removeprefix("$.") if place else "the file"
        raise ConfigurationError(f"{field}: {wrong}", remedy="correct it") from error
    if faults := check(deployment):
        raise ConfigurationError("\n  ".join(["it cannot be deployed:", *map(str, faults)]))
    return deployment
