"""The lanes of a process, between its actor's loop and the asyncio thread that serves.

The two meet in a pipe: the thread queues commands and wakes the actor when enough of them wait for a batch;
the actor sends batches to the shard hosts, and their answers go back to the thread.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from actors.messages import Addressed, Directory, Envelope, ShardAnswer, ShardBatch, decode_addressed
from gateway import counts
from gateway.lanes import Done, Lanes


class LanePump:
    """`send` is the actor's; `deliver` takes replies, and of whom each command was that is done with,
    in the actor's loop. All but `queue` is called there. The actor watches `wake_read`.
    """

    def __init__(
        self,
        lanes: Lanes,
        *,
        send: Callable[[Any, ShardBatch], None],
        deliver: Callable[[list[Addressed], list[Done]], None],
    ) -> None:
        self.lanes = lanes
        self._send = send
        self._deliver = deliver
        self.wake_read, self._wake_write = os.pipe()
        os.set_blocking(self.wake_read, False)
        os.set_blocking(self._wake_write, False)
        # Shared by the two threads, each of which changes one value at a time.
        self._inbox: deque[Envelope] = deque()  # what the asyncio thread has for the actor
        self._wake_at: float = 1  # how much must be in it before the actor is woken
        self._is_waking = False

    def queue(self, envelope: Envelope) -> None:
        """Called in the asyncio thread. The actor is woken once for all that the loop reads in one turn."""
        self._inbox.append(envelope)
        if not self._is_waking and len(self._inbox) >= self._wake_at:
            self._is_waking = True
            asyncio.get_running_loop().call_soon(self._wake)

    def woken(self) -> None:
        """The pipe is readable."""
        with suppress(BlockingIOError):
            os.read(self.wake_read, 65536)
        self._is_waking = False
        self.pump()

    def answered(self, answer: ShardAnswer) -> None:
        """Replies are true whoever sends them; numbers of a host that was made again since are not known."""
        self.lanes.finished(answer.finished)
        self.pump(answer.replies)

    def directed(self, directory: Directory) -> None:
        self.lanes.addresses_changed(directory.addresses)
        self.pump()

    def pump(self, replies: bytes = b"") -> None:
        """Send what may be sent, then bring back answers."""
        while True:
            self.lanes.take(self._inbox)
            for address, batch in self.lanes.batches():
                self._send(address, batch)
            self._wake_at = self.lanes.wanted()
            if len(self._inbox) < self._wake_at:  # else more came before `_wake_at` was set, and woke nobody
                break
        counts.stand(*self.lanes.standing())
        addressed, done = decode_addressed(replies) if replies else [], self.lanes.take_done()
        if addressed or done:
            self._deliver(addressed, done)

    def _wake(self) -> None:
        with suppress(BlockingIOError):  # a full pipe wakes the actor as well
            os.write(self._wake_write, b"x")
