"""Which rows of a journal count, when several owners have written.

An owner whose lease has ended may still have a write on its way. It was never acknowledged, but it may arrive
at any later time. Hence the rules for writers:

- Each row says under which epoch its writer knew the event before it. A writer's epoch is higher than those
  of all writers before it.
- Before it acknowledges anything, a writer has a row of its own epoch at the end of what it found: its first
  event, or the last event it found written again (see `Journal.pin`).

So what was acknowledged is at or before a row of its writer's epoch, and every later owner has found it. The
rows that count are the last one of the highest epoch, the row that its writer knew before it, and so on down.
"The highest epoch of each number" would not do: of owners 1, 2 and 3 let 3 find what 1 wrote as event 5 and
acknowledge it; then event 5 of owner 2, late by then, would replace it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from domain.errors import StoredValueCorrupt
from persistence.tables import JournalRow


def counting(rows: Iterable[JournalRow], epoch_seen: int) -> Iterator[JournalRow]:
    """Of `rows`, by number and epoch, those that count, after one of epoch `epoch_seen`.

    As long as a number has one row they are passed on as they come; from the first that has several all are
    held. Raises StoredValueCorrupt if one is missing.
    """
    remaining = iter(rows)
    waiting: JournalRow | None = None
    for row in remaining:
        if row.writer_epoch < epoch_seen:
            continue  # a later owner had written at a lower number
        if waiting is not None:
            if row.sequence_nr == waiting.sequence_nr:
                yield from _chain([waiting, row, *remaining])
                return
            epoch_seen = waiting.writer_epoch
            yield waiting
            waiting = None
            if row.writer_epoch < epoch_seen:
                continue
        waiting = row
    if waiting is not None:
        yield waiting


def _chain(rows: list[JournalRow]) -> list[JournalRow]:
    """The last row of the highest epoch, what its writer knew before it, and so on down, in order."""
    by_number: dict[int, dict[int, JournalRow]] = {}
    for row in rows:
        by_number.setdefault(row.sequence_nr, {})[row.writer_epoch] = row
    last = max(rows, key=lambda row: (row.writer_epoch, row.sequence_nr))
    chain = [last]
    for number in range(last.sequence_nr - 1, rows[0].sequence_nr - 1, -1):
        chain.append(_before(chain[-1], by_number.get(number, {})))
    return chain[::-1]


def _before(row: JournalRow, candidates: dict[int, JournalRow]) -> JournalRow:
    epoch = row.previous_epoch
    if epoch is None:
        epoch = max((each for each in candidates if each <= row.writer_epoch), default=-1)
    if epoch not in candidates:
        raise StoredValueCorrupt(
            f"event {row.sequence_nr - 1} (epoch {epoch}) of user {row.persistence_id!r} is missing",
            remedy="restore the journal from a backup",
        )
    return candidates[epoch]
