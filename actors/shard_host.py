"""A shard host: the group commit over the session actors of its shards.

Commands wait per user. Those of users without a write in flight are taken together as a group: their session
actors decide, the windows of all of them are classified together, and everything is submitted as one write.
Several groups are in flight at a time, of different users each; nothing of a group is acknowledged before its
write is durable, and only while the host's tenure is valid.
"""

from __future__ import annotations

import itertools
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from actors import counts
from actors.answers import refusal
from actors.effects import Classified, Effects
from actors.messages import Addressed, Envelope
from actors.recognition import ModelShelf, classify
from actors.session_actor import internal_error
from actors.session_actors import SessionActors
from actors.snapshot_writer import SnapshotWriter
from actors.tenure import Tenure
from actors.user_stores import UserStores
from actors.waiting import Waiting, Work, Works
from domain.errors import MuvrError, NotOwner, StoreError
from domain.identifiers import ShardNr, UserId, shard_of
from persistence.ports import Mutation, Store

log = logging.getLogger(__name__)

SNAPSHOTS_PER_WRITE = 50


@dataclass
class _Group:
    """What was taken together: per user its commands, and what its actor answered or why it could not."""

    works: Works
    effects: dict[UserId, Effects] = field(default_factory=dict)
    refused: dict[UserId, MuvrError] = field(default_factory=dict)


@dataclass
class Answers:
    """`finished` are the batches of which the last replies are among `replies` or were before."""

    finished: list[int] = field(default_factory=list)
    replies: list[Addressed] = field(default_factory=list)


