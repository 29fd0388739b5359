"""What to do next, today and this week: from habits, by goal, within what the user and the place allow.

Which exercise: what usually follows (`coach.habits`), less of what was refused and of muscles that have not
recovered, never what is excluded; where equipment is missing, what is most like it. How much: as usual, moved
on by `coach.progression`, rounded to what can be loaded. Every suggestion says why.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from coach import newcomers
from coach.catalogue import meanings
from coach.choice import beginners, is_allowed, is_possible, missing, substitute
from coach.habits import Habits, begun, following, learned, usual_load
from coach.loading import lighter_kg, loadable_kg
from coach.newcomers import NOBODY, Newcomer
from coach.progression import SCHEMES, WITHOUT_GOAL, Progress, Scheme, progress
from coach.recovery import readiness, recovery
from coach.workouts import workouts
from domain.events import Answer
from domain.sets import PastSet
from domain.training import Goal, Training
from domain.user import Declined

REFUSED_SHARE = 0.4  # of an exercise's probability is left after each refusal of late
DECLINED_MS = 30 * 86_400_000
CHANGED_MIN = 3  # loads of an exercise that were changed of late: the user knows better than progression
READY_LEAST = 0.4  # of it is left where the muscles were trained just now
SUBSTITUTE_SHARE = 0.5  # an exercise that stands in for another is so much less probable
WORKING_SHARE = 0.95  # of the last workout's heaviest weight: what is lighter leads up to it
LIGHTER_SHARE = 0.95  # of the weight, after a set that fell far short
SETS_PLANNED_MAX = 40
SET_MS = 45_000
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What is known when a suggestion is wanted, in session `session` at `at_ms`.

    `habits` were learned from `history`, oldest first; `refused` are exercises not wanted in this session.
    `newcomer` says what is known of people like the user, for what habits do not tell.
    """

    habits: Habits
    history: Sequence[PastSet]
    training: Training
    session: str
    at_ms: int
    refused: Collection[str] = ()
    declined: Sequence[Declined] = ()
    newcomer: Newcomer = NOBODY

    @property
    def is_first(self) -> bool:
        """Whether this is the user's first session with a set."""
        return all(past.session == self.session for past in self.history)

    @property
    def today(self) -> list[str]:
        return [past.exercise for past in self.history if past.session == self.session]


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """`weight_kg` is None where no weight is known; `reason` is for the user to read."""

    exercise: str
    weight_kg: float | None
    repetitions: int
    rest_s: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class _Choice:
    exercise: str
    weight: float  # its probability, with all that speaks against it
    bound: float  # what no later choice's weight exceeds
    instead_of: str | None = None


def expected_exercises(situation: Situation) -> dict[str, float]:
    """How probable each known exercise is next, to advise a recogniser; wishes are not habits."""
    return _probable(situation, _begun(situation))


def suggest(situation: Situation) -> Suggestion | None:
    """The next set; None where everything is excluded, and for a user without history and goal of whose like
    nothing is known.
    """
    habits = _begun(situation)
    choice = _best(situation, habits)
    return None if choice is None else _with_load(situation, habits, choice)


def plan_session(situation: Situation) -> tuple[Suggestion, ...]:
    """The whole of the session, or of what is left of it, as it is usually done; at most SETS_PLANNED_MAX."""
    return tuple(suggestion for suggestion, _ in followed(situation))


def followed(situation: Situation) -> Iterator[tuple[Suggestion, Situation]]:
    """The session's suggestions, each taken as it is, with the situation after it."""
    habits = _begun(situation)
    for _ in range(SETS_PLANNED_MAX):
        if _is_over(situation, habits):
            return
        choice = _best(situation, habits)
        if choice is None:
            return
        suggestion = _with_load(situation, habits, choice)
        done = PastSet(
            session=habits.session,
            start_ms=situation.at_ms,
            end_ms=situation.at_ms + SET_MS,
            exercise=suggestion.exercise,
            repetitions=suggestion.repetitions,
            weight_kg=suggestion.weight_kg,
            utc_offset_min=situation.training.utc_offset_min,
        )
        habits = learned(habits, done)
        situation = replace(
            situation,
            habits=habits,
            history=(*situation.history, done),
            at_ms=situation.at_ms + SET_MS + suggestion.rest_s * 1000,
        )
        yield suggestion, situation


