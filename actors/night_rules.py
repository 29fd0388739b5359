"""Pure: what follows from what happened to the nights. No clock, no process, no store.

A night is asked for by the calendar or by a person, waits its turn, and runs its steps one after the other.
A step waits for those that it needs, runs, is tried again after it failed, and ends as one of FINAL.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from actors.night import (
    CANCELLED,
    FAILED,
    FINAL,
    INTERRUPTED,
    RUNNING,
    SKIPPED,
    SUCCEEDED,
    WAITING,
    Ended,
    Night,
    Plan,
    Request,
    State,
    StepRuns,
)

ON_TIME_MS = 600_000  # a night that begins later than this after its time was missed
CLOCK_AHEAD_MS_MAX = 26 * 3_600_000  # more than that ahead of a clock, what was stored was wrong
WAITING_MAX = 16  # nights that were asked for and wait
HANDLED_MAX = 64  # requests that are remembered, until they are surely deleted


@dataclass(frozen=True, kw_only=True)
class Moment:
    """All that a scheduler knows and has, which acts under `epoch`. `random` gives numbers from 0 to 1."""

    now_ms: int
    epoch: int
    new_run_id: Callable[[str], str]
    random: Callable[[], float]
    due: Sequence[int] = ()
    requests: Sequence[Request] = ()
    ended: Ended | None = None


def advance(state: State, plan: Plan, moment: Moment) -> State:
    """What follows from what happened, up to the next run, which is to be started once this is stored."""
    state = _with_due(state, plan, moment)
    state = _with_requests(state, moment)
    if state.night is None and state.waiting:
        begun = _begun(state.waiting[0], plan, moment.now_ms)
        state = msgspec.structs.replace(state, night=begun, waiting=state.waiting[1:])
    if state.night is None:
        return state
    night = _settled(_after_run(state.night, plan, moment), plan, moment.now_ms)
    if night.state in FINAL:
        finished = msgspec.structs.replace(night, finished_ms=moment.now_ms)
        return msgspec.structs.replace(state, night=None, over=(*state.over, finished))
    return msgspec.structs.replace(state, night=_with_run(night, plan, moment))


def adopted(state: State, run_id: str, epoch: int) -> State:
    """A run that goes on without the scheduler that began it is that of `epoch` now."""
    assert state.night is not None
    steps = [
        msgspec.structs.replace(step, epoch=epoch) if step.run_id == run_id else step
        for step in state.night.steps
    ]
    return msgspec.structs.replace(state, night=msgspec.structs.replace(state.night, steps=tuple(steps)))


def _with_due(state: State, plan: Plan, moment: Moment) -> State:
    """The nights that have become due wait, those that were missed only as far as they are made up for."""
    now_ms = moment.now_ms
    if state.seen_ms > now_ms + CLOCK_AHEAD_MS_MAX:
        return msgspec.structs.replace(state, seen_ms=now_ms)
    new = [due_ms for due_ms in moment.due if due_ms > state.seen_ms]
    if not new:
        return state
    missed = [due_ms for due_ms in new if due_ms < now_ms - ON_TIME_MS]
    left_out = missed[: len(missed) - plan.catch_up_max] if len(missed) > plan.catch_up_max else []
    nights = [Night(night_id=_night_id(due_ms), due_ms=due_ms) for due_ms in new if due_ms not in left_out]
    return msgspec.structs.replace(state, seen_ms=new[-1], waiting=_bounded((*state.waiting, *nights), plan))


def _bounded(waiting: tuple[Night, ...], plan: Plan) -> tuple[Night, ...]:
    """Nights take longer than they are apart: the oldest of the calendar's give way, as if missed."""
    due = [night for night in waiting if not night.is_asked]
    too_many = due[: max(0, len(due) - max(1, plan.catch_up_max))]
    return tuple(night for night in waiting if night not in too_many)


def _with_requests(state: State, moment: Moment) -> State:
    for request in moment.requests:
        if request.request_id in state.handled:
            continue
        if request.is_cancel:
            state = _cancelled(state, request.night_id, moment.now_ms)
        elif sum(night.is_asked for night in state.waiting) >= WAITING_MAX:
            continue  # until there is room
        else:
            night = Night(night_id=request.night_id, due_ms=request.asked_ms, is_asked=True)
            state = msgspec.structs.replace(state, waiting=(*state.waiting, night))
        handled = (*state.handled, request.request_id)[-HANDLED_MAX:]
        state = msgspec.structs.replace(state, handled=handled)
    return state


