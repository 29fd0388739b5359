"""Devices and apps that were let in, and the refresh tokens by which they stay in.

A refresh token is good once: the next one comes with what it was exchanged for. One that comes a second time
was stolen, or its answer was lost. The answer is given again for a moment; later the login ends, as nobody
can tell the thief from the owner (RFC 9700, section 4.14.2).
"""

from __future__ import annotations

import secrets

from domain.errors import NotAuthorised
from domain.identifiers import DeviceId, UserId
from persistence.api_tables import LOGIN, LOGIN_BY_USER, LoginOfUserRow, LoginRow
from persistence.ports import Delete, Insert, Slice, Store
from persistence.schema import Timestamp

REFRESH_MS = 90 * 86_400_000  # a login that is not used for so long ends
VOUCHED_FOR = "oidc-"  # names of those whom a provider knows, beginning with this
VOUCHED_MS = 12 * 3_600_000  # then it has to say again that they have a part here
LOST_ANSWER_MS = 30_000
LOGINS_MAX = 64  # of a user; the one that was used longest ago makes room
ID_BYTES = 12
_TRIES_MAX = 4


class LoginEnded(NotAuthorised):
    """`login` is to be revoked, if this says so."""

    def __init__(self, wrong: str, login: LoginRow | None = None) -> None:
        super().__init__(wrong, remedy="sign in again")
        self.login = login


class LoginStore:
    def __init__(self, store: Store) -> None:
        self._store = store

    def begin(self, user: UserId, device: DeviceId, scope: str, now_ms: int) -> LoginRow:
        """Let a device, or an app, in. Logins that are over are forgotten; those beyond LOGINS_MAX end."""
        others = [self._ended_if_over(row, now_ms) for row in self.of_user(user)]
        live = sorted((row for row in others if row.ended_at is None), key=lambda row: row.refreshed_at)
        for row in live[: max(0, len(live) - LOGINS_MAX + 1)]:
            self.end(row, now_ms)
        self._forget([row for row in others if row.ended_at is not None])
        now = Timestamp(now_ms)
        login_id = secrets.token_hex(ID_BYTES)
        until = _expiry(user, now_ms, now_ms)
        row = LoginRow(login_id, user, device, scope, now, 1, now, until, None)
        self._store.write([Insert(LOGIN_BY_USER, LoginOfUserRow(user, login_id, now))])
        self._store.insert_if_absent(LOGIN, [row])
        return row

    def refresh(self, login_id: str, refresh_nr: int, now_ms: int) -> LoginRow:
        """The login after its refresh token `refresh_nr` was exchanged; raises LoginEnded."""
        for _ in range(_TRIES_MAX):
            row = self.find(login_id)
            if row is None or row.ended_at is not None or row.expires_at <= now_ms:
                raise LoginEnded("the login has ended")
            if refresh_nr == row.refresh_nr - 1 and now_ms - row.refreshed_at <= LOST_ANSWER_MS:
                return row
            if refresh_nr != row.refresh_nr:
                self.end(row, now_ms)
                raise LoginEnded("the refresh token was used before: the login has ended", row)
            expires = _expiry(row.user_id, row.begun_at, now_ms)
            new = row._replace(refresh_nr=refresh_nr + 1, refreshed_at=Timestamp(now_ms), expires_at=expires)
            if self._store.compare_and_set(LOGIN, row, new):
                return new
        raise LoginEnded("the login is used by too many at once")

    def end(self, row: LoginRow, now_ms: int) -> None:
        """It can be refreshed no more."""
        current: LoginRow | None = row
        while current is not None and current.ended_at is None:
            if self._store.compare_and_set(LOGIN, current, current._replace(ended_at=Timestamp(now_ms))):
                return
            current = self.find(row.login_id)

    def find(self, login_id: str) -> LoginRow | None:
        return next(self._store.read(LOGIN, (login_id,)), None)

    def of_user(self, user: UserId) -> list[LoginRow]:
        listed = list(self._store.read(LOGIN_BY_USER, (user,)))
        slices = [Slice((each.login_id,)) for each in listed]
        return [row for rows in (self._store.read_many(LOGIN, slices) if slices else []) for row in rows]

    def _ended_if_over(self, row: LoginRow, now_ms: int) -> LoginRow:
        return row._replace(ended_at=row.expires_at) if row.expires_at <= now_ms else row

    def _forget(self, rows: list[LoginRow]) -> None:
        for row in rows:
            listed = (row.login_id,)
            self._store.write([Delete(LOGIN, listed), Delete(LOGIN_BY_USER, (row.user_id,), listed, listed)])


def _expiry(user: str, begun_ms: int, now_ms: int) -> Timestamp:
    unused_ms = now_ms + REFRESH_MS
    return Timestamp(min(unused_ms, begun_ms + VOUCHED_MS) if user.startswith(VOUCHED_FOR) else unused_ms)
