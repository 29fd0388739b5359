"""`muvr profile`: what the processes of a running node are busy with."""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from pathlib import Path

from cli.parsing import explain
from cli.places import write_whole
from domain.errors import ConfigurationError, ProcessFailed
from telemetry import profiling
from telemetry.metrics import DECLARED
from telemetry.pages import Page, pages

GRACE_SECONDS = 5.0
POLL_SECONDS = 0.05
SHOWN = 15

_EXAMPLES = """
muvr profile --seconds 10 --out node.folded      every process of the node, for speedscope or a flame graph
muvr profile --process gateway --out gateway.folded
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        type=Path,
        default=Path("muvr-data"),
        metavar="DIR",
        help="the node's (default: %(default)s)",
    )
    parser.add_argument(
        "--process", metavar="ROLE", help="gateway, api, scheduler, shard-host-0, ... (default: all)"
    )
    parser.add_argument("--seconds", type=float, default=10.0, metavar="S", help="default: %(default)s")
    parser.add_argument(
        "--rate", type=float, default=100.0, metavar="HZ", help="looks a second (default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="folded stacks")
    parser.add_argument("--json", action="store_true", help="the busiest functions as one JSON object")
    explain(parser, _EXAMPLES)


def run(options: argparse.Namespace) -> int:
    if not 0 < options.seconds <= profiling.SECONDS_MAX or not 0 < options.rate <= profiling.RATE_HZ_MAX:
        raise ConfigurationError(
            f"{options.seconds:g} s at {options.rate:g} Hz",
            expected=f"at most {profiling.SECONDS_MAX:g} s and {profiling.RATE_HZ_MAX:g} Hz",
            remedy="correct --seconds or --rate",
        )
    stacks = _profiles(options.data / "metrics", options.process, options.seconds, options.rate)
    write_whole(options.out, profiling.folded(stacks).encode())
    busiest = busiest_functions(stacks)
    if options.json:
        print(json.dumps({"out": str(options.out), "looks": stacks.total(), "busiest": busiest}))
    else:
        print("\n".join(f"{share:6.1%}  {function}" for function, share in busiest.items()))
        print(f"{stacks.total()} stacks are in {options.out}, for speedscope or a flame graph")
    return 0


def busiest_functions(stacks: Counter[str]) -> dict[str, float]:
    """By the share of looks in which each was the innermost; those that only wait are among them."""
    own: Counter[str] = Counter()
    for stack, count in stacks.items():
        own[stack.rpartition(";")[2]] += count
    total = own.total() or 1
    return {function: round(count / total, 4) for function, count in own.most_common(SHOWN)}


def _profiles(directory: Path, role: str | None, seconds: float, rate_hz: float) -> Counter[str]:
    """The stacks of all processes that are asked, each below its role."""
    asked = [page for page in _running(directory) if role in (None, page.role)]
    if not asked:
        raise ConfigurationError(
            f"no process {role or 'of a node'} runs on {directory.parent}",
            remedy="correct --data or --process",
        )
    answers = {page.role: profiling.ask(directory, _pid(page), seconds, rate_hz) for page in asked}
    deadline_s = time.monotonic() + seconds + GRACE_SECONDS
    stacks: Counter[str] = Counter()
    for role_asked, answer in answers.items():
        while not answer.exists():
            if time.monotonic() > deadline_s:
                raise ProcessFailed(f"{role_asked} made no profile in time", remedy="see the node's log")
            time.sleep(POLL_SECONDS)
        for line in answer.read_text().splitlines():
            stack, _, count = line.rpartition(" ")
            stacks[f"{role_asked};{stack}"] += int(count)
        answer.unlink()
    return stacks


def _running(directory: Path) -> list[Page]:
    if not directory.is_dir():
        return []
    found = pages(directory, DECLARED.layout())
    return [page for page in found if page.process is not None and page.listens]


def _pid(page: Page) -> int:
    assert page.process is not None, "only those that run are asked"
    return int(page.process.pid)
