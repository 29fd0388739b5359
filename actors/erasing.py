"""How a cluster lets go of a user that is being erased.

Each shard host looks, in a thread of its own, for erasures that are under way, forgets those users and says
so in the store. Whoever erases waits for that (`Fence`). A host that wakes a user later finds that it must
not, see persistence/keys.py; one whose lease has run out writes nothing any more, see actors/tenure.py.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection

from actors.lease import is_fenced
from domain.errors import StoreError, StoreUnavailable
from domain.identifiers import UserId
from persistence.erasure import ErasureStore
from persistence.ports import Store
from persistence.tables import MEMBER, MemberRow

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
GONE_SECONDS = 30.0  # a host that was not seen for so long holds no lease: three times what leases last
WAIT_SECONDS_MAX = 120.0


class ErasureThread:
    """Looks for erasures; `asked` is called in the thread with the users to let go of, until that is done.

    `let_go` is to be called once that was done for a user; it is said in the store from the thread.
    """

    def __init__(self, erasures: ErasureStore, member_id: str, asked: Callable[[list[UserId]], None]) -> None:
        self._erasures = erasures
        self._member_id = member_id
        self._asked = asked
        self._users: dict[UserId, str] = {}  # to the digest of each
        self._gone: set[UserId] = set()  # of those, whom the host has nothing of
        self._told: set[UserId] = set()
        self._over = threading.Event()
        self._wake = threading.Event()
        self._trouble = ""
        self._thread = threading.Thread(target=self._run, name="erasures", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def waited_for(self) -> Collection[UserId]:
        """Users of whom it is not known yet that the host let go."""
        return [user for user in list(self._users) if user not in self._gone]

    def let_go(self, user: UserId) -> None:
        self._gone.add(user)
        self._wake.set()

    def stop(self, seconds_max: float) -> None:
        self._over.set()
        self._wake.set()
        self._thread.join(seconds_max)

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                self._look()
                self._trouble = ""
            except StoreError as error:
                if str(error) != self._trouble:
                    log.error("erasures: %s", error)
                self._trouble = str(error)
            self._wake.wait(LOOK_SECONDS)
            self._wake.clear()

    def _look(self) -> None:
        users = {UserId(row.user_id): row.digest for row in self._erasures.pending()}
        if users != self._users or self.waited_for:
            self._users = users
            self._gone &= set(users)
            self._told &= set(users)
            self._asked(list(users))
        for user in self._gone - self._told:
            if user in users:
                self._erasures.let_go(users[user], self._member_id, time.time_ns() // 1_000_000)
                self._told.add(user)


class Fence:
    """Waits until every shard host that is alive has said that it let go of a user.

    What is written afterwards counts as later than all that those hosts have stamped.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock_s: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
        gone_s: float = GONE_SECONDS,
    ) -> None:
        self._store = store
        self._erasures = ErasureStore(store)
        self._clock_s = clock_s
        self._wait = wait
        self._gone_s = gone_s

    def __call__(self, user: UserId, digest: str) -> bool:
        """False if some host was not seen for so long that it seems to be gone; raises StoreUnavailable."""
        began_s = self._clock_s()
        seen: dict[str, tuple[int, float]] = {}  # renewals by member, and when they were seen first
        while True:
            rows = [row for row in self._store.scan(MEMBER) if not is_fenced(row)]
            now_s = self._clock_s()
            for row in rows:
                if seen.get(row.member_id, (None,))[0] != row.renewal_nr:
                    seen[row.member_id] = (row.renewal_nr, now_s)
            told = self._erasures.who_let_go(digest)
            holding = [row for row in rows if row.member_id not in told]
            waited_for = [row for row in holding if now_s - seen[row.member_id][1] < self._gone_s]
            if not waited_for:
                self._store.not_before(_latest_ms(rows))
                return not holding
            if now_s - began_s > WAIT_SECONDS_MAX:
                raise _held(user, waited_for)
            self._wait(LOOK_SECONDS / 4)


def _latest_ms(rows: Collection[MemberRow]) -> int:
    return max((row.renewed_at for row in rows), default=0) + int(GONE_SECONDS * 1000)


def _held(user: UserId, rows: Collection[MemberRow]) -> StoreUnavailable:
    return StoreUnavailable(
        f"{', '.join(row.member_id for row in rows)} did not let go of user {user!r}",
        expected=f"that every shard host does so within {WAIT_SECONDS_MAX:g} s",
        remedy="look at the log of that node; then erase the user again, which goes on with it",
    )
