"""What users are doing now, for those who watch: bounded, shared between threads, kept nowhere.

A reader has no queue. It holds the version it has seen and is woken when there is more; what it then takes is
the latest state of every user that changed in between. So a slow reader sees fewer steps, costs no memory and
holds nobody up.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from domain.errors import Rejected
from domain.identifiers import SessionId, UserId
from domain.replies import LiveUpdate, SessionEnded
from gateway.api.live_state import LiveUser, begun, evolve

USERS_MAX = 500
SETS_MAX = 30  # of a session, the newest
SUBSCRIBERS_MAX = 256
IDLE_MS_MAX = 30 * 60_000  # a user of whom nothing was heard for longer is no longer shown


class TooManyReaders(Rejected):
    code = "too_many_readers"
    retry = True


@dataclass(frozen=True, kw_only=True)
class LiveChanges:
    """What a reader does not know yet: `users` to replace, in order of their change, and `removed` ones.

    If `complete`, everything known before is to be forgotten first. `at_ms` is this machine's time.
    """

    version: int
    at_ms: int
    complete: bool
    users: tuple[LiveUser, ...]
    removed: tuple[UserId, ...]


class Subscription:
    """A reader's place in the view. `take` from one thread at a time; `close` when done."""

    def __init__(self, view: LiveView, wake: Callable[[], None], user: UserId | None) -> None:
        self.wake = wake
        self._view = view
        self._user = user
        self._version = 0

    @property
    def ended(self) -> bool:
        """True once the view is closed: there will be no more changes."""
        return self._view.closed

    def take(self) -> LiveChanges | None:
        """What changed since the last call, or None; everything at the first call."""
        changes = self._view.changes(self._version, self._user)
        first = self._version == 0
        self._version = changes.version
        return changes if first or changes.users or changes.removed or changes.complete else None

    def close(self) -> None:
        self._view.unsubscribe(self)


class LiveView:
    """Fed by `apply`, read by `snapshot`, `changes` and `subscribe`, each from any thread.

    `users_max` bounds the users that are kept: the one of whom nothing was heard for longest is dropped.
    `now_ms` is the clock, in ms since 1970.
    """

    def __init__(
        self,
        users_max: int = USERS_MAX,
        sets_max: int = SETS_MAX,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._users_max = users_max
        self._sets_max = sets_max
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._users: OrderedDict[UserId, LiveUser] = OrderedDict()  # least recently updated first
        self._version = 1
        self._removed: deque[tuple[int, UserId]] = deque(maxlen=users_max)
        self._forgotten_version = 0  # removals up to this version are no longer in `_removed`
        self._subscriptions: set[Subscription] = set()
        self.closed = False

    def apply(self, updates: Iterable[LiveUpdate]) -> None:
        """Take updates in order and wake the readers."""
        with self._lock:
            now_ms = self._now_ms()
            for update in updates:
                self._apply(update, now_ms)
            self._drop_idle(now_ms)
            subscriptions = tuple(self._subscriptions)
        for subscription in subscriptions:
            subscription.wake()

    def snapshot(self, user: UserId | None = None) -> LiveChanges:
        """Everyone who is shown now, or only `user`."""
        return self.changes(0, user)

    def changes(self, since_version: int, user: UserId | None = None) -> LiveChanges:
        """What changed after `since_version`, for everyone or only `user`."""
        with self._lock:
            now_ms = self._now_ms()
            self._drop_idle(now_ms)
            complete = not self._forgotten_version <= since_version <= self._version or since_version == 0
            since = 0 if complete else since_version
            removed = {name for version, name in self._removed if version > since and not complete}
            return LiveChanges(
                version=self._version,
                at_ms=now_ms,
                complete=complete,
                users=self._changed(since, user),
                removed=tuple(
                    sorted(name for name in removed if name not in self._users and user in (None, name))
                ),
            )

    def subscribe(self, wake: Callable[[], None], user: UserId | None = None) -> Subscription:
        """A place for a reader, whose `wake` is called, from any thread, when there may be more to take.

        Raises TooManyReaders when SUBSCRIBERS_MAX read already.
        """
        subscription = Subscription(self, wake, user)
        with self._lock:
            if len(self._subscriptions) >= SUBSCRIBERS_MAX:
                raise TooManyReaders(
                    f"{SUBSCRIBERS_MAX} readers watch already", remedy="close other pages, or try later"
                )
            self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        with self._lock:
            self._subscriptions.discard(subscription)

    def close(self) -> None:
        """Tell every reader that this was all."""
        with self._lock:
            self.closed = True
            subscriptions = tuple(self._subscriptions)
        for subscription in subscriptions:
            subscription.wake()

    def _apply(self, update: LiveUpdate, now_ms: int) -> None:
        known = self._users.get(update.user)
        if known is not None and known.session != update.reply.session:
            if isinstance(update.reply, SessionEnded):
                return  # the end of an earlier session says nothing about the one that runs
            known = None
        self._version += 1
        if known is None:
            known = begun(update, now_ms)
        changed = evolve(known, update, now_ms, self._sets_max)
        self._users[update.user] = replace(changed, version=self._version, updated_ms=now_ms)
        self._users.move_to_end(update.user)
        if len(self._users) > self._users_max:
            self._drop_oldest()

    def _changed(self, since_version: int, user: UserId | None) -> tuple[LiveUser, ...]:
        if user is not None:
            known = self._users.get(user)
            return (known,) if known and known.version > since_version else ()
        found: list[LiveUser] = []
        for known in reversed(self._users.values()):
            if known.version <= since_version:
                break
            found.append(known)
        return tuple(reversed(found))

    def forget(self, user: UserId) -> None:
        """Show the user no more, until there is news."""
        with self._lock:
            if user in self._users:
                self._users.move_to_end(user, last=False)
                self._drop_oldest()

    def forget_session(self, user: UserId, session: SessionId) -> None:
        """As `forget`, if that session is shown."""
        with self._lock:
            known = self._users.get(user)
            is_shown = known is not None and known.session == session
        if is_shown:
            self.forget(user)

    def _drop_idle(self, now_ms: int) -> None:
        while self._users and next(iter(self._users.values())).updated_ms < now_ms - IDLE_MS_MAX:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        name, _ = self._users.popitem(last=False)
        self._version += 1
        if len(self._removed) == self._removed.maxlen:
            self._forgotten_version = self._removed[0][0]
        self._removed.append((self._version, name))
