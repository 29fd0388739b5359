"""What the files of each program hold, and what is left out of them and why."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from domain.errors import InvalidFile
from exchange.reading import Clock, program_of, read
from exchange.workouts import ForeignSet, Reading
from tests.exchange.files import (
    CLOCK,
    GPX,
    HEVY,
    HEVY_POUNDS,
    STRONG,
    STRONG_ANDROID,
    STRONG_IOS,
    TCX,
    WGER,
    WGER_CSV,
)


def of(text: str | bytes, clock: Clock = CLOCK) -> Reading:
    return read(text if isinstance(text, bytes) else text.encode(), "file", clock)


def sets(reading: Reading) -> list[tuple[str, int | None, float | None, float | None]]:
    return [
        (found.name, found.repetitions, found.weight_kg, found.seconds)
        for workout in reading.workouts
        for found in workout.sets
    ]


@pytest.mark.parametrize(
    ("text", "program"),
    [(STRONG, "strong"), (STRONG_ANDROID, "strong"), (STRONG_IOS, "strong"), (HEVY, "hevy"),
     (HEVY_POUNDS, "hevy"), (WGER, "wger"), (WGER_CSV, "wger"), (TCX.decode(), "tcx"), (GPX.decode(), "gpx")],
)  # fmt: skip
def test_the_program_is_told_by_the_content(text: str, program: str) -> None:
    assert program_of(text.encode(), "file") == program
    assert program_of(b"\xef\xbb\xbf" + text.encode(), "file") == program


def test_strong_with_decimal_commas_and_rows_that_are_no_sets() -> None:
    reading = of(STRONG)
    assert sets(reading) == [
        ("Bench Press (Barbell)", 10, 40, None),
        ("Bench Press (Barbell)", 8, 80.5, None),
        ("Squat (Barbell)", 5, 100, None),
        ("Plank", None, None, 60),
    ]
    push, legs = reading.workouts
    assert (push.title, push.line_nr, legs.line_nr) == ("Push; heavy", 2, 5)
    assert push.end_ms is not None
    assert push.end_ms - push.start_ms == 3_600_000
    assert not reading.left_out


def test_strong_of_android_in_pounds() -> None:
    reading = of(STRONG_ANDROID, Clock(zone=ZoneInfo("Europe/Berlin")))
    assert sets(reading) == [("Incline Bench Press (Dumbbell)", 13, 47.99, None)]
    assert reading.workouts[0].start_ms == 1_751_306_160_000  # 19:56 of a summer's evening, UTC+2


def test_strong_that_does_not_say_the_unit_needs_it() -> None:
    with pytest.raises(
        InvalidFile, match=r"line 2: nothing says whether 80 is kg or lb; say it with --weight-unit"
    ):
        of(STRONG_IOS)
    assert sets(of(STRONG_IOS, Clock(zone=UTC, unit="lb"))) == [("Bench Press (Barbell)", 5, 36.29, None)]


def test_hevy_with_german_months_and_lines_within_fields() -> None:
    reading = of(HEVY)
    assert sets(reading) == [("Hackenschmidt Squat (Maschine)", 10, 20, None), ("Plank", None, None, 45)]
    assert reading.workouts[0].line_nr == 3  # where its first row ends


def test_hevy_in_pounds() -> None:
    assert sets(of(HEVY_POUNDS)) == [("Bench Press (Barbell)", 5, 102.06, None)]


def test_wger_as_its_api_gives_it() -> None:
    reading = of(WGER)
    assert sets(reading) == [("Bench Press", 8, 82.5, None), ("815", 5, 90.72, None)]
    (workout,) = reading.workouts
    assert workout.end_ms == workout.start_ms + 600_000


def test_wger_as_csv_with_minutes() -> None:
    assert sets(of(WGER_CSV)) == [("Crunches", 20, None, None), ("Plank", None, None, 120)]


def test_tcx_has_heart_rates_and_says_what_cannot_be_one() -> None:
    reading = of(TCX)
    (workout,) = reading.workouts
    assert [rate for _, rate in workout.heart_rate] == [90, 95]
    assert [(each.line_nr, each.words.partition(":")[0]) for each in reading.left_out] == [
        (9, "0 beats a minute"),
        (10, "'yesterday' is no date"),
    ]


def test_gpx_has_heart_rates_of_its_extension() -> None:
    (workout,) = of(GPX).workouts
    assert (workout.title, [rate for _, rate in workout.heart_rate]) == ("Evening", [120, 125])


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("x;2026-09-20 18:00:00;A;60;Squat;1;9999;5;;;;;", "9999 kg: expected 0 to 1000 kg"),
        ("x;2026-09-20 18:00:00;A;60;Squat;1;-5;5;;;;;", "-5 kg"),
        ("x;2026-09-20 18:00:00;A;60;Squat;1;5;2.5;;;;;", "2.5 repetitions"),
        ("x;2026-09-20 18:00:00;A;60;Squat;1;5;99999;;;;;", "99999 repetitions"),
        ("x;2026-09-20 18:00:00;A;60;Squat;1;5;;;;;;", "neither repetitions nor seconds"),
        ("x;2026-09-20 18:00:00;A;60;;1;5;5;;;;;", "a set without an exercise"),
        ("x;20/09/2026;A;60;Squat;1;5;5;;;;;", "is no date"),
        ("x;2031-01-01 00:00:00;A;60;Squat;1;5;5;;;;;", "a workout of the future"),
        ("x;1970-01-01 00:00:00;A;60;Squat;1;5;5;;;;;", "before 1980"),
        ("x;2026-09-20 18:00:00;A;999999;Squat;1;5;5;;;;;", "a workout of 277.777 h"),
        ("x;2026-09-20 18:00:00;A;60;Squat;1;5;5;;;99999;;", "a set of 99999 s"),
    ],
)
def test_absurd_values_are_left_out_with_their_line(row: str, words: str) -> None:
    reading = of(STRONG + row + "\n")
    assert [each.line_nr for each in reading.left_out] == [7]
    assert words in reading.left_out[0].words
    assert len(reading.workouts) == 2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "nobody knows which program"),
        (b"a,b,c\n1,2,3\n", "nobody knows which program"),
        (STRONG.encode() + b"\xff\xfe\n", "file, line 7: the text is no UTF-8; save it as UTF-8"),
        (STRONG.encode() + b'"open', "file, line 7"),
        (STRONG.encode() + b"1;2;3;4;5;6;7;8;9;10;11;12;13;14\n", "line 7: 14 columns; expected 13"),
        (STRONG.replace("Reps", "Date", 1).encode() + b"", "nobody knows"),
        (b'{"results": 5}', "no list of entries"),
        (b'{"results": [1]}', "entry 1 is no object"),
        (b"[" * 100_000, "no JSON"),
        (b"<gpx><trk>", "file, line 1"),
        (b"<gpx>" + b"<a>" * 1000, "nest more than 64 deep"),
    ],
)
def test_what_cannot_be_read_at_all_says_where(data: bytes, words: str) -> None:
    with pytest.raises(InvalidFile) as caught:
        read(data, "file", CLOCK)
    assert words in str(caught.value)


def test_utf_16_with_its_mark_is_text_too() -> None:
    assert len(of(STRONG.encode("utf-16")).workouts) == 2


def test_what_is_left_out_is_bounded_and_counted() -> None:
    reading = of(STRONG + "x;soon;A;60;Squat;1;5;5;;;;;\n" * 3000)
    assert (len(reading.left_out), reading.left_out_count) == (1000, 3000)


def test_a_set_knows_its_line() -> None:
    assert isinstance(of(STRONG).workouts[0].sets[0], ForeignSet)
    assert [found.line_nr for found in of(STRONG).workouts[0].sets] == [2, 3]
