"""The newest report of each shard host of this node: in memory, for who asks."""

from __future__ import annotations

import threading
from collections import OrderedDict

from actors.load import LoadReport

MEMBERS_MAX = 256


class Loads:
    """`take` and `newest` may be called from any thread; beyond MEMBERS_MAX the oldest is forgotten."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reports: OrderedDict[str, LoadReport] = OrderedDict()

    def take(self, report: LoadReport) -> None:
        with self._lock:
            self._reports[report.member] = report
            self._reports.move_to_end(report.member)
            if len(self._reports) > MEMBERS_MAX:
                self._reports.popitem(last=False)

    def newest(self) -> list[LoadReport]:
        """By member."""
        with self._lock:
            return [self._reports[name] for name in sorted(self._reports)]
