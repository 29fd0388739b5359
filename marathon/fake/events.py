"""Marathon's stream of events: who listens is given each that happens from then on."""

from __future__ import annotations

import json
import queue
from collections.abc import Iterator
from typing import Any

WAITING_MAX = 1_000  # events for one listener; one that reads so slowly is let go
KEEP_ALIVE_SECONDS = 5.0


class Events:
    def __init__(self) -> None:
        self._listeners: list[queue.Queue[bytes | None]] = []

    def tell(self, kind: str, timestamp: str, **fields: Any) -> None:
        data = json.dumps({"eventType": kind, "timestamp": timestamp, **fields})
        for listener in list(self._listeners):
            try:
                listener.put_nowait(f"event: {kind}\ndata: {data}\n\n".encode())
            except queue.Full:
                self._listeners.remove(listener)

    def listen(self, kinds: frozenset[str], timestamp: str) -> Iterator[bytes]:
        """`kinds` are those that are wanted, all if empty. Registers at once."""
        listener: queue.Queue[bytes | None] = queue.Queue(WAITING_MAX)
        self._listeners.append(listener)
        return self._events(listener, kinds, timestamp)

    def close(self) -> None:
        for listener in self._listeners:
            listener.put(None)

    def _events(
        self, listener: queue.Queue[bytes | None], kinds: frozenset[str], timestamp: str
    ) -> Iterator[bytes]:
        attached = json.dumps(
            {"eventType": "event_stream_attached", "timestamp": timestamp, "remoteAddress": "127.0.0.1"}
        )
        yield f"event: event_stream_attached\ndata: {attached}\n\n".encode()
        try:
            while listener in self._listeners:
                try:
                    event = listener.get(timeout=KEEP_ALIVE_SECONDS)
                except queue.Empty:
                    yield b"\r\n"  # so that one that has gone is noticed
                    continue
                if event is None:
                    return
                kind = event.partition(b"\n")[0].removeprefix(b"event: ").decode()
                if not kinds or kind in kinds:
                    yield event
        finally:
            if listener in self._listeners:
                self._listeners.remove(listener)
