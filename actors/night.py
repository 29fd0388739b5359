"""Nights and their steps: what is planned, how they stand, and how that is stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from domain.errors import ConfigurationError
from persistence.stored_json import decode_stored

WAITING, RUNNING = "waiting", "running"
SUCCEEDED, FAILED, CANCELLED, SKIPPED = "succeeded", "failed", "cancelled", "skipped"
INTERRUPTED = "interrupted"  # of a run: neither did it fail nor succeed; the step begins again
FINAL = frozenset((SUCCEEDED, FAILED, CANCELLED, SKIPPED))


@dataclass(frozen=True)
class Step:
    """A program of the night, which begins once those named in `after` have succeeded.

    It prints JSON lines: stage, done, total, message; last its result. One that `is_dated` is told the day of
    the night, UTC, so that a night which is made up for computes its own.
    """

    name: str
    argv: tuple[str, ...]
    seconds_max: float
    after: tuple[str, ...] = ()
    is_dated: bool = False

    def argv_of(self, due_ms: int) -> tuple[str, ...]:
        """The program with its arguments, in a night of that time."""
        if not self.is_dated:
            return self.argv
        return (*self.argv, "--date", datetime.fromtimestamp(due_ms / 1000, UTC).date().isoformat())


@dataclass(frozen=True, kw_only=True)
class Plan:
    """`catch_up_max` of the missed nights are made up for, the newest. A failed step is tried `attempts_max`
    times, after `backoff_s` and twice as long each time; one whose scheduler died, `interruptions_max` times
    more.
    """

    steps: tuple[Step, ...]
    catch_up_max: int = 1
    attempts_max: int = 3
    interruptions_max: int = 5
    backoff_s: float = 60.0
    backoff_s_max: float = 900.0

    def __post_init__(self) -> None:
        earlier: set[str] = set()
        for step in self.steps:
            if step.name in earlier or not earlier.issuperset(step.after):
                raise ConfigurationError(
                    f"step {step.name!r} of the night comes twice, or before one that it needs",
                    remedy="put the steps in order",
                )
            earlier.add(step.name)


class StepRuns(msgspec.Struct, frozen=True, kw_only=True):
    """A step of a night. Times and `run_id` are of its latest run, `epoch` is its scheduler's."""

    name: str
    state: str = WAITING
    run_id: str = ""
    epoch: int = 0
    failures: int = 0
    interruptions: int = 0
    retry_at_ms: int = 0
    started_ms: int | None = None
    finished_ms: int | None = None
    message: str = ""

    @property
    def attempt(self) -> int:
        """Of the latest run, from 1; 0 if there was none."""
        has_not_failed = self.state in (RUNNING, SUCCEEDED) or (self.state == CANCELLED and bool(self.run_id))
        return self.failures + self.interruptions + has_not_failed


class Night(msgspec.Struct, frozen=True, kw_only=True):
    """`due_ms` is when it was to begin. One that is cancelled ends as soon as what runs has ended."""

    night_id: str
    due_ms: int
    is_asked: bool = False
    is_cancelled: bool = False
    started_ms: int | None = None
    finished_ms: int | None = None
    steps: tuple[StepRuns, ...] = ()

    @property
    def state(self) -> str:
        if self.started_ms is None:
            return CANCELLED if self.is_cancelled else WAITING
        states = {step.state for step in self.steps}
        if not states <= FINAL:
            return RUNNING
        return next((state for state in (CANCELLED, FAILED) if state in states), SUCCEEDED)

    @property
    def running(self) -> StepRuns | None:
        return next((step for step in self.steps if step.state == RUNNING), None)


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Nights up to `seen_ms` have had their turn or wait for it. `over` are to be recorded and forgotten."""

    seen_ms: int
    night: Night | None = None
    waiting: tuple[Night, ...] = ()
    over: tuple[Night, ...] = ()
    handled: tuple[str, ...] = ()  # requests that need no handling any more


@dataclass(frozen=True)
class Request:
    """To run a night that is called `night_id` from then on, or to cancel the one that is."""

    request_id: str
    night_id: str
    is_cancel: bool
    asked_ms: int


@dataclass(frozen=True)
class Ended:
    """How a run ended: SUCCEEDED, FAILED or INTERRUPTED."""

    run_id: str
    outcome: str
    message: str = ""


def encode(value: State | Night) -> str:
    return msgspec.json.encode(value).decode()


def decode_state(text: str) -> State:
    """Raises StoredValueCorrupt."""
    return decode_stored(text, State, "the state of the nights", "delete the row of the table schedule")


def decode_night(text: str, night_id: str) -> Night:
    """Raises StoredValueCorrupt."""
    return decode_stored(text, Night, f"night {night_id}", "delete its row of the table night")
