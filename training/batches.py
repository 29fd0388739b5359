"""Mini-batches: every window once an epoch, newly changed, and movements that are no exercise beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from domain.recording import REST
from training.augmentation import Augmentation, augment, following, noisy
from training.dataset import Dataset, class_weights
from training.negatives import Negatives

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
T = TypeVar("T")

BATCH_SIZE = 128  # windows of the data set in a batch; negatives come on top
NEGATIVE_SHARE = 0.1  # so many windows that are no exercise are made for each window of a batch


@dataclass(frozen=True, eq=False)
class Batch:
    """samples [n, window_samples, channels] in the sensors' units, labels [n], weights [n]."""

    samples: FloatArray
    labels: IntArray
    weights: FloatArray


def batches_per_epoch(windows: int) -> int:
    """At least one, of BATCH_SIZE windows or a little more."""
    return max(1, windows // BATCH_SIZE)


class Batches:
    """Makes the mini-batches of `dataset`; all that is random comes from `random`."""

    def __init__(self, dataset: Dataset, how: Augmentation, random: np.random.Generator) -> None:
        self._dataset, self._how, self._random = dataset, how, random
        self._weights = class_weights(dataset.labels, len(dataset.classes))[dataset.labels]
        self._continued = following(dataset)
        self._rest = dataset.classes.index(REST)

    def __len__(self) -> int:
        """How many an epoch has."""
        return batches_per_epoch(len(self._dataset))

    def epoch(self, prepared: Callable[[Batch], T]) -> Iterator[T]:
        """Every window once, in batches of BATCH_SIZE or a little more, as `prepared` makes them.

        The next batch is made and prepared while the present one is learned from; one thread makes them, in
        their order, so that the same seed gives the same batches.
        """
        order = np.array_split(self._random.permutation(len(self._dataset)), len(self))
        with ThreadPoolExecutor(max_workers=1) as maker:
            made = maker.submit(self._make, order[0], prepared)
            for chosen in order[1:]:
                present, made = made, maker.submit(self._make, chosen, prepared)
                yield present.result()
            yield made.result()

    def _make(self, chosen: IntArray, prepared: Callable[[Batch], T]) -> T:
        return prepared(self._changed(chosen))

    def _changed(self, chosen: IntArray) -> Batch:
        """The windows `chosen`, changed, and after them negatives made from their exercises, if any."""
        samples, labels = self._dataset.samples[chosen], self._dataset.labels[chosen]
        continued = self._dataset.samples[self._continued[chosen]]
        changed = augment(samples, continued, self._dataset.sensor_set, self._random, self._how)
        exercises = samples[labels != self._rest]
        count = round(NEGATIVE_SHARE * len(chosen)) if len(exercises) else 0
        if count:
            negatives = Negatives(self._dataset.sensor_set, self._random)
            changed = np.concatenate([changed, negatives.made_from(exercises, count)])
        movement = exercises if len(exercises) else samples
        return Batch(
            noisy(changed, movement, self._how.noise, self._random),
            np.concatenate([labels, np.full(count, self._rest, np.int64)]),
            # A negative weighs as much as a window on average, however rare rest is among the windows.
            np.concatenate([self._weights[chosen], np.ones(count, np.float32)]),
        )
