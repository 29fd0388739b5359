"""What a node is started with, and its defaults."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from actors.metronome_launcher import MetronomeSettings
from domain.errors import ConfigurationError
from domain.sensors import SensorSet
from gateway.api.oidc import OidcSettings
from gateway.devices.limits import limits_of
from gateway.devices.tls import TlsFiles
from persistence.learned_tables import MEMBERS_MIN
from persistence.retention import KEPT_FOR_EVER, Policy
from telemetry.logs import LogFormat
from telemetry.spans import SpanSettings

GATEWAY_PORT = 8081
API_PORT = 8080
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class NodeSettings:
    """`data` is the directory of the embedded store, the keys and the logs. Ports of 0: the system chooses.

    Nodes that share a `store` (see persistence/location.py) share the directory of `keys` too. `advertise` is
    where devices reach this node when another one sends them here, `advertise_api` where its HTTP API is.
    """

    data: Path
    store: str | None = None
    keys: Path | None = None
    advertise: str | None = None
    advertise_api: str | None = None
    lease_s: float = 10.0  # how long a node that is gone keeps its users from the others
    host: str = LOOPBACK
    gateway_port: int = GATEWAY_PORT
    api_port: int = API_PORT
    tls: TlsFiles | None = None  # the device gateway's certificate and key
    limits: tuple[str, ...] = ()  # of the device gateway, as NAME=VALUE
    open_page: bool = False  # the page and API need no token; for a demonstration on loopback
    shard_hosts: int = max(1, (os.cpu_count() or 1) // 2)  # the gateway and the API want the other half
    sessions_max: int = 20_000  # live session actors per shard host
    passivate_after_s: float = 300.0
    sensor_sets: tuple[SensorSet, ...] = (SensorSet(("a", "g"), 50),)
    spark_master: str = "local[2]"  # the other cores go on serving devices
    train_minutes: float = 10.0
    session_share: float = 1.0  # of sessions, whose windows the night cuts for training
    members_min: int = MEMBERS_MIN  # users of a group of which the night publishes something
    cluster_models: bool = False  # the night trains a model for each cluster, too
    retention: Policy = KEPT_FOR_EVER  # how long what is stored is kept
    night_cron: str | None = "30 2 * * *"
    time_zone: str = "UTC"
    night_catch_up: int = 1  # missed nights that are made up for
    night_attempts: int = 3  # of each step
    night_lease_s: float = 30.0  # after it another node goes on with the night of one that is gone
    metronome: MetronomeSettings | None = None  # runs the steps on a cluster instead of on this machine
    oidc: OidcSettings | None = None  # the provider with which people sign in on the page
    metrics_host: str = LOOPBACK
    metrics_port: int | None = None  # of metrics without a token; None: with one, at the API's port
    spans: SpanSettings | None = None  # where spans of some frames are sent
    log_format: LogFormat = "plain"
    debug: bool = False

    @property
    def scheme(self) -> str:
        """Of the addresses under which devices connect."""
        return "ws" if self.tls is None else "wss"

    @property
    def key_directory(self) -> Path:
        return self.keys or self.data / "keys"

    @property
    def store_location(self) -> str:
        return self.store or f"sqlite:{self.data / 'store'}"

    @property
    def metrics_directory(self) -> Path:
        return self.data / "metrics"

    @property
    def log_directory(self) -> Path:
        return self.data / "log"


def check(settings: NodeSettings) -> NodeSettings:
    """Return `settings` if they can be used together, else raise ConfigurationError."""
    if settings.open_page and settings.host != LOOPBACK:
        raise ConfigurationError(
            f"a page without tokens on {settings.host}",
            expected=f"host {LOOPBACK}",
            remedy="leave the page open on loopback only",
        )
    limits_of(settings.limits)
    if settings.night_catch_up < 0 or settings.night_attempts < 1:
        raise ConfigurationError(
            f"{settings.night_catch_up} nights to catch up and {settings.night_attempts} attempts",
            expected="at least 0 and 1",
            remedy="correct --catch-up or --attempts",
        )
    if settings.members_min < 1:
        raise ConfigurationError(
            f"groups of {settings.members_min} users", expected="at least 1", remedy="correct --members-min"
        )
    return settings
