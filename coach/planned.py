"""Today's session of a plan, as it can be done here: what comes next of it, with which load.

A plan is a context, not an order. How far it is followed is learned from what was done since it was made:
the share of sets that were of the planned session, with a prior of FOLLOWED_PRIOR as if so many had been. So
one who leaves an exercise out again and again is suggested what they do instead. What is excluded is never
suggested, planned or not, and where equipment is missing something alike stands in.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from coach.catalogue import NO_MORE, More
from coach.choice import is_allowed, is_possible, substitute
from coach.workouts import working_sets, workouts
from domain.plans import PlannedExercise, PlanSession, TrainingPlan
from domain.sets import PastSet
from domain.strength import maximum_kg
from domain.training import Training

DAY_MS = 86_400_000
FOLLOWED_PRIOR = (9.0, 10.0)  # sets as planned, of so many
NEXT_SHARE = 0.85  # of the planned session is the exercise that is next in its order
DIFFERENT_KG = 2.5  # a load that is so far from the planned one is another
DIFFERENT_TIMES = 2  # workouts running with another load: the user knows better


@dataclass(frozen=True, kw_only=True)
class Item:
    """A planned exercise, and what is done of it here: `exercise`, perhaps in the planned one's place."""

    planned: PlannedExercise
    exercise: str

    @property
    def instead_of(self) -> str | None:
        return None if self.exercise == self.planned.exercise else self.planned.exercise


@dataclass(frozen=True, kw_only=True)
class Planned:
    """The session `name` that `author` planned for now; `followed` is how probably its plan is followed."""

    name: str
    author: str
    since_ms: int
    items: tuple[Item, ...]
    followed: float

    def item(self, exercise: str) -> Item | None:
        return next((each for each in self.items if each.exercise == exercise), None)

    def left(self, today: Sequence[str]) -> list[Item]:
        """What is not done yet, in order, what was begun last first."""
        left = [each for each in self.items if today.count(each.exercise) < each.planned.set_count]
        return sorted(left, key=lambda each: not today or each.exercise != today[-1])

    def is_over(self, today: Sequence[str]) -> bool:
        """Whether all is done, or so much else in its place."""
        return not self.left(today) or len(today) >= sum(each.planned.set_count for each in self.items)

    def mixed(self, probable: dict[str, float], today: Sequence[str]) -> dict[str, float]:
        """What is `probable` by habit, and what is left of the plan."""
        left = self.left(today)
        if not left:
            return probable
        follow = self.followed if probable else 1.0
        mixed = {name: (1 - follow) * chance for name, chance in probable.items()}
        share = (1 - NEXT_SHARE) / len(left)
        for number, each in enumerate(left):
            chance = follow * (share + NEXT_SHARE * (number == 0))
            mixed[each.exercise] = mixed.get(each.exercise, 0.0) + chance
        return mixed


def planned_now(
    plan: TrainingPlan | None,
    history: Sequence[PastSet],
    session: str,
    at_ms: int,
    training: Training,
    more: More = NO_MORE,
) -> Planned | None:
    """The plan's session for a session that is running or begins, None without a plan."""
    if plan is None or not plan.sessions:
        return None
    today = [past.exercise for past in history if past.session == session]
    earlier = [past for past in history if past.session != session and past.start_ms >= plan.at_ms]
    chosen = _of_today(plan, earlier, today, at_ms + training.utc_offset_min * 60_000)
    return Planned(
        name=chosen.name,
        author=plan.author,
        since_ms=plan.at_ms,
        items=tuple(_items(chosen, training, more)),
        followed=_followed(plan, earlier),
    )


def planned_days(plan: TrainingPlan | None) -> set[int]:
    """The weekdays that a plan names."""
    return {each.weekday for each in plan.sessions if each.weekday is not None} if plan is not None else set()


def load_of(
    item: Item, planned: Planned, history: Sequence[PastSet], session: str
) -> tuple[float | None, str] | None:
    """The planned weight and why; None if the user has taken another one again and again since."""
    past = [
        each
        for each in workouts(history, item.exercise)
        if each[0].session != session and each[0].start_ms >= planned.since_ms
    ]
    reason = f"as planned by {planned.author}"
    if item.instead_of is not None:
        return (None, "") if not past else None
    weight_kg = item.planned.weight_kg
    if weight_kg is None and item.planned.share is not None:
        one_kg = _maximum_kg(history, item.exercise)
        if one_kg == 0.0:
            return None, reason
        weight_kg = item.planned.share * one_kg
        reason += f": {item.planned.share:.0%} of your estimated maximum of {one_kg:.0f} kg"
    if weight_kg is not None and _is_another(past[-DIFFERENT_TIMES:], weight_kg):
        return None
    return weight_kg, reason


def _of_today(
    plan: TrainingPlan, earlier: Sequence[PastSet], today: Sequence[str], local_ms: int
) -> PlanSession:
    """By what was begun today; else by the weekday; else what follows the session done last."""
    if today:
        begun = max(plan.sessions, key=lambda each: _shared(each, today))
        if _shared(begun, today):
            return begun
    weekday = (local_ms // DAY_MS + 3) % 7
    for each in plan.sessions:
        if each.weekday == weekday:
            return each
    last = [past.exercise for past in earlier if past.session == earlier[-1].session]
    if not last:
        return plan.sessions[0]
    shares = [_shared(each, last) for each in plan.sessions]
    done = max(range(len(shares)), key=lambda number: shares[number])
    return plan.sessions[(done + 1) % len(plan.sessions)] if shares[done] else plan.sessions[0]


def _shared(session: PlanSession, done: Collection[str]) -> float:
    """How much of what was done is of a planned session, and how much of that was done."""
    names = {each.exercise for each in session.exercises}
    both = len(names & set(done))
    return both / len(names | set(done))


def _followed(plan: TrainingPlan, earlier: Sequence[PastSet]) -> float:
    """How often a set was of the planned session that its session is most like."""
    sessions: dict[str, list[str]] = {}
    for past in earlier:
        sessions.setdefault(past.session, []).append(past.exercise)
    hits, count = FOLLOWED_PRIOR
    for done in sessions.values():
        best = max(plan.sessions, key=lambda each: _shared(each, done))
        names = {each.exercise for each in best.exercises}
        hits += sum(name in names for name in done)
        count += len(done)
    return hits / count


def _items(session: PlanSession, training: Training, more: More) -> list[Item]:
    items: list[Item] = []
    taken = {each.exercise for each in session.exercises}
    for planned in session.exercises:
        name: str | None = planned.exercise
        if not is_allowed(planned.exercise, training, more) or not is_possible(
            planned.exercise, training, more
        ):
            name = substitute(planned.exercise, training, taken, more)
        if name is not None:
            taken.add(name)
            items.append(Item(planned=planned, exercise=name))
    return items


def _maximum_kg(history: Sequence[PastSet], exercise: str) -> float:
    """The best estimate from what the history has; 0 if there is none."""
    return max(
        (
            maximum_kg(past.weight_kg, past.repetitions)
            for past in history
            if past.exercise == exercise and past.weight_kg and past.repetitions
        ),
        default=0.0,
    )


def _is_another(past: Sequence[Sequence[PastSet]], weight_kg: float) -> bool:
    """Whether each of the last workouts was with another weight, all heavier or all lighter."""
    off_kg = [
        max(
            (done.weight_kg for done in working_sets(workout) if done.weight_kg is not None),
            default=weight_kg,
        )
        - weight_kg
        for workout in past
    ]
    return len(off_kg) == DIFFERENT_TIMES and (min(off_kg) >= DIFFERENT_KG or max(off_kg) <= -DIFFERENT_KG)
