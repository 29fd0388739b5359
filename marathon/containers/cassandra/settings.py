"""What an operator says of a node, in environment variables.

CASSANDRA_VARIANT            production (default), or development: little memory, a quick start
CASSANDRA_CLUSTER_NAME       muvr
CASSANDRA_SEEDS              HOST[,HOST...]: nodes that a new one asks; its own address if nothing is said
CASSANDRA_DC, CASSANDRA_RACK muvr, rack1
CASSANDRA_LISTEN_ADDRESS     of this node for the others; HOST if nothing is said, else the machine's own
CASSANDRA_RPC_ADDRESS        where clients are listened for: 0.0.0.0
CASSANDRA_CQL_PORT, CASSANDRA_STORAGE_PORT, CASSANDRA_JMX_PORT   9042, 7000, 7199 (on loopback alone)
CASSANDRA_DATA, CASSANDRA_COMMITLOG, CASSANDRA_SAVED_CACHES, CASSANDRA_LOG   below /var/lib/cassandra
CASSANDRA_COMMITLOG_SYNC     group (default in production): acknowledged is on the disk; periodic: within 10 s
CASSANDRA_NUM_TOKENS         16
CASSANDRA_REPLACE            the address of a dead node whose place this one takes at its first start
CASSANDRA_TLS                a directory with ca.pem and identity.pem; without certificates nobody is heard
CASSANDRA_AUTHENTICATION     on (default in production) or off: roles with passwords, and what they may do
MAX_HEAP_SIZE, HEAP_NEWSIZE  as 8G or 512M; in development 128M and 24M; the new size counts with serial alone
CASSANDRA_GC                 g1 (default in production), zgc or serial (default in development)
CASSANDRA_LOG_LEVEL          INFO
CASSANDRA_JAVA_OPTIONS       more arguments for Java
CASSANDRA_USER_ID            whom it becomes when it is started as root: 10001, the image's user; 0 stays root
CASSANDRA_LIB, CASSANDRA_CONF, JAVA_HOME   where the image has jars, configuration and Java
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from domain.errors import ConfigurationError

VARIANTS = ("production", "development")
COLLECTORS = ("g1", "zgc", "serial")
COMMITLOG_SYNCS = ("group", "periodic")
LOG_LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR")
HOME = Path("/var/lib/cassandra")
USER_ID = 10_001  # as the image's Dockerfile makes it
DEVELOPMENT_HEAP_MB, DEVELOPMENT_NEW_MB = 128, 24
_NAME = re.compile(r"[\w.-]{1,64}")
_HOST = re.compile(r"[\w.-]{1,255}|[0-9a-fA-F:.]{2,45}")
_SIZE = re.compile(r"(\d{1,6})([MGmg])")
_MEGABYTES = {"M": 1, "G": 1024}


@dataclass(frozen=True, kw_only=True)
class NodeSettings:
    """One node; `seeds` and `address` are names or addresses. `heap_mb` is None where Java is to choose."""

    is_development: bool
    cluster: str
    seeds: tuple[str, ...]
    datacenter: str
    rack: str
    address: str
    rpc_address: str
    cql_port: int
    storage_port: int
    jmx_port: int
    data: Path
    commitlog: Path
    saved_caches: Path
    log: Path
    commitlog_sync: str
    token_count: int
    replaced_address: str | None
    tls: Path | None
    has_authentication: bool
    heap_mb: int | None
    new_mb: int | None
    collector: str
    log_level: str
    java_options: tuple[str, ...]
    lib: Path
    conf: Path
    java_home: Path | None
    user_id: int

    @property
    def directories(self) -> tuple[Path, ...]:
        """All that have to be writable."""
        return self.data, self.commitlog, self.saved_caches, self.log, self.conf


def read_settings(environ: Mapping[str, str], own_address: Callable[[], str] | None = None) -> NodeSettings:
    """Raises ConfigurationError that names the variable; an empty one counts as not set.

    `own_address` is asked if nothing says one; without it the machine's name is.
    """
    said = _Said(environ)
    is_development = said.one_of("CASSANDRA_VARIANT", VARIANTS, VARIANTS[0]) == "development"
    address = said.host("CASSANDRA_LISTEN_ADDRESS", said.host("HOST", "")) or (own_address or _own_address)()
    heap_mb = said.megabytes("MAX_HEAP_SIZE", DEVELOPMENT_HEAP_MB if is_development else None)
    new_mb = said.megabytes("HEAP_NEWSIZE", DEVELOPMENT_NEW_MB if is_development else None)
    if heap_mb is not None and new_mb is not None and new_mb >= heap_mb:
        raise ConfigurationError(
            f"HEAP_NEWSIZE is {new_mb} MB of a heap of {heap_mb}", expected="less than MAX_HEAP_SIZE"
        )
    return NodeSettings(
        is_development=is_development,
        cluster=said.name("CASSANDRA_CLUSTER_NAME", "muvr"),
        seeds=said.hosts("CASSANDRA_SEEDS") or (address,),
        datacenter=said.name("CASSANDRA_DC", "muvr"),
        rack=said.name("CASSANDRA_RACK", "rack1"),
        address=address,
        rpc_address=said.host("CASSANDRA_RPC_ADDRESS", "0.0.0.0"),
        cql_port=said.number("CASSANDRA_CQL_PORT", 9042, 1, 65_535),
        storage_port=said.number("CASSANDRA_STORAGE_PORT", 7000, 1, 65_535),
        jmx_port=said.number("CASSANDRA_JMX_PORT", 7199, 1, 65_535),
        data=said.path("CASSANDRA_DATA", HOME / "data"),
        commitlog=said.path("CASSANDRA_COMMITLOG", HOME / "commitlog"),
        saved_caches=said.path("CASSANDRA_SAVED_CACHES", HOME / "saved_caches"),
        log=said.path("CASSANDRA_LOG", HOME / "log"),
        commitlog_sync=said.one_of(
            "CASSANDRA_COMMITLOG_SYNC", COMMITLOG_SYNCS, "periodic" if is_development else "group"
        ),
        token_count=said.number("CASSANDRA_NUM_TOKENS", 16, 1, 256),
        replaced_address=said.host("CASSANDRA_REPLACE", "") or None,
        tls=said.path("CASSANDRA_TLS", Path()) if said.text("CASSANDRA_TLS") else None,
        has_authentication=said.is_on("CASSANDRA_AUTHENTICATION", not is_development),
        heap_mb=heap_mb,
        new_mb=new_mb,
        collector=said.one_of("CASSANDRA_GC", COLLECTORS, "serial" if is_development else "g1"),
        log_level=said.one_of("CASSANDRA_LOG_LEVEL", LOG_LEVELS, "INFO"),
        java_options=tuple(said.text("CASSANDRA_JAVA_OPTIONS").split()),
        lib=said.path("CASSANDRA_LIB", Path("/opt/cassandra/lib")),
        conf=said.path("CASSANDRA_CONF", HOME / "conf"),
        java_home=said.path("JAVA_HOME", Path()) if said.text("JAVA_HOME") else None,
        user_id=said.number("CASSANDRA_USER_ID", USER_ID, 0, 2**31 - 2),
    )


class _Said:
    """The environment, read by kinds of values."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str) -> str:
        return self._environ.get(name, "").strip()

    def one_of(self, name: str, known: Sequence[str], default: str) -> str:
        text = self.text(name) or default
        return self._checked(name, text, text in known, f"one of {', '.join(known)}")

    def is_on(self, name: str, default: bool) -> bool:
        return self.one_of(name, ("on", "off"), "on" if default else "off") == "on"

    def name(self, name: str, default: str) -> str:
        text = self.text(name) or default
        return self._checked(name, text, bool(_NAME.fullmatch(text)), "letters, digits, ., _ and -")

    def host(self, name: str, default: str) -> str:
        text = self.text(name) or default
        return self._checked(name, text, not text or bool(_HOST.fullmatch(text)), "a name or an address")

    def hosts(self, name: str) -> tuple[str, ...]:
        hosts = tuple(host.strip() for host in self.text(name).split(",") if host.strip())
        is_right = all(_HOST.fullmatch(host) for host in hosts)
        self._checked(name, self.text(name), is_right, "names or addresses with , between them")
        return hosts

    def number(self, name: str, default: int, least: int, most: int) -> int:
        text = self.text(name) or str(default)
        is_right = text.isascii() and text.isdigit() and len(text) <= 10 and least <= int(text) <= most
        return int(self._checked(name, text, is_right, f"a whole number from {least} to {most}"))

    def path(self, name: str, default: Path) -> Path:
        path = Path(self.text(name) or default)
        self._checked(name, str(path), path.is_absolute() or not self.text(name), "an absolute path")
        return path

    def megabytes(self, name: str, default: int | None) -> int | None:
        text = self.text(name)
        if not text:
            return default
        match = _SIZE.fullmatch(text)
        self._checked(name, text, match is not None and int(match[1]) > 0, "a size as 8G or 512M")
        assert match is not None
        return int(match[1]) * _MEGABYTES[match[2].upper()]

    def _checked(self, name: str, text: str, is_right: bool, expected: str) -> str:
        if not is_right:
            raise ConfigurationError(f"{name} is {text!r}", expected=expected, remedy="correct it")
        return text


def _own_address() -> str:
    """As this machine's name resolves: in a container with a network of its own, the one that it has."""
    try:
        address = socket.gethostbyname(socket.gethostname())
    except OSError as error:
        address = f"none: {error}"
    if not address[0].isdigit() or address.startswith("127."):
        raise ConfigurationError(
            f"the address of this machine's own name is {address}",
            expected="one that other nodes reach",
            remedy="set CASSANDRA_LISTEN_ADDRESS",
        )
    return address
