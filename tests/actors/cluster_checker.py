"""What must hold in a simulated cluster, whatever happens in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from actors.membership import Holding
from domain.identifiers import ShardNr

if TYPE_CHECKING:
    from tests.actors.cluster_simulation import Process


class Checker:
    """`check_stamps` also checks that rows count as later than those of the owner before."""

    def __init__(self, *, check_stamps: bool) -> None:
        self._check_stamps = check_stamps
        self._given: dict[tuple[ShardNr, int], tuple[Process, str]] = {}
        self._epochs: dict[ShardNr, int] = {}  # the highest acted under
        self._writers: dict[ShardNr, Process] = {}  # who acted for it last
        self._stamps_ms: dict[ShardNr, int] = {}  # of the last row of one who has let go of it

    def look(self, processes: Iterable[Process]) -> None:
        """At most one process may act for a shard."""
        taken = 0
        for process in processes:
            if process.acting_mask and process.is_alive and process.tenure.is_valid:
                assert not taken & process.acting_mask, "two processes may act for a shard"
                taken |= process.acting_mask
                if self._check_stamps:
                    process.stamp_ms = process.now_stamp_ms()

    def handed(self, process: Process, holding: Holding, incarnation: str) -> None:
        """No epoch of a shard is given to two incarnations."""
        who = (process, incarnation)
        for shard, epoch in holding.epochs.items():
            assert self._given.setdefault((shard, epoch), who) == who, f"epoch {epoch} is given twice"

    def served(self, process: Process) -> None:
        """Whoever acts for a shard does so under a higher epoch than all before, and stamps rows later."""
        if not process.tenure.is_valid:
            return
        for shard, epoch in process.acting.items():
            assert epoch >= self._epochs.get(shard, 0), f"epoch {epoch} comes after a higher one"
            self._epochs[shard] = epoch
            before = self._writers.get(shard, process)
            self._writers[shard] = process
            if before is not process and self._check_stamps:
                last_ms = before.stamp_ms if shard in before.acting else self._stamps_ms[shard]
                assert last_ms < process.now_stamp_ms(), "rows count as older than those of the owner before"

    def let_go(self, process: Process, kept: Mapping[ShardNr, int]) -> None:
        self._stamps_ms.update((shard, process.stamp_ms) for shard in process.acting.keys() - kept.keys())
