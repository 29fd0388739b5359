"""Errors travel between processes with everything they say."""

from __future__ import annotations

import pickle

import pytest

from domain import errors
from domain.errors import InvalidInput, MuvrError, OutOfOrder

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, MuvrError)]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not OutOfOrder])
def test_an_error_survives_pickling_with_all_its_fields(kind: type[MuvrError]) -> None:
    error = kind("wrong", expected="right", remedy="mend it")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert (again.wrong, again.expected, again.remedy) == ("wrong", "right", "mend it")
    assert str(again) == str(error) == "wrong; expected right; mend it"
    assert again.args == error.args


def test_out_of_order_survives_pickling_with_the_number_it_expects() -> None:
    again = pickle.loads(pickle.dumps(OutOfOrder("a.wrist", 7, 3)))
    assert type(again) is OutOfOrder
    assert again.expected_sequence_nr == 3
    assert str(again) == str(OutOfOrder("a.wrist", 7, 3))


def test_what_was_added_to_an_error_travels_too() -> None:
    error = MuvrError("wrong")
    error.add_note("while testing")
    assert pickle.loads(pickle.dumps(error)).__notes__ == ["while testing"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_has_a_code_of_its_own_or_that_of_what_it_is(kind: type[MuvrError]) -> None:
    named = next(each for each in kind.__mro__ if "code" in vars(each))
    assert [other for other in KINDS if other.code == kind.code and "code" in vars(other)] == [named]


def test_the_tree_that_is_drawn_is_the_tree_that_is() -> None:
    assert errors.__doc__ is not None
    assert all(kind.__name__ in errors.__doc__ for kind in KINDS)


def test_an_error_says_only_what_it_knows() -> None:
    assert str(InvalidInput("wrong")) == "wrong"
    assert str(InvalidInput("wrong", remedy="mend it")) == "wrong; mend it"
