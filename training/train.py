"""Fitting the network: mini-batches, a cosine learning rate that ends with the budget, the best epoch."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from domain.errors import InvalidInput
from edge.preprocessing import normalise
from training.dataset import Dataset, augment, class_weights
from training.evaluate import f1_macro
from training.network import build, import_tensorflow

FloatArray = npt.NDArray[np.float32]

BATCH_SIZE = 64
LEARNING_RATE = 4e-3
WEIGHT_DECAY = 5e-3
LABEL_SMOOTHING = 0.05


@dataclass(frozen=True, kw_only=True)
class Progress:
    """After an epoch, counted from 1: the mean training loss and the float network's validation macro F1."""

    epoch: int
    epochs_max: int
    loss: float
    f1_validation: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Training ends when any is reached. Raises InvalidInput if not even one epoch is allowed."""

    epochs_max: int
    seconds_max: float
    target_f1: float

    def __post_init__(self) -> None:
        if not (self.epochs_max >= 1 and self.seconds_max > 0):
            raise InvalidInput(
                f"{self.epochs_max} epochs in {self.seconds_max} s",
                expected="time for at least one epoch",
                remedy="raise the budget",
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class Normalisation:
    """Per channel, in the sensors' units."""

    mean: tuple[float, ...]
    scale: tuple[float, ...]

    @classmethod
    def of(cls, samples: FloatArray) -> Normalisation:
        """Mean and standard deviation over windows [n, window_samples, channels]; a flat channel gets 1."""
        mean, deviation = samples.mean(axis=(0, 1)), samples.std(axis=(0, 1))
        scale = np.where(deviation > 1e-4, deviation, 1.0)
        return cls(mean=tuple(map(float, mean)), scale=tuple(map(float, scale)))

    def apply(self, samples: FloatArray) -> FloatArray:
        """The network's input, [n, 1, window_samples, channels]."""
        return normalise(samples, self.mean, self.scale)[:, None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Fitted:
    """A Keras model with the weights of its best epoch, and how it came to them."""

    model: Any
    normalisation: Normalisation
    best_epoch: int
    curve: tuple[Progress, ...]


def fit(
    training: Dataset,
    validation: Dataset,
    limits: Limits,
    seed: int,
    progress: Callable[[Progress], None],
    clock: Callable[[], float] = time.monotonic,
) -> Fitted:
    """Train on `training` until a limit is reached; keep the epoch with the best macro F1 on `validation`.

    The same seed, data and machine give the same weights, unless the time limit cuts in.
    """
    tf = import_tensorflow()
    tf.keras.utils.set_random_seed(seed)
    random = np.random.default_rng(seed)
    normalisation = Normalisation.of(training.samples)
    window_samples, channels = training.samples.shape[1:]
    model = build(window_samples, channels, len(training.classes))
    epoch_of = _Epoch(tf, model, training, normalisation)
    validation_input = tf.constant(normalisation.apply(validation.samples))
    started = clock()
    curve: list[Progress] = []
    best_f1, best_weights = -1.0, model.get_weights()
    while not _ended(curve, limits, clock() - started):
        done = max(len(curve) / limits.epochs_max, (clock() - started) / limits.seconds_max)
        loss = epoch_of.run(random, done, 1 / limits.epochs_max)
        predicted = epoch_of.logits(validation_input).numpy().argmax(axis=-1).reshape(-1)
        f1 = f1_macro(validation.labels, predicted, len(training.classes))
        step = Progress(
            epoch=len(curve) + 1,
            epochs_max=limits.epochs_max,
            loss=loss,
            f1_validation=f1,
            seconds=clock() - started,
        )
        curve.append(step)
        progress(step)
        if f1 > best_f1:
            best_f1, best_weights = f1, model.get_weights()
    model.set_weights(best_weights)
    best_epoch = 1 + int(np.argmax([step.f1_validation for step in curve]))
    return Fitted(model=model, normalisation=normalisation, best_epoch=best_epoch, curve=tuple(curve))


def temperature(logits: FloatArray, labels: npt.NDArray[np.int64]) -> float:
    """The temperature with the least negative log likelihood (Guo et al., ICML 2017), from 0.25 to 8.

    logits [n, classes]; labels [n].
    """
    candidates = np.geomspace(0.25, 8, 121)
    shifted = (logits - logits.max(axis=1, keepdims=True)).astype(np.float64)
    own = shifted[np.arange(len(labels)), labels]
    losses = [float(np.mean(np.log(np.exp(shifted / t).sum(axis=1)) - own / t)) for t in candidates]
    return float(candidates[int(np.argmin(losses))])


def _ended(curve: list[Progress], limits: Limits, seconds: float) -> bool:
    """At least one epoch is run, whatever the limits."""
    if not curve:
        return False
    reached = curve[-1].f1_validation >= limits.target_f1
    # An epoch that would end after the budget is not begun.
    return reached or len(curve) >= limits.epochs_max or seconds * (1 + 1 / len(curve)) > limits.seconds_max


class _Epoch:
    """One pass over the training windows, each seen in a new augmentation."""

    def __init__(self, tf: Any, model: Any, training: Dataset, normalisation: Normalisation) -> None:
        self._training, self._normalisation = training, normalisation
        self._targets = np.eye(len(training.classes), dtype=np.float32)
        self._weights = class_weights(training.labels, len(training.classes))
        self._optimizer = tf.keras.optimizers.AdamW(LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        self._optimizer.build(model.trainable_variables)
        loss_of = tf.keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=LABEL_SMOOTHING)

        @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
        def step(inputs: Any, targets: Any, weights: Any) -> Any:
            with tf.GradientTape() as tape:
                logits = tf.reshape(model(inputs, training=True), tf.shape(targets))
                loss = loss_of(targets, logits, sample_weight=weights)
            gradients = tape.gradient(loss, model.trainable_variables)
            self._optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
            return loss

        self._step = step
        self.logits = tf.function(lambda inputs: model(inputs, training=False), reduce_retracing=True)

    def run(self, random: np.random.Generator, done: float, share: float) -> float:
        """Train one epoch, `done` to `done + share` of the way; return the mean loss."""
        labels = self._training.labels
        changed = augment(self._training.samples, self._training.sensor_set, random)
        inputs = self._normalisation.apply(changed)
        order = random.permutation(len(labels))
        batches = np.array_split(order, max(1, len(order) // BATCH_SIZE))
        losses = []
        for number, batch in enumerate(batches):
            way = min(1.0, done + share * number / len(batches))
            self._optimizer.learning_rate.assign(
                LEARNING_RATE * (0.01 + 0.99 * (1 + np.cos(np.pi * way)) / 2)
            )
            own = labels[batch]
            losses.append(self._step(inputs[batch], self._targets[own], self._weights[own]))
        return float(np.mean([float(loss) for loss in losses]))
