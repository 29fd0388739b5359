"""The recogniser, fed with synthetic movement and synthetic probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.frames import SensorFrame, pack_samples, scale_for
from domain.identifiers import SessionId, StreamId
from domain.recording import REST
from domain.sensors import SensorSet
from domain.windows import Window
from edge.recogniser import UNKNOWN, Exercising, Observation, Recogniser, Resting, SetEnded, SettingUp

SENSOR_SET = SensorSet.parse("a@50")
CLASSES = (REST, "biceps-curl", "lateral-raise")
PERIOD_S = 2.5
T0_MS = 1_700_000_000_000


def movement(start_s: float, seconds: float, moving: list[tuple[float, float]]) -> np.ndarray:
    """The wrist swings with PERIOD_S within `moving` and is still elsewhere; [samples, 3] in g."""
    t = start_s + np.arange(round(seconds * 50)) / 50
    angle = np.zeros(len(t))
    for begin, end in moving:
        inside = (t >= begin) & (t < end)
        angle[inside] = 1 - np.cos(2 * np.pi * (t[inside] - begin) / PERIOD_S)
    tremor = np.random.default_rng(7).normal(0, 0.01, (len(t), 3))
    return np.stack([np.cos(angle), np.sin(angle), np.zeros(len(t))], axis=1) + tremor


def window(second: float, moving: list[tuple[float, float]]) -> Window:
    return Window(T0_MS + round(second * 1000), movement(second, 2, moving).astype(np.float32))


def row(name: str, probability: float = 0.9) -> list[float]:
    return [probability if c == name else (1 - probability) / (len(CLASSES) - 1) for c in CLASSES]


def play(recogniser: Recogniser, names: list[str], probability: float = 0.9) -> list[Observation]:
    """One window each second, named as in `names`; the movement agrees with them."""
    moving = [(k + 0.5, k + 1.5) for k, name in enumerate(names) if name != REST]
    joined = [(moving[0][0], moving[-1][1])] if moving else []
    observations: list[Observation] = []
    for second, name in enumerate(names):
        rows = np.array([row(name, probability)], np.float32)
        observations += recogniser.classified([window(second, joined)], rows)
    return observations


def observe(
    recogniser: Recogniser, first_second: int, names: list[str], probability: float = 0.9
) -> list[Observation]:
    """One window each second from `first_second` on, without movement, named as in `names`."""
    observations: list[Observation] = []
    for second, name in enumerate(names, first_second):
        rows = np.array([row(name, probability)], np.float32)
        observations += recogniser.classified([window(second, [])], rows)
    return observations


def test_a_set_between_rests_is_found_named_and_counted() -> None:
    recogniser = Recogniser(SENSOR_SET, CLASSES)
    observations = play(recogniser, [REST] * 20 + ["biceps-curl"] * 25 + [REST] * 15)
    (ended,) = [o for o in observations if isinstance(o, SetEnded)]
    assert ended.exercise == "biceps-curl"
    assert ended.confidence > 0.8
    assert ended.repetitions == 10
    assert abs(ended.start_ms - T0_MS - 20_500) <= 1000
    assert abs(ended.end_ms - T0_MS - 45_500) <= 1000
    counts = [o.repetitions_so_far for o in observations if isinstance(o, Exercising)]
    assert counts == sorted(counts)
    assert len(counts) <= 12
    assert [type(o) for o in observations if not isinstance(o, Exercising | SettingUp)] == [
        Resting,
        SetEnded,
        Resting,
    ]


def test_a_doubtful_name_is_told_at_the_end_alone() -> None:
    """On a watch a wrong name is worse than none; the set is labelled with the likeliest all the same."""
    still, doubtful = row(REST), [0.05, 0.6, 0.35]
    rows = np.array([still] * 10 + [doubtful] * 25 + [still] * 15, np.float32)
    windows = [window(k, [(10.5, 35.5)]) for k in range(len(rows))]
    observations = Recogniser(SENSOR_SET, CLASSES).classified(windows, rows)
    told = {o.exercise for o in observations if isinstance(o, Exercising)}
    assert told == {UNKNOWN}
    (ended,) = [o for o in observations if isinstance(o, SetEnded)]
    assert ended.exercise == "biceps-curl"
    assert ended.confidence == pytest.approx(0.6 / 0.95, abs=0.01)


def test_a_name_is_told_once_it_is_sure() -> None:
    still, first, later = row(REST), [0.05, 0.35, 0.6], [0.02, 0.97, 0.01]
    rows = np.array([still] * 10 + [first] * 3 + [later] * 30 + [still] * 15, np.float32)
    windows = [window(k, [(10.5, 43.5)]) for k in range(len(rows))]
    observations = Recogniser(SENSOR_SET, CLASSES).classified(windows, rows)
    told = [o.exercise for o in observations if isinstance(o, Exercising)]
    assert list(dict.fromkeys(told)) == [UNKNOWN, "biceps-curl"]


def test_a_short_pause_stays_within_the_set() -> None:
    names = [REST] * 10 + ["biceps-curl"] * 12 + [REST] * 2 + ["biceps-curl"] * 12 + [REST] * 12
    observations = play(Recogniser(SENSOR_SET, CLASSES), names)
    assert sum(isinstance(o, SetEnded) for o in observations) == 1


def test_movement_after_rest_is_setting_up_until_a_set_opens() -> None:
    recogniser = Recogniser(SENSOR_SET, CLASSES)
    play(recogniser, [REST] * 20)
    told = [type(o) for o in observe(recogniser, 20, ["biceps-curl"] * 3, 0.75)]
    assert told == [SettingUp]
    assert isinstance(observe(recogniser, 23, ["biceps-curl"] * 3)[0], Exercising)


def test_setting_up_that_comes_to_nothing_is_rest_again() -> None:
    recogniser = Recogniser(SENSOR_SET, CLASSES)
    play(recogniser, [REST] * 20)
    observe(recogniser, 20, ["biceps-curl"] * 3, 0.75)
    told = observe(recogniser, 23, [REST] * 6)
    assert [type(o) for o in told] == [Resting]
    assert observe(recogniser, 29, [REST] * 20) == []


def test_two_sets_with_rest_between_are_two() -> None:
    names = [REST] * 10 + ["biceps-curl"] * 15 + [REST] * 20 + ["lateral-raise"] * 15 + [REST] * 12
    observations = play(Recogniser(SENSOR_SET, CLASSES), names)
    assert [o.exercise for o in observations if isinstance(o, SetEnded)] == ["biceps-curl", "lateral-raise"]


def test_a_few_windows_of_noise_are_no_set() -> None:
    names = [REST] * 10 + ["biceps-curl"] * 3 + [REST] * 20
    observations = play(Recogniser(SENSOR_SET, CLASSES), names)
    assert not any(isinstance(o, SetEnded) for o in observations)


def test_another_exercise_without_a_rest_begins_a_set_of_its_own() -> None:
    names = [REST] * 10 + ["biceps-curl"] * 25 + ["lateral-raise"] * 25 + [REST] * 12
    observations = play(Recogniser(SENSOR_SET, CLASSES), names)
    first, second = [o for o in observations if isinstance(o, SetEnded)]
    assert (first.exercise, second.exercise) == ("biceps-curl", "lateral-raise")
    assert abs(first.end_ms - T0_MS - 35_500) <= 1000
    assert first.end_ms == second.start_ms
    check(observations)


@pytest.mark.parametrize(("probability", "is_set"), [(0.48, False), (0.85, True)])
def test_a_brief_set_that_is_not_surely_named_is_no_set(probability: float, is_set: bool) -> None:
    still, moving = row(REST), [0.1, probability, 0.9 - probability]
    rows = np.array([still] * 10 + [moving] * 10 + [still] * 15, np.float32)
    windows = [window(k, [(10.5, 20.5)]) for k in range(len(rows))]
    observations = Recogniser(SENSOR_SET, CLASSES).classified(windows, rows)
    assert isinstance(observations[-1], Resting)
    assert any(isinstance(o, SetEnded) for o in observations) == is_set


def test_a_rest_shorter_than_a_repetition_or_two_parts_sets_nevertheless() -> None:
    """As recorded: eight seconds, in the middle of which the lifter moves."""
    curling, unsure = row("biceps-curl"), [0.35, 0.6, 0.05]
    still = [0.85, 0.1, 0.05]
    between = [still, still, unsure, unsure, unsure, still, still, still]
    rows = np.array([curling] * 20 + between + [curling] * 20 + [still] * 10, np.float32)
    windows = [window(k, [(0.0, 20.5), (27.5, 48.5)]) for k in range(len(rows))]
    observations = Recogniser(SENSOR_SET, CLASSES).classified(windows, rows)
    assert sum(isinstance(o, SetEnded) for o in observations) == 2


def test_finish_closes_the_open_set() -> None:
    recogniser = Recogniser(SENSOR_SET, CLASSES)
    play(recogniser, [REST] * 10 + ["biceps-curl"] * 15)
    ended, resting = recogniser.finish()
    assert isinstance(ended, SetEnded)
    assert isinstance(resting, Resting)
    assert recogniser.finish() == []


def test_what_resembles_several_classes_is_unknown() -> None:
    classes = (REST, "a", "b", "c", "d")
    recogniser = Recogniser(SENSOR_SET, classes)
    moving = [(0.0, 30.0)]
    rows = np.array([[0.04, 0.24, 0.24, 0.24, 0.24]] * 28, np.float32)
    observations = recogniser.classified([window(k, moving) for k in range(28)], rows) + recogniser.finish()
    assert [o.exercise for o in observations if isinstance(o, SetEnded)] == [UNKNOWN]


@pytest.mark.parametrize(("probability", "expected"), [(0.40, "lateral-raise"), (0.80, "biceps-curl")])
def test_advice_decides_when_unsure_and_not_against_clear_evidence(probability: float, expected: str) -> None:
    recogniser = Recogniser(SENSOR_SET, CLASSES)
    recogniser.expect({"lateral-raise": 0.95, "no-such-exercise": 0.05})
    rows = np.array([[0.1, probability, 0.9 - probability]] * 20, np.float32)
    if probability == 0.40:
        rows[:, 1:] = [0.5, 0.4]
    windows = [window(k, [(0.0, 30.0)]) for k in range(20)]
    observations = recogniser.classified(windows, rows) + recogniser.finish()
    assert [o.exercise for o in observations if isinstance(o, SetEnded)] == [expected]


def test_without_a_class_of_rest_everything_is_exercise_until_the_end() -> None:
    recogniser = Recogniser(SENSOR_SET, ("squat", "lunge"))
    windows = [window(k, [(0.0, 60.0)]) for k in range(60)]
    observations = recogniser.classified(windows, np.array([[0.7, 0.3]] * 60, np.float32))
    assert not any(isinstance(o, SetEnded | Resting) for o in observations)
    ended = recogniser.finish()[0]
    assert isinstance(ended, SetEnded)
    assert ended.exercise == "squat"


def test_a_long_set_is_counted_by_its_tail() -> None:
    names = [REST] * 10 + ["biceps-curl"] * 420 + [REST] * 10
    observations = play(Recogniser(SENSOR_SET, CLASSES), names)
    (ended,) = [o for o in observations if isinstance(o, SetEnded)]
    assert abs(ended.repetitions - 420 / PERIOD_S) <= 3


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="probabilities"):
        Recogniser(SENSOR_SET, CLASSES).classified([], np.zeros((1, 3), np.float32))


def _stand_in(windows: list[Window]) -> np.ndarray:
    """Exercise is where the wrist moves."""
    moves = [float(np.ptp(w.samples, axis=0).max()) > 0.3 for w in windows]
    return np.array([row("biceps-curl") if m else row(REST) for m in moves], np.float32).reshape(-1, 3)


def _frames(values: np.ndarray, sizes: list[int]) -> list[SensorFrame]:
    frames, first = [], 0
    while first < len(values):
        size = sizes[len(frames) % len(sizes)] * 5  # multiples of 100 ms keep start_ms exact
        frames.append(
            SensorFrame(
                session=SessionId("s"), stream=StreamId("w"), sequence_nr=len(frames), sensor="a",
                start_ms=T0_MS + first * 20, rate_hz=50.0, scale=scale_for("a"),
                samples=pack_samples(values[first : first + size], scale_for("a")),
            )
        )  # fmt: skip
        first += size
    return frames


def _run(recogniser: Recogniser, frames: list[SensorFrame]) -> list[Observation]:
    observations: list[Observation] = []
    for frame in frames:
        windows = recogniser.push(frame)
        observations += recogniser.classified(windows, _stand_in(windows))
    return observations + recogniser.finish()


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=6))
def test_chunking_does_not_matter(sizes: list[int]) -> None:
    values = movement(0, 60, [(15.0, 40.0)])
    expected = _run(Recogniser(SENSOR_SET, CLASSES), _frames(values, [10]))
    assert _run(Recogniser(SENSOR_SET, CLASSES), _frames(values, sizes)) == expected
    assert sum(isinstance(o, SetEnded) for o in expected) == 1


def check(observations: list[Observation]) -> None:
    """Never two open sets, times in order, counts that only grow."""
    last_end, so_far, is_open = 0, 0, False
    for observation in observations:
        if isinstance(observation, Exercising):
            is_open, so_far = True, (so_far if is_open else 0)
            assert observation.repetitions_so_far >= so_far
            assert 0 <= observation.confidence <= 1
            so_far = observation.repetitions_so_far
        elif isinstance(observation, SetEnded):
            assert is_open
            assert last_end <= observation.start_ms < observation.end_ms
            assert observation.repetitions >= 0
            last_end, is_open = observation.end_ms, False
        else:
            assert observation.since_ms >= last_end
            is_open = False


steps = st.tuples(
    st.sampled_from(["biceps-curl", "lateral-raise", REST]),
    st.integers(1, 25),
    st.sampled_from([0.34, 0.6, 0.99, float("nan")]),
    st.sampled_from([0, 0, 1, 5, 12, 400]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, max_size=12))
def test_invariants_hold_whatever_comes(script: list[tuple[str, int, float, int]]) -> None:
    recogniser = Recogniser(SENSOR_SET, CLASSES)
    observations: list[Observation] = []
    second = 0
    for name, length, probability, gap in script:
        second += gap
        for _ in range(length):
            rows = np.array([row(name, probability)], np.float32)
            observations += recogniser.classified([window(second, [(0.0, 1e6)])], rows)
            second += 1
    check(observations + recogniser.finish())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(-50_000, 50_000), st.booleans()), min_size=1, max_size=20))
def test_time_jumps_gaps_and_duplicates_do_not_raise(jumps: list[tuple[int, bool]]) -> None:
    recogniser = Recogniser(SENSOR_SET, CLASSES)
    frames = _frames(movement(0, len(jumps) * 4, [(5.0, 60.0)]), [40])
    offset_ms = 0
    for frame, (jump_ms, twice) in zip(frames, jumps, strict=False):
        offset_ms += jump_ms if abs(jump_ms) > 20_000 else 0
        fields = {name: getattr(frame, name) for name in frame.__struct_fields__}
        moved = SensorFrame(**fields | {"start_ms": frame.start_ms + offset_ms})
        for _ in range(1 + twice):
            windows = recogniser.push(moved)
            recogniser.classified(windows, _stand_in(windows))
    recogniser.finish()
