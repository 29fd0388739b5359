"""Everything that is measured of a model: windows, sets, repetitions, rest, and continuous sessions.

From recordings all of it can be known; from a store's windows all but repetitions and continuous sessions.
What cannot be measured is None.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from coach.repetitions import count
from domain.errors import InvalidInput
from domain.recording import REST, Recording
from domain.sensors import WINDOW_SECONDS, SensorSet
from domain.windows import LabelledWindow
from edge.artefact import Artefact
from edge.int8 import Int8Network
from edge.recogniser import UNKNOWN as UNKNOWN_NAME
from training.dataset import Dataset
from training.evaluate import UNKNOWN, Metrics, evaluate, name_indices
from training.segmentation import Segmentation, segmentation
from training.unknown import Separation, separation
from training.windowing import windows_of_recording

FloatArray = npt.NDArray[np.float32]

BATCH_WINDOWS = 256
SET_GAP_MS_MAX = 2_500  # between the starts of windows of one set: a stride, or two where one was not whole
SET_NAMED_FROM = 0.5  # probability of exercising from which a window has a say in its set's name


@dataclass(frozen=True, kw_only=True)
class Counting:
    """Counted against true repetitions of the sets whose repetitions are known."""

    sets: int
    exact: int
    within_one: int
    within_two: int
    mean_absolute_error: float


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """`sets_right` of `sets` have the right name: see `set_name`; a set without a window has none.

    `unknown` separates windows of exercises from those of rest by 1 - P(rest).
    """

    metrics: Metrics
    sets: int
    sets_right: int
    unknown: Separation | None
    repetitions: Counting | None
    segmentation: Segmentation | None

    def as_json(self) -> dict[str, Any]:
        """The object that `muvr evaluate --json` writes."""
        found = {name: value for name, value in asdict(self.metrics).items() if "majority" not in name}
        for name in ("sets", "sets_right", "unknown", "repetitions", "segmentation"):
            value = getattr(self, name)
            found[name] = value if value is None or isinstance(value, int) else asdict(value)
        return found


@dataclass(frozen=True)
class _Stretch:
    """Consecutive windows of one label: their probabilities [n, classes]."""

    subject: str
    label: str
    probabilities: FloatArray


def evaluate_recordings(artefact: Artefact, data_sets: Mapping[str, Sequence[Recording]]) -> Evaluation:
    """Evaluate on recordings, by data set; names of people count within their data set.

    Recordings without the model's sensors are left out. Raises InvalidInput if nothing is left.
    """
    network = Int8Network(artefact)
    usable = {name: with_sensors(each, artefact.sensor_set) for name, each in data_sets.items()}
    stretches = []
    without_windows = 0
    for name, recordings in usable.items():
        for recording in recordings:
            windows = windows_of_recording(recording, artefact.sensor_set)
            if windows:
                stretches.append(
                    _Stretch(f"{name}/{recording.subject}", recording.label, _run(network, windows))
                )
            elif recording.label != REST:
                without_windows += 1
    check_windows(stretches, usable, artefact.sensor_set)
    return _evaluation(
        artefact,
        stretches,
        without_windows,
        repetitions=counting(artefact.sensor_set, [each for group in usable.values() for each in group]),
        segmentation=segmentation(artefact, usable.values()),
    )


def evaluate_windows(artefact: Artefact, windows: Iterable[LabelledWindow]) -> Evaluation:
    """Evaluate on a store's windows, read once; those of a set follow each other.

    Of each window only its probabilities are kept. Raises InvalidInput if there are none.
    """
    network = Int8Network(artefact)
    stretches = [
        _Stretch(stretch[0].subject, stretch[0].label, _run(network, stretch))
        for stretch in _stretches(windows)
    ]
    return _evaluation(artefact, stretches, 0, repetitions=None, segmentation=None)


def evaluate_dataset(artefact: Artefact, dataset: Dataset) -> Evaluation:
    """Evaluate on windows that are in memory, in whatever order; raises InvalidInput if there are none."""
    order = np.lexsort((dataset.start_ms, dataset.sessions))
    return evaluate_windows(artefact, (_window(dataset, int(index)) for index in order))


def set_name(probabilities: FloatArray, classes: Sequence[str]) -> str:
    """The name of a set whose windows have `probabilities` [n, classes], n > 0.

    As the recogniser names it: the exercise with the greatest mean probability over the windows in which
    somebody exercises, all of them if there is none such; UNKNOWN if its share of that is too small.
    """
    exercises = np.array([name != REST for name in classes])
    says = probabilities[:, exercises].sum(axis=1) >= SET_NAMED_FROM
    mean = probabilities[says if says.any() else slice(None)].mean(axis=0)
    named = int(name_indices(np.where(exercises, mean, 0.0)[None], classes)[0])
    return classes[named] if named < len(classes) else UNKNOWN_NAME


def counting(sensor_set: SensorSet, recordings: Iterable[Recording]) -> Counting | None:
    """Count the repetitions of each recording in which they are known, by the model's sensors."""
    errors = []
    for recording in recordings:
        if recording.repetitions:
            length = min(len(recording.values[letter]) for letter in sensor_set.letters)
            values = [recording.values[letter][:length] for letter in sensor_set.letters]
            found = count(np.concatenate(values, axis=1), recording.rate_hz)
            errors.append(abs(found.count - recording.repetitions))
    if not errors:
        return None
    return Counting(
        sets=len(errors),
        exact=sum(error == 0 for error in errors),
        within_one=sum(error <= 1 for error in errors),
        within_two=sum(error <= 2 for error in errors),
        mean_absolute_error=float(np.mean(errors)),
    )


