"""Which rows of a journal count: thousands of histories of writers that fail, stop, and write late."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from domain.errors import StoredValueCorrupt
from persistence.chain import counting
from persistence.journal import Journal
from persistence.schema import Timestamp
from persistence.tables import JournalRow

SEEDS = 3000


def row(number: int, epoch: int, previous_epoch: int | None, event: bytes = b"") -> JournalRow:
    return JournalRow("ada", 0, number, epoch, Timestamp(0), event, previous_epoch)


def counted(*rows: JournalRow) -> list[tuple[int, int]]:
    in_order = sorted(rows, key=lambda each: (each.sequence_nr, each.writer_epoch))
    return [(each.sequence_nr, each.writer_epoch) for each in counting(in_order, 0)]


def test_one_writer_after_the_other() -> None:
    assert counted(row(1, 1, 0), row(2, 1, 1), row(3, 2, 1)) == [(1, 1), (2, 1), (3, 2)]
    assert counted() == []


def test_what_comes_late_from_a_former_writer_is_dropped() -> None:
    late = [row(2, 1, 1), row(3, 1, 1)]
    assert counted(row(1, 1, 0), row(2, 2, 1), *late) == [(1, 1), (2, 2)]


def test_what_a_writer_between_two_others_writes_late_is_dropped() -> None:
    """Owner 3 found events 1 and 2 of owner 1 and pinned 2; owner 2 had found none."""
    kept = [row(1, 1, 0), row(2, 1, 1), row(2, 3, 1)]
    assert counted(*kept, row(1, 2, 0), row(2, 2, 2), row(3, 2, 2)) == [(1, 1), (2, 3)]


def test_rows_of_the_first_schema_count_by_their_epochs() -> None:
    rows = [row(n, 1, None) for n in (1, 2, 3, 4)] + [row(n, 2, None) for n in (3, 4)]
    assert counted(*rows) == [(1, 1), (2, 1), (3, 2), (4, 2)]


def test_a_row_that_is_missing_is_told() -> None:
    with pytest.raises(StoredValueCorrupt, match=r"event 1 \(epoch 1\) of user 'ada' is missing"):
        counted(row(1, 2, 0), row(1, 3, 0), row(2, 4, 1))


@dataclass
class Disk:
    """Rows that have arrived, and writes that are still on their way."""

    rows: dict[tuple[int, int], JournalRow] = field(default_factory=dict)
    late: list[list[JournalRow]] = field(default_factory=list)

    def apply(self, write: list[JournalRow]) -> None:
        self.rows.update({(each.sequence_nr, each.writer_epoch): each for each in write})

    def history(self) -> list[JournalRow]:
        return list(counting([self.rows[key] for key in sorted(self.rows)], 0))


def events_of(rows: list[JournalRow]) -> list[bytes]:
    return [each.event for each in rows]


def live(disk: Disk, epoch: int, rng: random.Random, acknowledged: list[bytes]) -> list[bytes]:
    """One writer's life: it finds, writes and acknowledges, until a write of its own fails."""
    found = disk.history()
    assert events_of(found)[: len(acknowledged)] == acknowledged
    last = found[-1] if found else None
    for turn in range(rng.randrange(4)):
        is_pinned = last is None or last.writer_epoch == epoch
        new = rng.choice([0, 0, 1, 3]) if not is_pinned else rng.choice([1, 3])
        write = [] if last is None or new else [Journal.pin(last, epoch).row]
        number, previous = (last.sequence_nr, last.writer_epoch) if last is not None else (0, 0)
        for step in range(new):
            number += 1
            write.append(row(number, epoch, previous, f"{epoch}.{turn}.{step}".encode()))
            previous = epoch
        what = rng.random()
        if what < 0.5:
            disk.late.append(write)  # type: ignore[arg-type]
            return acknowledged
        disk.apply(write)  # type: ignore[arg-type]
        if what < 0.6:
            return acknowledged  # written, but nobody knows
        found = [*found[: len(found) - (0 if new else 1)], *write]  # type: ignore[list-item]
        last = found[-1] if found else None
        acknowledged = events_of(found)
    return acknowledged


@pytest.mark.parametrize("first", range(0, SEEDS, 500))
def test_what_was_acknowledged_stays_whatever_arrives_late(first: int) -> None:
    for seed in range(first, first + 500):
        rng, disk = random.Random(seed), Disk()
        acknowledged: list[bytes] = []
        try:
            for epoch in range(1, rng.randrange(3, 12)):
                acknowledged = live(disk, epoch, rng, acknowledged)
                while disk.late and rng.random() < 0.5:
                    disk.apply(disk.late.pop(rng.randrange(len(disk.late))))
            for write in disk.late:
                disk.apply(write)
            assert events_of(disk.history())[: len(acknowledged)] == acknowledged
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
