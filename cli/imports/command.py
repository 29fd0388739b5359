"""`muvr import`: reads files, finds what is new, and sends it as a device would."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from datetime import tzinfo
from pathlib import Path

from cli.imports.found import File, Found
from cli.imports.sending import Sent, Session, send, written_of
from cli.imports.target import Remote, closed_sessions, target
from cli.parsing import explain
from cli.places import add_store_arguments, zone_of
from cli.settings import NodeSettings
from domain.errors import ConfigurationError, InvalidFile
from domain.identifiers import UserId, check_identifier
from edge.recordings import load_directory
from exchange.names import Names, read_names
from exchange.planning import plan
from exchange.reading import Clock, read
from exchange.recordings import sessions_of
from exchange.tables import decoded
from exchange.values import time_ms
from exchange.workouts import FILE_BYTES_MAX, LeftOutError

DAY_MS = 86_400_000  # by which the clocks of phones and zones may differ
LEFT_OUT = 3  # exit status
FILES_MAX = 1_000

_EXAMPLES = """
muvr import strong.csv --user anna --time-zone Europe/London   an export of Strong
muvr import hevy.csv --user anna --dry-run                     what would come in, and what not
muvr import strong.csv --user anna --weight-unit lb            of an app that does not say the unit
muvr import *.fit run.tcx --user anna                          heart rates and sets of watches
muvr import DIR --user anna --subject A --start 2026-11-01     recordings with an index.csv
muvr import hevy.csv --user anna --url ws://gym:8081 --api http://gym:8080 --token TOKEN
"""
_MORE = """Formats are told by content: FIT, TCX, GPX; CSV of Strong and Hevy, training logs of wger;
recordings. What was imported before is known and stored once. docs/imports.md says what is read, and what the
limits are."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    explain(
        parser,
        _EXAMPLES,
        statuses={
            0: "everything is stored",
            LEFT_OUT: "stored, but something was left out, as the summary says",
        },
        more=_MORE,
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="or a directory of recordings")
    parser.add_argument("--user", required=True, help="whose they are")
    parser.add_argument(
        "--dry-run", action="store_true", help="say what is new; store nothing, start nothing"
    )
    parser.add_argument(
        "--time-zone", default="UTC", metavar="ZONE", help="of files that name none (default: %(default)s)"
    )
    parser.add_argument("--weight-unit", choices=("kg", "lb"), help="of files that name none")
    parser.add_argument(
        "--names", type=Path, metavar="FILE", help="CSV of name and exercise: what unknown names mean"
    )
    parser.add_argument(
        "--keep-unknown", action="store_true", help="take exercises that nobody knows under their own names"
    )
    parser.add_argument(
        "--subject", metavar="NAME", help="whose recordings, where there are several people's"
    )
    parser.add_argument("--start", metavar="TIME", help="when the first recorded session began")
    parser.add_argument(
        "--url", metavar="URL", help="of a node elsewhere (default: that of the store in --data)"
    )
    parser.add_argument("--api", metavar="URL", help="its HTTP API, which knows what it has already")
    parser.add_argument("--token", help="for it, of scope user")
    add_store_arguments(parser, default=Path("muvr-data"))
    parser.add_argument("--json", action="store_true", help="the summary as one JSON object")


def run(options: argparse.Namespace) -> int:
    user = UserId(check_identifier("user", options.user))
    remote, settings = _remote(options), _settings(options)
    files = _files(options)
    known = closed_sessions(user, settings, remote)
    new = _new(files, known)
    found = Found(
        files=files,
        new=new,
        known=len({written_of(each).session for file in files for each in file.sessions} & known),
        keeps_unknown=options.keep_unknown,
        is_dry=options.dry_run,
    )
    if new and not options.dry_run:
        with target(user, settings, remote) as there:
            for program, sessions in new.items():
                sent = asyncio.run(send(there, f"import-{program}", sessions, _tell))
                found.sent = Sent(found.sent.taken + sent.taken, found.sent.refused | sent.refused)
    print(json.dumps(found.as_json()) if options.json else "\n".join(found.lines()))
    return LEFT_OUT if found.left_out else 0


def _tell(done: int, total: int) -> None:
    print(f"{done} of {total} sessions", file=sys.stderr, flush=True)


def _remote(options: argparse.Namespace) -> Remote | None:
    if options.url is None:
        return None
    if options.api is None or options.token is None:
        raise ConfigurationError(
            "--url without --api and --token",
            expected="the node's HTTP API, which says what it has, and a token of scope user for both",
            remedy="give them, or run the import beside the store",
        )
    return Remote(url=options.url, api=options.api, token=options.token)


def _settings(options: argparse.Namespace) -> NodeSettings:
    """Of the node that is started if none runs: on loopback, on free ports, without nights."""
    return NodeSettings(
        data=options.data.absolute(),
        store=options.store,
        keys=options.keys and options.keys.absolute(),
        gateway_port=0,
        api_port=0,
        night_cron=None,
        shard_hosts=1,
        debug=options.debug,
    )


def _files(options: argparse.Namespace) -> list[File]:
    """Every file is read before anything is stored; raises InvalidInput for the first that cannot be."""
    if len(options.files) > FILES_MAX:
        raise ConfigurationError(f"{len(options.files)} files", expected=f"at most {FILES_MAX}")
    zone, names = zone_of(options.time_zone), _names(options.names)
    clock = Clock(zone=zone, unit=options.weight_unit, latest_ms=time.time_ns() // 1_000_000 + DAY_MS)
    return [
        _recordings(path, options, zone) if path.is_dir() else _file(path, clock, names, options.keep_unknown)
        for path in options.files
    ]


def _file(path: Path, clock: Clock, names: Names, keep_unknown: bool) -> File:
    reading = read(_content(path), str(path), clock)
    planned = plan(reading, names, keep_unknown=keep_unknown)
    return File(
        path=path,
        program=reading.program,
        sessions=list(planned.sessions),
        reading=reading,
        planned=planned,
    )


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(FILE_BYTES_MAX + 1)


def _recordings(path: Path, options: argparse.Namespace, zone: tzinfo) -> File:
    if options.start is None:
        raise ConfigurationError(
            f"{path}: recordings do not say when they were made", remedy="say it with --start 2026-11-26"
        )
    try:
        start_ms = time_ms(options.start, zone)
    except LeftOutError as error:
        raise ConfigurationError(f"--start {options.start}: {error}") from error
    recordings = load_directory(path)
    if not recordings:
        raise InvalidFile(f"{path} lists no recordings")
    return File(
        path=path, program="recordings", sessions=list(sessions_of(recordings, options.subject, start_ms))
    )


def _new(files: list[File], known: frozenset[str]) -> dict[str, list[Session]]:
    """By program what is not known, each once, oldest first: so the latest sets are those that count last."""
    by_name: dict[str, tuple[str, Session]] = {}
    for file in files:
        for session in file.sessions:
            by_name.setdefault(written_of(session).session, (file.program, session))
    new: dict[str, list[Session]] = {}
    for name, (program, session) in sorted(by_name.items(), key=lambda each: written_of(each[1][1]).start_ms):
        if name not in known:
            new.setdefault(program, []).append(session)
    return new


def _names(path: Path | None) -> Names:
    return Names() if path is None else read_names(decoded(_content(path), str(path)), str(path))
