"""What a programme's bounds say of a set: which repetitions kept them, and when a limit is passed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from coach.tips.words import counted, percent, tip
from domain.form import Tip
from domain.programme import Prescription, Span

FloatArray = npt.NDArray[np.float64]

BEYOND_MIN = 3  # repetitions beyond the bounds before anything is said: one alone may be measured wrongly
BEYOND_SHARE_MIN = 0.3  # of the set
ANY_EXERCISE = "any"  # what a tip about the heart names: it may beat too fast in a rest, too
IN_A_ROW = 3  # latest repetitions beyond the bounds: the user is told to stop
TOLERANCE = 0.1  # of a bound: what is measured is not more exact


def within(prescription: Prescription, tempo_s: FloatArray, shares: FloatArray) -> int:
    """How many repetitions kept the bounds of tempo and reach."""
    beyond = _beyond(prescription.tempo_s, tempo_s) | _beyond(prescription.reach, shares)
    return int((beyond == 0).sum())


def limit_tip(
    prescription: Prescription | None,
    repetitions: int,
    tempo_s: FloatArray,
    shares: FloatArray,
    exercise: str,
    *,
    stops_only: bool = False,
) -> Tip | None:
    """What passes a limit or a bound. With `stops_only` only what is a reason to stop at once."""
    if prescription is None:
        return None
    limit = prescription.repetitions_limit
    if limit is not None and repetitions > limit:
        text = f"Stop here: {repetitions} repetitions, and {limit} are your limit."
        return tip("repetitions", exercise, text, repetitions, stop=True)
    stop = _stop(prescription, tempo_s, shares, exercise)
    if stop is not None or stops_only:
        return stop
    return _bounds(prescription, tempo_s, shares, exercise)


def heart_tip(limit: int, rate: float) -> Tip | None:
    """`rate`: beats per minute, the mean of the latest second or so."""
    if rate <= limit:
        return None
    text = f"Stop and rest: your heart beats {rate:.0f} times a minute, and {limit} is your limit."
    return tip("heart-rate", ANY_EXERCISE, text, rate, stop=True)


def _stop(prescription: Prescription, tempo_s: FloatArray, shares: FloatArray, exercise: str) -> Tip | None:
    """The latest repetitions in a row go too far, or are too quick: the limits that protect."""
    latest = slice(-IN_A_ROW, None)
    if len(shares) < IN_A_ROW:
        return None
    if (_beyond(Span(most=prescription.reach.most), shares[latest]) > 0).all():
        share = float(shares[latest].mean())
        text = (
            f"Stop here: the last {counted(IN_A_ROW)} repetitions went to {percent(share)} of the reference."
        )
        return tip("reach", exercise, text, share, stop=True)
    if (_beyond(Span(least=prescription.tempo_s.least), tempo_s[latest]) < 0).all():
        seconds = float(tempo_s[latest].mean())
        text = f"Stop here: the last {counted(IN_A_ROW)} took {seconds:.1f} s each, faster than your limit."
        return tip("tempo", exercise, text, seconds, stop=True)
    return None


def _bounds(prescription: Prescription, tempo_s: FloatArray, shares: FloatArray, exercise: str) -> Tip | None:
    """Many repetitions beyond a bound; of reach before tempo."""
    for kind, span, values in (
        ("reach", prescription.reach, shares),
        ("tempo", prescription.tempo_s, tempo_s),
    ):
        beyond = _beyond(span, values)
        for sign in (-1, 1):
            number = int((beyond == sign).sum())
            if number >= max(BEYOND_MIN, BEYOND_SHARE_MIN * len(values)):
                usual = float(np.median(values[beyond == sign]))
                which = f"{counted(number).capitalize()} of {len(values)} repetitions"
                if kind == "reach":
                    went = "less far" if sign < 0 else "farther"
                    text = f"{which} went {went} than prescribed, to {percent(usual)}."
                    return tip("reach", exercise, text, usual)
                text = (
                    f"{which} were {'quicker' if sign < 0 else 'slower'} than prescribed, {usual:.1f} s each."
                )
                return tip("tempo", exercise, text, usual)
    return None


def _beyond(span: Span, values: FloatArray) -> npt.NDArray[np.int8]:
    """-1 where a value is below the span, 1 where it is above, 0 within."""
    beyond = np.zeros(len(values), np.int8)
    if span.least is not None:
        beyond[values < span.least * (1 - TOLERANCE)] = -1
    if span.most is not None:
        beyond[values > span.most * (1 + TOLERANCE)] = 1
    return beyond
