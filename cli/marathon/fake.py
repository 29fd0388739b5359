"""`muvr marathon fake`: a Marathon and a Metronome that run commands as processes of this machine."""

from __future__ import annotations

import argparse
import json
import signal
import tempfile
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from domain.errors import ConfigurationError
from marathon.fake.marathon import FakeMarathon, agents
from marathon.fake.metronome import FakeMetronome

AGENTS_MAX = 200
LOOK_SECONDS = 1.0


def add_fake_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--marathon-port", type=int, default=0, metavar="PORT", help="default: a free one")
    parser.add_argument("--metronome-port", type=int, default=0, metavar="PORT", help="default: a free one")
    parser.add_argument("--agents", type=int, default=3, metavar="N", help="default: %(default)s")
    parser.add_argument("--zones", default="a,b,c", metavar="NAME,...", help="default: %(default)s")
    parser.add_argument(
        "--on-demand",
        type=int,
        default=1,
        metavar="N",
        help="so many of the agents, the others are spot machines (default: %(default)s)",
    )
    parser.add_argument(
        "--stand-in",
        action="append",
        default=[],
        metavar="IMAGE=COMMAND",
        help="what runs for an image whose app has no command",
    )


def fake_command(options: argparse.Namespace) -> int:
    stand_ins = dict(_stand_in(each) for each in options.stand_in)
    if not 1 <= options.agents <= AGENTS_MAX:
        raise ConfigurationError(f"{options.agents} agents", expected=f"1 to {AGENTS_MAX}")
    there = agents(options.agents, options.zones.split(","), spot_from=options.on_demand)
    with tempfile.TemporaryDirectory(prefix="muvr-fake-") as directory:
        marathon = FakeMarathon(Path(directory), there, stand_ins=stand_ins, port=options.marathon_port)
        metronome = FakeMetronome(Path(directory), port=options.metronome_port)
        try:
            _tell(options, marathon.url, metronome.url, [agent.hostname for agent in there])
            _serve(metronome)
        finally:
            metronome.close()
            marathon.close()
    return 0


def _stand_in(text: str) -> tuple[str, str]:
    image, equals, command = text.partition("=")
    if not equals:
        raise ConfigurationError(f"{text!r} is no stand-in", expected="IMAGE=COMMAND")
    return image, command


def _tell(options: argparse.Namespace, marathon: str, metronome: str, hosts: Sequence[str]) -> None:
    if options.json:
        print(json.dumps({"marathon": marathon, "metronome": metronome, "agents": hosts}), flush=True)
        return
    print(f"a fake Marathon:  {marathon}")
    print(f"a fake Metronome: {metronome}")
    print(f"agents: {', '.join(hosts)}; this takes one away without notice:")
    print(f"  curl -X POST {marathon}/fake/agents/{hosts[-1]}/reclaim")
    print("Ctrl-C ends them with everything that they run", flush=True)


def _serve(metronome: FakeMetronome) -> None:
    """Until a signal; meanwhile jobs are begun at their times."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    looked = datetime.now(UTC)
    while not ended.wait(LOOK_SECONDS):
        now = datetime.now(UTC)
        metronome.run_due(looked, now)
        looked = now
