"""`muvr top`: looks at a node's metrics again and again, until q or Ctrl-C."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import select
import sys
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.parsing import explain
from cli.settings import API_PORT, LOOPBACK, NodeSettings
from cli.top.figures import Figures, figures
from cli.top.reading import fetch
from domain.errors import ConfigurationError

TOKEN_SECONDS = 86_400

_EXAMPLES = """
muvr top --data muvr-data                             the node of this directory, by its own keys
muvr top --url http://10.0.0.7:9464/metrics           another node, which has --metrics-port 9464
muvr top --once --json                                for scripts: figures of one interval
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, default=Path("muvr-data"), metavar="DIR", help="default: %(default)s"
    )
    parser.add_argument("--keys", type=Path, metavar="DIR", help="default: keys in --data")
    parser.add_argument("--host", default=LOOPBACK, help="of the API (default: %(default)s)")
    parser.add_argument("--api-port", type=int, default=API_PORT, help="default: %(default)s")
    parser.add_argument("--url", help="of metrics that need no token, instead of the API's")
    parser.add_argument("--interval", type=float, default=2.0, metavar="S", help="default: %(default)s")
    parser.add_argument("--once", action="store_true", help="one interval, then end")
    parser.add_argument("--json", action="store_true", help="with --once: the figures as one JSON object")
    explain(parser, _EXAMPLES)


def run(options: argparse.Namespace) -> int:
    if options.json and not options.once:
        raise ConfigurationError("--json without --once", remedy="add --once")
    url = options.url or f"http://{options.host}:{options.api_port}/metrics"
    token = None if options.url else _token(options)
    if options.once:
        before = fetch(url, token)
        time.sleep(options.interval)
        found = figures(before, fetch(url, token))
        if options.json:
            print(json.dumps(dataclasses.asdict(found)))
        else:
            _show_once(found, url)
        return 0
    if not sys.stdout.isatty() or not sys.stdin.isatty():
        raise ConfigurationError("this is no terminal", remedy="add --once, or run it in one")
    _watch(url, token, options.interval)
    return 0


def _watch(url: str, token: str | None, interval_s: float) -> None:
    from rich.live import Live

    from cli.top.screen import drawn

    before = fetch(url, token)
    shown = drawn(figures(before, before), url)
    with _keys_at_once(), Live(shown, screen=True, auto_refresh=False) as live:
        live.refresh()
        while _key(interval_s) != "q":
            now = fetch(url, token)
            live.update(drawn(figures(before, now), url), refresh=True)
            before = now


def _show_once(found: Figures, url: str) -> None:
    from rich.console import Console

    from cli.top.screen import drawn

    Console().print(drawn(found, url))


def _key(seconds: float) -> str:
    """The next key that is pressed, or nothing if none comes in time."""
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    return os.read(sys.stdin.fileno(), 1).decode(errors="replace") if ready else ""


@contextmanager
def _keys_at_once() -> Iterator[None]:
    """Keys are read as they are pressed, and not shown."""
    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _token(options: argparse.Namespace) -> str:
    """An operator's, made with the node's own key."""
    from cli.wiring import open_tokens
    from domain.identifiers import UserId

    settings = NodeSettings(data=options.data.absolute(), keys=options.keys and options.keys.absolute())
    path = settings.key_directory / "tokens.key"
    if not path.is_file():
        raise ConfigurationError(f"there is no {path}", remedy="correct --data or --keys, or use --url")
    return open_tokens(settings).issue(UserId("operator"), "operator", TOKEN_SECONDS)
