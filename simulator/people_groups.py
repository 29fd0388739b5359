"""The kinds of people that simulated populations consist of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from domain.training import Goal

Drawn = tuple[float, float]  # mean and standard deviation


@dataclass(frozen=True, kw_only=True)
class Group:
    """`likes` are log odds of the kinds of sessions in simulator.population.KINDS."""

    age_years: Drawn
    bmi: Drawn
    heart_rate: Drawn
    experience: Drawn  # 0 novice, 1 intermediate, 2 advanced
    male_share: float
    per_week: float
    likes: tuple[float, ...]
    goals: tuple[float, ...] = (0.25, 0.2, 0.2, 0.25, 0.1)  # shares, in the order of domain.training.Goal


EVERYBODY = Group(
    age_years=(40, 12),
    bmi=(25.5, 3.5),
    heart_rate=(63, 8),
    experience=(0.9, 0.8),
    male_share=0.5,
    per_week=2.5,
    likes=(0.3, 0.1, 0.0, 0.2, -0.2, 0.0, 0.2, -0.3),
)

GROUPS = (
    Group(
        age_years=(24, 4),
        bmi=(24, 1.8),
        heart_rate=(60, 5),
        experience=(1.6, 0.5),
        male_share=0.7,
        per_week=3.5,
        likes=(1.2, 0.6, 0.2, -0.5, 0.0, -1.0, 0.9, 0.1),
        goals=(0.45, 0.4, 0.05, 0.05, 0.05),
    ),
    Group(
        age_years=(42, 6),
        bmi=(32, 2.5),
        heart_rate=(76, 5),
        experience=(0.2, 0.4),
        male_share=0.5,
        per_week=2.2,
        likes=(-0.6, -0.3, 0.3, 0.9, -0.2, 1.0, -0.4, -0.2),
        goals=(0.05, 0.05, 0.15, 0.7, 0.05),
    ),
    Group(
        age_years=(66, 5),
        bmi=(26, 2),
        heart_rate=(68, 5),
        experience=(0.5, 0.5),
        male_share=0.45,
        per_week=1.8,
        likes=(-0.8, 0.1, 0.2, 0.2, 0.8, 0.5, -0.7, 0.4),
        goals=(0.1, 0.05, 0.35, 0.1, 0.4),
    ),
    Group(
        age_years=(33, 5),
        bmi=(21, 1.3),
        heart_rate=(48, 4),
        experience=(1.2, 0.5),
        male_share=0.4,
        per_week=3.0,
        likes=(-0.2, 0.2, 0.7, 0.5, -0.3, 0.6, 0.1, -0.1),
        goals=(0.15, 0.1, 0.65, 0.05, 0.05),
    ),
)


def groups_of(count: int) -> tuple[Group, ...]:
    """`count` kinds of people; one is of everybody."""
    return GROUPS[:count] if count > 1 else (EVERYBODY,)


def drawn_goals(
    groups: tuple[Group, ...], of_user: npt.NDArray[np.int64], random: np.random.Generator
) -> npt.NDArray[Any]:
    """A goal for each user, [users], by the shares of the user's group `of_user` [users]."""
    shares = np.array([group.goals for group in groups])[of_user]
    number = (random.random(len(shares))[:, None] > shares.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return np.asarray(np.array(get_args(Goal), object)[number])
