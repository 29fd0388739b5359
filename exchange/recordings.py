"""Recordings (edge/recordings.py) as sessions of one person: their frames, and what was confirmed."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from domain.errors import InvalidInput
from domain.frames import SensorFrame, pack_samples, scale_for
from domain.identifiers import SessionId, StreamId
from domain.recording import REST, Recording
from exchange.written import Written, WrittenSet

FRAME_SECONDS = 1.0
PAUSE_MS = 60_000  # between sets of which nobody recorded the rest
DAY_MS = 86_400_000


@dataclass(frozen=True, kw_only=True)
class RecordedSession:
    """`starts_ms` has the time of each recording; `letters` the sensors that all of them have."""

    written: Written
    recordings: tuple[Recording, ...]
    starts_ms: tuple[int, ...]
    letters: tuple[str, ...]
    place: str

    def frames(self) -> Iterator[SensorFrame]:
        numbers: Counter[str] = Counter()
        for recording, start_ms in zip(self.recordings, self.starts_ms, strict=True):
            yield from frames_of(recording, SessionId(self.written.session), self.letters, start_ms, numbers)


def sessions_of(recordings: Sequence[Recording], subject: str | None, start_ms: int) -> list[RecordedSession]:
    """The sessions of one person, a day apart from `start_ms` on, as recordings say no time.

    Raises InvalidInput if there is nobody of that name, or several people and no name.
    """
    subjects = list(dict.fromkeys(recording.subject for recording in recordings))
    if (subject is None and len(subjects) > 1) or (subject is not None and subject not in subjects):
        raise InvalidInput(
            f"the recordings are of {', '.join(subjects[:20])}",
            expected="one of them",
            remedy="name it with --subject",
        )
    by_session: dict[str, list[Recording]] = {}
    for recording in recordings:
        if recording.subject == (subject or subjects[0]):
            by_session.setdefault(recording.session, []).append(recording)
    return [
        _session(name, of_session, start_ms + number * DAY_MS)
        for number, (name, of_session) in enumerate(by_session.items())
    ]


def frames_of(
    recording: Recording,
    session: SessionId,
    letters: Sequence[str],
    start_ms: int,
    numbers: Counter[str],
) -> Iterator[SensorFrame]:
    """Frames of one second, the sensors in turn; `numbers` has the next of each stream, and is moved on."""
    size = max(1, round(FRAME_SECONDS * recording.rate_hz))
    for first in range(0, max(len(recording.values[letter]) for letter in letters), size):
        for letter in letters:
            values = recording.values[letter][first : first + size]
            numbers[letter] += 1
            yield SensorFrame(
                session=session,
                stream=StreamId(letter),
                sequence_nr=numbers[letter] - 1,
                sensor=letter,
                start_ms=start_ms + round(first * 1000 / recording.rate_hz),
                rate_hz=recording.rate_hz,
                scale=scale_for(letter),
                samples=pack_samples(values, scale_for(letter)),
            )


def _session(name: str, recordings: Sequence[Recording], start_ms: int) -> RecordedSession:
    letters = set.intersection(*(set(recording.values) for recording in recordings))
    starts_ms, sets, at_ms, before = [], [], start_ms, REST
    for recording in recordings:
        if REST not in (before, recording.label):
            at_ms += PAUSE_MS
        starts_ms.append(at_ms)
        end_ms = at_ms + max(1, round(1000 * recording.seconds))
        if recording.label != REST:
            sets.append(
                WrittenSet(
                    start_ms=at_ms,
                    end_ms=end_ms,
                    exercise=recording.label,
                    repetitions=recording.repetitions,
                    weight_kg=recording.weight_kg,
                )
            )
        at_ms, before = end_ms, recording.label
    digest = hashlib.sha256(f"{recordings[0].subject}\0{name}\0{start_ms}".encode()).hexdigest()[:16]
    return RecordedSession(
        written=Written(
            session=f"recordings-{digest}",
            start_ms=start_ms,
            end_ms=max(at_ms, start_ms + 1),
            sets=tuple(sets),
        ),
        recordings=tuple(recordings),
        starts_ms=tuple(starts_ms),
        letters=tuple(sorted(letters)),
        place=recordings[0].location,
    )
