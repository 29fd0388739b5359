"""The scheduler: leads if nobody else does, and lets happen what the state of the nights says.

A round reads, decides by `actors/night.py`, stores what was decided, and only then acts. So whatever is done
was stored before, and a scheduler that comes after can tell from the state alone what may be going on.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from actors import night_counts
from actors.launcher import Launcher, Report, RunState
from actors.leadership import Leadership
from actors.night import (
    CANCELLED,
    FAILED,
    INTERRUPTED,
    RUNNING,
    SUCCEEDED,
    Ended,
    Night,
    Plan,
    Request,
    State,
    StepRuns,
    decode_state,
    encode,
)
from actors.night_rules import Moment, adopted, advance
from actors.planning import Almanac
from actors.progress import Progress
from domain.errors import ProcessFailed, StoreError
from persistence.jobs import CANCEL, SCHEDULE_NAME, JobStore
from persistence.night_tables import JobRunRow, NightRow
from persistence.ports import Store
from persistence.schema import Timestamp

log = logging.getLogger(__name__)

REQUESTS_EVERY_SECONDS = 1.0
RECORD_EVERY_SECONDS = 1.0
TURNS_MAX = 20  # per round: each stores something new
STOPPED = "the node was stopped"


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a scheduler does not choose. `new_id` never gives the same twice, `random` numbers from 0 to 1."""

    clock_s: Callable[[], float]
    now_ms: Callable[[], int]
    random: Callable[[], float]
    new_id: Callable[[], str]


@dataclass
class _Run:
    """The run that goes on, as far as this process has followed it."""

    run_id: str
    since_s: float
    progress: Progress = field(default_factory=Progress)
    recorded_s: float = float("-inf")
    stopped: str = ""  # why


