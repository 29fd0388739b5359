"""Sends messages, some at a time, until each is durable or nobody can tell."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

from domain.errors import StoreError
from persistence.cassandra.batches import ROWS_MAX, Limits, Piece, Route
from persistence.cassandra.errors import Answer, answer_to, described, store_error
from persistence.cassandra.patience import pause_seconds, request_seconds
from persistence.ports import SUBMITTED_MAX

MESSAGES_MAX = 16  # under way at once: more only wait in the server
_LOG = logging.getLogger(__name__)


class Send(Protocol):
    """Sends a message that is to be answered within `timeout` seconds, and later calls one of both."""

    def __call__(
        self,
        route: Route,
        parts: Sequence[bytes],
        timeout: float,
        succeeded: Callable[[], None],
        failed: Callable[[BaseException], None],
    ) -> None: ...


@dataclass(eq=False)
class _Submitted:
    """What one call of `submit` waits for."""

    stages: deque[list[Piece]]
    future: Future[None] = field(default_factory=Future)
    outstanding: int = 0
    error: StoreError | None = None


@dataclass(eq=False)
class _Waiting:
    """A piece that is to be sent; `alone` once a message that it shared was refused."""

    piece: Piece
    of: _Submitted
    since: float
    alone: bool = False


@dataclass(eq=False)
class _Message:
    pieces: list[_Waiting]
    first_sent: float
    is_answered: bool = True


class Writer:
    """At most `allowed` messages are under way. Pieces that wait for their turn meanwhile share messages.

    After an error that can be repeated it pauses, then allows half as many; each success allows one more.
    A message is repeated for `retry_seconds`. What waits longer, while nothing succeeds, is given up unsent.
    """

    def __init__(
        self,
        send: Send,
        limits: Limits,
        retry_seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._send = send
        self._limits = limits
        self._retry_seconds = retry_seconds
        self._clock = clock
        self._jitter = jitter
        self._room = threading.BoundedSemaphore(SUBMITTED_MAX)
        self._changed = threading.Condition()
        self._waiting: OrderedDict[tuple[Hashable, ...], deque[_Waiting]] = OrderedDict()
        self._repeated: deque[_Message] = deque()
        self._submitted_count = 0
        self._under_way = 0
        self._allowed = MESSAGES_MAX
        self._failures = 0  # pauses since the last success
        self._last_success = clock()
        self._last_error: BaseException = TimeoutError("no answer")
        self._paused_until: float | None = None
        self._pacer: threading.Thread | None = None
        self._is_closed = False
        self._this_thread = threading.local()

    @property
    def allowed(self) -> int:
        """How many messages may be under way now."""
        return self._allowed

    def submit(self, stages: Iterable[list[Piece]]) -> Future[None]:
        """Waits while SUBMITTED_MAX are under way."""
        submitted = _Submitted(deque(stages))
        submitted.future.set_running_or_notify_cancel()
        if not submitted.stages:
            submitted.future.set_result(None)
            return submitted.future
        self._room.acquire()
        with self._changed:
            self._submitted_count += 1
            self._begin_stage(submitted)
        self._pump()
        return submitted.future

    def close(self, timeout: float) -> None:
        """Return when all that was submitted is done, or after `timeout` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._submitted_count == 0, timeout)
            self._is_closed = True
            self._changed.notify_all()
            pacer = self._pacer
        if pacer is not None:
            pacer.join(timeout)

    def _begin_stage(self, submitted: _Submitted) -> None:
        pieces = submitted.stages.popleft()
        submitted.outstanding = len(pieces)
        now = self._clock()
        for piece in pieces:
            self._waiting.setdefault(piece.route.kind, deque()).append(_Waiting(piece, submitted, now))

    def _pump(self) -> None:
        """Send as much as may be under way."""
        if getattr(self._this_thread, "is_pumping", False):
            return  # called by an answer that came at once: the loop below goes on
        self._this_thread.is_pumping = True
        try:
            self._send_what_may()
        finally:
            self._this_thread.is_pumping = False

    def _send_what_may(self) -> None:
        while True:
            with self._changed:
                expired = self._expired()
                ended = self._settle(expired, store_error(self._last_error)) if expired else []
                message = self._next()
                if message is not None:
                    message.is_answered = False
                    self._under_way += 1
            self._resolve(ended)
            if message is not None:
                self._dispatch(message)
            elif not ended:
                return

    def _dispatch(self, message: _Message) -> None:
        remaining = message.first_sent + self._retry_seconds - self._clock()
        try:
            self._send(
                message.pieces[0].piece.route,
                [part for waiting in message.pieces for part in waiting.piece.parts],
                request_seconds(remaining),
                lambda: self._succeeded(message),
                lambda error: self._failed(message, error),
            )
        except Exception as error:
            self._failed(message, error)

    def _next(self) -> _Message | None:
        if self._under_way >= self._allowed or self._paused_until is not None:
            return None
        if self._repeated:
            return self._repeated.popleft()
        if not self._waiting:
            return None
        kind, queue = next(iter(self._waiting.items()))
        taken = [queue.popleft()]
        route = taken[0].piece.route
        row_count, byte_count = len(taken[0].piece.parts), taken[0].piece.byte_count
        while queue and not taken[0].alone and not queue[0].alone and route.serial_consistency is None:
            row_count += len(queue[0].piece.parts)
            byte_count += queue[0].piece.byte_count
            if row_count > ROWS_MAX or byte_count > self._limits.batch_bytes:
                break
            taken.append(queue.popleft())
        if queue:
            self._waiting.move_to_end(kind)
        else:
            del self._waiting[kind]
        return _Message(taken, self._clock())

    def _expired(self) -> list[_Waiting]:
        """What is not worth sending any more: repeated for too long, or nothing succeeded since it came."""
        oldest = self._clock() - self._retry_seconds
        if not self._failures:
            return []
        found = []
        while self._repeated and self._repeated[0].first_sent <= oldest:
            found += self._repeated.popleft().pieces
        if self._last_success <= oldest:
            for kind, queue in list(self._waiting.items()):
                while queue and queue[0].since <= oldest:
                    found.append(queue.popleft())
                if not queue:
                    del self._waiting[kind]
        return found

    def _succeeded(self, message: _Message) -> None:
        with self._changed:
            if message.is_answered:
                return
            message.is_answered = True
            self._under_way -= 1
            self._allowed = min(self._allowed + 1, MESSAGES_MAX)
            self._last_success = self._clock()
            if self._failures:
                _LOG.info("Cassandra takes writes again")
            self._failures = 0
            ended = self._settle(message.pieces, None)
        self._pump()
        self._resolve(ended)

    def _failed(self, message: _Message, error: BaseException) -> None:
        answer = answer_to(error)
        ended: Sequence[_Submitted] = []
        with self._changed:
            if message.is_answered:
                return
            message.is_answered = True
            self._under_way -= 1
            is_last = self._is_closed or self._clock() >= message.first_sent + self._retry_seconds
            if answer is Answer.REPEAT:
                self._slow_down(error)
            if answer is Answer.REPEAT and not is_last:
                self._repeated.append(message)
            elif answer is Answer.REFUSED and len(message.pieces) > 1:
                for waiting in message.pieces:
                    waiting.alone = True
                    self._waiting.setdefault(waiting.piece.route.kind, deque()).append(waiting)
            else:
                ended = self._settle(message.pieces, store_error(error))
        self._pump()
        self._resolve(ended)

    def _slow_down(self, error: BaseException) -> None:
        self._last_error = error
        if self._paused_until is not None:
            return  # it was under way when the error came that this pause is for
        if not self._failures:
            _LOG.warning("Cassandra does not take writes at once: %s", described(error))
        self._paused_until = self._clock() + pause_seconds(self._failures, self._jitter)
        self._failures += 1
        self._allowed = max(1, self._allowed // 2)
        if self._pacer is None:
            self._pacer = threading.Thread(target=self._pace, name="cassandra writer", daemon=True)
            self._pacer.start()
        self._changed.notify_all()

    def _pace(self) -> None:
        """Ends pauses, in a thread of its own: the driver's timers stand still while no node is connected."""
        while True:
            with self._changed:
                if self._is_closed:
                    return
                if self._paused_until is None:
                    self._changed.wait()
                    continue
                remaining = self._paused_until - self._clock()
                if remaining > 0:
                    self._changed.wait(remaining)
                    continue
                self._paused_until = None
            self._pump()

    def _settle(self, pieces: Iterable[_Waiting], error: StoreError | None) -> list[_Submitted]:
        """Count `pieces` as done; the submissions that ended with them. Those with more stages go on."""
        ended = []
        for waiting in pieces:
            submitted = waiting.of
            submitted.outstanding -= 1
            submitted.error = submitted.error or error
            if submitted.outstanding:
                continue
            if submitted.stages and submitted.error is None:
                self._begin_stage(submitted)
            else:
                ended.append(submitted)
        return ended

    def _resolve(self, ended: Sequence[_Submitted]) -> None:
        """End the futures, outside of the lock, as their callbacks may do anything."""
        for submitted in ended:
            self._room.release()
            if submitted.error is None:
                submitted.future.set_result(None)
            else:
                submitted.future.set_exception(submitted.error)
        if ended:
            with self._changed:
                self._submitted_count -= len(ended)
                self._changed.notify_all()
