"""What is learned of one person alone: a model over-fitted on their few sets, and how they do each exercise.

A model for one person is trained as any other (training/program.py), on that person's windows alone: mixing
in other people's made it worse, and beginning with what a model of other people had learned made no
difference (docs/decisions/0015). The form reference of each exercise comes from the same sets.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from coach.form import FormReference, Movement, learn
from domain.errors import InvalidInput
from domain.recording import REST
from domain.sensors import SensorSet
from domain.windows import STRIDE_SECONDS, FloatArray, LabelledWindow


def forms(windows: Iterable[LabelledWindow], sensor_set: SensorSet) -> dict[str, FormReference]:
    """How the exercises are done, by name; exercises with too few repetitions are left out."""
    sets: dict[str, list[FloatArray]] = defaultdict(list)
    for label, samples in stitched(windows, sensor_set):
        if label != REST:
            sets[label].append(samples)
    found = {}
    for label, of_label in sorted(sets.items()):
        try:
            found[label] = learn([Movement.counted(samples, sensor_set.rate_hz) for samples in of_label])
        except InvalidInput:
            continue
    return found


def stitched(windows: Iterable[LabelledWindow], sensor_set: SensorSet) -> Iterator[tuple[str, FloatArray]]:
    """The sets whose overlapping windows are given: labels with [samples, channels], by session and time."""
    stride = round(STRIDE_SECONDS * sensor_set.rate_hz)
    parts: list[FloatArray] = []
    before: LabelledWindow | None = None
    for window in sorted(windows, key=lambda each: (each.subject, each.session, each.start_ms)):
        if before is not None and not _follows(before, window):
            yield before.label, np.concatenate([*parts, before.samples])
            parts = []
        elif before is not None:
            parts.append(before.samples[:stride])
        before = window
    if before is not None:
        yield before.label, np.concatenate([*parts, before.samples])


def as_json(found: Mapping[str, FormReference]) -> dict[str, Any]:
    """References by exercise, as JSON can hold them."""
    return {name: {**asdict(form), "course": form.course.tolist()} for name, form in found.items()}


def _follows(before: LabelledWindow, window: LabelledWindow) -> bool:
    same = (before.subject, before.session, before.label) == (window.subject, window.session, window.label)
    return same and window.start_ms - before.start_ms == round(STRIDE_SECONDS * 1000)
