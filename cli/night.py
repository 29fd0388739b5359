"""Following a night of a running node, through the store alone."""

from __future__ import annotations

import time
from collections.abc import Callable

from actors.night_record import NightRecord, find_night
from persistence.ports import Store

POLL_SECONDS = 0.5


def follow(store: Store, night_id: str, tell: Callable[[NightRecord], None]) -> NightRecord:
    """Tell of the night again and again until it is over, and return it."""
    while True:
        night = find_night(store, night_id)
        tell(night)
        if night.is_over:
            return night
        time.sleep(POLL_SECONDS)
