"""What a device tells the coach: messages of docs/protocol.md about how somebody wants to train."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from msgspec.structs import asdict

from domain.form import SetForm, Tip
from edge.protocol import Message


class Telling(ABC):
    """Part of a device's client, which numbers and keeps each message until it is acknowledged."""

    @abstractmethod
    def _command(self, session: str, message: Message, *, is_last: bool = False) -> None:
        """Record a message of a session."""

    def training(
        self,
        session: str,
        at_ms: int,
        *,
        goal: str | None = None,
        excluded_exercises: Sequence[str] = (),
        excluded_muscles: Sequence[str] = (),
        place: Message | None = None,
        utc_offset_min: int = 0,
    ) -> None:
        """How the user wants to train, as a whole; `place` is a map with the fields of docs/protocol.md."""
        self._command(
            session,
            {
                "type": "training",
                "at_ms": at_ms,
                "goal": goal,
                "excluded_exercises": list(excluded_exercises),
                "excluded_muscles": list(excluded_muscles),
                "place": place,
                "utc_offset_min": utc_offset_min,
            },
        )

    def plan(self, session: str, at_ms: int, author: str, sessions: Sequence[Message]) -> None:
        """What a coach, or the user, plans; `sessions` are maps with the fields of docs/protocol.md."""
        message = {"type": "plan", "at_ms": at_ms, "author": author, "sessions": list(sessions)}
        self._command(session, message)

    def profile(
        self,
        session: str,
        at_ms: int,
        *,
        birth_year: int | None = None,
        sex: str | None = None,
        height_cm: float | None = None,
        experience: str | None = None,
        in_statistics: bool = False,
    ) -> None:
        """Who the user is, as a whole."""
        about = {"birth_year": birth_year, "sex": sex, "height_cm": height_cm, "experience": experience}
        self._command(session, {"type": "profile", "at_ms": at_ms, **about, "in_statistics": in_statistics})

    def measure(self, session: str, at_ms: int, quantity: str, value: float) -> None:
        """What was measured of the user's body."""
        self._command(session, {"type": "measure", "at_ms": at_ms, "quantity": quantity, "value": value})

    def exercise(
        self,
        session: str,
        at_ms: int,
        name: str,
        primary: Sequence[str],
        movement: str,
        *,
        secondary: Sequence[str] = (),
        equipment: Sequence[str] = (),
        kind: str = "compound",
        sides: str = "both",
    ) -> None:
        """The user describes an exercise that the catalogue does not have."""
        message = {"type": "exercise", "at_ms": at_ms, "name": name, "movement": movement}
        muscles = {"primary": list(primary), "secondary": list(secondary)}
        described = {"equipment": list(equipment), "kind": kind, "sides": sides}
        self._command(session, {**message, **muscles, **described})

    def record_form(self, session: str, form: SetForm, tip: Tip | None) -> None:
        """The device measured a set, and gave a tip about it if there was one to give."""
        given = None
        if tip is not None:
            given = {"kind": tip.kind, "text": tip.text, "figure": tip.figure, "stop": tip.stop}
        self._command(session, {"type": "form", **asdict(form), "tip": given})

    def refuse(self, session: str, at_ms: int, exercise: str) -> None:
        """The user does not want `exercise` today; the server suggests something else."""
        self._command(session, {"type": "refuse", "at_ms": at_ms, "exercise": exercise})

    def suggested(
        self,
        session: str,
        at_ms: int,
        exercise: str,
        weight_kg: float | None,
        repetitions: int,
        reason: str,
        rest_s: int | None,
    ) -> None:
        """What the device's own coach suggested; the next label answers it."""
        self._command(
            session,
            {
                "type": "suggestion",
                "at_ms": at_ms,
                "exercise": exercise,
                "weight_kg": weight_kg,
                "repetitions": repetitions,
                "reason": reason,
                "rest_s": rest_s,
            },
        )
