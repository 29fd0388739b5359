"""The thread in which a process's membership goes on, whatever the process does meanwhile."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from actors.membership import Holding, Membership
from domain.errors import StoreError

log = logging.getLogger(__name__)


class MembershipThread:
    """Steps until it is stopped or has left; `changed` is called in the thread with each new Holding."""

    def __init__(self, membership: Membership, changed: Callable[[Holding], None]) -> None:
        self._membership = membership
        self._changed = changed
        self._wake = threading.Event()
        self._is_over = False
        self._leave_until_s: float | None = None
        self._has_left = False
        self._trouble = ""
        self._thread = threading.Thread(target=self._run, name="membership", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def released(self, holding: Holding) -> None:
        """See Membership.released; it is said in the store at once."""
        self._membership.released(holding)
        self._wake.set()

    def leave(self, seconds_max: float) -> bool:
        """After all has been let go of: leave and end the thread; True if others can see it.

        Otherwise they find out when the lease expires.
        """
        self._leave_until_s = time.monotonic() + seconds_max
        self._wake.set()
        self._thread.join(seconds_max)
        return self._has_left

    def stop(self, seconds_max: float) -> None:
        """End the thread without leaving, as if the process had been killed."""
        self._is_over = True
        self._wake.set()
        self._thread.join(seconds_max)

    def _run(self) -> None:
        while not self._is_over:
            self._wake.clear()
            work = self._step if self._leave_until_s is None else self._leave
            if self._attempt(work):
                return
            self._wake.wait(self._membership.pause_s)

    def _attempt(self, work: Callable[[], bool]) -> bool:
        """What `work` returns; False if it failed, as it is tried again."""
        try:
            is_done = work()
        except StoreError as error:
            if str(error) != self._trouble:
                log.error("membership: %s", error)
            self._trouble = str(error)
            return False
        except Exception:
            log.exception("membership failed")
            return False
        if self._trouble:
            log.info("membership goes on")
        self._trouble = ""
        return is_done

    def _step(self) -> bool:
        holding = self._membership.step()
        if holding is not None:
            self._changed(holding)
        return False

    def _leave(self) -> bool:
        assert self._leave_until_s is not None
        self._has_left = self._membership.leave()
        return self._has_left or time.monotonic() > self._leave_until_s
