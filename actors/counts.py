"""What shard hosts and the scheduler count, each with one call where it happens."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar, cast

from actors.messages import Addressed
from actors.waiting import Works
from domain.errors import MuvrError
from domain.replies import Acknowledged, Refused, SetFound
from edge.recogniser import UNKNOWN
from telemetry import metrics, spans
from telemetry.traces import acknowledged_trace, follow, trace_of

log = logging.getLogger(__name__)

MethodT = TypeVar("MethodT", bound=Callable[..., Any])

actors = metrics.SESSION_ACTORS.of().set  # takes how many there are
windows = metrics.WINDOWS.of().add  # takes how many were classified
lease_lost = metrics.LEASES_LOST.of().add
expelled = metrics.MEMBERS_EXPELLED.of().add  # takes how many
shards = metrics.SHARDS_HELD.of().set  # takes how many are held
_wait = metrics.HOST_WAIT.of()
_group = metrics.GROUP_COMMANDS.of()
_renewed = metrics.LEASE_RENEWED.of()


def staged(stage: str) -> Callable[[MethodT], MethodT]:
    """Times a method as a stage of a group's work."""
    cell = metrics.GROUP_STAGE.of(stage)

    def timed(method: MethodT) -> MethodT:
        @wraps(method)
        def run(*args: Any) -> Any:
            since_s = time.perf_counter()
            try:
                return method(*args)
            finally:
                cell.observe(time.perf_counter() - since_s)

        return cast(MethodT, run)

    return timed


def taken(works: Works) -> None:
    """A shard host begins with a group."""
    now_s = time.monotonic()
    waits = [now_s - work.envelope.read_s for mine in works.values() for work in mine]
    _wait.observe_all(waits)
    _group.observe(len(waits))
    if spans.RECORDER is not None:
        envelopes = (work.envelope for mine in works.values() for work in mine)
        spans.RECORDER.taken((each.command, each.read_s) for each in envelopes)
    if log.isEnabledFor(logging.DEBUG):
        commands = [work.envelope.command for mine in works.values() for work in mine]
        follow(log, "decided and written together", map(trace_of, commands), users=len(works))


def group_failed(reason: MuvrError) -> None:
    metrics.GROUPS_FAILED.of(reason.code).add()


def answered(batches: Sequence[int], replies: Sequence[Addressed]) -> None:
    """Replies leave a shard host, the last ones to these batches among them."""
    for kind, count in Counter([type(each.reply) for each in replies]).items():
        metrics.REPLIES_SENT.of(str(kind.__struct_config__.tag)).add(count)
    for each in replies:
        if type(each.reply) is Refused:
            metrics.REFUSALS.of(each.reply.code).add()
        elif type(each.reply) is SetFound and each.connection is None:
            outcome = "unknown" if each.reply.exercise == UNKNOWN else "named"
            metrics.SETS.of(outcome).add()
    if spans.RECORDER is not None:
        told = (each.reply for each in replies if type(each.reply) is Acknowledged)
        spans.RECORDER.acknowledged((each.session, each.stream, each.next_nr) for each in told)
    if log.isEnabledFor(logging.DEBUG):
        said = [each.reply for each in replies if type(each.reply) is Acknowledged]
        traces = [acknowledged_trace(each.session, each.stream, each.next_nr) for each in said]
        follow(log, "acknowledged up to", traces, batch_nrs=list(batches))


def recovered(succeeded: int, failed: int) -> None:
    """So many users were recovered, and so many could not be."""
    metrics.RECOVERIES.of("recovered").add(succeeded)
    metrics.RECOVERIES.of("failed").add(failed)


def renewed() -> None:
    """This process has renewed its lease."""
    _renewed.set(time.time())
