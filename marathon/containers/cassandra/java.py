"""How Java is started for Cassandra: what it has to open to it, its memory, its collector."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from domain.errors import ConfigurationError
from marathon.containers.cassandra.settings import NodeSettings

MAIN_CLASS = "org.apache.cassandra.service.CassandraDaemon"
NODETOOL_CLASS = "org.apache.cassandra.tools.NodeTool"

# What Cassandra's own start script opens to it on Java 17 (conf/jvm17-server.options).
_EXPORTS = (
    "java.base/jdk.internal.misc", "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.management/com.sun.jmx.remote.security", "java.rmi/sun.rmi.registry", "java.rmi/sun.rmi.server",
    "java.sql/java.sql", "java.base/java.lang.ref", "jdk.unsupported/sun.misc",
)  # fmt: skip
_OPENS = (
    "java.base/java.lang.module", "java.base/jdk.internal.loader", "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect", "java.base/jdk.internal.math", "java.base/jdk.internal.module",
    "java.base/jdk.internal.util.jar", "jdk.management/com.sun.management.internal", "java.base/sun.nio.ch",
    "java.base/java.io", "java.base/java.lang.reflect", "java.base/java.lang", "java.base/java.util",
    "java.base/java.nio",
)  # fmt: skip
OPENED = (
    "-Djdk.attach.allowAttachSelf=true",
    "-Dio.netty.tryReflectionSetAccessible=true",
    *(f"--add-exports={package}=ALL-UNNAMED" for package in _EXPORTS),
    *(f"--add-opens={package}=ALL-UNNAMED" for package in _OPENS),
)
# Boots sooner, in less memory; slower once warm.
DEVELOPMENT_FLAGS = (
    "-XX:TieredStopAtLevel=1", "-Xss512k", "-XX:MaxDirectMemorySize=128M", "-XX:ReservedCodeCacheSize=64M",
)  # fmt: skip
_TOOLS_LOG = Path(__file__).parent / "logback-tools.xml"
_HEAP_SHARE_PERCENT = 50  # of the container's memory, where nobody says a size
_COLLECTORS = {
    "g1": ("-XX:+UseG1GC", "-XX:MaxGCPauseMillis=300", "-XX:+ParallelRefProcEnabled"),
    "zgc": ("-XX:+UseZGC",),
    "serial": ("-XX:+UseSerialGC",),
}


def java_command(settings: NodeSettings) -> list[str]:
    """What becomes of the entry point. Raises ConfigurationError if the image has no jar of the agent."""
    return [
        str(settings.java_home / "bin" / "java" if settings.java_home else "java"),
        f"-javaagent:{_agent(settings.lib)}",
        *_memory(settings),
        *_collector(settings),
        f"-Xlog:gc*,safepoint:file={settings.log / 'gc.log'}:time,uptime,level,tags:filecount=5,filesize=20M",
        "-XX:+ExitOnOutOfMemoryError",  # what is left of a node without memory serves nobody
        "-XX:+PerfDisableSharedMem",  # no pause waits for the disk that has /tmp
        "-Djava.net.preferIPv4Stack=true",
        *OPENED,
        f"-Dlogback.configurationFile={(settings.conf / 'logback.xml').as_uri()}",
        f"-Dcassandra.config={(settings.conf / 'cassandra.yaml').as_uri()}",
        f"-Dcassandra.storagedir={settings.data}",
        f"-Dcassandra.logdir={settings.log}",
        f"-Dcassandra.jmx.local.port={settings.jmx_port}",
        "-Dcassandra-foreground=true",
        *(
            [f"-Dcassandra.replace_address_first_boot={settings.replaced_address}"]
            if settings.replaced_address
            else []
        ),
        *settings.java_options,
        "-cp",
        os.pathsep.join([str(settings.conf), str(settings.lib / "*")]),
        MAIN_CLASS,
    ]


def nodetool_command(java: str, lib: Path, jmx_port: int, arguments: Sequence[str]) -> list[str]:
    return [
        java, "-Xmx128M", "-XX:+UseSerialGC", *DEVELOPMENT_FLAGS[:1], *OPENED,
        f"-Dlogback.configurationFile={_TOOLS_LOG.as_uri()}",
        "-cp", str(lib / "*"), NODETOOL_CLASS, "-p", str(jmx_port), *arguments,
    ]  # fmt: skip


def _agent(lib: Path) -> Path:
    """The agent that measures objects; the server does not start without it."""
    found = sorted(lib.glob("jamm-*.jar"))
    if not found:
        raise ConfigurationError(
            f"{lib} has no jamm-*.jar", expected="the jars of Cassandra", remedy="set CASSANDRA_LIB"
        )
    return found[-1]


def _memory(settings: NodeSettings) -> list[str]:
    """As large at its start as ever, so that it neither grows into what the container lacks nor pauses to."""
    if settings.heap_mb is None:
        share = f"{_HEAP_SHARE_PERCENT}.0"
        return [f"-XX:InitialRAMPercentage={share}", f"-XX:MaxRAMPercentage={share}", "-XX:+AlwaysPreTouch"]
    heap = [f"-Xms{settings.heap_mb}M", f"-Xmx{settings.heap_mb}M"]
    return heap if settings.is_development else [*heap, "-XX:+AlwaysPreTouch"]


def _collector(settings: NodeSettings) -> list[str]:
    """G1 and ZGC size the young generation by themselves, towards their pauses."""
    flags = list(_COLLECTORS[settings.collector])
    if settings.collector == "serial" and settings.new_mb is not None:
        flags.append(f"-Xmn{settings.new_mb}M")
    return [*flags, *(DEVELOPMENT_FLAGS if settings.is_development else ())]
