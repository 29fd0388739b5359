"""Group commit: writes that wait for the disk together go to it as one transaction."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from domain.errors import StoreUnavailable
from persistence.ports import SUBMITTED_MAX, Mutation, Then

MUTATIONS_PER_COMMIT = 4096  # no more are merged, so that other processes get their turn


@dataclass(frozen=True)
class _Submitted:
    mutations: Sequence[Mutation]
    done: Future[None] = field(default_factory=Future)

    def keyspace(self) -> str | None:
        """The only one that it writes to, or None."""
        names = {mutation.table.keyspace for mutation in self.mutations if not isinstance(mutation, Then)}
        return names.pop() if len(names) == 1 else None


class GroupCommit:
    """Applies what is submitted in order, in a thread of its own that starts with the first.

    `apply` makes one transaction of what belongs to one keyspace. One that fails tells only its own future:
    what was merged with it is applied again by itself, unless the store as a whole did not answer.
    """

    def __init__(self, apply: Callable[[Sequence[Mutation]], None]) -> None:
        self._apply = apply
        self._queue: queue.Queue[_Submitted | None] = queue.Queue(SUBMITTED_MAX)
        self._lock = threading.Lock()
        self._under_way = 0
        self._thread: threading.Thread | None = None

    @property
    def is_idle(self) -> bool:
        """Whether all that was submitted so far is done."""
        return self._under_way == 0

    def submit(self, mutations: Sequence[Mutation]) -> Future[None]:
        submitted = _Submitted(mutations)
        submitted.done.set_running_or_notify_cancel()
        with self._lock:
            self._under_way += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="group commit", daemon=True)
                self._thread.start()
        self._queue.put(submitted)
        return submitted.done

    def close(self) -> None:
        """Return when all that was submitted is done."""
        thread = self._thread
        if thread is not None and thread.is_alive():
            self._queue.put(None)
            thread.join()

    def _run(self) -> None:
        is_open = True
        while is_open:
            taken = [self._queue.get()]
            count = 0
            while taken[-1] is not None and count < MUTATIONS_PER_COMMIT:
                count += len(taken[-1].mutations)
                try:
                    taken.append(self._queue.get_nowait())
                except queue.Empty:
                    break
            is_open = taken[-1] is not None
            for group in _mergeable(submitted for submitted in taken if submitted is not None):
                self._commit(group)

    def _commit(self, group: Sequence[_Submitted]) -> None:
        try:
            self._apply([mutation for submitted in group for mutation in submitted.mutations])
        except Exception as error:
            if len(group) > 1 and not isinstance(error, StoreUnavailable):
                for submitted in group:
                    self._commit([submitted])
                return
            self._end(group, error)
        else:
            self._end(group, None)

    def _end(self, group: Sequence[_Submitted], error: Exception | None) -> None:
        with self._lock:
            self._under_way -= len(group)
        for submitted in group:
            if error is None:
                submitted.done.set_result(None)
            else:
                submitted.done.set_exception(error)


def _mergeable(submitted: Iterable[_Submitted]) -> Iterator[list[_Submitted]]:
    """Groups that may be one transaction, so that what is submitted for one keyspace stays in order."""
    groups: dict[str, list[_Submitted]] = {}
    for one in submitted:
        keyspace = one.keyspace()
        if keyspace is not None:
            groups.setdefault(keyspace, []).append(one)
        else:
            yield from groups.values()
            groups = {}
            yield [one]
    yield from groups.values()