def _begun(situation: Situation) -> Habits:
    place = situation.training.place
    return begun(
        situation.habits,
        situation.session,
        situation.at_ms,
        place="" if place is None else place.name,
        offset_min=situation.training.utc_offset_min,
    )


def _best(situation: Situation, habits: Habits) -> _Choice | None:
    goal, group = situation.training.goal, situation.newcomer.group
    if goal is not None and group is None and situation.is_first:
        return _for_beginner(situation, goal)
    recovered = recovery(situation.history, situation.session, situation.at_ms)
    best: _Choice | None = None
    for choice in _choices(situation, habits):
        if best is not None and choice.bound <= best.weight:
            break  # nothing makes a later one more probable than it is
        ready = READY_LEAST + (1 - READY_LEAST) * readiness(choice.exercise, recovered)
        weight = choice.weight * ready * _willingness(situation, choice.exercise)
        if best is None or weight > best.weight:
            best = replace(choice, weight=weight)
    return best


def _choices(situation: Situation, habits: Habits) -> Iterator[_Choice]:
    """What is known and may be done, and what could stand in for what may not, by how probable it is."""
    training = situation.training
    probable = _probable(situation, habits)
    for exercise, probability in sorted(probable.items(), key=lambda each: (-each[1], each[0])):
        if exercise in situation.refused:
            continue
        if is_allowed(exercise, training) and is_possible(exercise, training):
            yield _Choice(exercise=exercise, weight=probability, bound=probability)
        elif other := substitute(exercise, training, situation.refused):
            share = SUBSTITUTE_SHARE * probability
            yield _Choice(exercise=other, weight=share, bound=probability, instead_of=exercise)


def _probable(situation: Situation, habits: Habits) -> dict[str, float]:
    """Which exercises may come next: by habit, or by what people like a newcomer do."""
    group = situation.newcomer.group
    if group is None or not situation.is_first:
        return following(habits).exercises
    return newcomers.expected(group, situation.today, situation.training.goal)


def _is_over(situation: Situation, habits: Habits) -> bool:
    group, goal = situation.newcomer.group, situation.training.goal
    if group is not None and situation.is_first:
        scheme = SCHEMES[goal] if goal is not None else WITHOUT_GOAL
        return newcomers.is_over(group, situation.today, goal, scheme.set_count)
    return bool(habits.exercises and habits.today) and following(habits).end > 0.5


def _willingness(situation: Situation, exercise: str) -> float:
    """Less with each refusal of the last month."""
    return REFUSED_SHARE ** _declined(situation, exercise, "refused")


def _declined(situation: Situation, exercise: str, answer: Answer) -> int:
    """How often suggestions of `exercise` were answered like that in the last month."""
    return sum(
        each.exercise == exercise and each.answer == answer and situation.at_ms - each.at_ms < DECLINED_MS
        for each in situation.declined
    )


def _for_beginner(situation: Situation, goal: Goal) -> _Choice | None:
    """Who has a goal and no earlier session does one exercise of each movement, a few sets of each."""
    for exercise in beginners(situation.training):
        done = sum(any(each.name == exercise for each in meanings(name)) for name in situation.today)
        if exercise not in situation.refused and done < SCHEMES[goal].set_count:
            return _Choice(exercise=exercise, weight=1.0, bound=1.0)
    return None


def _with_load(situation: Situation, habits: Habits, choice: _Choice) -> Suggestion:
    goal, place, exercise = situation.training.goal, situation.training.place, choice.exercise
    scheme = SCHEMES[goal] if goal is not None else WITHOUT_GOAL
    usual = usual_load(habits, exercise)
    past = workouts(situation.history, exercise)
    today = past.pop() if past and past[-1][0].session == situation.session else []
    step = progress(past, exercise, goal, place)
    weight_kg, why = newcomers.load_kg(situation.newcomer, exercise)
    repetitions, why = _first_repetitions(situation, exercise, scheme), why or _first_time(goal)
    if usual is not None:
        weight_kg, repetitions, why = usual.weight_kg, usual.repetitions or repetitions, usual.because
    knows_better = _declined(situation, exercise, "changed") >= CHANGED_MIN
    if step is not None and not knows_better and _is_working(weight_kg, past[-1]):
        weight_kg, repetitions, why = _moved_on(
            step, weight_kg, repetitions, why, scheme, is_aimed=goal is not None
        )
    if today and weight_kg is not None and _fell_short(today[-1], scheme):
        weight_kg = min(
            weight_kg, lighter_kg(today[-1].weight_kg or weight_kg, LIGHTER_SHARE, exercise, place)
        )
        repetitions, why = scheme.repetitions_min, f"lighter, since you did {today[-1].repetitions}"
    if weight_kg is not None:
        weight_kg = loadable_kg(
            weight_kg if usual is not None else lighter_kg(weight_kg, 1.0, exercise, place), exercise, place
        )
    return Suggestion(
        exercise=exercise,
        weight_kg=weight_kg,
        repetitions=max(1, repetitions),
        rest_s=_rest_s(situation, exercise, scheme, None if usual is None else usual.rest_s),
        reason="; ".join(part for part in (_why(situation, habits, choice), why) if part),
    )


