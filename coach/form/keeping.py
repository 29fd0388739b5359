"""A reference made small, to be kept of each exercise in a user's state; and which of two is kept."""

from __future__ import annotations

import numpy as np

from coach.form.reference import COURSE_POINTS, FormReference
from domain.form import COURSE_BYTES_MAX, KeptForm

LEVELS = 127
RANGE_SHARE_MIN = 0.95  # of the kept set's range: a set that goes less far is not better


def kept(reference: FormReference) -> KeptForm | None:
    """`reference` in a few hundred bytes; None of more channels than are kept."""
    if reference.course.size > COURSE_BYTES_MAX:
        return None
    scale = float(np.abs(reference.course).max()) or 1.0
    course = np.rint(reference.course / scale * LEVELS).astype(np.int8)
    return KeptForm(
        course=course.tobytes(),
        scale=scale,
        tempo_s=reference.tempo_s,
        tempo_s_deviation=reference.tempo_s_deviation,
        range=reference.range,
        range_deviation=reference.range_deviation,
        likeness=reference.likeness,
        distance=reference.distance,
        repetition_count=reference.repetition_count,
    )


def unpacked(form: KeptForm) -> FormReference:
    course = np.frombuffer(form.course, np.int8).reshape(COURSE_POINTS, -1).astype(np.float64)
    return FormReference(
        course=course * (form.scale / LEVELS),
        tempo_s=form.tempo_s,
        tempo_s_deviation=form.tempo_s_deviation,
        range=form.range,
        range_deviation=form.range_deviation,
        likeness=form.likeness,
        distance=form.distance,
        repetition_count=form.repetition_count,
    )


def is_better(fresh: FormReference, known: KeptForm) -> bool:
    """Whether the repetitions of `fresh` resemble each other more, and go as far."""
    return fresh.likeness > known.likeness and fresh.range >= RANGE_SHARE_MIN * known.range
