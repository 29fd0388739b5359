"""`muvr up --spot-notice`: a node on a spot machine leaves before the machine is taken away."""

from __future__ import annotations

import argparse
import sys

from marathon.errors import ClusterUnavailable
from marathon.spot import ADDRESSES, CLOUDS, SpotNotice


def add_spot_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("a machine that may be taken away", "its users are handed over in time")
    group.add_argument(
        "--spot-notice",
        choices=CLOUDS,
        help="stop as with SIGTERM once this cloud says so, and do not start after that",
    )
    places = ", ".join(ADDRESSES.values())
    group.add_argument(
        "--spot-notice-url", metavar="URL", help=f"where the machine's metadata is (default: {places})"
    )


class SpotWatch:
    """Asks for the notice, and tells on stderr what it hears."""

    def __init__(self, notice: SpotNotice) -> None:
        self._notice = notice
        self._is_deaf = False

    def is_ending(self) -> bool:
        """Whether the machine is being taken away; that nobody answers is told once, until somebody does."""
        try:
            words = self._notice.heard()
        except ClusterUnavailable as error:
            if not self._is_deaf:
                print(f"muvr: no spot notice can be heard: {error}", file=sys.stderr, flush=True)
            self._is_deaf = True
            return False
        self._is_deaf = False
        if words is not None:
            print(f"muvr: this machine is taken away: {words}", file=sys.stderr, flush=True)
        return words is not None


def spot_watch(options: argparse.Namespace) -> SpotWatch | None:
    """None without `--spot-notice`; raises ConfigurationError."""
    return (
        SpotWatch(SpotNotice(options.spot_notice, options.spot_notice_url)) if options.spot_notice else None
    )
