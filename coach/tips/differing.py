"""Where a set differs from its reference, in words: which half of which way."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from coach.form import Form, FormReference
from coach.repetitions.signals import axes_of
from coach.tips.words import percent, tip
from domain.form import Tip

FloatArray = npt.NDArray[np.float64]

DISTANCE_MIN = 0.8  # of the movement's size: sets of another day differ by less
RATIO_MIN = 2.5  # of the distance that the reference's own repetitions have from it
REPETITIONS_MIN = 5
NEAR_AN_END = 4  # points of the course: a repetition that begins this near to an end goes out from there


def difference_tip(compared: Form, reference: FormReference | None, exercise: str) -> Tip | None:
    """The part of the movement that differs most; None unless the set as a whole clearly differs."""
    if reference is None or len(compared.distance) < REPETITIONS_MIN or reference.distance <= 0:
        return None
    usual = float(np.median(compared.distance))
    if usual < DISTANCE_MIN or usual < RATIO_MIN * reference.distance:
        return None
    parts = parts_of(reference.course)
    apart = {name: float(np.sqrt(compared.differences[points].mean())) for name, points in parts.items()}
    most = max(apart, key=lambda name: apart[name])
    text = f"The movement differs from the reference most in {most}, by {percent(apart[most])} of its size."
    return tip("differs", exercise, text, apart[most])


def parts_of(course: FloatArray) -> dict[str, npt.NDArray[np.intp]]:
    """The parts of a repetition with their points in `course` [points, channels].

    Halves of the way out and of the way back, if the course begins at an end of its line; else halves of it.
    """
    sensor = course[:, : axes_of(course.shape[1])]
    line = sensor @ np.linalg.eigh(sensor.T @ sensor)[1][:, -1]
    count = len(line)
    ends = int(np.argmin(line)), int(np.argmax(line))
    start = min(ends, key=lambda end: min(end, count - end))
    turn = (ends[0] + ends[1] - start - start) % count
    if min(start, count - start) > NEAR_AN_END or not NEAR_AN_END <= turn <= count - NEAR_AN_END:
        first, second = np.array_split(np.arange(count), 2)
        return {"the first half of it": first, "the second half of it": second}
    places = (start + np.arange(count)) % count
    out, back = np.array_split(places[:turn], 2), np.array_split(places[turn:], 2)
    return {
        "the first half of the way out": out[0],
        "the second half of the way out": out[1],
        "the first half of the way back": back[0],
        "the second half of the way back": back[1],
    }