def with_sensors(recordings: Iterable[Recording], sensor_set: SensorSet) -> list[Recording]:
    """Those in which every sensor of the set was recorded."""
    return [each for each in recordings if set(sensor_set.letters) <= set(each.values)]


def check_windows(
    stretches: Sequence[object], usable: Mapping[str, Sequence[Recording]], sensor_set: SensorSet
) -> None:
    """Raise InvalidInput, which says why, if recordings gave no window."""
    if stretches:
        return
    if not any(usable.values()):
        raise InvalidInput(
            f"none of the recordings has the sensors of {sensor_set}",
            expected=f"recordings of {', '.join(sensor_set.letters)}",
            remedy="choose other recordings, or another sensor set",
        )
    raise InvalidInput(
        "none of the recordings is as long as a window",
        expected=f"at least {WINDOW_SECONDS:g} s and a stride",
        remedy="choose longer recordings",
    )


def _window(dataset: Dataset, index: int) -> LabelledWindow:
    return LabelledWindow(
        sensor_set=dataset.sensor_set,
        subject=str(dataset.subjects[index]),
        session=str(dataset.sessions[index]),
        start_ms=int(dataset.start_ms[index]),
        label=dataset.classes[dataset.labels[index]],
        samples=dataset.samples[index],
    )


def _evaluation(
    artefact: Artefact,
    stretches: Sequence[_Stretch],
    without_windows: int,
    *,
    repetitions: Counting | None,
    segmentation: Segmentation | None,
) -> Evaluation:
    classes = artefact.classes
    probabilities = np.concatenate(
        [each.probabilities for each in stretches] or [np.empty((0, len(classes)), np.float32)]
    )
    labels = np.repeat(
        np.array([_index(each.label, classes) for each in stretches], np.int64),
        [len(each.probabilities) for each in stretches],
    )
    subjects = [each.subject for each in stretches for _ in each.probabilities]
    sets = [each for each in stretches if each.label != REST]
    rests = [each for each in stretches if each.label == REST]
    return Evaluation(
        metrics=evaluate(probabilities, labels, subjects, classes),
        sets=len(sets) + without_windows,
        sets_right=sum(
            set_name(each.probabilities, classes) == (each.label if each.label in classes else UNKNOWN_NAME)
            for each in sets
        ),
        unknown=separation(_exercising(sets, classes), _exercising(rests, classes)),
        repetitions=repetitions,
        segmentation=segmentation,
    )


def _index(label: str, classes: Sequence[str]) -> int:
    return classes.index(label) if label in classes else UNKNOWN


def _exercising(stretches: Sequence[_Stretch], classes: Sequence[str]) -> FloatArray:
    """1 - P(rest) of all windows."""
    exercises = np.array([name != REST for name in classes])
    return np.concatenate(
        [each.probabilities[:, exercises].sum(axis=1) for each in stretches] or [np.empty(0, np.float32)]
    )


def _run(network: Int8Network, windows: Sequence[LabelledWindow]) -> FloatArray:
    parts = [
        network.probabilities(np.stack([window.samples for window in windows[start : start + BATCH_WINDOWS]]))
        for start in range(0, len(windows), BATCH_WINDOWS)
    ]
    return np.concatenate(parts)


def _stretches(windows: Iterable[LabelledWindow]) -> Iterator[list[LabelledWindow]]:
    """Windows of one label in a row; of rest at most BATCH_WINDOWS, so that a night of it fits the memory."""
    stretch: list[LabelledWindow] = []
    for window in windows:
        if stretch and not _goes_on(stretch, window):
            yield stretch
            stretch = []
        stretch.append(window)
    if stretch:
        yield stretch


def _goes_on(stretch: Sequence[LabelledWindow], window: LabelledWindow) -> bool:
    last = stretch[-1]
    return (
        (last.subject, last.session, last.label) == (window.subject, window.session, window.label)
        and 0 < window.start_ms - last.start_ms <= SET_GAP_MS_MAX
        and (window.label != REST or len(stretch) < BATCH_WINDOWS)
    )
