"""A physiotherapist's programme for a user: what is prescribed, and the limits at which to stop."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from domain.checks import check
from domain.frames import EPOCH_MS_MAX
from domain.identifiers import check_identifier

PRESCRIPTIONS_MAX = 16
SETS_MAX = 20
PRESCRIBED_REPETITIONS_MAX = 200
TEMPO_S = (0.3, 60.0)  # limits are inclusive
SHARES = (0.05, 3.0)
HEART_RATES = (40, 250)


class Span(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """What lies within it is as prescribed; None is no limit on that side."""

    least: float | None = None
    most: float | None = None

    def __contains__(self, value: float) -> bool:
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)


class Prescription(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """One exercise: so many sets of so many repetitions on so many days of a week.

    `tempo_s`: how long a repetition may take. `reach`: how far it may go, as a share of the reference's or,
    where there is none, of the set's first repetitions. `repetitions_limit`: after so many of a set the user
    is told to stop.
    """

    exercise: str
    set_count: int
    repetitions: int
    days_per_week: int
    tempo_s: Span = Span()
    reach: Span = Span()
    repetitions_limit: int | None = None


class Programme(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """Prescribed as a whole at `at_ms`; of two the later one holds. Without prescriptions it has ended.

    `heart_rate_limit`: beats per minute above which the user is told to stop.
    """

    at_ms: int = 0
    prescriptions: tuple[Prescription, ...] = ()
    heart_rate_limit: int | None = None

    def of(self, exercise: str) -> Prescription | None:
        """What is prescribed of `exercise`, None if nothing is."""
        return next((each for each in self.prescriptions if each.exercise == exercise), None)


def check_programme(programme: Programme) -> Programme:
    """Return `programme` if each field keeps its limits, else raise InvalidInput that names one."""
    at_ms, prescriptions = programme.at_ms, programme.prescriptions
    check(0 <= at_ms <= EPOCH_MS_MAX, f"at_ms {at_ms}", "ms since 1970, before 2100")
    _check_within("heart rate limit", programme.heart_rate_limit, HEART_RATES)
    number = len(prescriptions)
    check(number <= PRESCRIPTIONS_MAX, f"{number} prescriptions", f"at most {PRESCRIPTIONS_MAX}")
    names = {each.exercise for each in prescriptions}
    check(len(names) == number, "two prescriptions of one exercise", "one of each")
    for each in prescriptions:
        _check_prescription(each)
    return programme


def _check_prescription(prescription: Prescription) -> None:
    check_identifier("exercise", prescription.exercise)
    counts: Mapping[str, tuple[int | None, int]] = {
        "sets": (prescription.set_count, SETS_MAX),
        "repetitions": (prescription.repetitions, PRESCRIBED_REPETITIONS_MAX),
        "days a week": (prescription.days_per_week, 7),
        "repetitions as limit": (prescription.repetitions_limit, PRESCRIBED_REPETITIONS_MAX),
    }
    for name, (value, most) in counts.items():
        _check_within(name, value, (1, most))
    limit = prescription.repetitions_limit
    check(
        limit is None or limit >= prescription.repetitions,
        f"a limit of {limit} repetitions",
        f"at least the {prescription.repetitions} that are prescribed",
    )
    _check_span("tempo in seconds", prescription.tempo_s, TEMPO_S)
    _check_span("reach", prescription.reach, SHARES)


def _check_span(name: str, span: Span, limits: tuple[float, float]) -> None:
    for value in (span.least, span.most):
        _check_within(name, value, limits)
    if span.least is not None and span.most is not None:
        check(span.least <= span.most, f"{name} from {span.least:g} to {span.most:g}", "the smaller first")


def _check_within(name: str, value: float | None, limits: tuple[float, float]) -> None:
    lowest, highest = limits
    right = value is None or (math.isfinite(value) and lowest <= value <= highest)
    check(right, f"{name} {value}", f"{lowest:g} to {highest:g}")
