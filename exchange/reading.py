"""Which program wrote a file, by its content alone; and what it holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo

from domain.errors import InvalidFile
from domain.frames import EPOCH_MS_MAX
from exchange import fit, gpx, hevy, strong, tcx, wger
from exchange.tables import decoded, header_of
from exchange.workouts import FILE_BYTES_MAX, Reading
from exchange.xml import root_of

PROGRAMS = ("strong", "hevy", "wger", "fit", "tcx", "gpx")


@dataclass(frozen=True, kw_only=True)
class Clock:
    """What a file may leave out: the zone of its times, and the unit of its weights, `kg` or `lb`.

    What begins after `latest_ms` is nothing that was done.
    """

    zone: tzinfo
    unit: str | None = None
    latest_ms: int = EPOCH_MS_MAX


def read(data: bytes, file: str, clock: Clock) -> Reading:
    """What is in a file that is called `file`; raises InvalidFile if nothing of it can be read."""
    if len(data) > FILE_BYTES_MAX:
        raise InvalidFile(f"{file} is too long", expected=f"at most {FILE_BYTES_MAX >> 20} MiB")
    program = program_of(data, file)
    reading = Reading(program=program, file=file, latest_ms=clock.latest_ms)
    _READERS[program](data, reading, clock)
    return reading


def program_of(data: bytes, file: str) -> str:
    """One of PROGRAMS; raises InvalidFile."""
    if data[8:12] == fit.MAGIC:
        return "fit"
    root = root_of(data) if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<" else ""
    if root in (tcx.ROOT, gpx.ROOT):
        return "tcx" if root == tcx.ROOT else "gpx"
    text = decoded(data, file)
    if text.lstrip()[:1] in ("{", "["):
        return "wger"
    columns = frozenset(header_of(text)[1])
    if columns >= strong.NEEDED:
        return "strong"
    if columns >= hevy.NEEDED:
        return "hevy"
    if wger.is_csv(columns):
        return "wger"
    raise InvalidFile(
        f"nobody knows which program wrote {file}",
        expected="FIT, TCX, GPX, or a CSV of Strong, Hevy or wger with its header",
    )


_READERS: dict[str, Callable[[bytes, Reading, Clock], None]] = {
    "strong": lambda data, reading, clock: strong.read(
        decoded(data, reading.file), reading, clock.zone, clock.unit
    ),
    "hevy": lambda data, reading, clock: hevy.read(decoded(data, reading.file), reading, clock.zone),
    "wger": lambda data, reading, clock: wger.read(decoded(data, reading.file), reading, clock.zone),
    "fit": lambda data, reading, clock: fit.read(data, reading),
    "tcx": lambda data, reading, clock: tcx.read(data, reading),
    "gpx": lambda data, reading, clock: gpx.read(data, reading),
}
