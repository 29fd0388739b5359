"""What a node is started with: its cassandra.yaml, logback.xml and the arguments of its Java."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from cli.cassandra.jars import agent
from marathon.containers.cassandra.configuration import LOG_PATTERN
from marathon.containers.cassandra.java import DEVELOPMENT_FLAGS, MAIN_CLASS, OPENED

CommitlogSync = Literal["periodic", "group"]
COMMITLOG_SYNCS: tuple[CommitlogSync, ...] = ("periodic", "group")
NodeCount = Literal[1, 3]
NODES: tuple[NodeCount, ...] = (1, 3)

DEV_HEAP_MB = {1: 128, 3: 192}  # three nodes need more: each also keeps the others' state and hints
HEAP_MB_MIN, HEAP_MB_MAX = 512, 4096
_MEGABYTE = 1 << 20
# A third of the ring each: with given tokens no node moves data when it joins.
_TOKENS = (-9223372036854775808, -3074457345618258603, 3074457345618258602)


@dataclass(frozen=True, kw_only=True)
class ClusterSettings:
    """What the nodes of one cluster share. `dev` is for little memory and a quick start.

    `commitlog_sync` periodic: a write is acknowledged before the disk has it (within 10 s), so a lost
    machine may lose those seconds; and a killed process the last 0.1 s, as what follows the log's last mark
    is not replayed, and marks are made every 100 ms. group: a write waits for the disk, together with those
    of the same 10 ms, so what was acknowledged outlives the machine.
    """

    nodes: NodeCount
    port: int
    storage_port: int
    heap_mb: int
    dev: bool
    commitlog_sync: CommitlogSync

    @property
    def hosts(self) -> list[str]:
        return [f"127.0.0.{number}" for number in range(1, self.nodes + 1)]


def heap_mb_default(nodes: int, *, dev: bool) -> int:
    """Of each node: little for development, else its share of half the memory within bounds."""
    if dev:
        return DEV_HEAP_MB[nodes]
    half = int(psutil.virtual_memory().total) // _MEGABYTE // 2
    return min(HEAP_MB_MAX, max(HEAP_MB_MIN, half // nodes))


def cassandra_yaml(settings: ClusterSettings, index: int, directory: Path) -> str:
    """What is not said here, the limits on batches and partitions among it, is Cassandra's default.

    Every node is a seed: one that comes back while the others are down must not wait for them.
    """
    host = settings.hosts[index]
    seeds = ",".join(f"{seed}:{settings.storage_port}" for seed in settings.hosts)
    sections = [
        f"""\
cluster_name: muvr
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: SimpleSnitch
listen_address: {host}
rpc_address: {host}
storage_port: {settings.storage_port}
native_transport_port: {settings.port}
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: "{seeds}"
data_file_directories: [{_quoted(directory / "data")}]
commitlog_directory: {_quoted(directory / "commitlog")}
saved_caches_directory: {_quoted(directory / "saved_caches")}
hints_directory: {_quoted(directory / "hints")}
cdc_raw_directory: {_quoted(directory / "cdc_raw")}
auto_snapshot: false
batch_size_warn_threshold: 50KiB
auto_bootstrap: false
memtable_allocation_type: heap_buffers
disk_access_mode: standard
"""
    ]
    if settings.nodes == 1:
        sections.append("num_tokens: 16\n")
    else:
        sections.append(f"num_tokens: 1\ninitial_token: {_TOKENS[index]}\n")
    if settings.commitlog_sync == "periodic":
        sections.append("commitlog_sync: periodic\ncommitlog_sync_period: 10s\n")
    else:
        sections.append("commitlog_sync: group\ncommitlog_sync_group_window: 10ms\n")
    if settings.dev:
        sections.append(f"""\
key_cache_size: 0MiB
counter_cache_size: 0MiB
file_cache_enabled: false
memtable_heap_space: {settings.heap_mb // 3}MiB
concurrent_reads: 8
concurrent_writes: 8
concurrent_compactors: 1
phi_convict_threshold: 6
read_request_timeout: 3s
write_request_timeout: 3s
""")
    return "".join(sections)


def logback_xml(log: Path) -> str:
    """At most 120 MB of log beside each other: the last six files."""
    return f"""<configuration>
  <appender name="FILE" class="ch.qos.logback.core.rolling.RollingFileAppender">
    <file>{_escaped(log)}</file>
    <rollingPolicy class="ch.qos.logback.core.rolling.FixedWindowRollingPolicy">
      <fileNamePattern>{_escaped(log)}.%i</fileNamePattern>
      <minIndex>1</minIndex>
      <maxIndex>5</maxIndex>
    </rollingPolicy>
    <triggeringPolicy class="ch.qos.logback.core.rolling.SizeBasedTriggeringPolicy">
      <maxFileSize>20MB</maxFileSize>
    </triggeringPolicy>
    <encoder><pattern>{LOG_PATTERN}</pattern></encoder>
  </appender>
  <logger name="ROOT" level="INFO"><appender-ref ref="FILE"/></logger>
</configuration>
"""


def java_command(java_home: Path, jars: Path, settings: ClusterSettings, directory: Path) -> list[str]:
    """Starts the node of `directory`. JMX stays off: nothing but CQL and the nodes' own port is opened."""
    is_alone = settings.nodes == 1  # and need not wait for what others say, nor they for it
    return [
        str(java_home / "bin" / "java"),
        f"-javaagent:{agent(jars)}",
        *_memory(settings),
        "-Xshare:auto",
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.net.preferIPv4Stack=true",
        *OPENED,
        f"-Dlogback.configurationFile={(directory / 'conf' / 'logback.xml').as_uri()}",
        f"-Dcassandra.config={(directory / 'conf' / 'cassandra.yaml').as_uri()}",
        storage_argument(directory),
        f"-Dcassandra.logdir={directory / 'log'}",
        "-Dcassandra-foreground=true",
        "-Dcassandra.skip_wait_for_gossip_to_settle=0",
        f"-Dcassandra.ring_delay_ms={0 if is_alone else 1000}",
        f"-Dcassandra.shutdown_announce_in_ms={0 if is_alone else 2000}",
        "-cp",
        os.pathsep.join([str(directory / "conf"), str(jars / "*")]),
        MAIN_CLASS,
    ]


def storage_argument(directory: Path) -> str:
    """By which a node's process is known from any other."""
    return f"-Dcassandra.storagedir={directory}"


def _memory(settings: ClusterSettings) -> list[str]:
    heap = [f"-Xms{settings.heap_mb}M", f"-Xmx{settings.heap_mb}M"]
    if not settings.dev:
        return [*heap, "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=300"]
    return [*heap, f"-Xmn{settings.heap_mb * 3 // 16}M", "-XX:+UseSerialGC", *DEVELOPMENT_FLAGS]


def _quoted(path: Path) -> str:
    return json.dumps(str(path))  # YAML reads JSON's strings


def _escaped(path: Path) -> str:
    return str(path).replace("&", "&amp;").replace("<", "&lt;")
