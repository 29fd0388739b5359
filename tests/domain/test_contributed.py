"""Exercises that users contribute: checked, and the same in whatever order they come."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.contributed import CONTRIBUTED_MAX, Contributed, check_contributed, contributed
from domain.errors import InvalidInput

SLED: dict[str, Any] = {"name": "sled-push", "at_ms": 5, "primary": ("quadriceps",), "movement": "carry"}
described = st.builds(
    Contributed,
    name=st.sampled_from(["a", "b", "c"]),
    at_ms=st.integers(0, 3),
    primary=st.sampled_from([("core",), ("back",)]),
)


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"name": "no name"}, "exercise"),
        ({"at_ms": -1}, "at_ms"),
        ({"primary": ()}, "without a muscle"),
        ({"primary": ("heart",)}, "unknown muscle"),
        ({"secondary": ("quadriceps",)}, "a muscle twice"),
        ({"equipment": ("sled",)}, "unknown equipment"),
        ({"movement": "dance"}, "unknown movement"),
        ({"kind": "other"}, "unknown kind"),
        ({"sides": "three"}, "unknown sides"),
    ],
)
def test_what_nobody_could_use_is_refused(changed: dict[str, Any], wrong: str) -> None:
    assert check_contributed(Contributed(**SLED)) == Contributed(**SLED)
    with pytest.raises(InvalidInput, match=wrong):
        check_contributed(Contributed(**SLED | changed))


@given(st.lists(described, max_size=8), st.randoms(use_true_random=False))
def test_of_one_name_the_last_description_holds_in_whatever_order(said: list[Contributed], rng: Any) -> None:
    def all_of(exercises: list[Contributed]) -> tuple[Contributed, ...]:
        own: tuple[Contributed, ...] = ()
        for each in exercises:
            own = contributed(own, each)
        return own

    shuffled = [*said, *said]
    rng.shuffle(shuffled)
    own = all_of(said)
    assert all_of(shuffled) == own
    for each in own:
        assert each.at_ms == max(other.at_ms for other in said if other.name == each.name)


def test_a_users_exercises_are_bounded() -> None:
    own: tuple[Contributed, ...] = ()
    for number in range(CONTRIBUTED_MAX + 1):
        own = contributed(own, Contributed(**SLED | {"name": f"e{number:03}", "at_ms": number}))
    assert (len(own), own[0].name) == (CONTRIBUTED_MAX, "e001")
