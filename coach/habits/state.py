"""What is remembered of a user's habits: bounded, plain values that MessagePack keeps in under 16 KB."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from domain.identifiers import SessionId

EXERCISES_MAX = 40  # the one that was not done for longest makes room
WORKOUTS_MAX = 3  # of each exercise, with their sets
SETS_MAX = 8  # of an exercise in a workout; later ones replace the last
SEQUENCE_MAX = 48  # sets of the running session, as contexts see them
CONTEXTS_MAX = 400  # more than these are cut to CONTEXTS_KEPT
CONTEXTS_KEPT = 360
FOLLOWERS_MAX = 12  # of one context
COUNT_UNIT = 256  # one observation, so that counts fade as integers
STATE_BYTES_MAX = 16 * 1024

END = 0  # the symbol of a session's end; an exercise's is its place in `exercises` plus one


class Load(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A set: weight in units of 10 g, repetitions, seconds of rest before it; None where unknown."""

    weight: int | None = None
    repetitions: int | None = None
    rest_s: int | None = None


class Workout(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An exercise's sets in one session; `day` since 1970 by the user's clock."""

    day: int
    sets: tuple[Load, ...]


class Known(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An exercise; `workouts` oldest first, the running session's included."""

    name: str
    workouts: tuple[Workout, ...] = ()


class Place(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where in the week a session began: Monday is 0, the day's quarter 0 to 3, the place's name or ""."""

    weekday: int = 0
    quarter: int = 0
    name: str = ""


class Habits(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """`counts` maps a context to what followed it, in COUNT_UNITs; `trust` rates experts of loads.

    `today` are the symbols of session `session`, which began at `place` on day `day`; `before` is what the
    session before it began with.
    """

    exercises: tuple[Known, ...] = ()
    counts: Mapping[bytes, Mapping[int, int]] = {}
    trust: Mapping[str, tuple[int, ...]] = {}
    session: SessionId = SessionId("")
    place: Place = Place()
    day: int = 0
    today: tuple[int, ...] = ()
    before: int = END
    last_end_ms: int = 0

    def packed(self) -> bytes:
        """Under STATE_BYTES_MAX, where the state itself takes up twenty times as much."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def unpacked(cls, data: bytes) -> Habits:
        return msgspec.msgpack.decode(data, type=cls)

    def symbol_of(self, exercise: str) -> int | None:
        for symbol, known in enumerate(self.exercises, 1):
            if known.name == exercise:
                return symbol
        return None

    def name_of(self, symbol: int) -> str:
        return self.exercises[symbol - 1].name
