"""What every backend promises of several writes under way: order, all or none, barriers, and who fails."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait

import pytest

from domain.errors import StoreRejected
from persistence.ports import SUBMITTED_MAX, Delete, Insert, Mutation, Store, Then
from persistence.tables import DATA_KEY, JOURNAL, VIEW, DataKeyRow, JournalRow
from tests.persistence import rows

ADA = ("ada", 0)


def journalled(store: Store, name: str = "ada") -> list[int]:
    return [row.sequence_nr for row in store.read(JOURNAL, (name, 0))]


def invalid(number: int) -> Insert:
    """A row whose event no backend can store."""
    return Insert(JOURNAL, rows.journal(number)._replace(event=object()))  # type: ignore[arg-type]


def test_what_was_submitted_is_there_when_its_future_ends(store: Store) -> None:
    store.submit([Insert(JOURNAL, rows.journal(1)), Insert(JOURNAL, rows.journal(1, of="bob"))]).result()
    assert journalled(store) == journalled(store, "bob") == [1]
    assert store.submit([]).result() is None
    assert store.submit([Then()]).result() is None


def test_mutations_of_a_partition_apply_in_order(store: Store) -> None:
    again = rows.journal(1, event=b"again")
    store.submit(
        [
            Insert(JOURNAL, rows.journal(1)),
            Insert(JOURNAL, rows.journal(2)),
            Delete(JOURNAL, ADA),
            Insert(JOURNAL, rows.journal(1, event=b"meanwhile")),
            Insert(JOURNAL, again),
            Insert(JOURNAL, rows.journal(3)),
            Delete(JOURNAL, ADA, lower=(3,)),
        ]
    ).result()
    assert list(store.read(JOURNAL, ADA)) == [again]


def test_the_later_of_two_calls_counts_as_later(store: Store) -> None:
    """Whether or not the first has ended, and whichever of the two ways it came."""
    futures = [
        store.submit([Insert(JOURNAL, rows.journal(1, event=str(turn).encode()))]) for turn in range(50)
    ]
    store.write([Insert(JOURNAL, rows.journal(1, event=b"written"))])
    wait(futures)
    assert list(store.read(JOURNAL, ADA)) == [rows.journal(1, event=b"written")]
    futures = [store.submit([Delete(JOURNAL, ADA)]), store.submit([Insert(JOURNAL, rows.journal(2))])]
    store.write([Delete(JOURNAL, ADA)])
    wait(futures)
    assert journalled(store) == []


def test_many_are_under_way_at_once(store: Store) -> None:
    """More than SUBMITTED_MAX, of which the last wait their turn."""
    count = SUBMITTED_MAX + 200
    futures = [store.submit([Insert(JOURNAL, rows.journal(1, of=f"u{number}"))]) for number in range(count)]
    done = wait(futures, timeout=120)
    assert not done.not_done
    assert all(future.exception() is None for future in futures)
    assert len({row.persistence_id for row in store.scan(JOURNAL)}) == count


def test_one_that_is_refused_fails_alone_and_leaves_nothing(store: Store) -> None:
    good: list[Future[None]] = []
    bad: list[Future[None]] = []
    for number in range(0, 60, 3):
        good.append(store.submit([Insert(JOURNAL, rows.journal(number))]))
        bad.append(store.submit([Insert(JOURNAL, rows.journal(number + 1)), invalid(number + 2)]))
    assert all(isinstance(future.exception(), StoreRejected) for future in bad)
    assert all(future.exception() is None for future in good)
    assert journalled(store) == list(range(0, 60, 3))


@pytest.mark.parametrize("key", ["persistence_id", "sequence_nr"])
def test_a_key_without_a_value_is_refused(store: Store, key: str) -> None:
    with pytest.raises(StoreRejected):
        store.write([Insert(JOURNAL, rows.journal(1)._replace(**{key: None}))])
    assert list(store.scan(JOURNAL)) == []


def test_then_waits_for_what_precedes_it(store: Store) -> None:
    """What follows is never there without what precedes, whatever their keyspaces."""
    seen: list[tuple[bool, bool]] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            later = list(store.read(VIEW, ("shards",)))
            number = later[0].number if later else 0
            seen.append((bool(later), len(list(store.read(JOURNAL, ("ada", number)))) == 1 or not later))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        for turn in range(1, 40):
            before = JournalRow("ada", turn, 1, 0, rows.journal(1).written_at, bytes(5000))
            view = Insert(VIEW, rows.view(turn))
            store.submit([Insert(JOURNAL, before), Then(), view]).result()
    finally:
        ended.set()
        watcher.join()
    assert all(is_whole for _, is_whole in seen)
    assert [row.number for row in store.scan(VIEW)] == [39]


def test_of_a_write_that_fails_nothing_after_then_is_applied(store: Store) -> None:
    mutations: list[Mutation] = [Insert(JOURNAL, rows.journal(1)), Then(), Insert(VIEW, rows.view(1))]
    with pytest.raises(StoreRejected):
        store.write([invalid(2), *mutations])
    assert list(store.scan(JOURNAL)) == []
    assert list(store.scan(VIEW)) == []


def test_callbacks_may_submit_more(store: Store) -> None:
    ended = threading.Event()

    def more(number: int) -> Callable[[Future[None]], None]:
        def submit(done: Future[None]) -> None:
            if number > 20:
                ended.set()
            else:
                store.submit([Insert(JOURNAL, rows.journal(number))]).add_done_callback(more(number + 1))

        return submit

    store.submit([]).add_done_callback(more(1))
    assert ended.wait(60)
    assert journalled(store) == list(range(1, 21))


def test_keyspaces_are_written_together(store: Store) -> None:
    futures = [
        store.submit(
            [Insert(JOURNAL, rows.journal(number)), Insert(DATA_KEY, DataKeyRow(f"u{number}", b"k"))]
            if number % 2
            else [Insert(JOURNAL, rows.journal(number))]
        )
        for number in range(30)
    ]
    wait(futures)
    assert journalled(store) == list(range(30))
    assert len(list(store.scan(DATA_KEY))) == 15


def test_closing_waits_for_what_was_submitted(reopen: Callable[[], Store]) -> None:
    store = reopen()
    futures = [store.submit([Insert(JOURNAL, rows.journal(number))]) for number in range(200)]
    store.close()
    assert all(future.done() and future.exception() is None for future in futures)
    assert journalled(reopen()) == list(range(200))
