"""Identifiers are kept to characters that are safe everywhere; shards are the same in every language."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from domain.identifiers import SHARD_COUNT, UserId, check_identifier, shard_of
from tests.domain.strategies import identifiers


@given(identifiers)
def test_valid_identifiers_are_given_back(name: str) -> None:
    assert check_identifier("user", name) == name


@pytest.mark.parametrize("name", ["", "-a", ".a", "a b", "a/b", "a\n", "ä", "a" * 65, "a\x00", "a'b"])
def test_other_identifiers_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"^user "):
        check_identifier("user", name)


@given(st.text())
def test_any_text_is_an_identifier_or_refused(name: str) -> None:
    with suppress(InvalidInput):
        assert check_identifier("user", name).isascii()


@pytest.mark.parametrize(("user", "shard"), [("a", 0x43), ("123456789", 0x26)])
def test_shards_are_crc_32(user: str, shard: int) -> None:
    assert shard_of(UserId(user)) == shard


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_every_user_has_a_shard(user: str) -> None:
    assert 0 <= shard_of(UserId(user)) < SHARD_COUNT
