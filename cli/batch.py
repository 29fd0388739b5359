"""`muvr batch`: run the night's jobs on Spark, and list the runs that there were."""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from cli.parsing import explain
from cli.places import add_store_arguments, existing_store, settings_of
from domain.sensors import SensorSet
from persistence.learned_tables import MEMBERS_MIN
from persistence.runs import RUNS_KEPT, RunStore
from persistence.secret_files import load_or_make_key

if TYPE_CHECKING:
    from batch.jobs import BatchResult
    from batch.program import BatchConfig
    from batch.progress import Progress

_DESCRIPTION = """Run the night's jobs on Spark. Their results are served all at once when the last has
ended; a run that fails, or is ended, leaves those of the run before. Running again, for the same day too,
gives the same results."""
_RUN_EXAMPLES = """
muvr batch run --data muvr-data                        all jobs, of what came since they last ran
muvr batch run slices --date 2026-11-25                that day's arrivals, and those before not yet cut
muvr batch run --master spark://HOST:7077 --store cassandra://HOST/muvr --keys DIR
"""
_LIST_EXAMPLES = """muvr batch list --data muvr-data                       the runs that are kept
muvr batch list --json                                 the same, for programs
"""
_ENDED = "ended by that signal: 128 and its number"


class Terminated(BaseException):
    """SIGTERM or SIGINT arrived; not an Exception, so that nothing on the way takes it for its own."""


_ended_by: signal.Signals | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    explain(parser, _RUN_EXAMPLES + _LIST_EXAMPLES)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run_command = commands.add_parser("run", help="run jobs", description=_DESCRIPTION)
    list_command = commands.add_parser("list", help="the runs that are kept, newest first")
    for command, function in ((run_command, _run), (list_command, _list)):
        add_store_arguments(command, default=Path("muvr-data"))
        command.set_defaults(batch=function)
    _add_run_arguments(run_command)
    explain(run_command, _RUN_EXAMPLES, statuses={130: _ENDED, 143: _ENDED})
    list_command.add_argument("--json", action="store_true", help="the result as one JSON object")
    explain(list_command, _LIST_EXAMPLES)


def run(options: argparse.Namespace) -> int:
    status: int = options.batch(options)
    return status


def _add_run_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("jobs", nargs="*", metavar="JOB", help="which ones (default: all)")
    parser.add_argument(
        "--date",
        type=date.fromisoformat,
        metavar="YYYY-MM-DD",
        help="the day (UTC) up to which arrivals are taken (default: today)",
    )
    parser.add_argument(
        "--everything", action="store_true", help="cut the windows of all sessions anew, whenever they came"
    )
    parser.add_argument(
        "--sensor-sets",
        nargs="+",
        default=["a,g@50"],
        metavar="SET",
        help="combinations of sensors that models need, such as a@50 a,g@50 (default: a,g@50)",
    )
    parser.add_argument(
        "--session-share",
        type=float,
        default=1.0,
        metavar="SHARE",
        help="cut windows of this share of all sessions, the same ones each night (default: 1, all)",
    )
    parser.add_argument(
        "--master",
        default="local[*]",
        help="Spark's: local[CORES], spark://HOST:PORT or mesos://... (default: %(default)s)",
    )
    parser.add_argument(
        "--members-min",
        type=int,
        default=MEMBERS_MIN,
        help="users that a published group has (default: %(default)s)",
    )
    parser.add_argument(
        "--runs-kept", type=int, default=RUNS_KEPT, help="runs whose results stay (default: %(default)s)"
    )
    parser.add_argument(
        "--memory-mb",
        type=int,
        default=1024,
        help="of the driver, and of each executor (default: %(default)s)",
    )
    parser.add_argument("--work-directory", type=Path, metavar="DIR", help="keep Spark's log and files there")
    parser.add_argument("--json-progress", action="store_true", help="progress and result as JSON lines")
    parser.add_argument("--json", action="store_true", help="the result alone, as one JSON object")


def _run(options: argparse.Namespace) -> int:
    from batch.program import run as run_batch

    if not options.debug:
        logging.disable()  # py4j logs the traceback of every error that it also raises
    with _own_signals():
        try:
            result = run_batch(_config(options), _teller(options))
        except BaseException:
            if _ended_by is None:
                raise
            # Whatever the error: Spark's own cover the one that the signal raised.
            print(f"muvr: the batch was ended by {_ended_by.name}; run it again", file=sys.stderr)
            return 128 + _ended_by
    if options.json_progress:
        print(json.dumps({"result": dataclasses.asdict(result)}), flush=True)
    elif options.json:
        print(json.dumps(dataclasses.asdict(result)))
    else:
        print("\n".join(_lines(result)))
    return 0


def _config(options: argparse.Namespace) -> BatchConfig:
    from batch.program import BatchConfig

    settings = settings_of(options)
    return BatchConfig(
        store=settings.store_location,
        jobs=tuple(options.jobs),
        sensor_sets=tuple(SensorSet.parse(text) for text in options.sensor_sets),
        pseudonym_key=load_or_make_key(settings.key_directory / "pseudonyms.key"),
        master=options.master,
        day=options.date,
        everything=options.everything,
        session_share=options.session_share,
        members_min=options.members_min,
        runs_kept=options.runs_kept,
        memory_mb=options.memory_mb,
        work_directory=options.work_directory,
    )


@contextmanager
def _own_signals() -> Iterator[None]:
    """An exception alone does not get a program out of Spark: see `kill_java`."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, _terminate) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _terminate(number: int, _: object) -> NoReturn:
    from batch.session import kill_java

    global _ended_by
    _ended_by = signal.Signals(number)
    kill_java()
    raise Terminated


def _teller(options: argparse.Namespace) -> Callable[[Progress], None]:
    if options.json_progress:
        return _print_json
    return _print_nothing if options.json else _print_words


def _print_nothing(progress: Progress) -> None:
    """The result alone is wanted."""


def _print_json(progress: Progress) -> None:
    print(json.dumps(dataclasses.asdict(progress)), flush=True)


def _print_words(progress: Progress) -> None:
    print(f"{progress.stage} {progress.done}/{progress.total}: {progress.message}", flush=True)


def _lines(result: BatchResult) -> Iterator[str]:
    for name, job in result.jobs.items():
        counted = {**{f"rows of {table}": count for table, count in job.rows.items()}, **job.measures}
        words = ", ".join(f"{count} {what}" for what, count in counted.items())
        yield f"{name}: {words} ({job.seconds:.1f} s)"
    yield f"run {result.run_nr} of {result.day} is served ({result.seconds:.1f} s)"


def _list(options: argparse.Namespace) -> int:
    with existing_store(options) as store:
        state = RunStore(store).state()
    if options.json:
        print(json.dumps({"runs": [dataclasses.asdict(run) for run in reversed(state.runs)]}))
        return 0
    for run in reversed(state.runs):
        started = datetime.fromtimestamp(run.started_at_ms / 1000, UTC).isoformat(" ", "seconds")
        served = [name for name in run.tables if state.served.get(name) == run.number]
        words = f"; served: {', '.join(served)}" if served else ""
        print(f"{run.number}  {run.day}  {run.state}, begun {started}{words}")
    if not state.runs:
        print("there was no run yet")
    return 0
