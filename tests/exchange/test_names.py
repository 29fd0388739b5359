"""What other programs call an exercise, and what is meant."""

from __future__ import annotations

import csv
from importlib.resources import files

import pytest

from coach.catalogue import catalogue
from domain.errors import InvalidInput
from domain.identifiers import check_identifier
from exchange.names import exercise_of, normal, own_name, program_name, read_names


def table() -> list[tuple[str, list[str]]]:
    text = files("exchange").joinpath("names.csv").read_text(encoding="utf-8")
    return [(row["exercise"], row["called"].split("|")) for row in csv.DictReader(text.splitlines())]


def test_every_name_of_the_table_means_one_exercise_of_the_catalogue() -> None:
    meanings: dict[str, set[str]] = {}
    for exercise, called in table():
        assert exercise in catalogue()
        for name in called:
            meanings.setdefault(normal(name), set()).add(exercise)
    assert {name: meant for name, meant in meanings.items() if len(meant) > 1} == {}


def test_what_is_exported_is_known_when_it_comes_back() -> None:
    for exercise in catalogue():
        assert exercise_of(program_name(exercise)) == exercise


@pytest.mark.parametrize(
    ("name", "exercise"),
    [
        ("Bench Press (Barbell)", "bench-press"),
        ("  bench   press - barbell ", "bench-press"),
        ("Bankdrücken (Langhantel)", "bench-press"),
        ("BANKDRUCKEN", "bench-press"),
        ("Développé couché", "bench-press"),
        ("Farmer\u2019s Walk", "farmers-walk"),
        ("bench-press", "bench-press"),
        ("Cable Crossover Deluxe", None),
        ("", None),
        ("\u0000", None),
    ],
)
def test_names_are_compared_without_case_accents_and_punctuation(name: str, exercise: str | None) -> None:
    assert exercise_of(name) == exercise


def test_a_name_that_nobody_knows_is_an_identifier_of_its_own() -> None:
    assert own_name("Cable Crossover (Deluxe)") == "cable-crossover-deluxe"
    assert own_name("深蹲") is None
    assert check_identifier("exercise", own_name("x" * 200) or "")


def test_a_users_own_table_goes_before_ours() -> None:
    names = read_names("name,exercise\nBench Press,dip\n73,bench-press\n", "mine.csv")
    assert exercise_of("bench press", names.means) == "dip"
    assert exercise_of("73", names.means) == "bench-press"


def test_a_users_own_table_describes_what_nobody_knows() -> None:
    header = "name,exercise,primary,secondary,equipment,movement"
    text = f"{header}\nZercher,zercher-squat,quadriceps|glutes,core,barbell,squat\n"
    found = read_names(text, "mine.csv").described["zercher-squat"]
    assert (found.primary, found.equipment, found.movement) == (
        ("quadriceps", "glutes"),
        ("barbell",),
        "squat",
    )


@pytest.mark.parametrize(
    "text",
    [
        "name,exercise\nBench,not an identifier\n",
        "name,exercise\n,dip\n",
        "name,exercise,primary,movement\nX,x,elbow,squat\n",
        "name,exercise,primary,movement\nX,x,chest,jumping\n",
    ],
)
def test_a_wrong_table_is_named_with_its_line(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"mine.csv, line 2: "):
        read_names(text, "mine.csv")
