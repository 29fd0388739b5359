"""`python -m batch`: parses, wires and starts the nightly batch."""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import signal
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import NoReturn

from batch.jobs import Progress, SlicesResult
from batch.program import BatchConfig, run
from batch.session import kill_java
from domain.errors import ConfigurationError, MuvrError
from domain.sensors import SensorSet


class Terminated(BaseException):
    """SIGTERM or SIGINT arrived; not an Exception, so that nothing on the way takes it for its own."""


_ended_by: signal.Signals | None = None


def main(arguments: Sequence[str]) -> int:
    """Exit status: 0 done, 1 failed with one line on stderr, 128 + n ended by signal n."""
    options = _parser().parse_args(arguments)
    if not options.debug:
        logging.disable()  # py4j logs the traceback of every error that it also raises
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _terminate)
    try:
        result = run(_config(options), _print_json if options.json_progress else _print_words)
    except BaseException as error:
        if _ended_by is not None:  # whatever the error: Spark's own cover the one that the signal raised
            print(f"batch: ended by {_ended_by.name}; run it again", file=sys.stderr)
            return 128 + _ended_by
        if options.debug or not isinstance(error, MuvrError):
            raise
        print(f"batch: {error}", file=sys.stderr)
        return 1
    _print_result(result, as_json=options.json_progress)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m batch", description="Run muvr's nightly batch on Spark.")
    parser.add_argument("--store", required=True, metavar="sqlite:DIR", help="where muvr keeps its data")
    parser.add_argument("--sensor-sets", required=True, nargs="+", metavar="SET", help="such as a@50 a,g@50")
    parser.add_argument("--pseudonym-key-file", required=True, type=Path, metavar="FILE", help="random bytes")
    parser.add_argument("--master", default="local[2]", help="Spark master (default: %(default)s)")
    parser.add_argument(
        "--date", type=date.fromisoformat, metavar="YYYY-MM-DD", help="only that day's labels"
    )
    parser.add_argument("--memory-mb", type=int, default=1024, help="Java heap (default: %(default)s)")
    parser.add_argument("--work-directory", type=Path, metavar="DIR", help="keep Spark's log and files there")
    parser.add_argument("--json-progress", action="store_true", help="progress and result as JSON lines")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    return parser


def _config(options: argparse.Namespace) -> BatchConfig:
    try:
        key = options.pseudonym_key_file.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"the pseudonym key {options.pseudonym_key_file} cannot be read: {error.strerror}",
            remedy="correct --pseudonym-key-file",
        ) from error
    return BatchConfig(
        store=options.store,
        sensor_sets=tuple(SensorSet.parse(text) for text in options.sensor_sets),
        pseudonym_key=key,
        master=options.master,
        day=options.date,
        memory_mb=options.memory_mb,
        work_directory=options.work_directory,
    )


def _terminate(number: int, _: object) -> NoReturn:
    global _ended_by
    _ended_by = signal.Signals(number)
    kill_java()
    raise Terminated


def _print_json(progress: Progress) -> None:
    print(json.dumps(dataclasses.asdict(progress)), flush=True)


def _print_words(progress: Progress) -> None:
    print(f"{progress.stage} {progress.done}/{progress.total}: {progress.message}", flush=True)


def _print_result(result: SlicesResult, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"result": dataclasses.asdict(result)}), flush=True)
        return
    windows = ", ".join(f"{count} of {name}" for name, count in result.windows.items())
    print(f"{result.sessions} sessions gave windows: {windows}; {result.seconds:.1f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
