"""Numbers, lengths of time and dates as programs write them: decimal commas, months by name, zones."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache

from exchange.workouts import LeftOutError

_NUMBER = re.compile(
    r"[+-]?(?:\d{1,12}|\d{1,3}(?:[.,' ]\d{3}){1,3}(?=[.,]\d+$))(?:[.,]\d{1,12})?\Z", re.ASCII
)
_ISO = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d{1,9})?)?\s*([AaPp]\.?[Mm]\.?)?"
    r"\s*(Z|[+-]\d{2}:?\d{2})?)?\Z",
    re.ASCII,
)
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:,?\s+(\d{1,2}):(\d{2})(?::(\d{2}))?)?\Z", re.ASCII)
_NAMED = re.compile(
    r"(\d{1,2})\.?\s+(?:de\s+)?([^\W\d_]{3,12})\.?\s+(?:de\s+)?(\d{4})(?:,?\s+(\d{1,2}):(\d{2})(?::(\d{2}))?)?\Z"
)
_LENGTH = re.compile(
    r"(?:(\d{1,3})\s*h(?:\s|$|(?=\d)))?\s*(?:(\d{1,4})\s*m(?:in)?(?:\s|$|(?=\d)))?\s*(?:(\d{1,6})\s*s(?:ec)?)?\Z",
    re.ASCII,
)
_CLOCK = re.compile(r"(\d{1,3}):(\d{2}):(\d{2})\Z", re.ASCII)
_BLANKS = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " "})

# In English, German, French, Spanish, Italian, Portuguese and Dutch.
_MONTHS = (
    "january januar janvier enero gennaio janeiro januari",
    "february februar fevrier febrero febbraio fevereiro februari",
    "march marz mars marzo marco maart",
    "april avril abril aprile",
    "may mai mayo maggio maio mei",
    "june juni juin junio giugno junho",
    "july juli juillet julio luglio julho",
    "august aout agosto augustus",
    "september septembre septiembre settembre setembro",
    "october oktober octobre octubre ottobre outubro",
    "november novembre noviembre novembro",
    "december dezember decembre diciembre dicembre dezembro",
)


def number(text: str) -> float | None:
    """The number that `text` is, with a decimal point or comma; None if it is empty. Raises LeftOutError."""
    plain = text.translate(_BLANKS).strip()
    if not plain:
        return None
    if not _NUMBER.match(plain):
        raise LeftOutError(f"{plain[:40]!r} is no number")
    whole, separator, fraction = plain, "", ""
    last = max(plain.rfind("."), plain.rfind(","))
    if last >= 0:
        whole, separator, fraction = plain[:last], ".", plain[last + 1 :]
    return float(re.sub(r"[.,' ]", "", whole) + separator + fraction)


def seconds(text: str) -> float | None:
    """`1h 5m`, `62m`, `3720` (seconds), `1:02:03`; None if it is empty. Raises LeftOutError."""
    plain = text.translate(_BLANKS).strip().lower()
    if not plain:
        return None
    if found := _CLOCK.match(plain):
        hours, minutes, rest = map(int, found.groups())
        return 3600.0 * hours + 60 * minutes + rest
    if plain[-1].isdigit():
        return number(plain)
    found = _LENGTH.match(plain)
    if not found or not any(found.groups()):
        raise LeftOutError(f"{plain[:40]!r} is no length of time")
    hours, minutes, rest = (int(part or 0) for part in found.groups())
    return 3600.0 * hours + 60 * minutes + rest


def time_ms(text: str, zone: tzinfo) -> int:
    """Milliseconds since 1970 UTC of a date and a time of day, in `zone` where it names none.

    A time that a clock shows twice is the first one. Days and months in digits alone are read as ISO 8601 or,
    with dots, day first; with slashes nobody knows. Raises LeftOutError.
    """
    plain = text.translate(_BLANKS).strip()
    try:
        if found := _ISO.match(plain):
            return _ms(_of_iso(zone, *found.groups()))
        if found := _DOTTED.match(plain):
            day, month, year, *clock = found.groups()
            return _ms(_at(zone, year, int(month), day, clock))
        if found := _NAMED.match(plain):
            day, name, year, *clock = found.groups()
            if month_nr := month_of(name):
                return _ms(_at(zone, year, month_nr, day, clock))
    except (ValueError, OverflowError) as error:
        raise LeftOutError(f"{plain[:40]!r} is no date: {error}") from error
    raise LeftOutError(f"{plain[:40]!r} is no date: expected as 2026-11-26 18:30:00 or 26 Nov 2026, 18:30")


def month_of(name: str) -> int | None:
    """The number of a month by its name, or the beginning of it, in any of the languages that agree on it."""
    apart = unicodedata.normalize("NFKD", name.casefold())
    return _month_numbers().get("".join(letter for letter in apart if not unicodedata.combining(letter)))


@lru_cache(maxsize=1)
def _month_numbers() -> dict[str, int]:
    pairs = {
        (name[:length], month_nr)
        for month_nr, names in enumerate(_MONTHS, start=1)
        for name in names.split()
        for length in range(3, len(name) + 1)
    }
    times = Counter(start for start, _ in pairs)
    return {start: month_nr for start, month_nr in pairs if times[start] == 1}


def _of_iso(
    zone: tzinfo,
    year: str,
    month: str,
    day: str,
    hour: str | None,
    minute: str | None,
    second: str | None,
    half: str | None,
    offset: str | None,
) -> datetime:
    hours = int(hour or 0)
    if half:
        if not 1 <= hours <= 12:
            raise ValueError(f"{hours} o'clock with {half}")
        hours = hours % 12 + (12 if half.lower().startswith("p") else 0)
    if offset is not None:
        signed = f"{offset[:3]}:{offset[-2:]}" if offset != "Z" else "+00:00"
        zone = timezone(timedelta(minutes=int(signed[0] + "1") * (60 * int(signed[1:3]) + int(signed[4:]))))
    return datetime(int(year), int(month), int(day), hours, int(minute or 0), int(second or 0), tzinfo=zone)


def _at(zone: tzinfo, year: str, month_nr: int, day: str, clock: Sequence[str | None]) -> datetime:
    hour, minute, second = (int(part or 0) for part in clock)
    return datetime(int(year), month_nr, int(day), hour, minute, second, tzinfo=zone)


def _ms(when: datetime) -> int:
    return round(when.timestamp() * 1000)
