"""Labelled windows as arrays: checking, splitting by session, class weights."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from domain.errors import InvalidInput
from domain.recording import REST
from domain.sensors import WINDOW_SECONDS, SensorSet
from domain.windows import LabelledWindow

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
TextArray = npt.NDArray[np.str_]

WINDOWS_MAX = 100_000  # six channels at 50 Hz: 240 MB, several times over while training
HELD_OUT_FRACTION = 0.25  # of the windows, about
CLASS_WEIGHT_POWER = 0.5  # between 0, every window counts the same, and 1, every class counts the same


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """n windows: samples [n, window_samples, channels] in the sensors' units; the others [n].

    `labels` are indices into `classes`, which are sorted and hold REST even where no window shows it: what is
    no exercise is learned from training.negatives too. Pseudonymous `subjects`, `sessions`, `start_ms`.
    """

    sensor_set: SensorSet
    classes: tuple[str, ...]
    samples: FloatArray
    labels: IntArray
    subjects: TextArray
    sessions: TextArray
    start_ms: IntArray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: npt.NDArray[np.bool_]) -> Dataset:
        """The windows where `chosen` [n] is true; the classes stay."""
        return replace(
            self,
            samples=self.samples[chosen],
            labels=self.labels[chosen],
            subjects=self.subjects[chosen],
            sessions=self.sessions[chosen],
            start_ms=self.start_ms[chosen],
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """`held_out_by` is "session", or "time" where one session is all there is."""

    training: Dataset
    validation: Dataset
    held_out_by: str


def collect(windows: Iterable[LabelledWindow], sensor_set: SensorSet) -> Dataset:
    """Read `windows` once; of more than WINDOWS_MAX, keep a fair sample.

    Raises InvalidInput: none, a single class, another sensor set, NaN or infinity.
    """
    kept = _sample(windows)
    if not kept:
        raise InvalidInput(
            "no labelled windows", expected="windows of at least two classes", remedy="confirm some exercises"
        )
    shape = (sensor_set.window_samples, sensor_set.channel_count)
    for window in kept:
        if window.sensor_set != sensor_set or window.samples.shape != shape:
            raise _unfit(window, f"a window of {window.sensor_set}, {window.samples.shape}", f"{shape}")
    labels = {window.label for window in kept}
    if len(labels) < 2:
        raise InvalidInput(
            f"all windows are labelled {labels.pop()!r}",
            expected="at least two classes",
            remedy="record rest or another exercise too",
        )
    classes = tuple(sorted(labels | {REST}))
    samples = np.stack([window.samples for window in kept]).astype(np.float32)
    broken = np.flatnonzero(~np.isfinite(samples).all(axis=(1, 2)))
    if len(broken):
        raise _unfit(kept[broken[0]], f"NaN or infinity in {len(broken)} windows", "finite numbers")
    index = {name: number for number, name in enumerate(classes)}
    return Dataset(
        sensor_set=sensor_set,
        classes=classes,
        samples=samples,
        labels=np.array([index[window.label] for window in kept], np.int64),
        subjects=np.array([window.subject for window in kept]),
        sessions=np.array([f"{window.subject}/{window.session}" for window in kept]),
        start_ms=np.array([window.start_ms for window in kept], np.int64),
    )


def split(dataset: Dataset, seed: int) -> Split:
    """Hold out whole sessions, about a quarter of the windows; see `_sessions_held_out`.

    Windows overlap, so a split by window would show the validation's samples in training. With one session,
    or where every session alone holds some class, the last part of each class's time is held out instead.
    """
    names = _sessions_held_out(dataset, seed)
    by = "session" if names else "time"
    held_out = np.isin(dataset.sessions, names) if names else _ends_of_classes(dataset)
    overlapping = np.zeros(len(dataset), bool) if names else _overlapping(dataset, held_out)
    return Split(
        training=dataset.take(~held_out & ~overlapping),
        validation=dataset.take(held_out),
        held_out_by=by,
    )


def class_weights(labels: IntArray, class_count: int) -> FloatArray:
    """[classes], float32, mean 1 over the windows; a class without windows weighs nothing."""
    counts = np.bincount(labels, minlength=class_count)
    weights = np.where(counts > 0, np.maximum(counts, 1.0) ** -CLASS_WEIGHT_POWER, 0.0)
    return np.asarray(weights * len(labels) / (weights * counts).sum(), np.float32)


def _sample(windows: Iterable[LabelledWindow]) -> list[LabelledWindow]:
    """Each window with the same chance (Vitter's algorithm R), the same ones every time."""
    random = np.random.default_rng(0)
    kept: list[LabelledWindow] = []
    for number, window in enumerate(windows):
        if number < WINDOWS_MAX:
            kept.append(window)
        elif (place := int(random.integers(0, number + 1))) < WINDOWS_MAX:
            kept[place] = window
    return kept


def _unfit(window: LabelledWindow, wrong: str, expected: str) -> InvalidInput:
    return InvalidInput(
        f"{wrong}: session {window.session!r} at {window.start_ms}",
        expected=expected,
        remedy="slice the sensor data again",
    )


def _sessions_held_out(dataset: Dataset, seed: int) -> list[str]:
    """Sessions to validate on, chosen greedily: none that training needs for a class, most new classes first.

    Stops at about HELD_OUT_FRACTION of the windows; ties are broken by `seed`. Empty if no session can go.
    """
    names = np.unique(dataset.sessions)
    has = np.stack([np.bincount(dataset.labels[dataset.sessions == name], minlength=len(dataset.classes)) > 0
                    for name in names])  # fmt: skip
    has = has[:, has.any(axis=0)]  # rest is a class even where nobody recorded it
    sizes = np.array([(dataset.sessions == name).sum() for name in names])
    order = np.random.default_rng(seed).permutation(len(names))
    held_out: list[int] = []
    while sizes[held_out].sum() < 0.6 * HELD_OUT_FRACTION * len(dataset):
        rest = [i for i in order if i not in held_out and _can_go(has, [*held_out, i])]
        if not rest:
            break
        seen = has[held_out].any(axis=0)
        held_out.append(max(rest, key=lambda i: int((has[i] & ~seen).sum())))
    return [str(names[i]) for i in held_out]


def _can_go(has: npt.NDArray[np.bool_], held_out: list[int]) -> bool:
    """Whether the sessions left still show every class; has [sessions, classes]."""
    return bool(np.delete(has, held_out, axis=0).any(axis=0).all())


def _ends_of_classes(dataset: Dataset) -> npt.NDArray[np.bool_]:
    """The last quarter of each class's windows in time, but never all of them."""
    held_out = np.zeros(len(dataset), bool)
    for label in np.unique(dataset.labels):
        members = np.flatnonzero(dataset.labels == label)
        members = members[np.argsort(dataset.start_ms[members], kind="stable")]
        held_out[members[len(members) - int(len(members) * HELD_OUT_FRACTION) :]] = True
    if not held_out.any():
        raise InvalidInput(
            f"{len(dataset)} windows", expected="at least four of some class", remedy="record more sets"
        )
    return held_out


def _overlapping(dataset: Dataset, held_out: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Windows that share samples with a window held out."""
    times = np.sort(dataset.start_ms[held_out])
    after = np.minimum(np.searchsorted(times, dataset.start_ms), len(times) - 1)
    before = np.maximum(after - 1, 0)
    distance = np.minimum(abs(times[after] - dataset.start_ms), abs(times[before] - dataset.start_ms))
    return np.asarray(distance < WINDOW_SECONDS * 1000)
