"""FIT, Garmin's binary format: activities with heart rates (`record`) and sets of strength training (`set`).

Read with fitdecode and written with fit-tool. Where a file says no line, its number is that of the message.
An exercise is named by the file's own `exercise_title`, else by the profile's category and name within it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from domain.errors import InvalidFile
from exchange.names import exercise_of
from exchange.points import Gathered
from exchange.workouts import (
    ForeignSet,
    LeftOutError,
    Reading,
    Workout,
    check_repetitions,
    check_seconds,
    check_weight,
)

MAGIC = b".FIT"
MESSAGES_MAX = 2_000_000
UNKNOWN = 65_534  # the profile's category for what it does not know


@dataclass
class _Activity:
    line_nr: int
    points: Gathered
    sets: list[ForeignSet] = field(default_factory=list)
    titles: dict[tuple[int, int], str] = field(default_factory=dict)
    raw_sets: list[tuple[int, Any]] = field(default_factory=list)
    start_ms: int | None = None
    end_ms: int | None = None
    name: str = "activity"


def read(data: bytes, reading: Reading) -> None:
    """Each file of a chain of FIT files is a workout; raises InvalidFile for a broken CRC or structure."""
    activity: _Activity | None = None
    for message_nr, message in _messages(data, reading.file):
        if message is None:  # another file of the chain begins
            _end(activity, reading)
            activity = _Activity(message_nr, Gathered(reading))
        elif activity is not None:
            try:
                _take(activity, message_nr, message)
            except LeftOutError as error:
                reading.leave_out(message_nr, str(error))
    _end(activity, reading)


@lru_cache(maxsize=1)
def categories() -> Mapping[str, tuple[int, int]]:
    """The profile's (category, name within it) of each exercise of the catalogue that it has."""
    from fitdecode.profile import FIELD_TYPES

    found: dict[str, tuple[int, int]] = {}
    for category, name in sorted(FIELD_TYPES["exercise_category"].enum.items()):
        names = FIELD_TYPES.get(f"{name}_exercise_name")
        for number, called in sorted(names.enum.items()) if names is not None else ():
            if (exercise := exercise_of(str(called))) is not None:
                found.setdefault(exercise, (category, number))
    return found


def _messages(data: bytes, file: str) -> Iterator[tuple[int, Any]]:
    """Data messages with their numbers, and None where a file of the chain begins."""
    import fitdecode

    options = {"check_crc": fitdecode.CrcCheck.RAISE, "error_handling": fitdecode.ErrorHandling.RAISE}
    number = 0
    try:
        with warnings.catch_warnings(), fitdecode.FitReader(data, **options) as frames:
            warnings.simplefilter("ignore")
            for number, frame in enumerate(frames, start=1):
                if number > MESSAGES_MAX:
                    raise InvalidFile(f"{file} has too many messages", expected=f"at most {MESSAGES_MAX}")
                if frame.frame_type == fitdecode.FIT_FRAME_HEADER:
                    yield number, None
                elif frame.frame_type == fitdecode.FIT_FRAME_DATA:
                    yield number, frame
    except InvalidFile:
        raise
    except fitdecode.FitCRCError as error:
        raise InvalidFile(
            f"{file} is damaged: its checksum is wrong ({error})", remedy="copy it from the watch again"
        ) from error
    except Exception as error:
        # The decoder has errors of its own, and what hostile bytes lead to in it: struct's, IndexError...
        raise InvalidFile(
            f"{file}, message {number + 1}: {type(error).__name__}: {error}", expected="a whole FIT file"
        ) from error


def _take(activity: _Activity, message_nr: int, message: Any) -> None:
    match message.name:
        case "record":
            rate = _number(message, "heart_rate")
            if rate is not None and (at_ms := _time(message, "timestamp")) is not None:
                activity.points.add(message_nr, at_ms, rate)
        case "session":
            activity.start_ms = _time(message, "start_time") or activity.start_ms
            length_s = _number(message, "total_elapsed_time")
            if activity.start_ms is not None and length_s:
                activity.end_ms = activity.start_ms + round(1000 * length_s)
            activity.name = str(message.get_value("sport", fallback=None) or activity.name)[:60]
        case "exercise_title":
            key = _raw(message, "exercise_category"), _raw(message, "exercise_name")
            title = message.get_value("wkt_step_name", fallback=None)
            if isinstance(title, str) and title.strip("\0 "):
                activity.titles[key] = title.strip("\0 ")
        case "set":
            activity.raw_sets.append((message_nr, message))


def _end(activity: _Activity | None, reading: Reading) -> None:
    if activity is None:
        return
    for message_nr, message in activity.raw_sets:  # the titles may stand behind them
        try:
            found = _set(activity, message_nr, message)
        except LeftOutError as error:
            reading.leave_out(message_nr, str(error))
            continue
        if found is not None:
            activity.sets.append(found)
    points = activity.points.points()
    sets = sorted(activity.sets, key=lambda each: each.start_ms or 0)
    starts = [each.start_ms for each in sets if each.start_ms is not None] + [at for at, _ in points[:1]]
    start_ms = activity.start_ms if activity.start_ms is not None else min(starts, default=None)
    if start_ms is None:
        if activity.raw_sets or points:
            reading.leave_out(activity.line_nr, "an activity without a time")
        return
    end_ms = activity.end_ms if activity.end_ms is not None else (points[-1][0] + 1000 if points else None)
    reading.add(
        Workout(
            title=activity.name,
            start_ms=min([start_ms, *starts]),
            end_ms=end_ms if end_ms is not None and end_ms > start_ms else None,
            sets=tuple(sets),
            heart_rate=points,
            line_nr=activity.line_nr,
        )
    )


def _set(activity: _Activity, message_nr: int, message: Any) -> ForeignSet | None:
    """None for a set of rest."""
    if _raw(message, "set_type") != 1:
        return None
    repetitions = check_repetitions(_number(message, "repetitions")) or None
    length_s = check_seconds(_number(message, "duration"))
    if repetitions is None and length_s is None:
        raise LeftOutError("a set with neither repetitions nor a duration")
    start_ms = _time(message, "start_time")
    if start_ms is None and (end_ms := _time(message, "timestamp")) is not None:
        start_ms = end_ms - round(1000 * (length_s or 0))
    return ForeignSet(
        name=_name(activity, message),
        repetitions=repetitions,
        weight_kg=check_weight(_number(message, "weight"), "kg") or None,
        seconds=length_s,
        start_ms=start_ms,
        line_nr=message_nr,
    )


def _name(activity: _Activity, message: Any) -> str:
    from fitdecode.profile import FIELD_TYPES

    category, number = _raw(message, "category"), _raw(message, "category_subtype")
    if (title := activity.titles.get((category, number))) is not None:
        return title
    called = FIELD_TYPES["exercise_category"].enum.get(category)
    if called is None:
        raise LeftOutError(f"a set of exercise category {category}, which the profile does not know")
    names = FIELD_TYPES.get(f"{called}_exercise_name")
    return str((names.enum.get(number) if names is not None else None) or called).replace("_", " ")


def _number(message: Any, name: str) -> float | None:
    value = message.get_value(name, fallback=None)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _raw(message: Any, name: str) -> int:
    """A field's number, the first of several; -1 if there is none."""
    value = message.get_raw_value(name, fallback=None)
    if isinstance(value, tuple | list):
        value = next((each for each in value if each is not None), None)
    return value if isinstance(value, int) else -1


def _time(message: Any, name: str) -> int | None:
    value = message.get_value(name, fallback=None)
    if not isinstance(value, datetime):
        return None
    return round((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp() * 1000)
