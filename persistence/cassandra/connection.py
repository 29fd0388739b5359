"""A session with the nodes: what it is told to do by itself, and what a wrong address says."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from typing import Any

import cassandra
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.policies import (
    DCAwareRoundRobinPolicy,
    ExponentialReconnectionPolicy,
    FallthroughRetryPolicy,
    TokenAwarePolicy,
)

from domain.errors import ConfigurationError
from persistence.cassandra.errors import described
from persistence.cassandra.patience import REQUEST_SECONDS, pause_seconds
from persistence.cassandra.protocol import PROTOCOL_VERSION, Handler
from persistence.cassandra.settings import AUTHORITY, IDENTITY, CassandraSettings

CONNECT_SECONDS_MAX = 9.0  # of all contact points together
CONNECT_SECONDS = 3.0
HEARTBEAT_SECONDS = 5.0  # a node that does not answer one is not asked until it does
AVOID_SECONDS = 10.0
RECONNECT_SECONDS = 0.2, 2.0  # the first and the longest wait for a node that went away
LOGGER = logging.getLogger("cassandra")


class Replicas(TokenAwarePolicy):
    """Asks a replica, any of them; last the nodes that lately did not answer in time.

    A node that is paused or cut off keeps its connections for some seconds, and would be asked again.
    """

    def __init__(self, datacenter: str | None) -> None:
        super().__init__(DCAwareRoundRobinPolicy(datacenter or ""), shuffle_replicas=True)
        self._avoided: dict[Any, float] = {}
        self._avoided_lock = threading.Lock()

    def avoid(self, host: Any) -> None:
        """Ask `host` last for AVOID_SECONDS."""
        with self._avoided_lock:
            self._avoided = {**self._avoided, host: time.monotonic() + AVOID_SECONDS}

    def make_query_plan(self, working_keyspace: str | None = None, query: Any = None) -> Iterator[Any]:
        plan = super().make_query_plan(working_keyspace, query)
        if not self._avoided:
            yield from plan
            return
        now = time.monotonic()
        with self._avoided_lock:
            self._avoided = {host: until for host, until in self._avoided.items() if until > now}
            avoided = self._avoided
        last = []
        for host in plan:
            if host in avoided:
                last.append(host)
            else:
                yield host
        yield from last


def connect(settings: CassandraSettings) -> Session:
    """A session; its cluster's default profile has a `Replicas` policy. Raises ConfigurationError.

    Nodes that are there and too busy to answer in time, as they may be when they have just started, are
    asked again for `retry_seconds`.
    """
    if LOGGER.level == logging.NOTSET:
        # What goes wrong is told by our errors; the driver adds a line for every batch above 5 KiB.
        LOGGER.setLevel(logging.CRITICAL)
    deadline, failures = time.monotonic() + settings.retry_seconds, 0
    while True:
        try:
            session = _session(settings)
            break
        except NoHostAvailable as error:
            if not _is_busy(error) or time.monotonic() > deadline:
                raise _unreachable(settings, error) from error
        time.sleep(pause_seconds(failures))
        failures += 1
    session.use_client_timestamp = False  # statements carry their own
    session.client_protocol_handler = Handler
    return session


def _session(settings: CassandraSettings) -> Session:
    try:
        cluster = _cluster(settings)
    except cassandra.UnresolvableContactPoints as error:
        raise ConfigurationError(
            f"no host of {settings.shown_hosts()} is known by name", remedy="correct --store"
        ) from error
    try:
        return cluster.connect()
    except BaseException:
        cluster.shutdown()
        raise


def _cluster(settings: CassandraSettings) -> Cluster:
    profile = ExecutionProfile(
        load_balancing_policy=Replicas(settings.datacenter),
        retry_policy=FallthroughRetryPolicy(),  # only `errors` decides what is repeated
        request_timeout=REQUEST_SECONDS,
        row_factory=_as_they_came,
    )
    return Cluster(
        contact_points=list(settings.hosts),
        port=settings.hosts[0][1],
        protocol_version=PROTOCOL_VERSION,
        auth_provider=_credentials(settings),
        ssl_context=_encryption(settings),
        compression=False,
        # Without it the second of two messages waits 40 ms for the acknowledgement of the first.
        sockopts=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        reconnection_policy=ExponentialReconnectionPolicy(*RECONNECT_SECONDS, max_attempts=None),
        connect_timeout=min(CONNECT_SECONDS, CONNECT_SECONDS_MAX / len(settings.hosts)),
        control_connection_timeout=REQUEST_SECONDS,
        idle_heartbeat_interval=HEARTBEAT_SECONDS,
        idle_heartbeat_timeout=HEARTBEAT_SECONDS,
        status_event_refresh_window=0.5,
        topology_event_refresh_window=0.5,
        prepare_on_all_hosts=False,  # a node that lacks a statement says so, and gets it
        monitor_reporting_enabled=False,
    )


def _as_they_came(columns: Any, rows: Any) -> Any:
    return rows


def _credentials(settings: CassandraSettings) -> PlainTextAuthProvider | None:
    if settings.user is None:
        return None
    return PlainTextAuthProvider(settings.user, settings.password())


def _encryption(settings: CassandraSettings) -> ssl.SSLContext | None:
    """Both sides show a certificate of the same authority; a node's names the address it is asked at."""
    if settings.tls is None:
        return None
    try:
        context = ssl.create_default_context(cafile=str(settings.tls / AUTHORITY))
        context.load_cert_chain(settings.tls / IDENTITY)
    except OSError as error:
        raise ConfigurationError(
            f"the certificates in {settings.tls} cannot be read: {error}",
            expected=f"{AUTHORITY} and {IDENTITY}, as `muvr cassandra certificates` makes them",
            remedy="correct tls in --store",
        ) from error
    return context


def _is_busy(error: NoHostAvailable) -> bool:
    """Whether a node took a connection, and then did not answer in time."""
    return any(isinstance(reason, cassandra.OperationTimedOut) for reason in _reasons(error))


def _reasons(error: NoHostAvailable) -> list[BaseException]:
    return list(error.errors.values() if isinstance(error.errors, dict) else error.errors)


def _unreachable(settings: CassandraSettings, error: NoHostAvailable) -> ConfigurationError:
    if any(isinstance(reason, cassandra.AuthenticationFailed) for reason in _reasons(error)):
        return ConfigurationError(
            f"Cassandra at {settings.shown_hosts()} does not know {settings.user or 'users without a name'}"
            f" ({described(error)})",
            remedy="give USER@ and password-file in --store",
        )
    return ConfigurationError(
        f"no Cassandra answers at {settings.shown_hosts()} ({described(error)})",
        remedy="start it (`muvr cassandra up`), or correct the hosts of --store",
    )