def _cancelled(state: State, night_id: str, now_ms: int) -> State:
    """A night that waits is over, one that runs will be; any other stays as it is."""
    if state.night is not None and state.night.night_id == night_id:
        night = msgspec.structs.replace(state.night, is_cancelled=True)
        return msgspec.structs.replace(state, night=night)
    gone = tuple(
        msgspec.structs.replace(night, is_cancelled=True, finished_ms=now_ms)
        for night in state.waiting
        if night.night_id == night_id
    )
    waiting = tuple(night for night in state.waiting if night.night_id != night_id)
    return msgspec.structs.replace(state, waiting=waiting, over=(*state.over, *gone))


def _begun(night: Night, plan: Plan, now_ms: int) -> Night:
    steps = tuple(StepRuns(name=step.name) for step in plan.steps)
    return msgspec.structs.replace(night, started_ms=now_ms, steps=steps)


def _after_run(night: Night, plan: Plan, moment: Moment) -> Night:
    """What has become of the step whose run has ended."""
    ended, step = moment.ended, night.running
    if ended is None or step is None or step.run_id != ended.run_id:
        return night
    changes: dict[str, object] = {"message": ended.message, "finished_ms": moment.now_ms}
    failures = step.failures + (ended.outcome == FAILED)
    interruptions = step.interruptions + (ended.outcome == INTERRUPTED)
    if ended.outcome == SUCCEEDED:
        changes["state"] = SUCCEEDED
    elif night.is_cancelled:
        changes["state"] = CANCELLED
    elif failures >= plan.attempts_max or interruptions > plan.interruptions_max:
        changes |= {"state": FAILED, "failures": failures, "interruptions": interruptions}
    else:
        wait_s = _backoff_s(plan, failures, moment.random()) if ended.outcome == FAILED else 0.0
        changes |= {"state": WAITING, "failures": failures, "interruptions": interruptions}
        changes["retry_at_ms"] = moment.now_ms + round(1000 * wait_s)
    return _with_step(night, msgspec.structs.replace(step, **changes))


def _backoff_s(plan: Plan, failures: int, random: float) -> float:
    """From half to the whole of a time that doubles, so that what fails together does not retry together."""
    whole_s: float = min(plan.backoff_s_max, plan.backoff_s * 2 ** (failures - 1))
    return whole_s * (1 + random) / 2


def _settled(night: Night, plan: Plan, now_ms: int) -> Night:
    """Steps that can never run are final."""
    planned = {step.name: step for step in plan.steps}
    for step in night.steps:
        if step.state != WAITING:
            continue
        if night.is_cancelled:
            night = _with_step(night, msgspec.structs.replace(step, state=CANCELLED))
        elif step.name not in planned:
            message = "the settings name no such step any more"
            night = _with_step(night, msgspec.structs.replace(step, state=FAILED, message=message))
        elif bad := [
            name for name in planned[step.name].after if _state_of(night, name) in FINAL - {SUCCEEDED}
        ]:
            message = f"{bad[0]} did not succeed"
            night = _with_step(night, msgspec.structs.replace(step, state=SKIPPED, message=message))
    return night


def _with_run(night: Night, plan: Plan, moment: Moment) -> Night:
    """The next step whose time has come runs, if none does."""
    if night.running is not None:
        return night
    planned = {step.name: step for step in plan.steps}
    for step in night.steps:
        if step.state != WAITING or _must_wait(step, plan, moment.now_ms):
            continue
        if any(_state_of(night, name) != SUCCEEDED for name in planned[step.name].after):
            continue
        begun = msgspec.structs.replace(
            step,
            state=RUNNING,
            run_id=moment.new_run_id(step.name),
            epoch=moment.epoch,
            started_ms=moment.now_ms,
            finished_ms=None,
            message="",
        )
        return _with_step(night, begun)
    return night


def _must_wait(step: StepRuns, plan: Plan, now_ms: int) -> bool:
    """Not for longer than a retry ever waits: the clock may have been put back."""
    return 0 < step.retry_at_ms - now_ms <= 1000 * plan.backoff_s_max


def _with_step(night: Night, step: StepRuns) -> Night:
    steps = tuple(step if each.name == step.name else each for each in night.steps)
    return msgspec.structs.replace(night, steps=steps)


def _state_of(night: Night, name: str) -> str:
    """A step that is not of the night keeps nobody waiting."""
    return next((step.state for step in night.steps if step.name == name), SUCCEEDED)


def _night_id(due_ms: int) -> str:
    """As `20260501T023000Z`."""
    return datetime.fromtimestamp(due_ms / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
