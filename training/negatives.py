"""Movements that are no exercise, made from windows of exercises, so that "none of these" can be learned.

A network that has only seen exercises names every movement as one of them. People rest, gesture, pick things
up and turn their arms between sets; what is made here has the sensors' gravity, rates and sizes but not an
exercise's rhythm or poses. No foreign recordings are needed.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from domain.sensors import WINDOW_SECONDS, SensorSet
from training.augmentation import at_times, rotations, turned

FloatArray = npt.NDArray[np.float32]


class Negatives:
    """Makes windows [count, window_samples, channels] that are no exercise."""

    def __init__(self, sensor_set: SensorSet, random: np.random.Generator) -> None:
        self._random = random
        self._three_axis = sensor_set.three_axis_channels
        self._sensor_set = sensor_set

    def made_from(self, windows: FloatArray, count: int) -> FloatArray:
        """`count` of either kind by chance, from `windows` of exercises, at least one; of the same shape."""
        spread = np.maximum(windows.std(axis=(0, 1)), 1e-3)
        are_gestures = self._random.integers(0, 2, count) == 1
        result = np.empty((count, *windows.shape[1:]), np.float32)
        for kind, members in ((self.wandering, ~are_gestures), (self.gestures, are_gestures)):
            if members.any():
                chosen = windows[self._random.integers(0, len(windows), members.sum())]
                result[members] = kind(chosen, spread)
        return result

    def wandering(self, windows: FloatArray, spread: FloatArray) -> FloatArray:
        """A limb that turns about at random under gravity; the rates fit the turns."""
        n, length, _ = windows.shape
        speed = (
            self._smooth((n, length, 3), (3, 5, 9))
            * self._random.uniform(0, 0.12, (n, 1, 1))
            * (100 / length)
        )
        vectors = np.cumsum(speed, axis=1)
        gravity = self._directions(n)
        result = self._still(windows, spread)
        for letter, x in zip(self._letters(), self._three_axis, strict=True):
            if letter == "a":
                shaken = self._smooth((n, length, 3), (6, 12, 25)) * self._random.uniform(0, 0.4, (n, 1, 1))
                turned_gravity = np.einsum("ntij,nj->nti", rotations(vectors.astype(np.float32)), gravity)
                result[:, :, x : x + 3] = turned_gravity + shaken
            else:
                result[:, :, x : x + 3] = speed * (length / WINDOW_SECONDS)
        return result

    def _still(self, windows: FloatArray, spread: FloatArray) -> FloatArray:
        """A pose near an exercise's, held, with small movements."""
        pose = np.repeat(windows.mean(axis=1, keepdims=True), windows.shape[1], axis=1)
        vectors = self._random.normal(0, 0.7, (len(windows), 3)).astype(np.float32)
        small = (
            self._random.uniform(0, 0.25, (len(windows), 1, 1))
            * self._smooth(windows.shape, (3, 10, 40))
            * spread
        )
        return np.asarray(turned(pose, self._sensor_set, rotations(vectors)) + small, np.float32)

    def gestures(self, windows: FloatArray, spread: FloatArray) -> FloatArray:
        """One to three short movements from a pose."""
        n, length, channels = windows.shape
        result = self._still(windows, spread)
        times = np.arange(length)[None, :, None]
        for _ in range(int(self._random.integers(1, 4))):
            middle = self._random.uniform(0, length, (n, 1, channels))
            width = self._random.uniform(0.03, 0.17, (n, 1, 1)) * length
            size = self._random.normal(0, 2, (n, 1, channels)) * spread
            result += (size * np.exp(-(((times - middle) / width) ** 2))).astype(np.float32)
        return result

    def _letters(self) -> tuple[str, ...]:
        return tuple(letter for letter in self._sensor_set.letters if letter in "ag")

    def _directions(self, n: int) -> FloatArray:
        vectors = self._random.normal(0, 1, (n, 3))
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)

    def _smooth(self, shape: tuple[int, ...], knots: tuple[int, ...]) -> FloatArray:
        """Random lines through a few random knots, [n, window_samples, channels]."""
        n, length, channels = shape
        count = int(self._random.choice(knots))
        values = self._random.standard_normal((n, count, channels), np.float32)
        return at_times(values, np.tile(np.linspace(0, count - 1, length), (n, 1)))
