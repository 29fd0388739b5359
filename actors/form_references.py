"""The form references that were learned with a model, as its evaluations hold them."""

from __future__ import annotations

import logging

import msgspec
import numpy as np

from coach.form import COURSE_POINTS, FormReference
from domain.errors import StoredValueCorrupt
from domain.sensors import SensorSet
from persistence.models import ModelStore
from persistence.stored_json import decode_stored

log = logging.getLogger(__name__)


class _Stored(msgspec.Struct):
    """A reference as training/personal.py writes it; those of earlier versions have no distance."""

    course: list[list[float]]
    tempo_s: float
    tempo_s_deviation: float
    range: float
    range_deviation: float
    likeness: float
    repetition_count: int
    distance: float = 0.0


class _Metrics(msgspec.Struct):
    form: dict[str, _Stored] | None = None


def references_of(models: ModelStore, model_id: str, sensor_set: SensorSet) -> dict[str, FormReference]:
    """By exercise; none if none were learned. What cannot be read is logged and left out."""
    for row in models.evaluations(model_id):
        if '"form"' not in row.metrics:
            continue
        try:
            metrics: _Metrics = decode_stored(
                row.metrics, _Metrics, f"what model {model_id} learned", "personalise it again"
            )
            stored = metrics.form or {}
            return {name: _reference(each, sensor_set) for name, each in stored.items()}
        except (StoredValueCorrupt, ValueError) as error:
            log.error("the form references of model %s are not used: %s", model_id, error)
    return {}


def _reference(stored: _Stored, sensor_set: SensorSet) -> FormReference:
    course = np.array(stored.course, np.float64)
    if course.shape != (COURSE_POINTS, sensor_set.channel_count) or not np.isfinite(course).all():
        raise ValueError(f"a course of shape {course.shape}")
    return FormReference(**{**msgspec.structs.asdict(stored), "course": course})
