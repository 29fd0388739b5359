"""Tables of the HTTP API itself: what was asked for, who may see whom, who has signed in with what."""

from __future__ import annotations

from typing import Any, NamedTuple

from persistence.schema import KEYS, MAIN, Table, Timestamp


class RequestRow(NamedTuple):
    user_id: str
    caller: str
    request_key: str
    digest: str
    said_at: Timestamp
    status: int | None
    tag: str | None
    answer: str | None


API_REQUEST = Table(
    name="api_request",
    keyspace=MAIN,
    row=RequestRow,
    partition=("user_id", "caller", "request_key"),
    conditional=True,
    comment="Writes with an Idempotency-Key of the last day: what they were, and what was answered",
)


class GrantRow(NamedTuple):
    user_id: str
    coach_id: str
    given_at: Timestamp


GRANT_BY_USER = Table(
    name="grant_by_user",
    keyspace=MAIN,
    row=GrantRow,
    partition=("user_id",),
    clustering=("coach_id",),
    comment="Who may look after a user, by the user's own word; what is deleted was taken back",
)


class PatientRow(NamedTuple):
    coach_id: str
    user_id: str
    given_at: Timestamp


PATIENT_BY_COACH = Table(
    name="patient_by_coach",
    keyspace=MAIN,
    row=PatientRow,
    partition=("coach_id",),
    clustering=("user_id",),
    comment="Whom to look for in grant_by_user, which alone decides",
)


class LoginRow(NamedTuple):
    login_id: str
    user_id: str
    device_id: str
    scope: str
    begun_at: Timestamp
    refresh_nr: int
    refreshed_at: Timestamp
    expires_at: Timestamp
    ended_at: Timestamp | None


LOGIN = Table(
    name="login",
    keyspace=KEYS,
    row=LoginRow,
    partition=("login_id",),
    conditional=True,
    comment="A device or an app that was let in; of its refresh tokens the last is good, refresh_nr",
)


class LoginOfUserRow(NamedTuple):
    user_id: str
    login_id: str
    begun_at: Timestamp


LOGIN_BY_USER = Table(
    name="login_by_user",
    keyspace=KEYS,
    row=LoginOfUserRow,
    partition=("user_id",),
    clustering=("login_id",),
    comment="Which rows of login are a user's",
)


class PairingRow(NamedTuple):
    name: str
    user_id: str
    scope: str
    digest: str
    expires_at: Timestamp
    tries_left: int


PAIRING = Table(
    name="pairing",
    keyspace=KEYS,
    row=PairingRow,
    partition=("name",),
    conditional=True,
    comment="A code by its first half, the digest of the other; tries_left is 0 once it was used",
)


class RevocationRow(NamedTuple):
    realm: str
    name: str
    revoked_at: Timestamp
    until: Timestamp


REVOCATION = Table(
    name="revocation",
    keyspace=KEYS,
    row=RevocationRow,
    partition=("realm",),
    clustering=("name",),
    comment="Tokens that are good no more though they have not expired, by token, login or user",
)

API_TABLES: tuple[Table[Any], ...] = (
    API_REQUEST,
    GRANT_BY_USER,
    PATIENT_BY_COACH,
    LOGIN,
    LOGIN_BY_USER,
    PAIRING,
    REVOCATION,
)
