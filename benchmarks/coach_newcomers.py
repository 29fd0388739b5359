"""How well the first session of someone is expected of whom nothing is known but a profile.

Simulated people (simulator/population.py): a first part serves as the users from whom the night has learned,
the first session of each of the others is expected set by set. What the night publishes is computed here by
its definitions in plain Python, with the true groups as clusters (it finds 94 to 99 % of people's groups:
docs/decisions/0019-what-the-night-learns.md). Nobody's group is told to the coach: it goes by the profile.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, median, quantiles
from typing import Any, NamedTuple

import numpy as np

from batch.kinds import OTHER, kind_of, leaders
from benchmarks.coach_histories import INCREMENT_KG
from coach.catalogue import is_known
from coach.habits import Habits, learned, usual_load
from coach.newcomers import Centre, Group, GroupLoad, Groups, Kind, Newcomer, load_kg, newcomer
from coach.suggestion import Situation, expected_exercises
from domain.identifiers import SessionId
from domain.profile import Body, Measurement, Profile
from domain.sets import PastSet
from domain.training import Training
from simulator.population import END_MS, Population, PopulationSettings, population

USERS_MIN = 20  # of whom the night tells something
REPETITIONS_CLOSE = 1.0
_EXPERIENCES = {"novice": 0, "intermediate": 1, "advanced": 2}


class Person(NamedTuple):
    profile: Profile
    body: Body
    sessions: list[list[PastSet]]
    group: int


def newcomers_figures(user_count: int, seed: int) -> dict[str, Any]:
    """Shares of the sets of first sessions, and of each exercise's first set in them."""
    settings = PopulationSettings(user_count=1000 + user_count, session_count=16, seed=seed)
    known = [person for nr in range(2) for person in people(population(settings, block_nr=nr))]
    new = people(population(settings, block_nr=2))[:user_count]
    groups = published([person for person in known if person.profile.in_statistics])
    names = Counter(name for person in known for name in {p.exercise for s in person.sessions for p in s})
    popular = [name for name, _ in names.most_common()]
    overall = Groups(everyone=groups.everyone)
    return {
        "people": {"known": len(known), "new": len(new)},
        "by group and profile": _results(new, groups),
        "by what everyone does": _results(new, overall),
        "most popular overall": _results(new, overall, popular),
        "without cold start": _results(new, Groups()),
    }


def people(block: Population) -> list[Person]:
    profiles, measured = block.profiles, block.measurements
    bodies: defaultdict[str, list[Measurement]] = defaultdict(list)
    for user, quantity, at_ms, value in zip(
        *(measured[name] for name in ("user_id", "quantity", "measured_at", "value")), strict=True
    ):
        bodies[user].append(Measurement(at_ms=int(at_ms), quantity=quantity, value=float(value)))
    sessions = _sessions(block)
    found = []
    for nr, user in enumerate(profiles["user_id"]):
        birth_year, height_cm = profiles["birth_year"][nr], profiles["height_cm"][nr]
        profile = Profile(
            changed_ms=0,
            birth_year=None if np.isnan(birth_year) else int(birth_year),
            sex=profiles["sex"][nr],
            height_cm=None if np.isnan(height_cm) else float(height_cm),
            experience=profiles["experience"][nr],
            in_statistics=bool(profiles["in_statistics"][nr]),
        )
        body = tuple(sorted(bodies[user], key=lambda each: each.at_ms))
        found.append(Person(profile, body, sessions[user], int(block.group[nr])))
    return found


def _sessions(block: Population) -> dict[str, list[list[PastSet]]]:
    found: defaultdict[str, dict[str, list[PastSet]]] = defaultdict(dict)
    columns = ("user_id", "session_id", "start_at", "end_at", "exercise", "repetitions", "weight_kg")
    for user, session, start_ms, end_ms, exercise, repetitions, weight_kg in zip(
        *(block.labels[name] for name in columns), strict=True
    ):
        past = PastSet(
            session=SessionId(f"{user}-{session}"),
            start_ms=int(start_ms),
            end_ms=int(end_ms),
            exercise=exercise,
            repetitions=int(repetitions),
            weight_kg=None if np.isnan(weight_kg) else float(weight_kg),
        )
        found[user].setdefault(session, []).append(past)
    return {
        user: [sorted(sets, key=lambda past: past.start_ms) for sets in mine.values()]
        for user, mine in found.items()
    }


def published(known: Sequence[Person]) -> Groups:
    """What the night would tell of these people."""
    signatures = Counter(
        signature for person in known for signature in {_signature(sets) for sets in person.sessions}
    )
    many = [signature for signature, count in signatures.most_common() if count >= USERS_MIN]
    kinds = leaders(many)
    clusters = []
    for number in sorted({person.group for person in known}):
        members = [person for person in known if person.group == number]
        clusters.append((_centre(members), _group(members, kinds, is_everyone=False)))
    return Groups(everyone=_group(known, kinds, is_everyone=True), clusters=tuple(clusters))


def _signature(sets: Iterable[PastSet]) -> str:
    return "+".join(sorted({past.exercise for past in sets}))


def _group(members: Sequence[Person], kinds: Sequence[str], *, is_everyone: bool) -> Group:
    users: Counter[str] = Counter()
    for person in members:
        users.update({kind_of(_signature(sets), kinds) for sets in person.sessions} - {OTHER})
    shown = [
        Kind(exercises=tuple(kind.split("+")), user_count=count)
        for kind, count in users.most_common()
        if count >= USERS_MIN and all(map(is_known, kind.split("+")))
    ]
    loads: defaultdict[str, list[tuple[float, float | None, float | None]]] = defaultdict(list)
    for person in members:
        for exercise, load in _own_loads(person).items():
            loads[exercise].append(load)
    return Group(
        is_everyone=is_everyone,
        kinds=tuple(shown),
        following=_following(members),
        loads={name: _load(mine) for name, mine in loads.items() if len(mine) >= USERS_MIN},
    )


