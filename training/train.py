"""Fitting the network: mini-batches, a cosine learning rate that ends with the budget, the best epoch."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from domain.errors import InvalidInput
from domain.sensors import SensorSet
from edge.preprocessing import NORMALISED_MAX, normalise, with_magnitudes
from training.augmentation import augmentation_for
from training.batches import Batch, Batches
from training.checkpoint import Keeper, NoKeeper, TrainingState
from training.dataset import Dataset
from training.evaluate import f1_macro
from training.network import build, gravity_taps, import_tensorflow, motion

FloatArray = npt.NDArray[np.float32]

LEARNING_RATE = 1e-2
WEIGHT_DECAY = 5e-3
LABEL_SMOOTHING = 0.05
INPUT_STEP = 2 * NORMALISED_MAX / 255  # of int8, where windows reach the limits of what it spans


@dataclass(frozen=True, kw_only=True)
class Progress:
    """After an epoch, counted from 1: the mean training loss and the float network's validation macro F1.

    `f1_validation` is None while refitting, when nothing is held out any more.
    """

    epoch: int
    epochs_max: int
    loss: float
    f1_validation: float | None
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
    """Per channel of the network's input, which are the sensors' and their magnitudes, in their units."""

    sensor_set: SensorSet
    mean: tuple[float, ...]
    scale: tuple[float, ...]

    @classmethod
    def of(cls, samples: FloatArray, sensor_set: SensorSet) -> Normalisation:
        """Mean and standard deviation over windows [n, window_samples, channels]; a flat channel gets 1."""
        inputs = with_magnitudes(samples, sensor_set)
        mean, deviation = inputs.mean(axis=(0, 1)), inputs.std(axis=(0, 1))
        scale = np.where(deviation > 1e-4, deviation, 1.0)
        return cls(sensor_set=sensor_set, mean=tuple(map(float, mean)), scale=tuple(map(float, scale)))

    def apply(self, samples: FloatArray) -> FloatArray:
        """The network's input, [n, 1, window_samples, input channels], from windows [n, window_samples,
        channels] in the sensors' units.

        Rounded as coarsely as int8 will: the network amplifies small motion, and this noise with it, which it
        has to have met.
        """
        normalised = normalise(with_magnitudes(samples, self.sensor_set), self.mean, self.scale)
        return np.asarray(np.rint(normalised / INPUT_STEP) * INPUT_STEP, np.float32)[:, None]


_FIT, _REFIT = "fit", "refit"


@dataclass(eq=False)
class _Best:
    """The learning curve so far, and the weights of its best epoch."""

    curve: list[Progress] = field(default_factory=list)
    f1: float = -1.0
    weights: list[npt.NDArray[Any]] = field(default_factory=list)


class Trainer:
    """A network in training; first `fit`, which says how good it is, then `refit`, which makes it better.

    What `keeper` kept of a training that was killed is gone on with, to the same weights.

    The seed fixes first weights, order, augmentation and negatives, and TensorFlow's operations are made
    deterministic: on one machine two trainings end at the same weights, bit for bit.
    """

    def __init__(
        self,
        training: Dataset,
        validation: Dataset,
        seed: int,
        clock: Callable[[], float] = time.monotonic,
        keeper: Keeper | None = None,
    ) -> None:
        tf = import_tensorflow()
        tf.keras.utils.set_random_seed(seed)
        tf.config.experimental.enable_op_determinism()
        self._training, self._validation, self._clock = training, validation, clock
        self._keeper = keeper or NoKeeper()
        self._best = _Best()
        self._random = np.random.default_rng(seed)
        self._augmentation = augmentation_for(training)
        self.normalisation = Normalisation.of(training.samples, training.sensor_set)
        window_samples, channels = training.samples.shape[1], len(self.normalisation.mean)
        self.model = build(window_samples, channels, len(training.classes), self._motion_scale())
        self._optimizer = tf.keras.optimizers.AdamW(LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        self._optimizer.build(self.model.trainable_variables)
        self._step = _step_function(tf, self.model, self._optimizer)
        self._logits = tf.function(lambda inputs: self.model(inputs, training=False), reduce_retracing=True)

    def fit(self, limits: Limits, progress: Callable[[Progress], None]) -> tuple[Progress, ...]:
        """Train until a limit is reached; go back to the weights with the best macro F1 on the validation.

        Returns the learning curve; its best epoch is the first with the highest `f1_validation`.
        """
        inputs = self.normalisation.apply(self._validation.samples)
        kept = self._restore()

        def after_epoch(step: Progress) -> bool:
            predicted = self._logits(inputs).numpy().argmax(axis=-1).reshape(-1)
            f1 = f1_macro(self._validation.labels, predicted, len(self._training.classes))
            self._best.curve.append(replace(step, f1_validation=f1))
            progress(self._best.curve[-1])
            if f1 > self._best.f1:
                self._best.f1, self._best.weights = f1, self.model.get_weights()
            return f1 >= limits.target_f1

        if kept is None or (kept.phase == _FIT and self._best.curve[-1].f1_validation < limits.target_f1):  # type: ignore[operator]
            self._epochs(_FIT, self._training, limits, after_epoch, kept)
        self.model.set_weights(self._best.weights)
        return tuple(self._best.curve)

    def refit(self, everything: Dataset, limits: Limits, progress: Callable[[Progress], None]) -> None:
        """Go on from the best weights with all windows, held-out ones too, to the last epoch or second."""

        def after_epoch(step: Progress) -> bool:
            progress(step)
            return False

        kept = self._keeper.load()
        kept = kept if kept is not None and kept.phase == _REFIT else None
        if kept is not None:
            self._restore()
        self._epochs(_REFIT, everything, limits, after_epoch, kept)

    def _restore(self) -> TrainingState | None:
        """Go back to the state that was kept of a training that was killed, if there is one."""
        kept = self._keeper.load()
        if kept is None:
            return None
        for variables, name in ((self.model.variables, "model"), (self._optimizer.variables, "optimizer")):
            for variable, value in zip(variables, kept.arrays[name], strict=True):
                variable.assign(value)
        self._random.bit_generator.state = kept.values["random"]
        curve = [Progress(**step) for step in kept.values["curve"]]
        self._best = _Best(curve, kept.values["best_f1"], list(kept.arrays["best"]))
        return kept

    def _keep(self, phase: str, epoch: int, seconds: float) -> None:
        self._keeper.save(
            TrainingState(
                phase=phase,
                epoch=epoch,
                seconds=seconds,
                arrays={
                    "model": [np.asarray(variable) for variable in self.model.variables],
                    "optimizer": [np.asarray(variable) for variable in self._optimizer.variables],
                    "best": self._best.weights,
                },
                values={
                    "random": self._random.bit_generator.state,
                    "curve": [asdict(step) for step in self._best.curve],
                    "best_f1": self._best.f1,
                },
            )
        )

    def _epochs(
        self,
        phase: str,
        dataset: Dataset,
        limits: Limits,
        after_epoch: Callable[[Progress], bool],
        kept: TrainingState | None,
    ) -> None:
        """At least one epoch, whatever the limits; one that would end after the last second is not begun.

        What was `kept` of this phase counts: its epochs and its seconds.
        """
        batches = Batches(dataset, self._augmentation, self._random)
        done_before, seconds_before = (kept.epoch, kept.seconds) if kept else (0, 0.0)
        started = self._clock() - seconds_before
        for epoch in range(done_before + 1, limits.epochs_max + 1):
            seconds = self._clock() - started
            if epoch > 1 and seconds * epoch / (epoch - 1) > limits.seconds_max:
                return
            done = max((epoch - 1) / limits.epochs_max, min(1.0, seconds / limits.seconds_max))
            loss = self._epoch(batches, done, 1 / limits.epochs_max)
            step = Progress(
                epoch=epoch,
                epochs_max=limits.epochs_max,
                loss=loss,
                f1_validation=None,
                seconds=self._clock() - started,
            )
            ends = after_epoch(step)
            self._keep(phase, epoch, step.seconds)
            if ends:
                return

    def _epoch(self, batches: Batches, done: float, share: float) -> float:
        """Every window once, newly augmented, `done` to `done + share` of the way; returns the mean loss."""
        losses = []
        for number, prepared in enumerate(batches.epoch(self._prepared)):
            way = min(1.0, done + share * number / len(batches))
            # A cosine to nearly nothing (Loshchilov and Hutter, "SGDR", ICLR 2017) at the end of the budget.
            self._optimizer.learning_rate.assign(
                LEARNING_RATE * (0.01 + 0.99 * (1 + np.cos(np.pi * way)) / 2)
            )
            losses.append(self._step(*prepared))
        return float(np.mean([float(loss) for loss in losses]))

    def _prepared(self, batch: Batch) -> tuple[FloatArray, FloatArray, FloatArray]:
        """What a step takes: the network's input, targets [n, classes] and weights [n]."""
        targets = np.eye(len(self._training.classes), dtype=np.float32)[batch.labels]
        return self.normalisation.apply(batch.samples), targets, batch.weights

    def _motion_scale(self) -> FloatArray | None:
        """[channels]: the deviation of each normalised channel without gravity."""
        samples = self._training.samples
        taps = gravity_taps(samples.shape[1])
        if not taps:
            return None
        some = samples[np.linspace(0, len(samples) - 1, min(len(samples), 4096)).astype(np.int64)]
        return np.asarray(motion(self.normalisation.apply(some)[:, 0], taps).std(axis=(0, 1)))


def temperature(logits: FloatArray, labels: npt.NDArray[np.int64]) -> float:
    """The temperature with the least negative log likelihood (Guo et al., ICML 2017), from 0.25 to 8.

    logits [n, classes]; labels [n].
    """
    candidates = np.geomspace(0.25, 8, 121)
    shifted = (logits - logits.max(axis=1, keepdims=True)).astype(np.float64)
    own = shifted[np.arange(len(labels)), labels]
    losses = [float(np.mean(np.log(np.exp(shifted / t).sum(axis=1)) - own / t)) for t in candidates]
    return float(candidates[int(np.argmin(losses))])


def _step_function(tf: Any, model: Any, optimizer: Any) -> Any:
    """One step on a batch: inputs [n, 1, window_samples, channels], targets [n, classes], weights [n]."""
    loss_of = tf.keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=LABEL_SMOOTHING)

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def step(inputs: Any, targets: Any, weights: Any) -> Any:
        with tf.GradientTape() as tape:
            logits = tf.reshape(model(inputs, training=True), tf.shape(targets))
            loss = loss_of(targets, logits, sample_weight=weights)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    return step
