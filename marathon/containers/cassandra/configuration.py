"""The files of a node: cassandra.yaml, cassandra-rackdc.properties and logback.xml."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from marathon.containers.cassandra.settings import NodeSettings

LOG_PATTERN = "%-5level [%thread] %date{ISO8601} %F:%L - %msg%n"
_PEM = "org.apache.cassandra.security.PEMBasedSslContextFactory"
_COPIES = 3  # for which the tokens of a new node are chosen


def files(settings: NodeSettings) -> Mapping[str, str]:
    """By name, what is written to the directory `conf`."""
    return {
        "cassandra.yaml": cassandra_yaml(settings),
        "cassandra-rackdc.properties": f"dc={settings.datacenter}\nrack={settings.rack}\n",
        "logback.xml": logback_xml(settings.log_level),
    }


def cassandra_yaml(settings: NodeSettings) -> str:
    """What is not said here, the limits on batches and partitions among it, is Cassandra's default."""
    seeds = ",".join(_with_port(seed, settings.storage_port) for seed in settings.seeds)
    sections = [
        f"""\
cluster_name: {settings.cluster}
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: GossipingPropertyFileSnitch
num_tokens: {settings.token_count}
allocate_tokens_for_local_replication_factor: {_COPIES}
listen_address: {settings.address}
broadcast_address: {settings.address}
rpc_address: {settings.rpc_address}
broadcast_rpc_address: {settings.address}
storage_port: {settings.storage_port}
native_transport_port: {settings.cql_port}
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: "{seeds}"
data_file_directories: [{_quoted(settings.data / "tables")}]
commitlog_directory: {_quoted(settings.commitlog)}
saved_caches_directory: {_quoted(settings.saved_caches)}
hints_directory: {_quoted(settings.data / "hints")}
cdc_raw_directory: {_quoted(settings.data / "cdc_raw")}
batch_size_warn_threshold: 50KiB
memtable_allocation_type: heap_buffers
""",
        _security(settings),
        _encryption(settings),
        _sync(settings),
        _development(settings) if settings.is_development else _PRODUCTION,
    ]
    return "".join(sections)


def logback_xml(level: str) -> str:
    """To the container's output, of which its runtime keeps as much as it is told to."""
    return f"""<configuration>
  <appender name="STDOUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>{LOG_PATTERN}</pattern></encoder>
  </appender>
  <logger name="ROOT" level="{level}"><appender-ref ref="STDOUT"/></logger>
</configuration>
"""


# Data is read through maps of index files only: maps of everything would count as the container's memory. A
# table that was dropped or truncated is kept as a snapshot.
_PRODUCTION = """\
disk_access_mode: mmap_index_only
auto_snapshot: true
"""


def _development(settings: NodeSettings) -> str:
    heap_mb = settings.heap_mb or 0
    return f"""\
disk_access_mode: standard
auto_snapshot: false
key_cache_size: 0MiB
counter_cache_size: 0MiB
file_cache_enabled: false
memtable_heap_space: {max(heap_mb // 3, 32)}MiB
concurrent_reads: 8
concurrent_writes: 8
concurrent_compactors: 1
"""


def _sync(settings: NodeSettings) -> str:
    if settings.commitlog_sync == "periodic":
        return "commitlog_sync: periodic\ncommitlog_sync_period: 10s\n"
    return "commitlog_sync: group\ncommitlog_sync_group_window: 10ms\n"


def _security(settings: NodeSettings) -> str:
    if not settings.has_authentication:
        return "authenticator: AllowAllAuthenticator\nauthorizer: AllowAllAuthorizer\n"
    return """\
authenticator: PasswordAuthenticator
authorizer: CassandraAuthorizer
role_manager: CassandraRoleManager
"""


def _encryption(settings: NodeSettings) -> str:
    """Between nodes and with clients both sides show a certificate of the same authority."""
    if settings.tls is None:
        return ""
    files = f"""\
  ssl_context_factory: {{class_name: {_PEM}}}
  keystore: {_quoted(settings.tls / "identity.pem")}
  truststore: {_quoted(settings.tls / "ca.pem")}
  require_client_auth: true
  accepted_protocols: [TLSv1.3, TLSv1.2]
"""
    return f"""\
server_encryption_options:
  internode_encryption: all
  require_endpoint_verification: true
{files}client_encryption_options:
  enabled: true
  optional: false
{files}"""


def _with_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _quoted(path: Path) -> str:
    return json.dumps(str(path))  # YAML reads JSON's strings