class Scheduler:
    """`succeeded` is called when a step has, before anybody can read so. Used by one thread."""

    def __init__(
        self,
        store: Store,
        launcher: Launcher,
        plan: Plan,
        almanac: Almanac,
        around: Surroundings,
        *,
        lease_s: float,
        succeeded: Callable[[], None] = lambda: None,
    ) -> None:
        self._launcher = launcher
        self._plan = plan
        self._steps = {step.name: step for step in plan.steps}
        self._almanac = almanac
        self._around = around
        self._succeeded = succeeded
        self._jobs = JobStore(store)
        self._leadership = Leadership(
            store, around.new_id(), around.clock_s, lease_s, lambda: encode(State(seen_ms=around.now_ms()))
        )
        self._run: _Run | None = None
        self._requests: list[Request] = []
        self._ask_s = float("-inf")
        self._trouble = ""
        self._tidied_epoch: int | None = None

    def round(self) -> None:
        """Do what is to be done now. Nothing is raised: what failed is tried again in the next round."""
        try:
            for _ in range(TURNS_MAX):
                if not self._turn():
                    break
        except StoreError as error:
            if str(error) != self._trouble:
                log.error("the night's scheduler: %s", error)
            self._trouble = str(error)
            return
        self._trouble = ""

    def close(self) -> None:
        """End what runs, and let another lead. Raises StoreError, after which others wait for the lease."""
        self._launcher.close()
        if self._leadership.hold():
            night = decode_state(self._leadership.state).night
            if night is not None and night.running is not None and self._run is not None:
                self._record(night, night.running, self._run, INTERRUPTED, STOPPED)
            self._leadership.give_up()

    def _turn(self) -> bool:
        """True if something new was stored, from which more may follow."""
        is_leader = self._leadership.hold()
        night_counts.leads(is_leader)
        if not is_leader:
            self._run = None  # its time is over, or another adopts it
            return False
        stored = decode_state(self._leadership.state)
        if stored.over and self._jobs.record_nights([_row(night) for night in stored.over]):
            self._tidied_epoch = None
        state = msgspec.structs.replace(stored, over=())
        state, ended = self._follow(state)
        state = advance(state, self._plan, self._moment(state, ended))
        if ended is not None and ended.outcome == SUCCEEDED:
            self._succeeded()
        night_counts.stands(state.night)
        is_new = state != stored
        if is_new and not self._leadership.save(encode(state)):
            return True  # look again who leads
        night_counts.over(map(_row, stored.over))
        self._forget_requests(state)
        if self._tidied_epoch != self._leadership.epoch:
            self._tidy(state)
        return is_new

    def _tidy(self, state: State) -> None:
        """Of runs that are not kept, nothing else is either.

        The store may have taken its time: what another leader has begun meanwhile must not be forgotten.
        """
        running = state.night.running if state.night is not None else None
        known = self._jobs.run_ids() | ({running.run_id} if running is not None else set())
        if self._around.clock_s() >= self._leadership.valid_until_s:
            return
        self._launcher.retain(known)
        self._tidied_epoch = self._leadership.epoch

    def _moment(self, state: State, ended: Ended | None) -> Moment:
        now_ms = self._around.now_ms()
        return Moment(
            now_ms=now_ms,
            epoch=self._leadership.epoch,
            new_run_id=self._new_run_id,
            random=self._around.random,
            due=self._almanac.between(state.seen_ms, now_ms),
            requests=self._asked(),
            ended=ended,
        )

    def _new_run_id(self, step: str) -> str:
        return f"{step.replace(' ', '-')}-{self._around.new_id()}"

    def _asked(self) -> list[Request]:
        """What people ask for; read anew after a while."""
        if self._around.clock_s() >= self._ask_s:
            rows = self._jobs.requests()
            self._ask_s = self._around.clock_s() + REQUESTS_EVERY_SECONDS
            self._requests = [
                Request(row.request_id, row.night_id, row.kind == CANCEL, row.asked_at) for row in rows
            ]
        return self._requests

    def _forget_requests(self, state: State) -> None:
        """Those whose effect is stored."""
        done = [each.request_id for each in self._requests if each.request_id in state.handled]
        if done:
            self._jobs.delete_requests(done)
            self._requests = [each for each in self._requests if each.request_id not in done]

    def _follow(self, state: State) -> tuple[State, Ended | None]:
        """Let the run that the state names go on, start it if it was not, and see how it stands."""
        night = state.night
        step = night.running if night is not None else None
        if night is None or step is None:
            self._run = None
            return state, None
        if self._run is None or self._run.run_id != step.run_id:
            self._run = _Run(step.run_id, self._around.clock_s())
        report = self._launcher.poll(step.run_id)
        is_own = step.epoch == self._leadership.epoch
        if report.state is RunState.LOST and is_own:
            return state, self._start(night, step, self._run)
        if report.state is RunState.RUNNING and not is_own:
            log.info("%s goes on under another scheduler", step.run_id)
            state = adopted(state, step.run_id, self._leadership.epoch)
        for line in report.lines:
            self._run.progress.take(line)
        if report.state is RunState.RUNNING:
            self._keep(night, step, self._run)
            return state, None
        ended = self._ended(step, self._run, report)
        final = ended.outcome if not night.is_cancelled or ended.outcome == SUCCEEDED else CANCELLED
        self._record(night, step, self._run, final, ended.message)
        return state, ended

    def _start(self, night: Night, step: StepRuns, run: _Run) -> Ended | None:
        if run.stopped:
            return Ended(step.run_id, FAILED, run.stopped)
        if night.is_cancelled or step.name not in self._steps:
            return Ended(step.run_id, INTERRUPTED, "it was not begun")
        try:
            argv = self._steps[step.name].argv_of(night.due_ms)
            self._launcher.start(step.run_id, argv, self._leadership.valid_until_s)
        except ProcessFailed as error:
            self._record(night, step, run, FAILED, str(error))
            return Ended(step.run_id, FAILED, str(error))
        self._record(night, step, run, RUNNING, "starting")
        return None

    def _keep(self, night: Night, step: StepRuns, run: _Run) -> None:
        self._launcher.keep(step.run_id, self._leadership.valid_until_s)
        now_s = self._around.clock_s()
        seconds_max = self._steps[step.name].seconds_max if step.name in self._steps else 0.0
        if not run.stopped and (night.is_cancelled or now_s - run.since_s > seconds_max):
            late = f"it ran longer than its {seconds_max:g} s and was ended"
            run.stopped = "it was cancelled" if night.is_cancelled else late
            self._launcher.stop(step.run_id)
        if now_s - run.recorded_s >= RECORD_EVERY_SECONDS:
            self._record(night, step, run, RUNNING, run.progress.message)

    def _ended(self, step: StepRuns, run: _Run, report: Report) -> Ended:
        if run.stopped:
            return Ended(step.run_id, FAILED, run.stopped)
        if report.state is RunState.LOST:
            return Ended(step.run_id, INTERRUPTED, "its scheduler ended in the middle of it")
        if report.state is RunState.EXPIRED:
            return Ended(step.run_id, INTERRUPTED, "its scheduler stood still, or the store was away")
        if report.status == 0:
            return Ended(step.run_id, SUCCEEDED, run.progress.message)
        return Ended(step.run_id, FAILED, _failure(self._launcher.log(step.run_id), report.status))

    def _record(self, night: Night, step: StepRuns, run: _Run, state: str, message: str) -> None:
        run.recorded_s = self._around.clock_s()
        assert step.started_ms is not None
        row = JobRunRow(
            job=step.name,
            started_at=Timestamp(step.started_ms),
            run_id=step.run_id,
            state=state,
            progress=1.0 if state == SUCCEEDED else run.progress.share,
            message=message,
            finished_at=None if state == RUNNING else Timestamp(self._around.now_ms()),
            log=self._launcher.log(step.run_id),
            night_id=night.night_id,
            attempt=step.attempt,
            epoch=self._leadership.epoch,
            result=run.progress.result,
        )
        self._jobs.record(row)
        night_counts.recorded(row)


def _row(night: Night) -> NightRow:
    started = None if night.started_ms is None else Timestamp(night.started_ms)
    finished = None if night.finished_ms is None else Timestamp(night.finished_ms)
    due = Timestamp(night.due_ms)
    return NightRow(SCHEDULE_NAME, due, night.night_id, night.state, started, finished, encode(night))


def _failure(tail: str, status: int | None) -> str:
    if status is not None and status < 0:
        return f"it was ended by {_signal_name(-status)}"
    lines = tail.strip().splitlines()
    reason = lines[-1] if lines else "it printed no reason"
    return f"{reason} (exit status {status})"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
