"""`muvr export`: a user's sessions and sets in formats that other programs read."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from cli.parsing import explain
from cli.places import add_store_arguments, existing_store, write_whole, zone_of
from domain.errors import ConfigurationError
from domain.frames import SensorFrame
from domain.identifiers import SessionId, StreamId, UserId, check_identifier
from exchange import fit_writing, strong_writing, tcx
from exchange.points import SENSOR, of_frames
from exchange.values import time_ms
from exchange.workouts import LeftOutError
from exchange.written import Written, WrittenSet
from persistence.ports import Store
from persistence.sensors import SensorStore
from persistence.tables import LABEL, SESSION_BY_USER, LabelRow, SessionRow

FORMATS = ("csv", "fit", "tcx")

_EXAMPLES = """
muvr export --user anna --format csv --out anna.csv    a CSV file that Strong and Hevy take in
muvr export --user anna --format csv                   the same on standard output
muvr export --user anna --format csv --since 2026-11-01
muvr export --user anna --format fit --out DIR         a FIT activity for each session
muvr export --user anna --format tcx --out DIR --json  a TCX file for each session; which, as JSON
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    explain(parser, _EXAMPLES, more="Everything that is kept of a user: see `muvr users --help`.")
    parser.add_argument("--user", required=True, help="whose")
    parser.add_argument("--format", choices=FORMATS, required=True, help="csv has no heart rates")
    parser.add_argument("--out", type=Path, metavar="PATH", help="a file for csv, a directory for the others")
    parser.add_argument("--since", metavar="DATE", help="sessions that began on that day or later")
    parser.add_argument(
        "--time-zone",
        default="UTC",
        metavar="ZONE",
        help="of --since and of the dates in csv (default: %(default)s)",
    )
    add_store_arguments(parser, default=Path("muvr-data"))
    parser.add_argument("--json", action="store_true", help="what was written, as one JSON object")


def run(options: argparse.Namespace) -> int:
    user = UserId(check_identifier("user", options.user))
    if options.out is None and (options.format != "csv" or options.json):
        raise ConfigurationError(f"--format {options.format} needs --out", remedy="give a place to write to")
    with existing_store(options) as store:
        sessions = list(sessions_of(store, user, _since_ms(options), with_rates=options.format != "csv"))
    if not sessions:
        raise ConfigurationError(
            f"user {user} has no sessions with anything to write", remedy="correct --user"
        )
    written = _write(options, sessions)
    sets = sum(len(session.sets) for session in sessions)
    if options.json:
        print(json.dumps({"sessions": len(sessions), "sets": sets, "files": list(map(str, written))}))
    elif written:
        print(f"{len(sessions)} sessions with {sets} sets written to {options.out}")
    return 0


def sessions_of(store: Store, user: UserId, since_ms: int, *, with_rates: bool) -> Iterator[Written]:
    """A user's sessions that have confirmed sets or, where they are asked for, heart rates; oldest first."""
    for row in reversed(list(store.read(SESSION_BY_USER, (user,)))):
        if row.started_at < since_ms:
            continue
        labels = list(store.read(LABEL, (user, row.session_id)))
        rates = of_frames(list(_rates(store, row))) if with_rates else ()
        if labels or rates:
            yield _written(row, labels, rates)


def _since_ms(options: argparse.Namespace) -> int:
    try:
        return time_ms(options.since, zone_of(options.time_zone)) if options.since else 0
    except LeftOutError as error:
        raise ConfigurationError(f"--since {options.since}: {error}") from error


def _rates(store: Store, row: SessionRow) -> Iterator[SensorFrame]:
    found = SensorStore(store).frames(UserId(row.user_id), SessionId(row.session_id), StreamId(SENSOR))
    return (frame for frame in found if frame.sensor == SENSOR)


def _written(row: SessionRow, labels: Sequence[LabelRow], rates: tuple[tuple[int, float], ...]) -> Written:
    sets: list[WrittenSet] = []
    for label in labels:
        start_ms = max(label.start_at, sets[-1].end_ms) if sets else label.start_at
        if start_ms < label.end_at:  # else it lies wholly in the one before
            sets.append(
                WrittenSet(
                    start_ms=start_ms,
                    end_ms=label.end_at,
                    exercise=label.exercise,
                    repetitions=label.repetitions,
                    weight_kg=label.weight_kg,
                )
            )
    first = [row.started_at, *(each.start_ms for each in sets[:1]), *(at_ms for at_ms, _ in rates[:1])]
    last = [
        row.ended_at or 0,
        *(each.end_ms for each in sets[-1:]),
        *(at_ms + 1000 for at_ms, _ in rates[-1:]),
    ]
    return Written(
        session=row.session_id,
        start_ms=min(first),
        end_ms=max(*last, min(first) + 1),
        sets=tuple(sets),
        heart_rate=rates,
    )


def _write(options: argparse.Namespace, sessions: Sequence[Written]) -> list[Path]:
    if options.format == "csv":
        content = strong_writing.write(sessions, zone_of(options.time_zone))
        if options.out is None:
            sys.stdout.write(content.decode())
            return []
        write_whole(options.out, content)
        return [options.out]
    one: Callable[[Written], bytes] = fit_writing.write if options.format == "fit" else _tcx
    written = []
    for session in sessions:
        path = options.out / f"{session.session}.{options.format}"
        write_whole(path, one(session))
        written.append(path)
    return written


def _tcx(session: Written) -> bytes:
    return tcx.write([session])
