"""The Thespian process of the scheduler: wakes it, and tells of models that are served."""

from __future__ import annotations

import logging
import random
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from thespian.actors import ActorExitRequest, ActorTypeDispatcher, WakeupMessage

from actors import night_counts
from actors.handlers import handled_once
from actors.launcher import Launcher
from actors.lease import RENEWALS_PER_LEASE
from actors.local_launcher import STOP_SECONDS
from actors.messages import Directory, ModelsChanged, Started, StartFailed
from actors.night import Plan
from actors.planning import Almanac
from actors.scheduler import Scheduler, Surroundings
from actors.tenure import machine_s
from persistence.jobs import JobStore
from persistence.models import ModelStore
from persistence.ports import Store
from persistence.tables import CurrentModelRow
from telemetry.metrics import count_as

log = logging.getLogger(__name__)

ROUND_SECONDS = 0.25
MODELS_SECONDS = 15.0
ROUND = "round"  # payloads of wakeups
MODELS = "models"  # looks for models trained by hand


@dataclass(frozen=True)
class StartScheduler:
    """Node to scheduler. `cron` (five fields, in `time_zone`) says when nights begin; None: only when asked.

    Of all schedulers of a store one leads, by a lease of `lease_s`. `open_launcher` is told how long a
    program has between SIGTERM and SIGKILL. Answered with Started or StartFailed.
    """

    open_store: Callable[[], Store]
    plan: Plan
    open_launcher: Callable[[float], Launcher]
    cron: str | None
    time_zone: str
    lease_s: float


class SchedulerActor(ActorTypeDispatcher):
    stop_stage = 2  # a program that is slow to end must keep no device waiting

    _scheduler: Scheduler | None = None
    _models: ModelStore
    _announced: list[CurrentModelRow]
    _addresses: Mapping[str, Any] = {}

    def receiveMsg_StartScheduler(self, message: StartScheduler, sender: Any) -> None:  # noqa: N802
        try:
            self._open(message)
        except Exception as error:
            log.exception("the scheduler cannot start")
            self.send(sender, StartFailed(f"the scheduler cannot start: {error}"))
            return
        self.send(sender, Started())

    @handled_once
    def receiveMsg_Directory(self, message: Directory, sender: Any) -> None:  # noqa: N802
        self._addresses = message.addresses

    @handled_once
    def receiveMsg_WakeupMessage(self, message: WakeupMessage, sender: Any) -> None:  # noqa: N802
        if message.payload == MODELS:
            self.wakeupAfter(timedelta(seconds=MODELS_SECONDS), payload=MODELS)
            self._announce_models()
        elif self._scheduler is not None:
            self.wakeupAfter(timedelta(seconds=ROUND_SECONDS), payload=ROUND)
            self._scheduler.round()

    @handled_once
    def receiveMsg_ActorExitRequest(self, message: ActorExitRequest, sender: Any) -> None:  # noqa: N802
        if self._scheduler is not None:
            scheduler, self._scheduler = self._scheduler, None
            scheduler.close()

    def _open(self, message: StartScheduler) -> None:
        count_as("scheduler")
        store = message.open_store()
        night_counts.remember(JobStore(store))
        self._models = ModelStore(store)
        self._announced = self._models.current_models()
        night_counts.served(self._announced)
        # A lease that is short leaves no time for more: renewed every quarter, it must not end meanwhile.
        stop_s = min(STOP_SECONDS, message.lease_s / RENEWALS_PER_LEASE / 2)
        self._scheduler = Scheduler(
            store,
            message.open_launcher(stop_s),
            message.plan,
            Almanac(message.cron, message.time_zone),
            Surroundings(
                clock_s=machine_s,
                now_ms=lambda: time.time_ns() // 1_000_000,
                random=random.random,
                new_id=lambda: uuid.uuid4().hex[:12],
            ),
            lease_s=message.lease_s,
            succeeded=self._announce_models,
        )
        self._scheduler.round()
        self.wakeupAfter(timedelta(seconds=ROUND_SECONDS), payload=ROUND)
        self.wakeupAfter(timedelta(seconds=MODELS_SECONDS), payload=MODELS)

    def _announce_models(self) -> None:
        """Tell of the served models if they are others than those told of, whoever trained them."""
        served = self._models.current_models()
        if served != self._announced:
            self._announced = served
            night_counts.served(served)
            for address in self._addresses.values():
                self.send(address, ModelsChanged())
