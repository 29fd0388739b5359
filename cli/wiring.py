"""Puts a node together: which store, which actors, which programs of the night."""

from __future__ import annotations

import logging
import logging.config
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from actors.launcher import Launcher
from actors.local_launcher import LocalLauncher
from actors.messages import StartShardHost
from actors.metronome_launcher import MetronomeLauncher, MetronomeSettings
from actors.night import Plan, Step
from actors.node import Node
from actors.scheduler_actor import SchedulerActor, StartScheduler
from actors.shard_host_actor import ShardHostActor
from actors.tenure import machine_s
from cli.directory import own_directory
from cli.keys import signing_key, token_key
from cli.privacy import secrets_of
from cli.retention import keep_words
from cli.settings import NodeSettings, check
from gateway.api.actor import ApiActor
from gateway.api.messages import StartApi
from gateway.api.privacy import Keys
from gateway.api.watch_page import Gateways
from gateway.auth import Tokens
from gateway.devices.actor import DeviceGatewayActor, StartGateway
from gateway.devices.limits import limits_of
from persistence.location import open_store, prepare_store
from persistence.ports import Store
from persistence.secret_files import load_or_make_key, numbered_keys
from telemetry import pages, spans
from telemetry.logs import definitions

BATCH_SECONDS_MAX = 4 * 3600.0
RETENTION_SECONDS_MAX = 2 * 3600.0
EVALUATION_MINUTES = 30.0
MODELS_COMPARED = 5  # what is served and the newest others, of which the best is served then
MARGIN_SECONDS = 300.0
FILES_WANTED = 1 << 16


@dataclass(frozen=True)
class RunningNode:
    node: Node
    gateway_port: int
    api_port: int


def open_tokens(settings: NodeSettings) -> Tokens:
    """Tokens by the keys that all nodes share; they follow `muvr keys`."""
    return Tokens(partial(numbered_keys, token_key(settings)), time.time)


@contextmanager
def running_node(settings: NodeSettings) -> Iterator[RunningNode]:
    """Start every part of a node; leaving stops them all."""
    check(settings)
    _allow_files()
    log_definitions = _log_to_file(settings)
    prepare_store(settings.store_location)  # an unusable store is found before anything starts
    store = partial(open_store, settings.store_location)
    tokens = partial(open_tokens, settings)
    master_key = load_or_make_key(settings.key_directory / "master.key")
    pseudonym_key = load_or_make_key(settings.key_directory / "pseudonyms.key")
    with own_directory(settings.data) as node_id, _counting(settings), Node(log_definitions) as node:
        hosts = [f"shard-host-{number}" for number in range(settings.shard_hosts)]
        lanes = tuple((f"{node_id}/{name}", name) for name in hosts)
        gateway = StartGateway(
            settings.host,
            settings.gateway_port,
            limits_of(settings.limits),
            store,
            tokens,
            pseudonym_key,
            lanes,
            settings.tls,
        )
        gateway_port = node.start("gateway", DeviceGatewayActor, gateway) or 0
        api_port = node.start(
            "api",
            ApiActor,
            StartApi(
                host=settings.host,
                port=settings.api_port,
                open_store=store,
                open_tokens=tokens,
                is_open=settings.open_page,
                lanes=lanes,
                gateways=Gateways(
                    port=gateway_port, advertised=settings.advertise, is_tls=settings.tls is not None
                ),
                keys=Keys(master_key=master_key, secrets=secrets_of(settings)),
                oidc=settings.oidc,
                metrics_host=settings.metrics_host,
                metrics_port=settings.metrics_port,
            ),
        )
        url = settings.advertise or f"{settings.scheme}://{settings.host}:{gateway_port}"
        api_url = settings.advertise_api or f"http://{settings.host}:{api_port}"
        for member_id, name in lanes:
            host = StartShardHost(
                open_store=store,
                master_key=master_key,
                pseudonym_key=pseudonym_key,
                sessions_max=settings.sessions_max,
                passivate_after_s=settings.passivate_after_s,
                member_id=member_id,
                url=url,
                lease_s=settings.lease_s,
                api_url=api_url,
            )
            node.start(name, ShardHostActor, host)
        node.start("scheduler", SchedulerActor, _scheduler(settings, store))
        yield RunningNode(node, gateway_port, api_port or 0)


@contextmanager
def _counting(settings: NodeSettings) -> Iterator[None]:
    """Every process that is forked meanwhile counts where metrics are read, and sends its spans."""
    spans.begin(settings.spans)
    pages.begin(settings.metrics_directory)
    try:
        yield
    finally:
        pages.end()
        spans.begin(None)


