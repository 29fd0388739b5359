"""What is suggested to who has no history: what people like them do, as the night tells it.

A newcomer belongs to the group whose mean profile is nearest, on the first day and without looking anybody
up; who tells nothing of a profile belongs to everyone. A group's popular sessions say which exercises go
together, its transitions which follows which; where the goal has sessions that go along with it, these weigh
more. That is an association and never said to be a cause.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from coach.catalogue import More, meanings
from domain.profile import Body, Profile
from domain.profile_commands import Experience, Quantity
from domain.training import Goal

STAYS = (0.95, 0.85, 0.3, 0.2, 0.1)  # on an exercise, after one set of it, two, ...: three are most usual
MISSING_SHARE = 0.1  # of a kind of session's weight is left for each exercise of today that it does not have
BESIDES = 0.02  # of the weight of all kinds: what none of them has may still follow
RARE = 0.01  # the probability of what nobody is told to have gone on with
EFFECTIVE_WEIGHT = 3.0  # of a kind that goes along with the goal, beside one that does not
MOST, MANY = 0.5, 0.2  # so many are "most people", and "many people"

# How far people of a group are from each other, in the features' units; steps count half, as in the night.
_AGE_YEARS, _BODY_MASS_INDEX, _HEART_RATE, _EXPERIENCE, _SEX = 12.0, 3.5, 8.0, 1.6, 1.0
_GOAL = 1.0
_EXPERIENCES: Mapping[Experience, int] = {"novice": 0, "intermediate": 1, "advanced": 2}
_SHARE_OF_RANGE: Mapping[Experience, float] = {"novice": 0.0, "intermediate": 0.2, "advanced": 0.4}

OUTCOMES: Mapping[Goal, str] = {
    "strength": "strength",
    "muscle": "muscle",
    "endurance": "volume",
    "weight-loss": "weight_loss",
}  # as the night names them
_GOES_WITH: Mapping[str, str] = {
    "strength": "growing strength",
    "muscle": "growing strength and body weight",
    "volume": "more work done",
    "weight_loss": "losing weight",
}


@dataclass(frozen=True, kw_only=True)
class GroupLoad:
    """Of an exercise: medians over users, and quartiles of the weight as a share of the body's."""

    repetitions: float | None = None
    rest_s: float | None = None
    weight_kg: float | None = None
    shares: tuple[float | None, float | None, float | None] = (None, None, None)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of session: its exercises, how many users do it, and the outcomes that it goes along with."""

    exercises: tuple[str, ...]
    user_count: int
    goes_with: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Group:
    """`following` has, by exercise, how probably users go on with which; by "" what they begin with."""

    is_everyone: bool = True
    kinds: tuple[Kind, ...] = ()
    following: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    loads: Mapping[str, GroupLoad] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Centre:
    """The mean profile of a group; None where nobody told."""

    age_years: float | None = None
    male_share: float | None = None
    body_mass_index: float | None = None
    heart_rate: float | None = None
    experience: float | None = None
    strength_goal: float | None = None
    weight_loss_goal: float | None = None


@dataclass(frozen=True, kw_only=True)
class Groups:
    """What the night learned; empty before the first one."""

    everyone: Group | None = None
    clusters: tuple[tuple[Centre, Group], ...] = ()
    accepted: More = field(default_factory=dict)  # exercises besides the catalogue's that everyone may use

    def of(self, profile: Profile | None, body: Body, goal: Goal | None, at_ms: int) -> Group | None:
        """The group of a user, everyone if there is no nearer one."""
        about = _about(profile, body, goal, at_ms)
        if about is None or not self.clusters:
            return self.everyone
        return min(self.clusters, key=lambda each: _distance(about, each[0]))[1]


NO_GROUPS = Groups()


@dataclass(frozen=True, kw_only=True)
class Newcomer:
    """Who is asked for, as far as that is known."""

    group: Group | None = None
    body_kg: float | None = None
    experience: Experience | None = None


NOBODY = Newcomer()


def newcomer(groups: Groups, profile: Profile | None, body: Body, goal: Goal | None, at_ms: int) -> Newcomer:
    return Newcomer(
        group=groups.of(profile, body, goal, at_ms),
        body_kg=_last(body, "body_weight_kg"),
        experience=None if profile is None else profile.experience,
    )


def expected(group: Group, today: Sequence[str], goal: Goal | None) -> dict[str, float]:
    """How probable each exercise is next, after the sets of `today`; none that was left is taken up again."""
    weights = _weights(group, today, goal)
    total = sum(weights) or 1.0
    after = group.following.get(today[-1] if today else "", {})
    shares = dict.fromkeys(after, BESIDES)
    for kind, weight in zip(group.kinds, weights, strict=True):
        for name in kind.exercises:
            shares[name] = shares.get(name, BESIDES) + weight / total
    chances = {name: after.get(name, RARE) * share for name, share in shares.items() if name not in today}
    stays = STAYS[min(today.count(today[-1]), len(STAYS)) - 1] if today else 0.0
    left = sum(chances.values())
    found = {name: (1 - stays) * chance / left for name, chance in chances.items()}
    return {**found, today[-1]: stays} if today else found


def is_over(group: Group, today: Sequence[str], goal: Goal | None, set_count: int) -> bool:
    """Whether all exercises of the kind of session that today's is have been done."""
    if not today or today.count(today[-1]) < set_count or not group.kinds:
        return False
    weights = _weights(group, today, goal)
    kind = max(zip(group.kinds, weights, strict=True), key=lambda each: each[1])[0]
    return len(set(today)) >= len(kind.exercises)


