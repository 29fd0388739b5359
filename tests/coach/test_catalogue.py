"""The catalogue is whole: rows are well formed, and labels of recordings lead into it."""

from __future__ import annotations

import pytest

from coach.catalogue import LOADED, Exercise, catalogue, labels, meanings
from domain.identifiers import check_identifier
from domain.training import EQUIPMENT, MUSCLES

EXERCISES = list(catalogue().values())


def test_there_are_about_a_hundred() -> None:
    assert 100 <= len(EXERCISES) <= 150


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)
def test_a_row_is_well_formed(exercise: Exercise) -> None:
    check_identifier("exercise", exercise.name)
    assert exercise.primary
    assert not set(exercise.primary) & set(exercise.secondary)
    assert len(exercise.equipment & LOADED) <= 1
    assert (exercise.share_min is None) == (exercise.share_max is None)
    if exercise.share_min is not None and exercise.share_max is not None:
        assert exercise.loader is not None
        assert 0 < exercise.share_min < exercise.share_max <= 4


def test_muscles_and_equipment_are_those_that_users_can_name() -> None:
    assert {muscle for each in EXERCISES for muscle in each.muscles} == MUSCLES
    assert {piece for each in EXERCISES for piece in each.equipment} == EQUIPMENT


def test_each_movement_and_muscle_has_an_exercise_without_equipment_or_is_known_to_need_one() -> None:
    free = {muscle for each in EXERCISES if not each.equipment for muscle in each.muscles}
    assert MUSCLES - free == {"adductors", "forearms", "upper-back", "lats"}


def test_labels_of_recordings_lead_into_the_catalogue_or_are_unmapped() -> None:
    assert {data_set for data_set, _ in labels()} == {
        "gymwatch", "muvr", "mex_thigh", "ptexercises", "exermote", "metamotion", "simulator",
    }  # fmt: skip
    unmapped = {label for (_, label), exercise in labels().items() if exercise is None}
    assert {"APULL", "MTE", "twist"} <= unmapped
    assert labels()["gymwatch", "SACLR"] == catalogue()["one-arm-cable-lateral-raise"]


def test_a_name_means_itself_a_label_what_data_sets_say_and_anything_else_nothing() -> None:
    assert meanings("deadlift") == (catalogue()["deadlift"],)
    assert {each.name for each in meanings("squat")} == {"bodyweight-squat", "back-squat"}
    assert meanings("triceps-extension") == () == meanings("never heard of")
    assert meanings("biceps-curl") == (), "one of the data sets with this label does not say which curl"
