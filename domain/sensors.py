"""Sensors, where they are worn, and the sets of sensors that a model looks at."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import accumulate

from domain.errors import InvalidInput

WINDOW_SECONDS = 2.0
_RATE = re.compile(r"[0-9]{1,4}\Z")


@dataclass(frozen=True, kw_only=True)
class Sensor:
    """A kind of sensor; its int16 samples must hold magnitudes up to `full_scale`, in `unit`."""

    letter: str
    name: str
    axes: tuple[str, ...]
    unit: str
    full_scale: float


SENSORS = {
    sensor.letter: sensor
    for sensor in (
        Sensor(letter="a", name="accelerometer", axes=("x", "y", "z"), unit="g", full_scale=16.0),
        Sensor(letter="g", name="gyroscope", axes=("x", "y", "z"), unit="rad/s", full_scale=35.0),
        Sensor(letter="h", name="heart rate", axes=("rate",), unit="beats/min", full_scale=300.0),
        Sensor(letter="u", name="strain gauge, upper body", axes=("strain",), unit="1", full_scale=1.0),
        Sensor(letter="l", name="strain gauge, lower body", axes=("strain",), unit="1", full_scale=1.0),
    )
}

LOCATIONS = ("wrist", "arm", "chest", "thigh", "foot", "clothes")


@dataclass(frozen=True)
class SensorSet:
    """The sensors that a model looks at, in channel order, and the rate they are resampled to.

    Written as letters and a rate: `a@50`, `a,g@50`, `u,l@10`.
    """

    letters: tuple[str, ...]
    rate_hz: int

    @classmethod
    def parse(cls, text: str) -> SensorSet:
        """Parse `a,g@50`; raises InvalidInput."""
        letters_text, _, rate_text = text.partition("@")
        letters = tuple(letters_text.split(","))
        valid_rate = _RATE.match(rate_text) and 1 <= int(rate_text) <= 1000
        if not valid_rate or len(set(letters)) != len(letters) or not set(letters) <= set(SENSORS):
            raise InvalidInput(
                f"{text[:80]!r} is not a sensor set",
                expected=f"some of the letters {','.join(SENSORS)} and 1 to 1000 Hz, as in 'a,g@50'",
                remedy="correct the sensor set",
            )
        return cls(letters, int(rate_text))

    def __str__(self) -> str:
        return f"{','.join(self.letters)}@{self.rate_hz}"

    @property
    def slug(self) -> str:
        """A form that may stand in an identifier: `ag-50`."""
        return f"{''.join(self.letters)}-{self.rate_hz}"

    @property
    def channel_count(self) -> int:
        return sum(len(SENSORS[letter].axes) for letter in self.letters)

    @property
    def channels(self) -> dict[str, slice]:
        """Where each sensor's axes stand among the channels, by its letter."""
        axes = [len(SENSORS[letter].axes) for letter in self.letters]
        ends = accumulate(axes)
        return {
            letter: slice(end - count, end)
            for letter, count, end in zip(self.letters, axes, ends, strict=True)
        }

    @property
    def three_axis_channels(self) -> tuple[int, ...]:
        """The channel of x of every sensor with x, y and z."""
        three_axis = (letter for letter in self.letters if SENSORS[letter].axes == ("x", "y", "z"))
        return tuple(self.channels[letter].start for letter in three_axis)

    @property
    def window_samples(self) -> int:
        return round(WINDOW_SECONDS * self.rate_hz)
