"""How a set was done, in figures, and what a user is told about it."""

from __future__ import annotations

import math
from typing import Literal, get_args

import msgspec

from domain.errors import InvalidInput

TipKind = Literal[
    "shorter", "faster", "irregular", "stuck", "momentum", "sides", "differs",
    "reach", "tempo", "repetitions", "heart-rate",
]  # fmt: skip
TIP_TEXT_MAX = 240
COURSE_BYTES_MAX = 32 * 30  # 32 points of ten sensors of three axes
LASTED_S_MAX = 600.0


class Tip(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """What a user is told about a set of `exercise`, in plain words, and the figure behind it.

    `figure` is what `text` names: a share (0.35 for 35 %), seconds, repetitions or beats per minute. With
    `stop` a limit is passed that the physiotherapist set.
    """

    kind: TipKind
    exercise: str
    text: str
    figure: float
    stop: bool = False


class KeptForm(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """A user's best set of an exercise, to compare others with: coach.form.FormReference, made small.

    `course`: int8, point by point, 127 being `scale` in the sensors' units. Of what lasts and goes so far the
    mean and the standard deviation; `likeness` and `distance` are the repetitions' own to the course.
    """

    course: bytes
    scale: float
    tempo_s: float
    tempo_s_deviation: float
    range: float
    range_deviation: float
    likeness: float
    distance: float
    repetition_count: int


class SetForm(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """A set's figures. `tempo_s` is the usual one of its repetitions, `reach` in the first sensor's unit.

    `reach_share`: of the reference's reach, None without a reference. `within`: repetitions that kept the
    programme's bounds, None where nothing is prescribed.
    """

    start_ms: int
    end_ms: int
    exercise: str
    repetitions: int
    tempo_s: float
    reach: float
    reach_share: float | None = None
    within: int | None = None


def check_form(form: SetForm) -> SetForm:
    """Return `form` if its figures keep their limits, else raise InvalidInput naming one that does not."""
    _check_number("tempo in seconds", form.tempo_s, LASTED_S_MAX)
    _check_number("reach", form.reach, 1e6)
    if form.reach_share is not None:
        _check_number("reach as a share", form.reach_share, 1e3)
    within, repetitions = form.within, form.repetitions
    if within is not None and not 0 <= within <= repetitions:
        raise _wrong(f"{within} repetitions within bounds", f"0 to the {repetitions} of the set")
    return form


def check_tip(tip: Tip) -> Tip:
    """Return `tip` if its fields keep their limits, else raise InvalidInput naming one that does not."""
    kinds = get_args(TipKind)
    if tip.kind not in kinds:
        raise _wrong(f"a tip of kind {tip.kind[:16]!r}", f"one of {', '.join(kinds)}")
    if not 0 < len(tip.text) <= TIP_TEXT_MAX:
        raise _wrong(f"a tip of {len(tip.text)} characters", f"1 to {TIP_TEXT_MAX}")
    _check_number("the tip's figure", tip.figure, 1e6)
    return tip


def _check_number(name: str, value: float, most: float) -> None:
    if not (math.isfinite(value) and 0 <= value <= most):
        raise _wrong(f"{name} {value:g}", f"0 to {most:g}")


def _wrong(wrong: str, expected: str) -> InvalidInput:
    return InvalidInput(wrong, expected=expected, remedy="correct the message")
