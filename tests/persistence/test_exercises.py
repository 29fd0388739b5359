"""Contributed exercises wait for a reviewer, who lets everyone use them or takes them back."""

from __future__ import annotations

import pytest

from domain.commands import ContributeExercise
from domain.contributed import Contributed
from domain.errors import ConfigurationError
from domain.identifiers import UserId
from persistence.exercises import ExerciseStore
from persistence.ports import Store
from tests.domain.test_commands import OPEN, SESSION
from tests.persistence.test_read_models import ADA, happen

SLED = Contributed(
    name="sled-push", at_ms=9, primary=("quadriceps",), movement="carry", equipment=("machine",)
)
OLDER = Contributed(name="sled-push", at_ms=8, primary=("core", "glutes"), movement="push")


def test_what_a_user_contributed_is_accepted_as_it_was_described_last(store: Store) -> None:
    contribute = [
        ContributeExercise(session=SESSION, command_nr=nr, exercise=each)
        for nr, each in enumerate((SLED, OLDER), 1)
    ]
    happen(store, OPEN, *contribute)
    exercises = ExerciseStore(store)
    assert list(exercises.contributed()) == [(ADA, SLED)]
    assert exercises.accepted() == []
    assert exercises.accept(ADA, "sled-push", by="rita", now_ms=77) == SLED
    (accepted,) = exercises.accepted()
    assert (accepted.name, accepted.at_ms, accepted.equipment) == ("sled-push", 77, ("machine",))
    exercises.withdraw("sled-push")
    assert exercises.accepted() == []
    assert list(exercises.contributed()) == [(ADA, SLED)]


def test_what_nobody_contributed_is_not_accepted(store: Store) -> None:
    with pytest.raises(ConfigurationError, match="contributed no exercise 'tire-flip'"):
        ExerciseStore(store).accept(UserId("ben"), "tire-flip", by="rita", now_ms=1)