def why(group: Group, exercise: str, today: Sequence[str], goal: Goal | None) -> str:
    """In words for the user; empty for what few do."""
    people = "people" if group.is_everyone else "people like you"
    chance = group.following.get(today[-1] if today else "", {}).get(exercise, 0.0)
    many = "most " if chance >= MOST else "many " if chance >= MANY else ""
    does = f"go on with it after {today[-1]}" if today else "begin with it"
    words = f"{many}{people} {does}" if many else f"usual among {people}"
    outcome = OUTCOMES.get(goal) if goal is not None else None
    kinds = [kind for kind in group.kinds if outcome in kind.goes_with and exercise in kind.exercises]
    if outcome is not None and any(set(today) <= set(kind.exercises) for kind in kinds):
        words += f"; sessions like this go along with {_GOES_WITH[outcome]}"
    return words


def load_kg(who: Newcomer, exercise: str) -> tuple[float | None, str]:
    """A first weight and why: the group's, by body weight if that is known, or of the catalogue's range."""
    load = who.group.loads.get(exercise) if who.group is not None else None
    if load is not None:
        people = "people" if who.group is None or who.group.is_everyone else "people like you"
        share = _share(who, load)
        if share is not None and who.body_kg is not None:
            return share * who.body_kg, f"{share:.0%} of your body weight, as {people} take"
        return load.weight_kg, f"what {people} take" if load.weight_kg is not None else ""
    for each in meanings(exercise)[:1]:
        if each.share_min is not None and each.share_max is not None and who.body_kg is not None:
            of_range = _SHARE_OF_RANGE[who.experience or "novice"]
            share = each.share_min + of_range * (each.share_max - each.share_min)
            return share * who.body_kg, f"{share:.0%} of your body weight to begin with"
    return None, ""


def _share(who: Newcomer, load: GroupLoad) -> float | None:
    """The median; for a novice the lower quartile, for who is advanced the upper one.

    In a group of like people only half-way there, as the group tells of experience too.
    """
    middle = load.shares[1]
    quartile = middle if who.experience is None else load.shares[_EXPERIENCES[who.experience]]
    if middle is None or quartile is None:
        return middle
    return quartile if who.group is None or who.group.is_everyone else (middle + quartile) / 2


def _weights(group: Group, today: Sequence[str], goal: Goal | None) -> list[float]:
    """How much each kind of session may be today's."""
    done = set(today)
    outcome = OUTCOMES.get(goal) if goal is not None else None
    return [
        kind.user_count
        * MISSING_SHARE ** len(done.difference(kind.exercises))
        * (EFFECTIVE_WEIGHT if outcome in kind.goes_with else 1.0)
        for kind in group.kinds
    ]


def _about(profile: Profile | None, body: Body, goal: Goal | None, at_ms: int) -> Centre | None:
    weight_kg = _last(body, "body_weight_kg")
    told = Centre(
        heart_rate=_last(body, "resting_heart_rate_per_minute"),
        strength_goal=None if goal is None else float(goal in ("strength", "muscle")),
        weight_loss_goal=None if goal is None else float(goal == "weight-loss"),
    )
    if profile is None:
        return None if told == Centre() else told
    year = datetime.fromtimestamp(at_ms / 1000, UTC).year
    height_m = None if profile.height_cm is None else profile.height_cm / 100
    experience = profile.experience
    about = replace(
        told,
        age_years=None if profile.birth_year is None else year - profile.birth_year,
        male_share={"male": 1.0, "female": 0.0}.get(profile.sex or ""),
        body_mass_index=weight_kg / height_m**2 if weight_kg is not None and height_m else None,
        experience=None if experience is None else _EXPERIENCES[experience],
    )
    return None if about == Centre() else about


def _distance(one: Centre, other: Centre) -> float:
    """Squared, in units of how far people of a group are apart, over what both tell."""
    pairs = (
        (one.age_years, other.age_years, _AGE_YEARS),
        (one.body_mass_index, other.body_mass_index, _BODY_MASS_INDEX),
        (one.heart_rate, other.heart_rate, _HEART_RATE),
        (one.experience, other.experience, _EXPERIENCE),
        (one.male_share, other.male_share, _SEX),
        (one.strength_goal, other.strength_goal, _GOAL),
        (one.weight_loss_goal, other.weight_loss_goal, _GOAL),
    )
    return sum(
        ((mine - theirs) / scale) ** 2
        for mine, theirs, scale in pairs
        if mine is not None and theirs is not None
    )


def _last(body: Body, quantity: Quantity) -> float | None:
    return next((each.value for each in reversed(body) if each.quantity == quantity), None)
