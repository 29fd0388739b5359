"""Who may look after whom: given and taken back by the patient alone, and looked up each time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from domain.errors import Rejected
from domain.identifiers import UserId
from persistence.api_tables import GRANT_BY_USER, PATIENT_BY_COACH, GrantRow, PatientRow
from persistence.ports import Delete, Insert, Slice, Store, Then
from persistence.schema import Timestamp

GRANTS_MAX = 32  # of a user


class GrantStore:
    """The rows of grant_by_user decide; those of patient_by_coach say where to look."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def give(self, user: UserId, coach: UserId, now_ms: int) -> GrantRow:
        """Let `coach` look after `user`; given again it stays. Raises Rejected beyond GRANTS_MAX."""
        given = self.of_user(user)
        for grant in given:
            if grant.coach_id == coach:
                return grant
        if len(given) >= GRANTS_MAX:
            raise Rejected(
                f"{len(given)} coaches look after the user already",
                expected=f"at most {GRANTS_MAX}",
                remedy="take a grant back first",
            )
        grant = GrantRow(user, coach, Timestamp(now_ms))
        listed = PatientRow(coach, user, grant.given_at)
        self._store.write([Insert(PATIENT_BY_COACH, listed), Then(), Insert(GRANT_BY_USER, grant)])
        return grant

    def take_back(self, user: UserId, coach: UserId) -> None:
        """It counts no more when this returns."""
        self._store.write(
            [
                Delete(GRANT_BY_USER, (user,), (coach,), (coach,)),
                Then(),
                Delete(PATIENT_BY_COACH, (coach,), (user,), (user,)),
            ]
        )

    def is_given(self, user: UserId, coach: UserId) -> bool:
        return any(self._store.read(GRANT_BY_USER, (user,), lower=(coach,), upper=(coach,)))

    def of_user(self, user: UserId) -> list[GrantRow]:
        return list(self._store.read(GRANT_BY_USER, (user,)))

    def of_coach(self, coach: UserId, after: str, limit: int) -> tuple[list[GrantRow], str | None]:
        """The grants of patients whose name is `after` or greater, about `limit`; and who comes next."""
        lower = (after,) if after else ()
        listed = list(self._store.read(PATIENT_BY_COACH, (coach,), lower=lower, limit=limit + 1))
        following = listed[limit].user_id if len(listed) > limit else None
        return [grant for rows in self._grants(coach, listed[:limit]) for grant in rows], following

    def _grants(self, coach: UserId, listed: Sequence[PatientRow]) -> Iterator[list[GrantRow]]:
        slices = [Slice((each.user_id,), (coach,), (coach,)) for each in listed]
        return iter(self._store.read_many(GRANT_BY_USER, slices) if slices else [])
