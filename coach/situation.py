"""What is known when a suggestion is wanted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from coach.catalogue import More
from coach.habits import Habits
from coach.newcomers import NOBODY, Newcomer
from coach.planned import Planned, planned_now
from domain.events import Answer
from domain.plans import TrainingPlan
from domain.sets import PastSet
from domain.training import Training
from domain.user import Declined

DECLINED_MS = 30 * 86_400_000


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What is known when a suggestion is wanted, in session `session` at `at_ms`.

    `habits` were learned from `history`, oldest first; `refused` are exercises not wanted in this session.
    `newcomer` says what is known of people like the user, for what habits do not tell; `more` are exercises
    besides the catalogue's.
    """

    habits: Habits
    history: Sequence[PastSet]
    training: Training
    session: str
    at_ms: int
    refused: Collection[str] = ()
    declined: Sequence[Declined] = ()
    newcomer: Newcomer = NOBODY
    plan: TrainingPlan | None = None
    more: More = field(default_factory=dict)

    @cached_property
    def planned(self) -> Planned | None:
        """What the plan has for now."""
        return planned_now(self.plan, self.history, self.session, self.at_ms, self.training, self.more)

    @property
    def is_first(self) -> bool:
        """Whether this is the user's first session with a set."""
        return all(past.session == self.session for past in self.history)

    @property
    def today(self) -> list[str]:
        return [past.exercise for past in self.history if past.session == self.session]

    def declined_count(self, exercise: str, answer: Answer) -> int:
        """How often suggestions of `exercise` were answered like that in the last month."""
        return sum(
            each.exercise == exercise and each.answer == answer and self.at_ms - each.at_ms < DECLINED_MS
            for each in self.declined
        )
