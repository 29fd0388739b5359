"""`muvr demo`: arguments, stages and the words in between."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from actors.night import FAILED, SUCCEEDED
from actors.night_record import NightRecord, StepRecord
from actors.night_requests import ask_to_run
from cli.demo.player import Played, Wearer, now_ms, play
from cli.demo.programme import PlayedSession, Programme, of_directory, simulated
from cli.demo.report import is_whole, report, table, totals
from cli.demo.scoring import score_sets
from cli.demo.words import Words
from cli.keys import verify_key
from cli.night import follow
from cli.node import serve_until_signal
from cli.parsing import explain
from cli.settings import API_PORT, GATEWAY_PORT, LOOPBACK, NodeSettings
from cli.wiring import RunningNode, open_tokens, running_node
from domain.commands import RecogniserSite
from domain.errors import ConfigurationError, ProcessFailed
from domain.identifiers import UserId
from domain.sensors import SensorSet
from persistence.location import open_store
from persistence.ports import Store

_EXAMPLES = """
muvr demo                                 with simulated people, then the page stays up
muvr demo --recordings DIR --exit         with recordings of real people, then end
muvr demo --exit --json --seed 2          the figures, for programs
"""
TOKEN_SECONDS = 86_400
DAY_MS = 86_400_000
BETWEEN_SESSIONS_MS = 3_600_000
MEMBERS_MIN = 2  # a demonstration has a handful of people


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--recordings", type=Path, metavar="DIR", help="play this data set instead of simulated people"
    )
    parser.add_argument("--exit", action="store_true", help="end after the table instead of staying up")
    parser.add_argument(
        "--json", action="store_true", help="print the figures as one JSON object, words on stderr"
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="write every figure as JSON")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="new directory for the node (default: muvr-data/demo-TIME)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the simulated people (default: %(default)s)")
    parser.add_argument(
        "--sessions-max", type=int, default=12, help="of the recordings to play (default: %(default)s)"
    )
    parser.add_argument(
        "--train-minutes", type=float, default=1.0, help="budget of the training (default: %(default)s)"
    )
    parser.add_argument(
        "--members-min",
        type=int,
        default=MEMBERS_MIN,
        help="users of a group of which the night publishes something; a node's default is "
        f"{NodeSettings.members_min} (default here: %(default)s)",
    )
    parser.add_argument("--gateway-port", type=int, default=GATEWAY_PORT, help="default: %(default)s")
    parser.add_argument("--api-port", type=int, default=API_PORT, help="default: %(default)s")
    explain(parser, _EXAMPLES, statuses={1: "failed, or what was sent, acknowledged and stored differs"})


def run(options: argparse.Namespace) -> int:
    words = Words(sys.stderr if options.json else sys.stdout)
    clock = _Clock()
    with clock.stage("load"):
        programme = _programme(options)
    words.say(f"Playing {programme.description}.")
    if programme.is_simulated:
        words.say("They are simulated; --recordings DIR plays real people.")
    settings = _settings(options, programme.sensor_set)
    with clock.starting("start") as started, running_node(settings) as running:
        started()
        words.say(f"A node runs: devices at ws://{LOOPBACK}:{running.gateway_port}, data in {settings.data}")
        figures, day_two = _loop(programme, settings, running, clock, words)
        _finish(options, figures, day_two, words)
        if not options.exit:
            words.say(f"The page is at http://{LOOPBACK}:{running.api_port} - Ctrl-C stops everything.")
            serve_until_signal(running.node)
            words.say("Stopping.")
    return 0 if is_whole(figures) else 1


def _loop(
    programme: Programme, settings: NodeSettings, running: RunningNode, clock: _Clock, words: Words
) -> tuple[dict[str, Any], list[Played]]:
    words.heading("Day one: watches record, people confirm what they did")
    with clock.stage("day_one"):
        day_one = _day(programme.day_one, settings, running, words, days_ago=1, learned=False)
    words.heading("Night: Spark cuts labelled windows, TensorFlow trains, the better model is served")
    words.say(
        f"Groups of {settings.members_min} people count here (--members-min); a node asks for "
        f"{NodeSettings.members_min}, so that nobody is recognised in what it publishes."
    )
    store = open_store(settings.store_location)
    night = _night(store, words)
    for step in night.steps:
        assert step.started_ms is not None
        assert step.finished_ms is not None
        clock.seconds[f"night_{step.name}"] = (step.finished_ms - step.started_ms) / 1000
    words.heading("Day two: other sessions, recognised on the watch and on the server")
    with clock.stage("day_two"):
        day_two = _day(programme.day_two, settings, running, words, days_ago=0, learned=True)
    figures = report(
        programme,
        store,
        settings.store_location,
        settings.sensor_sets[0],
        day_one,
        day_two,
        json.loads(next(step.result for step in night.steps if step.name == "train") or "{}"),
        clock.seconds,
    )
    store.close()
    return figures, day_two


def _day(
    sessions: Sequence[PlayedSession],
    settings: NodeSettings,
    running: RunningNode,
    words: Words,
    *,
    days_ago: int,
    learned: bool,
) -> list[Played]:
    """All watches at once, each with its sessions one after the other."""
    words.expect(sessions)
    url = f"ws://{LOOPBACK}:{running.gateway_port}"
    tokens, key = open_tokens(settings), verify_key(settings)
    planned = _planned(sessions, now_ms() - days_ago * DAY_MS, learned=learned)

    async def everyone() -> list[list[Played]]:
        async with asyncio.TaskGroup() as group:
            tasks = []
            for user, mine in planned.items():
                wearer = Wearer(user, tokens.issue(user, "device", TOKEN_SECONDS), key)
                playing = play(url, wearer, mine, words.heard, needs_model=learned)
                tasks.append(group.create_task(playing))
        return [task.result() for task in tasks]

    try:
        played = [each for mine in asyncio.run(everyone()) for each in mine]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors
    for each in played:
        if each.refusals:
            raise ProcessFailed(f"the server refused {each.refusals[0]}", remedy="see the node's log")
    words.done(played)
    return played


def _planned(
    sessions: Sequence[PlayedSession], end_ms: int, *, learned: bool
) -> dict[UserId, list[tuple[PlayedSession, int, RecogniserSite]]]:
    """Per wearer the sessions in order, each with its start and who recognises; the last ends at `end_ms`.

    Every other session is recognised on the watch, once there is something learned.
    """
    planned: dict[UserId, list[tuple[PlayedSession, int, RecogniserSite]]] = {}
    starts_ms: dict[UserId, int] = {}
    for number, session in reversed(list(enumerate(sessions))):
        site: RecogniserSite = "device" if learned and number % 2 == 0 else "server"
        start_ms = starts_ms.get(session.user, end_ms + BETWEEN_SESSIONS_MS) - BETWEEN_SESSIONS_MS
        start_ms -= round(1000 * sum(recording.seconds for recording in session.recordings))
        starts_ms[session.user] = start_ms
        planned.setdefault(session.user, []).insert(0, (session, start_ms, site))
    return planned


def _night(store: Store, words: Words) -> NightRecord:
    told: dict[str, str] = {}

    def tell(night: NightRecord) -> None:
        for step in night.steps:
            _tell_step(step, told, words)

    night = follow(store, ask_to_run(store), tell)
    if night.state != SUCCEEDED:
        failed = next(step for step in night.steps if step.state == FAILED)
        raise ProcessFailed(f"the night's {failed.name} failed: {failed.message}", remedy="read its log")
    return night


def _tell_step(step: StepRecord, told: dict[str, str], words: Words) -> None:
    line = f"{step.name} {step.state}: {step.message}" if step.message else f"{step.name} {step.state}"
    if step.state != "waiting" and told.get(step.name) != line:
        told[step.name] = line
        words.progress(line, step.progress, is_last=step.state != "running")


def _finish(
    options: argparse.Namespace, figures: dict[str, Any], day_two: list[Played], words: Words
) -> None:
    words.heading("What was done, and what muvr made of it")
    words.say(table(score_sets(day_two)))
    words.say("")
    words.say(totals(figures, day_two))
    if options.json:
        print(json.dumps(figures), flush=True)
    if options.report is not None:
        options.report.write_text(json.dumps(figures, indent=2) + "\n")
    if not is_whole(figures):
        words.say("SOME FRAMES ARE MISSING: what was sent, acknowledged and stored differs.")


def _programme(options: argparse.Namespace) -> Programme:
    if options.sessions_max < 2:
        raise ConfigurationError(
            f"--sessions-max {options.sessions_max}", expected="at least 2, for two days"
        )
    if options.recordings is None:
        return simulated(options.seed)
    return of_directory(options.recordings, options.sessions_max)


def _settings(options: argparse.Namespace, sensor_set: SensorSet) -> NodeSettings:
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    data = (options.data or Path("muvr-data") / f"demo-{stamp}").absolute()
    if data.exists() and any(data.iterdir()):
        raise ConfigurationError(
            f"{data} is not empty", expected="a new directory", remedy="choose another with --data"
        )
    return NodeSettings(
        data=data,
        gateway_port=options.gateway_port,
        api_port=options.api_port,
        open_page=True,
        sensor_sets=(sensor_set,),
        train_minutes=options.train_minutes,
        members_min=options.members_min,
        night_cron=None,
        night_attempts=1,
        debug=options.debug,
    )


@dataclass
class _Clock:
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        begun = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - begun

    @contextmanager
    def starting(self, name: str) -> Iterator[Any]:
        """Gives a function that ends the stage; what is inside goes on."""
        begun = time.monotonic()
        yield lambda: self.seconds.__setitem__(name, time.monotonic() - begun)
