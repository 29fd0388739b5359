"""Numbers, lengths of time and dates, as people's programs write them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.values import month_of, number, seconds, time_ms
from exchange.workouts import LeftOutError

LONDON = ZoneInfo("Europe/London")


def ms(*parts: int) -> int:
    return round(datetime(*parts, tzinfo=UTC).timestamp() * 1000)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("80", 80), ("80.5", 80.5), ("80,5", 80.5), (" 80 ", 80), ("", None), ("1.234,5", 1234.5),
        ("1,234.5", 1234.5), ("1 234,5", 1234.5), ("\u00a080\u202f", 80), ("-5", -5), ("+5", 5), ("0,0", 0),
    ],
)  # fmt: skip
def test_numbers_with_points_and_commas(text: str, value: float | None) -> None:
    assert number(text) == value


@pytest.mark.parametrize("text", ["x", "1e9", "nan", "inf", "1_000", "0x10", "1,2,3", "--1", "٣", "9" * 40])
def test_what_is_no_number_is_said(text: str) -> None:
    with pytest.raises(LeftOutError, match="no number"):
        number(text)


@given(value=st.integers(-(10**9), 10**9), digits=st.integers(0, 6), comma=st.booleans())
def test_any_decimal_is_read_as_it_was_written(value: int, digits: int, comma: bool) -> None:
    text = f"{value / 10**digits:.{digits}f}"
    assert number(text.replace(".", ",") if comma else text) == float(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1h 10m", 4200), ("1h", 3600), ("62m", 3720), ("45s", 45), ("3720", 3720), ("1:02:03", 3723),
     ("1h5m", 3900), ("30min", 1800), ("", None), ("1h 5m 3s", 3903)],
)  # fmt: skip
def test_lengths_of_time(text: str, value: float | None) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["h", "1x", "1h 1h", "m5", "soon"])
def test_what_is_no_length_of_time_is_said(text: str) -> None:
    with pytest.raises(LeftOutError, match=r"no (length of time|number)"):
        seconds(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-11-26 18:30:05", ms(2026, 11, 26, 18, 30, 5)),
        ("2026-11-26T18:30:05Z", ms(2026, 11, 26, 18, 30, 5)),
        ("2026-11-26T18:30:05.123+02:00", ms(2026, 11, 26, 16, 30, 5)),
        ("2026-07-26 18:30", ms(2026, 7, 26, 17, 30)),
        ("2026-11-26", ms(2026, 11, 26)),
        ("2026-11-26 6:30:05\u202fPM", ms(2026, 11, 26, 18, 30, 5)),
        ("2026-11-26 12:30:05 AM", ms(2026, 11, 26, 0, 30, 5)),
        ("26 Nov 2026, 18:30", ms(2026, 11, 26, 18, 30)),
        ("25 Juli 2026, 14:21", ms(2026, 7, 25, 13, 21)),
        ("3 févr. 2026, 08:00", ms(2026, 2, 3, 8)),
        ("3 de marzo de 2026, 08:00", ms(2026, 3, 3, 8)),
        ("03.02.2026 08:00", ms(2026, 2, 3, 8)),
        ("2026-10-25 01:30:00", ms(2026, 10, 25, 0, 30)),  # shown twice: the first
    ],
)  # fmt: skip
def test_dates_by_a_clock_in_london(text: str, value: int) -> None:
    assert time_ms(text, LONDON) == value


@pytest.mark.parametrize(
    "text",
    ["", "soon", "11/26/2026", "2026-13-01", "2026-02-30 10:00", "31 Foo 2026, 10:00", "2026-01-01 25:00",
     "2026-01-01 13:00 PM", "0000-01-01", "1 jui 2026"]
)  # fmt: skip
def test_what_is_no_date_is_said(text: str) -> None:
    with pytest.raises(LeftOutError, match="no date"):
        time_ms(text, LONDON)


def test_beginnings_of_months_count_where_all_languages_agree() -> None:
    assert [month_of(name) for name in ("Jan", "MAI", "août", "dez", "gen", "jui", "ma", "xyz")] == [
        1, 5, 8, 12, 1, None, None, None,
    ]  # fmt: skip


@given(st.text(max_size=60))
def test_any_text_is_a_value_or_said_to_be_none(text: str) -> None:
    for read in (number, seconds, lambda value: time_ms(value, LONDON)):
        try:
            read(text)
        except LeftOutError:
            continue
