"""A workout as another program wrote it down, and what of a file could not be taken."""

from __future__ import annotations

from dataclasses import dataclass, field

from domain.commands import REPETITIONS_MAX, WEIGHT_KG_MAX
from domain.errors import InvalidFile

FILE_BYTES_MAX = 64 * 2**20
WORKOUTS_MAX = 20_000  # of a file
SETS_MAX = 500  # of a workout
POINTS_MAX = 500_000  # heart rates of a file: five and a half days of one a second
TOLD_MAX = 1_000  # of what was left out; what is beyond is counted
EARLIEST_MS = 315_532_800_000  # 1980: nothing of this kind is older
WORKOUT_MS_MAX = 36 * 3_600_000  # a longer one is a stopped clock or an attack
RATE_MIN, RATE_MAX = 20.0, 250.0  # heart beats a minute
LB_KG = 0.45359237  # the international pound, exactly


class LeftOutError(Exception):
    """What stands in one place cannot be taken; the rest of the file can."""


@dataclass(frozen=True, kw_only=True)
class ForeignSet:
    """`name` is the exercise as the program calls it. Times are None where the program says none.

    `line_nr` is where it stands: a line of a text, a message of a FIT file.
    """

    name: str
    repetitions: int | None
    weight_kg: float | None
    line_nr: int
    seconds: float | None = None
    start_ms: int | None = None


@dataclass(frozen=True, kw_only=True)
class Workout:
    """`end_ms` is None where nobody says it. `heart_rate`: (time in ms, beats a minute) in order."""

    title: str
    start_ms: int
    end_ms: int | None
    sets: tuple[ForeignSet, ...]
    line_nr: int
    heart_rate: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    line_nr: int
    words: str


@dataclass
class Reading:
    """What a file holds, gathered while it is read. `program` is the one that wrote it."""

    program: str
    file: str
    latest_ms: int
    workouts: list[Workout] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    left_out_count: int = 0

    def leave_out(self, line_nr: int, words: str) -> None:
        self.left_out_count += 1
        if len(self.left_out) < TOLD_MAX:
            self.left_out.append(LeftOut(line_nr=line_nr, words=words))

    def add(self, workout: Workout) -> None:
        """Take a workout if it has anything and its times can be; what cannot is left out with its reason."""
        try:
            self.workouts.append(_checked(workout, self.latest_ms))
        except LeftOutError as error:
            self.leave_out(workout.line_nr, str(error))
        if len(self.workouts) > WORKOUTS_MAX:
            raise InvalidFile(f"{self.file} has too many workouts", expected=f"at most {WORKOUTS_MAX}")


def check_repetitions(count: float | None) -> int | None:
    """A whole number of repetitions; raises LeftOutError."""
    if count is None:
        return None
    if not 0 <= count <= REPETITIONS_MAX or count != int(count):
        raise LeftOutError(f"{count:g} repetitions: expected a whole number, 0 to {REPETITIONS_MAX}")
    return int(count)


def check_weight(weight: float | None, unit: str) -> float | None:
    """Kilograms of `kg` or `lb`, to 10 g; raises LeftOutError."""
    if weight is None:
        return None
    kilograms = weight * LB_KG if unit == "lb" else weight
    if not 0 <= kilograms <= WEIGHT_KG_MAX:
        raise LeftOutError(f"{weight:g} {unit}: expected 0 to {WEIGHT_KG_MAX:g} kg")
    return round(kilograms, 2)


def check_seconds(seconds: float | None) -> float | None:
    """How long a set took; nothing for 0, as programs write what was not measured. Raises LeftOutError."""
    if not seconds:
        return None
    if not 0 < seconds <= 4 * 3600:
        raise LeftOutError(f"a set of {seconds:g} s: expected at most 4 h")
    return seconds


def _checked(workout: Workout, latest_ms: int) -> Workout:
    if not workout.sets and not workout.heart_rate:
        raise LeftOutError(
            f"workout {workout.title[:60]!r} has neither sets nor heart rates that can be taken"
        )
    if workout.start_ms < EARLIEST_MS:
        raise LeftOutError("a workout before 1980")
    if workout.start_ms > latest_ms:
        raise LeftOutError("a workout of the future")
    if workout.end_ms is not None and not 0 < workout.end_ms - workout.start_ms <= WORKOUT_MS_MAX:
        hours = (workout.end_ms - workout.start_ms) / 3_600_000
        raise LeftOutError(f"a workout of {hours:g} h: expected more than 0, at most 36")
    if len(workout.sets) > SETS_MAX:
        raise LeftOutError(f"a workout of {len(workout.sets)} sets: expected at most {SETS_MAX}")
    return workout
