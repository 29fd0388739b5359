"""Movements that are no exercise, made from windows of exercises, so that "none of these" can be learned.

A network that has only seen exercises names every movement as one of them. People rest, gesture, pick things
up and turn their arms between sets; what is made here has the sensors' gravity, rates and sizes but not an
exercise's rhythm or poses. No foreign recordings are needed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from domain.sensors import WINDOW_SECONDS, SensorSet
from training.augmentation import at_times, rotations, three_axis_channels, turned

FloatArray = npt.NDArray[np.float32]


class Negatives:
    """Makes windows [count, window_samples, channels] that are no exercise; `kinds` are names of KINDS."""

    def __init__(self, sensor_set: SensorSet, random: np.random.Generator, kinds: tuple[str, ...]) -> None:
        self._random = random
        self._three_axis = tuple(three_axis_channels(sensor_set))
        self._sensor_set = sensor_set
        self._kinds = [KINDS[kind] for kind in kinds]

    def made_from(self, windows: FloatArray, count: int) -> FloatArray:
        """`windows` [n, window_samples, channels] are of exercises, at least one; any number of them."""
        spread = np.maximum(windows.std(axis=(0, 1)), 1e-3)
        chosen = self._random.integers(0, len(self._kinds), count)
        result = np.empty((count, *windows.shape[1:]), np.float32)
        for number, kind in enumerate(self._kinds):
            members = np.flatnonzero(chosen == number)
            if len(members):
                one, other = (windows[self._random.integers(0, len(windows), len(members))] for _ in "12")
                result[members] = kind(self, one, other, spread)
        return result

    def scrambled(self, one: FloatArray, other: FloatArray, spread: FloatArray) -> FloatArray:
        """Pieces of a window in another order, so that nothing repeats."""
        length = one.shape[1]
        pieces = min(length, int(self._random.choice([3, 4, 5, 8])))
        order = self._random.random((len(one), pieces)).argsort(axis=1)
        places = np.linspace(0, length, pieces + 1).astype(np.int64)
        size = int(np.diff(places).min())
        at = (places[order][:, :, None] + np.arange(size)).reshape(len(one), -1)
        at = np.pad(at, ((0, 0), (0, length - at.shape[1])), mode="edge")
        return np.asarray(one[np.arange(len(one))[:, None], at])

    def spliced(self, one: FloatArray, other: FloatArray, spread: FloatArray) -> FloatArray:
        """One exercise turns into another within a tenth of a second."""
        length = one.shape[1]
        at = self._random.uniform(0.3, 0.7, (len(one), 1, 1)) * length
        return np.asarray(np.where(np.arange(length)[None, :, None] < at, one, other[:, ::-1]))

    def transition(self, one: FloatArray, other: FloatArray, spread: FloatArray) -> FloatArray:
        """From the pose of one exercise to that of another, once, with an unsteady hand."""
        length = one.shape[1]
        middle = self._random.uniform(0, 1, (len(one), 1, 1)) * length
        width = self._random.uniform(0.02, 0.14, (len(one), 1, 1)) * length
        share = 1 / (1 + np.exp(np.clip((middle - np.arange(length)[None, :, None]) / width, -50, 50)))
        start, end = one.mean(axis=1, keepdims=True), other.mean(axis=1, keepdims=True)
        unsteady = (
            self._smooth(one.shape, (4, 8, 16)) * spread * self._random.uniform(0, 0.7, (len(one), 1, 1))
        )
        return np.asarray(start + (end - start) * share + unsteady, np.float32)

    def wandering(self, one: FloatArray, other: FloatArray, spread: FloatArray) -> FloatArray:
        """A limb that turns about at random under gravity; the rates fit the turns."""
        n, length, _ = one.shape
        speed = (
            self._smooth((n, length, 3), (3, 5, 9))
            * self._random.uniform(0, 0.12, (n, 1, 1))
            * (100 / length)
        )
        vectors = np.cumsum(speed, axis=1)
        gravity = self._directions(n)
        result = self.still(one, other, spread)
        for letter, x in zip(self._letters(), self._three_axis, strict=True):
            if letter == "a":
                shaken = self._smooth((n, length, 3), (6, 12, 25)) * self._random.uniform(0, 0.4, (n, 1, 1))
                turned_gravity = np.einsum("ntij,nj->nti", rotations(vectors.astype(np.float32)), gravity)
                result[:, :, x : x + 3] = turned_gravity + shaken
            else:
                result[:, :, x : x + 3] = speed * (length / WINDOW_SECONDS)
        return result

    def mixed(self, one: FloatArray, other: FloatArray, spread: FloatArray) -> FloatArray:
        """Two exercises at once, one of them with the band on in another way."""
        share = self._random.uniform(0.3, 0.7, (len(one), 1, 1)).astype(np.float32)
        return np.asarray(one * share + self._turned_far(other, 0.5, 3.1) * (1 - share))

    def still(self, one: FloatArray, other: FloatArray, spread: FloatArray) -> FloatArray:
        """A pose near an exercise's, held, with small movements."""
        pose = np.repeat(one.mean(axis=1, keepdims=True), one.shape[1], axis=1)
        vectors = self._random.normal(0, 0.7, (len(one), 3)).astype(np.float32)
        small = (
            self._random.uniform(0, 0.25, (len(one), 1, 1)) * self._smooth(one.shape, (3, 10, 40)) * spread
        )
        return np.asarray(turned(pose, self._sensor_set, rotations(vectors)) + small, np.float32)

    def slow(self, one: FloatArray, other: FloatArray, spread: FloatArray) -> FloatArray:
        """A piece of the movement at a third of its speed or less."""
        length = one.shape[1]
        speed = self._random.uniform(0.05, 0.3, (len(one), 1))
        start = self._random.uniform(0, 1, (len(one), 1)) * (length - 1) * (1 - speed)
        result = at_times(one, start + np.arange(length) * speed)
        for letter, x in zip(self._letters(), self._three_axis, strict=True):
            if letter != "a":
                result[:, :, x : x + 3] *= speed[:, :, None]
        return result

    def turned_away(self, one: FloatArray, other: FloatArray, spread: FloatArray) -> FloatArray:
        """The movement in an orientation that no band slips into."""
        return self._turned_far(one, 1.2, 3.1)

    def gestures(self, one: FloatArray, other: FloatArray, spread: FloatArray) -> FloatArray:
        """One to three short movements from a pose."""
        n, length, channels = one.shape
        result = self.still(one, other, spread)
        times = np.arange(length)[None, :, None]
        for _ in range(int(self._random.integers(1, 4))):
            middle = self._random.uniform(0, length, (n, 1, channels))
            width = self._random.uniform(0.03, 0.17, (n, 1, 1)) * length
            size = self._random.normal(0, 2, (n, 1, channels)) * spread
            result += (size * np.exp(-(((times - middle) / width) ** 2))).astype(np.float32)
        return result

    def begun(self, one: FloatArray, other: FloatArray, spread: FloatArray) -> FloatArray:
        """A movement in a foreign orientation that begins or ends in a held pose."""
        length = one.shape[1]
        middle = self._random.uniform(0.3, 0.7, (len(one), 1, 1)) * length
        side = self._random.choice([-1.0, 1.0], (len(one), 1, 1))
        moving = side * (np.arange(length)[None, :, None] - middle) > 0
        held = one.mean(axis=1, keepdims=True)
        return np.asarray(np.where(moving, self._turned_far(one, 0.5, 3.1), held), np.float32)

    def _letters(self) -> tuple[str, ...]:
        return tuple(letter for letter in self._sensor_set.letters if letter in "ag")

    def _turned_far(self, samples: FloatArray, least: float, most: float) -> FloatArray:
        angles = self._random.uniform(least, most, (len(samples), 1)).astype(np.float32)
        return turned(samples, self._sensor_set, rotations(self._directions(len(samples)) * angles))

    def _directions(self, n: int) -> FloatArray:
        vectors = self._random.normal(0, 1, (n, 3))
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)

    def _smooth(self, shape: tuple[int, ...], knots: tuple[int, ...]) -> FloatArray:
        """Random lines through a few random knots, [n, window_samples, channels]."""
        n, length, channels = shape
        count = int(self._random.choice(knots))
        values = self._random.standard_normal((n, count, channels), np.float32)
        return at_times(values, np.tile(np.linspace(0, count - 1, length), (n, 1)))


Maker = Callable[[Negatives, FloatArray, FloatArray, FloatArray], FloatArray]
KINDS: dict[str, Maker] = {
    "scrambled": Negatives.scrambled,
    "spliced": Negatives.spliced,
    "transition": Negatives.transition,
    "wandering": Negatives.wandering,
    "mixed": Negatives.mixed,
    "still": Negatives.still,
    "slow": Negatives.slow,
    "turned_away": Negatives.turned_away,
    "gestures": Negatives.gestures,
    "begun": Negatives.begun,
}
