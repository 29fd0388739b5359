"""Sensor sets are written and parsed."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from domain.identifiers import check_identifier
from domain.sensors import SENSORS, SensorSet
from tests.domain.strategies import sensor_sets


@given(sensor_sets)
def test_what_is_written_is_parsed_again(sensor_set: SensorSet) -> None:
    assert SensorSet.parse(str(sensor_set)) == sensor_set
    assert check_identifier("model", sensor_set.slug) == sensor_set.slug


@given(st.text() | st.from_regex(r"[aghul,]{0,6}@[0-9]{0,6}", fullmatch=True))
@example("a@" + "9" * 5000)
@example("a@٥٠")
def test_any_text_is_a_sensor_set_or_refused(text: str) -> None:
    with suppress(InvalidInput):
        parsed = SensorSet.parse(text)
        assert set(parsed.letters) <= set(SENSORS)
        assert 1 <= parsed.rate_hz <= 1000


@pytest.mark.parametrize(
    "text", ["", "a", "@50", "a@", "a@0", "a@1001", "a,@50", "a,a@50", "x@50", "a@5.0", "a@-5", "a@ 50"]
)
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        SensorSet.parse(text)


def test_channels_and_window_follow_from_the_sensors() -> None:
    sensor_set = SensorSet.parse("a,h,g@50")
    assert (sensor_set.channel_count, sensor_set.window_samples, sensor_set.slug) == (7, 100, "ahg-50")
