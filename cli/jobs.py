"""`muvr jobs`: which nights there were, how their steps stand, running one now, and cancelling one."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from actors.night import CANCELLED, RUNNING, SUCCEEDED
from actors.night_record import NightRecord, StepRecord, find_night, read_nights
from actors.night_requests import ask_to_cancel, ask_to_run, has_scheduler
from cli.models import table
from cli.night import follow
from cli.parsing import explain
from cli.places import add_store_arguments, existing_store
from domain.errors import ConfigurationError
from persistence.ports import Store

_EXAMPLES = {
    "list": "muvr jobs list                    the last nights, and the one that runs",
    "show": "muvr jobs show                      the night that runs, or the last one; logs of what failed\n"
    "muvr jobs show NIGHT --step batch   with the log of that step",
    "run": "muvr jobs run --wait              a night now",
    "cancel": "muvr jobs cancel                  end the night that runs, with every process of it",
}
_MORE = (
    "They need the store alone. A night is run by a node that is up, within seconds after it was asked for."
)

_WAITS = {
    "run": "until it is over; exit status 1 if it did not succeed",
    "cancel": "until it has ended; exit status 1 if it came to its own end before",
}

_STATUSES = {
    "run": {1: "failed; with --wait also if the night did not succeed"},
    "cancel": {1: "failed; with --wait also if the night came to its own end before"},
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    explain(parser, "\n".join(_EXAMPLES.values()), more=_MORE)
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    for name, words in (
        ("list", "nights with their steps, newest first"),
        ("show", "one night: each step with state, progress, duration and log"),
        ("run", "ask for a night now; it waits for the one that runs"),
        ("cancel", "end a night, or keep it from beginning; it is recorded as cancelled"),
    ):
        action = actions.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
        if name == "list":
            action.add_argument("--limit", type=int, default=20, metavar="N", help="default: %(default)s")
        if name == "show":
            action.add_argument("--step", metavar="NAME", help="show its log, also if it did not fail")
        if name in ("show", "cancel"):
            default = "the one that runs, or else the newest" if name == "show" else "the one that runs"
            action.add_argument("night", metavar="NIGHT", nargs="?", help=f"default: {default}")
        if name in ("run", "cancel"):
            action.add_argument("--wait", action="store_true", help=_WAITS[name])
        add_store_arguments(action, default=Path("muvr-data"))
        action.add_argument("--json", action="store_true", help="the result as one JSON object")
        explain(action, _EXAMPLES[name], statuses=_STATUSES.get(name), more=_MORE)


def run(options: argparse.Namespace) -> int:
    with existing_store(options) as store:
        return _ACTIONS[options.action](options, store)


def _list(options: argparse.Namespace, store: Store) -> int:
    if options.limit < 1:
        raise ConfigurationError(f"--limit {options.limit}", expected="at least 1")
    nights = read_nights(store, options.limit)
    if options.json:
        print(json.dumps({"nights": [_item(night) for night in nights]}))
    elif not nights:
        print("there was no night yet: one begins at the time of `muvr up --night`, or with `muvr jobs run`")
    else:
        head = ("night", "state", "begun", "took", "steps")
        rows = [
            (night.night_id, _state(night), _time(night.started_ms), _took(night), _summary(night))
            for night in nights
        ]
        print("\n".join(table([head, *rows])))
    return 0


def _show(options: argparse.Namespace, store: Store) -> int:
    night = find_night(store, options.night)
    names = [step.name for step in night.steps]
    if options.step is not None and options.step not in names:
        raise ConfigurationError(
            f"night {night.night_id} has no step {options.step!r}",
            expected=f"one of {', '.join(names)}" if names else "one that has begun",
        )
    print(json.dumps(_item(night)) if options.json else "\n".join(_words(night, options.step)))
    return 0


def _run(options: argparse.Namespace, store: Store) -> int:
    night_id = ask_to_run(store)
    if not has_scheduler(store):
        print("muvr: no node is up: the night begins when one is started", file=sys.stderr)
    if not options.wait:
        follow_words = f"asked for night {night_id}; `muvr jobs show {night_id}` says how it stands"
        print(json.dumps({"night": night_id}) if options.json else follow_words)
        return 0
    night = follow(store, night_id, _teller(options))
    print(json.dumps(_item(night)) if options.json else f"night {night_id} {night.state}")
    return 0 if night.state == SUCCEEDED else 1


def _cancel(options: argparse.Namespace, store: Store) -> int:
    night = find_night(store, options.night)
    if night.is_over or (options.night is None and night.state != RUNNING):
        is_named = options.night is not None
        raise ConfigurationError(
            f"night {night.night_id} has {night.state}" if is_named else "no night runs",
            expected="one that runs or waits",
            remedy="`muvr jobs list` names them",
        )
    ask_to_cancel(store, night.night_id)
    if not options.wait:
        told = {"night": night.night_id}
        print(json.dumps(told) if options.json else f"asked for the end of night {night.night_id}")
        return 0
    night = follow(store, night.night_id, _teller(options))
    print(json.dumps(_item(night)) if options.json else f"night {night.night_id} {night.state}")
    return 0 if night.state == CANCELLED else 1


_ACTIONS: dict[str, Callable[[argparse.Namespace, Store], int]] = {
    "list": _list,
    "show": _show,
    "run": _run,
    "cancel": _cancel,
}


def _teller(options: argparse.Namespace) -> Callable[[NightRecord], None]:
    """Prints a line when a step stands otherwise than before; nothing with --json."""
    told: dict[str, str] = {}

    def tell(night: NightRecord) -> None:
        for step in night.steps:
            line = f"{step.name} {step.state}" + (f": {step.message}" if step.message else "")
            if told.get(step.name, f"{step.name} waiting") != line and not options.json:
                print(line, flush=True)
            told[step.name] = line

    return tell


def _words(night: NightRecord, wanted: str | None) -> Iterable[str]:
    yield f"night      {night.night_id}, {_state(night)}"
    yield f"{'asked for' if night.is_asked else 'due':<11}{_time(night.due_ms)}"
    if night.started_ms is not None:
        yield f"begun      {_time(night.started_ms)}, took {_took(night)}"
    if night.steps:
        head = ("step", "state", "progress", "took", "attempt", "what")
        yield from table([head, *(_row(step) for step in night.steps)])
    for step in night.steps:
        if step.log and (step.name == wanted or (wanted is None and step.state == "failed")):
            yield f"--- end of the log of {step.name} (run {step.run_id})"
            yield step.log.rstrip("\n")


def _row(step: StepRecord) -> Sequence[str]:
    again = f"again at {_time(step.retry_ms)}: " if step.retry_ms is not None else ""
    return (
        step.name,
        step.state,
        f"{step.progress:.0%}" if step.state in (RUNNING, SUCCEEDED) else "",
        _duration(step.started_ms, step.finished_ms),
        str(step.attempt) if step.attempt else "",
        again + " ".join(step.message.split()),
    )


def _summary(night: NightRecord) -> str:
    return ", ".join(
        f"{step.name} {step.state}" + (f" {step.progress:.0%}" if step.state == RUNNING else "")
        for step in night.steps
    )


def _state(night: NightRecord) -> str:
    return f"{night.state}, to be cancelled" if night.is_cancelled and not night.is_over else night.state


def _item(night: NightRecord) -> dict[str, Any]:
    item = dataclasses.asdict(night)
    for step in item["steps"]:
        step["result"] = json.loads(step["result"]) if step["result"] else None
    return item


def _took(night: NightRecord) -> str:
    return _duration(night.started_ms, night.finished_ms)


def _duration(started_ms: int | None, finished_ms: int | None) -> str:
    """Until now, of what goes on."""
    if started_ms is None:
        return ""
    end_ms = time.time_ns() // 1_000_000 if finished_ms is None else finished_ms
    minutes, seconds = divmod(max(0, round((end_ms - started_ms) / 1000)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"


def _time(at_ms: int | None) -> str:
    return "" if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
