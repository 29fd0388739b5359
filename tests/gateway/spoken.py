"""What Alice's watch says in tests of the API and the page."""

from __future__ import annotations

from typing import Any

from domain.commands import ConfirmLabel, OpenSession
from domain.identifiers import DeviceId, SessionId
from tests.gateway.api_example import START_MS


def opening(session: str, **changes: Any) -> OpenSession:
    """A session of a watch that names the exercises itself."""
    fields: dict[str, Any] = {
        "command_nr": 0,
        "at_ms": START_MS,
        "device": DeviceId("watch"),
        "recogniser": "device",
        "streams": (),
    }
    return OpenSession(session=SessionId(session), **(fields | changes))


def squatted(session: str, start_ms: int = START_MS, weight_kg: float = 60.0) -> ConfirmLabel:
    """Ten repetitions in 40 s, said first of all."""
    return ConfirmLabel(
        session=SessionId(session),
        command_nr=1,
        start_ms=start_ms,
        end_ms=start_ms + 40_000,
        exercise="squat",
        repetitions=10,
        weight_kg=weight_kg,
    )
