"""What must hold of the nights, whatever happens: looked at from outside, at every event and in the end."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from actors.night import (
    CANCELLED,
    FAILED,
    FINAL,
    RUNNING,
    SUCCEEDED,
    WAITING,
    Night,
    State,
    decode_night,
    decode_state,
)
from persistence.jobs import SCHEDULE_NAME
from persistence.night_tables import JOB_REQUEST, NIGHT, SCHEDULE

if TYPE_CHECKING:
    from tests.actors.night_simulation import Program, World


class Checker:
    def __init__(self, world: World) -> None:
        self._world = world
        self._began: set[str] = set()
        self._statuses: dict[str, int] = {}  # of programs that ended
        self._first_ms: int | None = None
        self._over: dict[str, Night] = {}
        self._cancelled: set[str] = set()

    def changed(self, before: Any, after: Any) -> None:
        """The state of the nights was stored anew."""
        new = decode_state(after.state)
        if before is None:
            self._first_ms = new.seen_ms
            return
        assert (after.epoch, after.renewal_nr) > (before.epoch, before.renewal_nr)
        old = decode_state(before.state)
        assert new.seen_ms >= old.seen_ms
        for night in _nights(new):
            assert night.night_id not in self._over, f"{night.night_id} begins again"
        for night in new.over:
            if night not in old.over:
                assert night.night_id not in self._over, f"{night.night_id} is over twice"
                self._over[night.night_id] = night
        self._check_steps(old, new)

    def program_began(self, run_id: str) -> None:
        """Only what the state of the nights names may begin, and once."""
        assert run_id not in self._began, f"{run_id} begins twice"
        self._began.add(run_id)
        (row,) = self._world.tables.read(SCHEDULE, (SCHEDULE_NAME,))
        night = decode_state(row.state).night
        assert night is not None
        assert night.running is not None
        assert night.running.run_id == run_id

    def program_ended(self, run_id: str, status: int) -> None:
        self._statuses[run_id] = status

    def look(self, programs: list[Program]) -> None:
        executing = [program.key for program in programs if program.is_executing]
        assert len(executing) <= 1, f"at once: {executing}"

    def some_night(self, rng: random.Random) -> str:
        """To be cancelled: one that runs, waits, is over, or never was."""
        rows = self._world.tables.read(SCHEDULE, (SCHEDULE_NAME,))
        known = [night.night_id for row in rows for night in _nights(decode_state(row.state))]
        night_id = rng.choice([*known, *list(self._over)[-1:], "nothing"])
        self._cancelled.add(night_id)
        return night_id

    def is_settled(self) -> bool:
        if self._world.tables.read(JOB_REQUEST, (SCHEDULE_NAME,)):
            return False
        rows = self._world.tables.read(SCHEDULE, (SCHEDULE_NAME,))
        state = decode_state(rows[0].state) if rows else None
        return state is not None and state.seen_ms >= self._last_ms() and not (_nights(state) or state.over)

    def check_over(self) -> None:
        """Each night had its turn, and came to an end that its runs explain."""
        rows = self._world.tables.read(NIGHT, (SCHEDULE_NAME,))
        recorded = {row.night_id: decode_night(row.detail, row.night_id) for row in rows}
        assert len(recorded) == len(rows)
        assert recorded == self._over
        assert self._first_ms is not None
        due = self._world.almanac.between(self._first_ms, self._last_ms())
        assert sorted(night.due_ms for night in recorded.values() if not night.is_asked) == due
        assert {night.night_id for night in recorded.values() if night.is_asked} == set(self._world.asked)
        for night in recorded.values():
            self._check_night(night)

    def _last_ms(self) -> int:
        return self._world.almanac.last_ms

    def _check_steps(self, old: State, new: State) -> None:
        """What is final stays, and a run ends before the next begins."""
        if old.night is None or new.night is None or old.night.night_id != new.night.night_id:
            return
        for before, after in zip(old.night.steps, new.night.steps, strict=True):
            assert before.state not in FINAL or after == before
            if before.state == RUNNING and after.run_id != before.run_id:
                assert before.run_id not in self._alive()
            assert not (before.state != RUNNING and after.state == RUNNING) or after.run_id not in self._began

    def _alive(self) -> set[str]:
        return {program.key for program in self._world.programs if program.is_executing}

    def _check_night(self, night: Night) -> None:
        plan = self._world_plan()
        assert night.state in FINAL
        assert night.state != CANCELLED or night.night_id in self._cancelled
        for step in night.steps:
            assert step.state != SUCCEEDED or self._statuses[step.run_id] == 0
            assert step.state != FAILED or step.failures == plan.attempts_max
            assert step.state not in (WAITING, RUNNING)
            assert step.failures <= plan.attempts_max

    def _world_plan(self) -> Any:
        from tests.actors.night_simulation import PLAN

        return PLAN


def _nights(state: State) -> list[Night]:
    return [*([state.night] if state.night is not None else []), *state.waiting]
