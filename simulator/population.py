"""Whole populations, without sensors: who people are, what they did in sessions and what became of them.

`population(settings)` makes a block of users in one go with NumPy. What the night learns about users is
judged on it, since here the truth is known. Each session of a kind adds its own effect to what its user's
body does, on top of what would have happened anyway. Who prefers which kind follows from the same profile as
the latter, so that a naive comparison of kinds is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.exercises import MOVEMENTS
from simulator.people_groups import GROUPS, Group, drawn_goals, groups_of

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Columns = dict[str, npt.NDArray[Any]]  # of one length; missing numbers are NaN, missing texts None

BLOCK_USERS = 500  # made together, from a seed of their own
END_MS = 1_790_000_000_000  # all sessions are before
DAY_MS = 86_400_000
_TOLD_MS = END_MS - 365 * DAY_MS
KINDS = (
    ("bench-press", "chest-fly", "shoulder-press", "triceps-extension"),
    ("bent-over-row", "biceps-curl", "lateral-raise"),
    ("squat", "lunge", "russian-twist"),
    ("jumping-jack", "squat", "bench-press", "bent-over-row"),
    ("front-raise", "lateral-raise", "biceps-curl", "triceps-extension"),
    ("jumping-jack", "lunge", "russian-twist", "front-raise"),
    ("squat", "bench-press", "front-raise"),
    ("shoulder-press", "chest-fly", "biceps-curl"),
)
CONTRIBUTED = (
    "sled-push",
    "farmers-walk",
    "wall-ball",
    "tire-flip",
    "rope-climb",
)  # names that users made up
OUTCOMES = ("strength", "volume", "body_weight", "heart_rate")

_EXERCISES_MAX = 5
_SETS_MAX = 6
_SKIPPED, _SWAPPED = 0.03, 0.06  # how often an exercise is left out, or changes places with the one after it
# How often a session ends with a contributed exercise, or one of the user alone.
_INVENTED, _OWN = 0.05, 0.005
# What a session does: its mean, and how far kinds differ from it, per session.
_MEAN = {"strength": 0.002, "volume": 0.001, "body_weight": -0.0003, "heart_rate": -0.05}
_SPREAD = {"strength": 0.0012, "volume": 0.0015, "body_weight": 0.0007, "heart_rate": 0.06}


@dataclass(frozen=True, kw_only=True)
class PopulationSettings:
    """`group_count` kinds of people, up to len(GROUPS); 1 is a population without structure.

    `effect` 0: kinds of sessions do all the same. `confounding`: how strongly preferences follow the profile;
    `hidden`: how strongly they follow something that no profile tells. `missing` is the share of profile
    values that are not known, `consent` of users who agreed to be counted, and to be learned from.
    """

    user_count: int
    session_count: int = 30
    seed: int = 0
    group_count: int = len(GROUPS)
    effect: float = 1.0
    confounding: float = 1.0
    hidden: float = 0.0
    missing: float = 0.1
    consent: float = 0.9


@dataclass(frozen=True, kw_only=True)
class Population:
    """Users as columns by the names of muvr's tables, and the truth.

    `effects` has, per outcome, what a session of each kind adds beyond the mean of all kinds: log of
    strength, of sets done and of body weight, beats per minute of the resting heart rate. `group` is per user
    and `kind` per session, in the order of `profiles` and `sessions`.
    """

    profiles: Columns
    measurements: Columns
    sessions: Columns
    labels: Columns
    goals: Columns
    group: IntArray
    kind: IntArray
    effects: dict[str, FloatArray]


def effects_of(settings: PopulationSettings) -> dict[str, FloatArray]:
    """What a session of each kind adds, as in Population; the same for all blocks."""
    random = np.random.default_rng([settings.seed, 1])
    effects = {}
    for outcome in OUTCOMES:
        drawn = random.normal(size=len(KINDS))
        effects[outcome] = settings.effect * _SPREAD[outcome] * (drawn - drawn.mean())
    return effects


def blocks(settings: PopulationSettings) -> Iterator[Population]:
    """The whole population, up to BLOCK_USERS users at a time."""
    for first in range(0, settings.user_count, BLOCK_USERS):
        yield population(settings, block_nr=first // BLOCK_USERS)


def population(settings: PopulationSettings, *, block_nr: int = 0) -> Population:
    """One block of users; the same settings give the same block, whichever others are made."""
    random = np.random.default_rng([settings.seed, 2, block_nr])
    first = block_nr * BLOCK_USERS
    count = min(BLOCK_USERS, settings.user_count - first)
    people = _People(settings, random, first, count)
    effects = effects_of(settings)
    states = {outcome: people.course(outcome, effects[outcome]) for outcome in OUTCOMES}
    return Population(
        profiles=people.profiles(),
        measurements=people.measurements(states),
        sessions=people.sessions(),
        labels=people.labels(states),
        goals=people.goals(groups_of(settings.group_count)),
        group=people.group,
        kind=people.kind.ravel(),
        effects=effects,
    )


class _People:
    """A block of users in the making; arrays are [users] or [users, sessions]."""

    def __init__(
        self, settings: PopulationSettings, random: np.random.Generator, first: int, count: int
    ) -> None:
        self._settings = settings
        self._random = random
        users = [f"sim-{settings.seed}-{number:06d}" for number in range(first, first + count)]
        self._users = np.array(users, object)
        groups = groups_of(settings.group_count)
        self.group = random.integers(len(groups), size=count)
        self._draw_bodies(groups)
        self._hidden = random.normal(size=count)
        self._draw_habits(groups)

    def _draw_bodies(self, groups: tuple[Group, ...]) -> None:
        random, count = self._random, len(self._users)

        def drawn(name: str) -> FloatArray:
            means_and_spreads = np.array([getattr(group, name) for group in groups])[self.group]
            return np.asarray(random.normal(means_and_spreads[:, 0], means_and_spreads[:, 1]))

        self._age = np.clip(drawn("age_years"), 16, 90)
        male_share = np.array([group.male_share for group in groups])[self.group]
        self._is_male = random.random(count) < male_share
        self._height_cm = 165 + 12 * self._is_male + random.normal(0, 6, count)
        bmi = np.clip(drawn("bmi"), 16, 50)
        self._weight_kg = bmi * (self._height_cm / 100) ** 2
        self._heart_rate = np.clip(drawn("heart_rate"), 38, 100)
        self._experience = np.clip(np.rint(drawn("experience")), 0, 2).astype(np.int64)

    def _draw_habits(self, groups: tuple[Group, ...]) -> None:
        random, settings = self._random, self._settings
        shape = len(self._users), settings.session_count
        liking = np.array([group.likes for group in groups])[self.group]
        odds = settings.confounding * (liking + self._ageing()[:, None] * np.linspace(0.5, -0.5, len(KINDS)))
        odds = odds + random.normal(0, 0.7, odds.shape)
        odds[:, 0] += settings.hidden * self._hidden
        shares = np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True)
        self.kind = (random.random(shape)[..., None] > shares.cumsum(axis=1)[:, None, :-1]).sum(axis=2)
        per_week = np.clip(
            random.lognormal(np.log([group.per_week for group in groups])[self.group], 0.25), 0.7, 6
        )
        gaps = random.gamma(6, 1 / 6, shape) * (7 / per_week)[:, None]
        self._days = np.cumsum(gaps, axis=1)
        self._days -= self._days[:, -1:] + random.uniform(0, 3, shape[0])[:, None]
        self._repetitions = random.choice([6, 8, 10, 12], shape[0])
        self._set_count = random.uniform(2.5, 4, shape[0])
        self._rest_s = random.uniform(50, 120, shape[0])

    def _ageing(self) -> FloatArray:
        return np.asarray((self._age - 40) / 15)

    def course(self, outcome: str, effects: FloatArray) -> FloatArray:
        """How far each user is before each session, from 0 at the first: what would happen anyway, and the
        effects of the sessions so far.
        """
        weeks = (self._days - self._days[:, :1]) / 7
        done = _MEAN[outcome] + effects[self.kind]
        so_far = np.cumsum(done, axis=1) - done
        return np.asarray(self._anyway(outcome)[:, None] * weeks + so_far)

    def _anyway(self, outcome: str) -> FloatArray:
        """Per week; who is young, heavy or new to it changes faster, and so does who has the hidden thing."""
        size = len(self._users)
        noise = self._random.normal(size=size)
        heavy = (self._weight_kg / (self._height_cm / 100) ** 2 - 25) / 5
        novice = 1.0 - self._experience
        hidden = self._settings.hidden * self._hidden
        match outcome:
            case "strength":
                per_week = 0.002 * novice - 0.002 * self._ageing() + 0.002 * hidden + 0.0025 * noise
            case "volume":
                per_week = 0.002 * novice - 0.001 * self._ageing() + 0.003 * noise
            case "body_weight":
                per_week = -0.0012 * heavy + 0.0003 * self._ageing() - 0.001 * hidden + 0.0012 * noise
            case _:
                per_week = -0.006 * (self._heart_rate - 62) + 0.05 * self._ageing() + 0.1 * noise
        return np.asarray(per_week)

    def profiles(self) -> Columns:
        end_year = 1970 + END_MS / (365.2425 * DAY_MS)
        sex = np.where(self._is_male, "male", "female").astype(object)
        experience = np.array(["novice", "intermediate", "advanced"], object)[self._experience]
        for texts in (sex, experience):
            texts[self._unknown(len(texts))] = None
        count = len(self._users)
        return {
            "user_id": self._users,
            "changed_at": np.full(count, _TOLD_MS),
            "birth_year": self._known(np.floor(end_year - self._age)),
            "sex": sex,
            "height_cm": self._known(np.round(self._height_cm, 1)),
            "experience": experience,
            "in_statistics": (agreed := self._random.random(count) < self._settings.consent),
            "in_training": agreed,
            "is_recognised": np.ones(count, bool),
        }

    def measurements(self, states: dict[str, FloatArray]) -> Columns:
        """Taken before every second session."""
        taken = slice(None, None, 2)
        shape = self._days[:, taken].shape
        weight_kg = self._weight_kg[:, None] * np.exp(
            states["body_weight"][:, taken] + self._random.normal(0, 0.006, shape)
        )
        heart_rate = (
            self._heart_rate[:, None] + states["heart_rate"][:, taken] + self._random.normal(0, 2, shape)
        )
        measured = {
            "body_weight_kg": np.round(weight_kg, 1),
            "resting_heart_rate_per_minute": np.rint(heart_rate),
        }
        columns: dict[str, list[npt.NDArray[Any]]] = {
            name: [] for name in ("user_id", "quantity", "measured_at", "value")
        }
        for quantity, values in measured.items():
            does = ~self._unknown(len(self._users))
            columns["user_id"].append(np.repeat(self._users[does], shape[1]))
            columns["quantity"].append(np.full(values[does].size, quantity, object))
            columns["measured_at"].append((self._starts_ms()[does, taken] - 600_000).ravel())
            columns["value"].append(values[does].ravel())
        return {name: np.concatenate(parts) for name, parts in columns.items()}

    def sessions(self) -> Columns:
        starts_ms = self._starts_ms().ravel()
        return {
            "user_id": np.repeat(self._users, self.kind.shape[1]),
            "started_at": starts_ms,
            "session_id": self._session_names().ravel(),
            "device_id": np.full(starts_ms.size, "simulated", object),
            "ended_at": starts_ms + 3_600_000,
        }

    def labels(self, states: dict[str, FloatArray]) -> Columns:
        exercises, names = self._exercises()  # [users, sessions, exercises]: numbers of names, or -1
        users, sessions, width = exercises.shape
        wanted = self._set_count[:, None] * np.exp(states["volume"])
        set_counts = np.floor(wanted[..., None] + self._random.random((users, sessions, width)))
        slots = np.arange(_SETS_MAX)
        is_done = (slots < np.clip(set_counts, 1, _SETS_MAX)[..., None]) & (exercises >= 0)[..., None]
        fatigue = self._random.integers(0, 2, is_done.shape) * (slots > 0)
        repetitions = np.maximum(self._repetitions[:, None, None, None] - fatigue, 1)
        maximum_kg = self._maximum_kg(len(names), states["strength"], exercises)
        noise = np.exp(self._random.normal(0, 0.04, is_done.shape))
        weight_kg = maximum_kg[..., None] / (1 + repetitions / 30) * noise
        seconds = 2.8 * repetitions
        rest_s = self._rest_s[:, None, None, None] * self._random.lognormal(0, 0.15, is_done.shape)
        chosen = is_done.reshape(users, sessions, -1)
        length_s = np.where(is_done, seconds + rest_s, 0).reshape(users, sessions, -1)
        starts_s = np.cumsum(length_s, axis=2) - length_s
        starts_ms = self._starts_ms()[..., None] + (1000 * starts_s).astype(np.int64)
        ends_ms = starts_ms + (1000 * seconds.reshape(chosen.shape)).astype(np.int64)
        user_nr, session_nr, slot = np.nonzero(chosen)
        exercise = exercises[user_nr, session_nr, slot // _SETS_MAX]
        weights = np.round(weight_kg.reshape(chosen.shape)[chosen] * 2) / 2
        return {
            "user_id": self._users[user_nr],
            "session_id": self._session_names()[user_nr, session_nr],
            "start_at": starts_ms[chosen],
            "end_at": ends_ms[chosen],
            "exercise": names[exercise],
            "repetitions": repetitions.reshape(chosen.shape)[chosen].astype(np.float64),
            "weight_kg": np.where(weights > 0, weights, np.nan),
        }

    def goals(self, groups: tuple[Group, ...]) -> Columns:
        goals = drawn_goals(groups, self.group, self._random)
        goals[self._unknown(len(goals))] = None
        return {"user_id": self._users, "said_at": np.full(len(goals), _TOLD_MS), "goal": goals}

    def _maximum_kg(self, name_count: int, strength: FloatArray, exercises: IntArray) -> FloatArray:
        """One-repetition maximum [users, sessions, exercises], 0 where the body is the weight."""
        usual = np.array([movement.weight_kg for movement in MOVEMENTS.values()])
        usual = np.concatenate([usual, np.full(name_count - len(usual), 20.0)])
        personal = self._random.lognormal(0, 0.25, (len(self._users), name_count))
        level = (1 + 0.35 * self._experience) * (0.75 + 0.35 * self._is_male) * (self._weight_kg / 75) ** 0.67
        at_first = usual * 1.4 * personal * level[:, None]
        users = np.arange(len(self._users))[:, None, None]
        return np.asarray(at_first[users, np.maximum(exercises, 0)] * np.exp(strength)[..., None])

    def _exercises(self) -> tuple[IntArray, npt.NDArray[Any]]:
        """What was done in each session, and the names that the numbers stand for."""
        random = self._random
        own = np.array([f"own-{user}" for user in self._users], object)
        names = np.concatenate([np.array([*MOVEMENTS, *CONTRIBUTED], object), own])
        number = {name: nr for nr, name in enumerate(MOVEMENTS)}
        templates = np.full((len(KINDS), _EXERCISES_MAX), -1)
        for kind, exercises in enumerate(KINDS):
            templates[kind, : len(exercises)] = [number[name] for name in exercises]
        done = templates[self.kind]
        shape = self.kind.shape
        swapped = random.random(shape) < _SWAPPED
        done[swapped, :2] = done[swapped, 1::-1]
        skipped = random.random((*shape, _EXERCISES_MAX)) < _SKIPPED
        skipped[..., 0] = False
        done[skipped] = -1
        rank = np.minimum(random.geometric(0.5, shape) - 1, len(CONTRIBUTED) - 1)
        invented = random.random(shape) < _INVENTED
        done[invented, -1] = len(MOVEMENTS) + rank[invented]
        alone = random.random(shape) < _OWN
        done[alone, -1] = len(MOVEMENTS) + len(CONTRIBUTED) + np.nonzero(alone)[0]
        return done, names

    def _starts_ms(self) -> IntArray:
        return np.asarray(END_MS - DAY_MS + np.rint(self._days * DAY_MS), np.int64)

    def _session_names(self) -> npt.NDArray[Any]:
        users, sessions = self.kind.shape
        own = np.array([f"s{number:03d}" for number in range(sessions)], object)
        return np.broadcast_to(own, (users, sessions))

    def _unknown(self, count: int) -> npt.NDArray[np.bool_]:
        return np.asarray(self._random.random(count) < self._settings.missing)

    def _known(self, values: FloatArray) -> FloatArray:
        return np.where(self._unknown(len(values)), np.nan, values)