def _first_repetitions(situation: Situation, exercise: str, scheme: Scheme) -> int:
    """What people like the user do, within the goal's range."""
    group = situation.newcomer.group
    usual = group.loads[exercise].repetitions if group is not None and exercise in group.loads else None
    if usual is None:
        return scheme.repetitions_min
    if situation.training.goal is None:
        return round(usual)
    return min(scheme.repetitions_max, max(scheme.repetitions_min, round(usual)))


def _rest_s(situation: Situation, exercise: str, scheme: Scheme, usual_s: int | None) -> int:
    """The goal's; without one the user's own, or what people like the user take."""
    if situation.training.goal is not None:
        return scheme.rest_s
    if usual_s is not None:
        return usual_s
    group = situation.newcomer.group
    theirs_s = group.loads[exercise].rest_s if group is not None and exercise in group.loads else None
    return scheme.rest_s if theirs_s is None else round(theirs_s)


def _is_working(weight_kg: float | None, last: Sequence[PastSet]) -> bool:
    """Whether the usual next set is one of those that progress, and none that leads up to them."""
    heaviest = max((past.weight_kg for past in last if past.weight_kg is not None), default=None)
    return weight_kg is None or heaviest is None or weight_kg >= WORKING_SHARE * heaviest


def _moved_on(
    step: Progress, weight_kg: float | None, repetitions: int, why: str, scheme: Scheme, *, is_aimed: bool
) -> tuple[float | None, int, str]:
    """The usual set, or the next step where there is one; a goal decides the repetitions too."""
    if step.moves:
        return step.weight_kg, step.repetitions, step.reason
    if not is_aimed:
        return weight_kg, repetitions, step.reason if weight_kg == step.weight_kg else why
    return weight_kg, min(scheme.repetitions_max, max(repetitions, step.repetitions)), step.reason


def _fell_short(last: PastSet, scheme: Scheme) -> bool:
    """Whether a set was less than half of what it should be; one nobody confirmed may be part of another."""
    is_confirmed = last.weight_kg is not None
    return is_confirmed and last.repetitions is not None and 0 < last.repetitions < scheme.repetitions_min / 2


def _first_time(goal: str | None) -> str:
    return "" if goal is None else f"to begin with, for {goal.replace('-', ' ')}"


def _why(situation: Situation, habits: Habits, choice: _Choice) -> str:
    """Why this exercise: the day on which it last followed what was done just now."""
    if choice.instead_of is not None:
        lacking = missing(choice.instead_of, situation.training)
        because = f", which needs a {lacking}" if lacking else ", which you do not want"
        return f"instead of {choice.instead_of}{because}"
    before = habits.name_of(habits.today[-1]) if habits.today else None
    found = _last_time(situation, choice.exercise, before)
    group = situation.newcomer.group
    if found is None and group is not None and situation.is_first:
        if situation.today[-1:] == [choice.exercise]:
            return "once more"
        return newcomers.why(group, choice.exercise, situation.today, situation.training.goal)
    if found is None:
        return "" if habits.symbol_of(choice.exercise) is None else "you usually do it"
    local_ms = found.start_ms + found.utc_offset_min * 60_000
    return f"as on {_DAYS[(local_ms // 86_400_000 + 3) % 7]}"


def _last_time(situation: Situation, exercise: str, before: str | None) -> PastSet | None:
    """When `exercise` last followed `before`, or began a session, in an earlier session."""
    history = situation.history
    for at in range(len(history) - 1, -1, -1):
        past = history[at]
        if past.exercise == exercise and past.session != situation.session:
            earlier = history[at - 1] if at and history[at - 1].session == past.session else None
            if (None if earlier is None else earlier.exercise) == before:
                return past
    return None
