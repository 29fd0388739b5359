from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from batch.labelling import REST_BEYOND_MS, REST_MARGIN_MS, WINDOW_MS, Label, label_of, labelled_windows
from domain.recording import REST
from domain.sensors import SensorSet

SQUAT = Label(10_000, 40_000, "squat")
LATER_PRESS = Label(100_000, 120_000, "press")

times = st.integers(0, 60_000)
label_lists = st.lists(
    st.builds(
        lambda start, length, exercise: Label(start, start + length, exercise),
        times,
        st.integers(1, 30_000),
        st.sampled_from(["squat", "press", REST]),
    ),
    max_size=5,
)


def label_at(start_ms: int, *labels: Label) -> str | None:
    return label_of(start_ms, start_ms + WINDOW_MS, labels)


def test_a_window_wholly_inside_a_label_has_its_exercise() -> None:
    assert label_at(10_000, SQUAT) == "squat"
    assert label_at(38_000, SQUAT) == "squat"


def test_a_window_across_a_labels_bound_is_dropped() -> None:
    assert label_at(9_999, SQUAT) is None
    assert label_at(38_001, SQUAT) is None


def test_rest_keeps_a_margin_from_the_labels() -> None:
    assert label_at(40_000 + REST_MARGIN_MS, SQUAT) == REST
    assert label_at(40_000 + REST_MARGIN_MS - 1, SQUAT) is None
    assert label_at(10_000 - REST_MARGIN_MS - WINDOW_MS, SQUAT) == REST


def test_between_labels_all_is_rest_and_outside_them_only_for_a_while() -> None:
    assert label_at(70_000, SQUAT, LATER_PRESS) == REST
    last_ms = LATER_PRESS.end_ms + REST_BEYOND_MS
    assert label_at(last_ms - WINDOW_MS, SQUAT, LATER_PRESS) == REST
    assert label_at(last_ms - WINDOW_MS + 1, SQUAT, LATER_PRESS) is None


def test_where_labels_of_two_exercises_overlap_nothing_is_kept() -> None:
    press = Label(30_000, 50_000, "press")
    assert label_at(20_000, SQUAT, press) == "squat"
    assert label_at(32_000, SQUAT, press) is None
    assert label_at(41_000, SQUAT, press) == "press"


def test_overlapping_labels_of_one_exercise_are_kept() -> None:
    assert label_at(32_000, SQUAT, Label(30_000, 50_000, "squat")) == "squat"


def test_a_session_without_labels_has_no_rest() -> None:
    assert label_at(10_000) is None


@given(times, label_lists)
def test_a_labelled_window_lies_in_such_a_label_and_a_resting_one_apart_from_all(
    start_ms: int, labels: list[Label]
) -> None:
    end_ms = start_ms + WINDOW_MS
    found = label_of(start_ms, end_ms, labels)
    touching = [label for label in labels if label.start_ms < end_ms and start_ms < label.end_ms]
    if found is None:
        return
    if touching:
        assert {label.exercise for label in touching} == {found}
        assert any(label.start_ms <= start_ms and end_ms <= label.end_ms for label in touching)
    else:
        assert found == REST
        assert labels


@given(times, label_lists)
def test_the_order_of_labels_plays_no_part(start_ms: int, labels: list[Label]) -> None:
    assert label_at(start_ms, *labels) == label_at(start_ms, *reversed(labels))


def test_windows_of_each_sensor_set_are_labelled_and_gaps_give_none(make_frames) -> None:
    accelerometer = make_frames("s", "a", 20, 0)
    del accelerometer[10:13]
    frames = sorted([*accelerometer, *make_frames("s", "g", 10, 4_300)], key=lambda frame: frame.start_ms)
    labels = [Label(0, 20_000, "squat")]
    sets = [SensorSet.parse("a@50"), SensorSet.parse("a,g@50")]
    found = list(labelled_windows(frames, labels, sets))
    starts = {str(name): [w.start_ms for s, _, w in found if s == name] for name in sets}
    assert starts == {
        "a@50": [*range(0, 9_000, 1000), *range(13_000, 19_000, 1000)],
        "a,g@50": [5_000, 6_000, 7_000, 8_000],
    }
    assert {label for _, label, _ in found} == {"squat"}
    assert {w.samples.shape for s, _, w in found if len(s.letters) == 2} == {(100, 6)}


def test_without_labels_no_frame_is_even_looked_at() -> None:
    assert not list(labelled_windows(iter(lambda: 1 / 0, None), [], [SensorSet.parse("a@50")]))
