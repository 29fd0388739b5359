"""Habits: what a user does next and with which load, learned set by set from what was confirmed.

`learned(habits, done)` is the state after another set, `following(habits)` says which exercise comes next and
`usual_load` with which weight, repetitions and rest. Everything is a function of the sets in their order, so
two devices that know the same sets expect the same.
"""

from __future__ import annotations

from coach.habits.learning import (
    Following,
    Usual,
    begun,
    following,
    in_order,
    learned,
    learned_all,
    usual_load,
)
from coach.habits.state import STATE_BYTES_MAX, Habits

__all__ = [
    "STATE_BYTES_MAX",
    "Following",
    "Habits",
    "Usual",
    "begun",
    "following",
    "in_order",
    "learned",
    "learned_all",
    "usual_load",
]