def night_steps(settings: NodeSettings) -> tuple[Step, ...]:
    """The programs of the night: the deletion of what is too old, Spark's batch, then for each sensor set
    training, evaluation and the choice of what is served.
    """
    signing_key(settings)
    sensor_sets = [str(sensor_set) for sensor_set in settings.sensor_sets]
    batch = _program(
        settings,
        *("batch", "run", "--sensor-sets", *sensor_sets, "--master", settings.spark_master),
        *("--members-min", str(settings.members_min), "--session-share", str(settings.session_share)),
    )
    retention = _program(settings, "retention", *keep_words(settings.retention))
    steps = [
        Step("retention", retention, RETENTION_SECONDS_MAX),
        Step("batch", batch, BATCH_SECONDS_MAX, is_dated=True),
    ]
    for sensor_set in sensor_sets:
        suffix = "" if len(sensor_sets) == 1 else f" {sensor_set}"
        steps += _model_steps(settings, sensor_set, suffix)
    return tuple(steps)


def _model_steps(settings: NodeSettings, sensor_set: str, suffix: str) -> Iterator[Step]:
    of_set = ("--sensor-set", sensor_set)
    minutes = f"{settings.train_minutes:g}"
    budget = ("--budget-minutes", minutes, "--start-over")
    train = _program(settings, "train", *of_set, *budget, "--no-promote")
    seconds_max = 60 * settings.train_minutes + MARGIN_SECONDS
    yield Step(f"train{suffix}", train, seconds_max, after=("batch",))
    if settings.cluster_models:
        # Before everyone's is promoted: that one will have learned from all that there is.
        clusters = _program(settings, "train", *of_set, *budget, "--clusters")
        yield Step(f"train clusters{suffix}", clusters, seconds_max, after=("batch",))
    past = ("--past", str(MODELS_COMPARED), "--no-promote", "--budget-minutes", f"{EVALUATION_MINUTES:g}")
    evaluate = _program(settings, "evaluate", *of_set, *past)
    # The last model that is begun in time may take as long again.
    seconds_max = 2 * 60 * EVALUATION_MINUTES + MARGIN_SECONDS
    yield Step(f"evaluate{suffix}", evaluate, seconds_max, after=(f"train{suffix}",))
    promote = _program(settings, "models", "promote", *of_set, "--past", str(MODELS_COMPARED))
    yield Step(f"promote{suffix}", promote, MARGIN_SECONDS, after=(f"evaluate{suffix}",))


def _program(settings: NodeSettings, *arguments: str) -> tuple[str, ...]:
    """`muvr` with `arguments`, on the node's store and keys, telling its progress as JSON."""
    places = ("--data", str(settings.data), "--store", settings.store_location)
    keys = ("--keys", str(settings.key_directory))
    python = settings.metronome.python if settings.metronome is not None else sys.executable
    return (python, "-m", "cli", *arguments, "--json-progress", *places, *keys)


def _allow_files() -> None:
    """Each connection is an open file, of which a process may have 1,024 by default."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = FILES_WANTED if hard == resource.RLIM_INFINITY else min(FILES_WANTED, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, allowed), hard))


def _scheduler(settings: NodeSettings, store: partial[Store]) -> StartScheduler:
    return StartScheduler(
        open_store=store,
        plan=Plan(
            steps=night_steps(settings),
            catch_up_max=settings.night_catch_up,
            attempts_max=settings.night_attempts,
        ),
        open_launcher=_launcher(settings),
        cron=settings.night_cron,
        time_zone=settings.time_zone,
        lease_s=settings.night_lease_s,
    )


def _launcher(settings: NodeSettings) -> Callable[[float], Launcher]:
    if settings.metronome is not None:
        return partial(_open_metronome, settings.metronome)
    return partial(LocalLauncher, settings.log_directory / "night")


def _open_metronome(settings: MetronomeSettings, _stop_s: float) -> Launcher:
    return MetronomeLauncher(settings, machine_s)


def _log_to_file(settings: NodeSettings) -> dict[str, Any]:
    """Every process of the node appends to one file.

    Loggers made before Thespian's processes fork keep this process's handlers; those made later go through
    Thespian's logger, which is given the returned definitions.
    """
    settings.log_directory.mkdir(parents=True, exist_ok=True)
    level = logging.DEBUG if settings.debug else logging.INFO
    to_file = definitions(settings.log_directory / "node.log", settings.log_format, level)
    logging.config.dictConfig(to_file)
    logging.raiseExceptions = False  # a log on a full disk must not flood the terminal
    return to_file