class ShardHost:
    """Session actors over a store, of which about `sessions_max` stay; `now_ms` is since 1970.

    One thread uses it: it submits batches and calls `advance`, and again whenever `woken` was called, which
    threads of the store do.
    """

    def __init__(
        self,
        store: Store,
        stores: UserStores,
        shelf: ModelShelf,
        tenure: Tenure,
        now_ms: Callable[[], int],
        *,
        woken: Callable[[], None],
        sessions_max: int = 20_000,
    ) -> None:
        self._store = store
        self._tenure = tenure
        self._woken = woken
        self._sessions_max = sessions_max
        self._actors = SessionActors(stores, shelf, now_ms)
        self._snapshots = SnapshotWriter(store)
        self._left: dict[int, int] = {}  # commands of each batch that are not answered
        self._waiting = Waiting()
        self._group_count = 0
        self._ended: deque[tuple[_Group, BaseException | None]] = deque()
        self._some_ended = threading.Event()
        self._evicted: frozenset[UserId] = frozenset()  # who is being erased
        self._failures = 0  # writes that nobody knows of: what follows is written under a higher epoch
        self._target: Mapping[ShardNr, int] = tenure.epochs
        self._answers = Answers()

    @property
    def live_count(self) -> int:
        return len(self._actors)

    @property
    def is_idle(self) -> bool:
        """Nothing waits and no write is in flight."""
        return not self._left and not self._group_count and self._snapshots.is_idle

    def submit(self, batch_nr: int, envelopes: Sequence[Envelope]) -> None:
        """Take a batch; `advance` gives the replies. A user's commands are taken in the order they came."""
        if not envelopes:
            self._answers.finished.append(batch_nr)
            return
        self._left[batch_nr] = len(envelopes)
        self._waiting.add(batch_nr, envelopes)

    def advance(self) -> Answers:
        """Go on as far as is possible now; what the replies acknowledge is durable."""
        self._complete_ended()
        while self._waiting.is_worth_a_group(self._group_count):
            self._begin(_Group(self._waiting.take_group()))
            self._complete_ended()  # what has nothing to write has ended already
        self._bound()
        counts.actors(len(self._actors))
        answers, self._answers = self._answers, Answers()
        return answers

    def serve(self, epochs: Mapping[ShardNr, int]) -> None:
        """Act for these shards, under these epochs, once all others are let go of: see `has_released`."""
        self._target = epochs
        self._tenure.epochs = {
            shard: epoch for shard, epoch in self._tenure.epochs.items() if epochs.get(shard) == epoch
        }
        self._release()

    @property
    def has_released(self) -> bool:
        """Nothing is in flight or in memory for a shard that was taken away; the new ones are served."""
        return self._tenure.epochs is self._target

    def evict(self, users: Collection[UserId]) -> None:
        """Let go of those that are being erased, without a snapshot; what comes for them is refused as they
        wake. Of these alone is `has_let_go` asked.
        """
        self._evicted = frozenset(users)
        self._stop_evicted()

    def has_let_go(self, user: UserId) -> bool:
        """Nothing of the user is in memory or in flight."""
        return not (user in self._actors or user in self._waiting.busy or self._snapshots.is_saving(user))

    def passivate(self, idle_ms: int, count_max: int | None = None) -> int:
        """Snapshot and stop actors that were idle for `idle_ms`, at most `count_max`; return how many."""
        users = list(itertools.islice(self._actors.idle(idle_ms, self._waiting.busy), count_max))
        self._passivate(users)
        return len(users)

    def close(self, seconds_max: float = math.inf) -> Answers:
        """Refuse what waits, finish what is in flight, snapshot those used last first, as time allows.

        Users without a new snapshot lose nothing: they recover from older ones and more events.
        """
        deadline_s = time.monotonic() + seconds_max
        self._refuse_waiting()
        self._complete_ended()
        while self._group_count and (left_s := deadline_s - time.monotonic()) > 0:
            self._some_ended.wait(min(left_s, threading.TIMEOUT_MAX))
            self._complete_ended()
        users = [user for user in reversed(self._actors.users()) if user not in self._waiting.busy]
        for first in range(0, len(users), SNAPSHOTS_PER_WRITE):
            self._snapshots.wait_for_room(_seconds_until(deadline_s))
            if time.monotonic() > deadline_s:
                log.warning("%d users are without a new snapshot", len(users) - first)
                break
            self._save(users[first : first + SNAPSHOTS_PER_WRITE])
        self._snapshots.wait_for_all(_seconds_until(deadline_s))
        self._actors.close()
        return self._answers

    def _begin(self, group: _Group) -> None:
        self._group_count += 1
        counts.taken(group.works)
        try:
            self._wake(group)
            self._decide(group)
            self._classify(group)
            writes: list[Mutation] = [write for effect in group.effects.values() for write in effect.writes]
            if writes and not self._tenure.is_valid:
                raise _not_owner()
            if writes:
                self._store.submit(writes).add_done_callback(lambda done: self._end(group, done))
            else:
                self._ended.append((group, None))
        except Exception as error:
            self._ended.append((group, error))

    def _end(self, group: _Group, done: Future[None]) -> None:
        """A group's write has ended. Called in a thread of the store, or at once."""
        self._ended.append((group, done.exception()))
        self._some_ended.set()
        self._woken()

    def _complete_ended(self) -> None:
        self._some_ended.clear()
        while self._ended:
            self._complete(*self._ended.popleft())

    def _complete(self, group: _Group, error: BaseException | None) -> None:
        """Answer a group: its writes are durable, or nobody knows and every actor of it must recover."""
        self._group_count -= 1
        if error is None and not self._tenure.is_valid:
            error = _not_owner()
        if error is not None:
            self._fail(group, error)
        for user, reason in group.refused.items():
            self._actors.stop(user)
            self._refuse(user, group.works[user], reason)
        for user, effect in group.effects.items():
            self._answers.replies += [
                Addressed(connection, user, reply) for connection, reply in effect.replies
            ]
            for work in group.works[user]:
                self._count_answered(work)
        due = [user for user, effect in group.effects.items() if effect.snapshot_due]
        self._save([user for user in due if user not in self._evicted])
        self._waiting.done(group.works)
        self._stop_evicted()
        if not self.has_released:
            self._release()

    def _fail(self, group: _Group, error: BaseException) -> None:
        reason = internal_error(error) if isinstance(error, Exception) else MuvrError(repr(error))
        is_known = isinstance(error, MuvrError)
        log.error(
            "a group of %d users was not written: %s",
            len(group.works),
            reason,
            exc_info=None if is_known else error,
        )
        counts.group_failed(reason)
        self._failures += 1
        group.effects.clear()
        for user in group.works:
            group.refused.setdefault(user, reason)

    def _refuse(self, user: UserId, works: Iterable[Work], reason: MuvrError) -> None:
        for work in works:
            reply = refusal(work.envelope.command, reason)
            self._answers.replies.append(Addressed(work.envelope.connection, user, reply))
            self._count_answered(work)

    def _count_answered(self, work: Work) -> None:
        self._left[work.batch_nr] -= 1
        if not self._left[work.batch_nr]:
            del self._left[work.batch_nr]
            self._answers.finished.append(work.batch_nr)

    @counts.staged("recover")
    def _wake(self, group: _Group) -> None:
        """Recover the users of a group that have no actor; who is not this host's is refused."""
        epochs: dict[UserId, int] = {}
        for user in group.works:
            epoch = self._tenure.epoch_of(user)
            if epoch is None:
                group.refused[user] = _not_owner()
            elif user not in self._actors:
                epochs[user] = epoch + self._failures
        if not epochs:
            return
        try:
            group.refused.update(self._actors.wake(epochs))
        except StoreError as error:
            log.error("%d users cannot be recovered: %s", len(epochs), error)
            group.refused.update(dict.fromkeys(epochs, error))

    @counts.staged("decide")
    def _decide(self, group: _Group) -> None:
        commands = {
            user: [(work.envelope.connection, work.envelope.command) for work in works]
            for user, works in group.works.items()
            if user not in group.refused
        }
        for user, answer in self._actors.take(commands).items():
            if isinstance(answer, Effects):
                group.effects[user] = answer
            else:
                group.refused[user] = answer

    @counts.staged("classify")
    def _classify(self, group: _Group) -> None:
        """The windows of all users of a group in one call."""
        waiting = {user: effect.requests for user, effect in group.effects.items() if effect.more}
        if not waiting:
            return
        requests = [(each.model, each.windows) for mine in waiting.values() for each in mine]
        answers = iter(classify(requests))
        questions = {
            user: Classified(list(itertools.islice(answers, len(mine)))) for user, mine in waiting.items()
        }
        for user, answer in self._actors.classified(questions).items():
            if isinstance(answer, Effects):
                group.effects[user].writes += answer.writes
                group.effects[user].replies += answer.replies
            else:
                del group.effects[user]
                group.refused[user] = answer

    def _save(self, users: Sequence[UserId]) -> None:
        """Begin to save states all of whose events may be acknowledged, as the tenure is valid."""
        if not users or self._snapshots.is_full:
            return
        writes = self._actors.snapshots(users)
        if writes and self._tenure.is_valid:
            self._snapshots.save(users, writes)

    def _release(self) -> None:
        """Let go of the users of shards that were taken away; when none is left, serve the new shards."""
        served = self._tenure.epochs
        gone = [user for user in self._actors.users() if shard_of(user) not in served]
        self._passivate([user for user in gone if user not in self._waiting.busy])
        if not any(shard_of(user) not in served for user in self._waiting.busy):
            self._tenure.epochs = self._target

    def _stop_evicted(self) -> None:
        for user in self._evicted.difference(self._waiting.busy):
            self._actors.stop(user)

    def _refuse_waiting(self) -> None:
        for user, works in self._waiting.take_all().items():
            self._refuse(user, works, _not_owner())

    def _bound(self) -> None:
        """Stop the actors used longest ago beyond `sessions_max`; one with a write in flight stays."""
        over = len(self._actors) - self._sessions_max
        if over > 0:
            self._passivate(list(itertools.islice(self._actors.idle(0, self._waiting.busy), over)))

    def _passivate(self, users: Sequence[UserId]) -> None:
        for first in range(0, len(users), SNAPSHOTS_PER_WRITE):
            self._save(users[first : first + SNAPSHOTS_PER_WRITE])
        for user in users:
            self._actors.stop(user)


def _seconds_until(deadline_s: float) -> float:
    return min(threading.TIMEOUT_MAX, max(0.0, deadline_s - time.monotonic()))


def _not_owner() -> NotOwner:
    return NotOwner(
        "this shard host does not serve the user now", remedy="send it again; a redirect follows if need be"
    )
