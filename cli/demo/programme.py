"""Who plays what: the exercise sessions of two days, dealt to watches."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from domain.errors import ConfigurationError
from domain.identifiers import UserId
from domain.recording import REST, Recording
from domain.sensors import SensorSet
from edge.recordings import load_directory
from simulator.people import people
from simulator.sessions import record

DAY_ONE_SHARE = 0.6
SIMULATED_PEOPLE = 4
SIMULATED_SESSIONS = 4  # per person; the last is day two's
WATCHES_MAX = 4
MOTION_SENSORS = ("a", "g")
RATE_HZ = 50

Key = tuple[str, str]  # subject and session
_DATE_FORMATS = ("%Y-%m-%d", "%d%m%y", "%d-%m-%y", "%Y-%m-%d %H-%M-%S")


@dataclass(frozen=True)
class PlayedSession:
    """An exercise session for a watch to play: sets and rests in order. `name` is the data set's."""

    user: UserId
    name: str
    recordings: tuple[Recording, ...]


@dataclass(frozen=True)
class Programme:
    description: str
    is_simulated: bool
    day_one: tuple[PlayedSession, ...]
    day_two: tuple[PlayedSession, ...]

    @property
    def sensor_set(self) -> SensorSet:
        """What a model can learn from: the motion sensors that every recording has, at the usual rate.

        Raises ConfigurationError if there are none.
        """
        recordings = [r for session in (*self.day_one, *self.day_two) for r in session.recordings]
        letters = tuple(letter for letter in MOTION_SENSORS if all(letter in r.values for r in recordings))
        if not letters:
            raise ConfigurationError(
                "no motion sensor is in every recording", expected="an accelerometer", remedy="choose others"
            )
        return SensorSet(letters, RATE_HZ)


def of_directory(directory: Path, sessions_max: int) -> Programme:
    """Sessions of a data set: earlier ones for day one, later ones for day two.

    Of sensors worn at several places at once, the place with most recordings is played.
    """
    recordings, place = _of_one_place(load_directory(directory))
    by_session: dict[Key, list[Recording]] = defaultdict(list)
    for recording in recordings:
        by_session[recording.subject, recording.session].append(recording)
    keys = [key for key in by_session if any(r.label != REST for r in by_session[key])]
    if len(keys) < 2:
        raise ConfigurationError(
            f"{directory} has {len(keys)} exercise sessions",
            expected="at least two: one to learn from and another to recognise",
            remedy="choose another data set",
        )
    used = _in_time(keys)[:sessions_max]
    subjects = list(dict.fromkeys(subject for subject, _ in used))
    users = _users(used, subjects)
    sessions = [PlayedSession(users[key], f"{key[0]}/{key[1]}", tuple(by_session[key])) for key in used]
    first = max(1, min(len(used) - 1, round(DAY_ONE_SHARE * len(used))))
    people_text = f"{len(subjects)} {'person' if len(subjects) == 1 else 'people'}"
    words = f"recordings of {directory.name}: {people_text}, {len(used)} of {len(keys)} sessions, {place}"
    return Programme(words, False, tuple(sessions[:first]), tuple(sessions[first:]))


def simulated(seed: int) -> Programme:
    """Simulated people; each person's last session is day two's."""
    day_one: list[PlayedSession] = []
    day_two: list[PlayedSession] = []
    for person in people(seed, SIMULATED_PEOPLE):
        for number in range(SIMULATED_SESSIONS):
            recordings = tuple(record(person, number))
            session = PlayedSession(UserId(recordings[0].subject), recordings[0].session, recordings)
            (day_two if number == SIMULATED_SESSIONS - 1 else day_one).append(session)
    words = f"simulated people (seed {seed}): {SIMULATED_PEOPLE} of them, {SIMULATED_SESSIONS} sessions each"
    return Programme(words, True, tuple(day_one), tuple(day_two))


def _of_one_place(recordings: Sequence[Recording]) -> tuple[list[Recording], str]:
    place, _ = Counter(recording.location for recording in recordings).most_common(1)[0]
    return [recording for recording in recordings if recording.location == place], place


def _in_time(keys: list[Key]) -> list[Key]:
    """In the order of their dates if every session's name is one, else as the data set lists them."""
    dates = [_date(session) for _, session in keys]
    if any(date is None for date in dates):
        return keys
    return [key for _, key in sorted(zip(dates, keys, strict=True), key=lambda pair: str(pair[0]))]


def _date(name: str) -> datetime | None:
    for form in _DATE_FORMATS:
        try:
            return datetime.strptime(name, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None


def _users(keys: Sequence[Key], subjects: Sequence[str]) -> dict[Key, UserId]:
    """One user per subject; a single subject's sessions are dealt to several watches, a user each."""
    if len(subjects) > 1:
        return {key: UserId(f"person-{key[0]}") for key in keys}
    return {key: UserId(f"watch-{index % WATCHES_MAX + 1}") for index, key in enumerate(keys)}