def _following(members: Sequence[Person]) -> dict[str, dict[str, float]]:
    """The mean of users' own shares, where enough did it."""
    shares: defaultdict[str, list[Mapping[str, float]]] = defaultdict(list)
    for person in members:
        counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for sets in person.sessions:
            before = ""
            for past in sets:
                if past.exercise != before:
                    counts[before][past.exercise] += 1
                before = past.exercise
        for before, after in counts.items():
            total = sum(after.values())
            shares[before].append({name: count / total for name, count in after.items()})
    found: dict[str, dict[str, float]] = {}
    for before, mine in shares.items():
        users = Counter(name for each in mine for name in each)
        found[before] = {
            name: sum(each.get(name, 0.0) for each in mine) / len(mine)
            for name, count in users.items()
            if count >= USERS_MIN and is_known(name)
        }
    return found


def _own_loads(person: Person) -> dict[str, tuple[float, float | None, float | None]]:
    """A user's medians: repetitions, weight, and weight as a share of the body's."""
    body = [each.value for each in person.body if each.quantity == "body_weight_kg"]
    sets: defaultdict[str, list[PastSet]] = defaultdict(list)
    for past in (past for session in person.sessions for past in session):
        sets[past.exercise].append(past)
    found = {}
    for name, mine in sets.items():
        weights = [past.weight_kg for past in mine if past.weight_kg is not None]
        weight_kg = median(weights) if weights else None
        share = weight_kg / median(body) if weight_kg is not None and body else None
        found[name] = median(past.repetitions or 0 for past in mine), weight_kg, share
    return found


def _load(mine: Sequence[tuple[float, float | None, float | None]]) -> GroupLoad:
    weights = [weight for _, weight, _ in mine if weight is not None]
    shares = [share for _, _, share in mine if share is not None]
    low, middle, high = quantiles(shares, n=4) if len(shares) >= USERS_MIN else (None, None, None)
    return GroupLoad(
        repetitions=median(repetitions for repetitions, _, _ in mine),
        weight_kg=median(weights) if len(weights) >= USERS_MIN else None,
        shares=(low, middle, high),
    )


def _centre(members: Sequence[Person]) -> Centre:
    year = 1970 + END_MS / (365.2425 * 86_400_000)
    profiles = [person.profile for person in members]
    weights, rates = (
        [each.value for person in members for each in person.body if each.quantity == quantity]
        for quantity in ("body_weight_kg", "resting_heart_rate_per_minute")
    )
    height_m = fmean(each.height_cm for each in profiles if each.height_cm is not None) / 100
    return Centre(
        age_years=fmean(year - each.birth_year for each in profiles if each.birth_year is not None),
        male_share=fmean(each.sex == "male" for each in profiles if each.sex is not None),
        body_mass_index=fmean(weights) / height_m**2,
        heart_rate=fmean(rates),
        experience=fmean(_EXPERIENCES[each.experience] for each in profiles if each.experience is not None),
    )


def _results(new: Sequence[Person], groups: Groups, popular: Sequence[str] = ()) -> dict[str, Any]:
    """With `popular`, exercises and loads are the most usual ones of all, whatever was done today."""
    found: defaultdict[str, list[bool]] = defaultdict(list)
    for person in new:
        sets = person.sessions[0]
        body = tuple(each for each in person.body if each.at_ms <= sets[0].start_ms)
        who = newcomer(groups, person.profile, body, None, sets[0].start_ms)
        habits = Habits()
        for number, past in enumerate(sets):
            _judge(who, habits, sets[:number], past, popular, found)
            habits = learned(habits, past)
    return {name: round(sum(hits) / len(hits), 4) for name, hits in sorted(found.items())}


def _judge(
    who: Newcomer,
    habits: Habits,
    before: Sequence[PastSet],
    past: PastSet,
    popular: Sequence[str],
    found: dict[str, list[bool]],
) -> None:
    situation = Situation(
        habits=habits,
        history=before,
        training=Training(),
        session=past.session,
        at_ms=past.start_ms,
        newcomer=who,
    )
    chances = expected_exercises(situation)
    ranked = list(popular) or sorted(chances, key=lambda name: (-chances[name], name))
    usual = None if popular else usual_load(habits, past.exercise)
    theirs = who.group.loads.get(past.exercise) if who.group is not None else None
    weight_kg = load_kg(who, past.exercise)[0] if usual is None else usual.weight_kg
    repetitions = (theirs.repetitions if theirs else None) if usual is None else usual.repetitions
    is_first = all(each.exercise != past.exercise for each in before)
    judged = {"top_1": past.exercise in ranked[:1], "top_3": past.exercise in ranked[:3]}
    if past.weight_kg is not None:
        judged["weight"] = weight_kg is not None and abs(weight_kg - past.weight_kg) <= INCREMENT_KG
    if past.repetitions is not None:
        close = repetitions is not None and abs(repetitions - past.repetitions) <= REPETITIONS_CLOSE
        judged["repetitions"] = close
    for name, is_right in judged.items():
        found[name].append(is_right)
        if is_first:
            found[f"{name} of an exercise's first set"].append(is_right)
