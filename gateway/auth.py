"""Who may do what: signed tokens (JWT, HS256) with scopes, by one of several keys."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import jwt

from domain.errors import InvalidInput, NotAuthorised, TokenOver
from domain.identifiers import UserId, check_identifier

Scope = Literal["device", "user", "coach", "operator"]
SCOPES: tuple[Scope, ...] = ("device", "user", "coach", "operator")
ANY_USER = UserId("*")  # the subject of a gateway's token, which carries many users

# A token as it is used lives shortly; who was let in gets the next one for a refresh token.
ACCESS_SECONDS: Mapping[Scope, int] = {"device": 3600, "user": 900, "coach": 900, "operator": 900}

READ_KEYS_SECONDS = 1.0  # at most so often, however many tokens come that name an unknown key

_ALGORITHM = "HS256"
_FIRST_KEY = "1"  # of tokens that name none
_REFRESH, _ATTEMPT = "refresh", "oidc"
_ID_BYTES = 8
_REMEDY = "get a new token with `muvr token`"

Keys = Callable[[], Mapping[str, bytes]]  # by number, the newest last; read again when one is not known


@dataclass(frozen=True)
class Claims:
    """What a valid token says: its user, or ANY_USER, and its scope; when it was issued, and expires.

    `login` is whose refresh token it came from, if it did.
    """

    user: UserId
    scope: Scope
    token_id: str = field(default="", compare=False)
    login: str = field(default="", compare=False)
    issued_s: float = field(default=0.0, compare=False)
    expires_s: float = field(default=0.0, compare=False)

    @property
    def is_of_many(self) -> bool:
        """Each message names its user: a gateway's token, or a coach's, who looks after others."""
        return self.user == ANY_USER or self.scope == "coach"

    def allows(self, user: UserId) -> bool:
        """True if the token may act for `user`."""
        return self.user in (user, ANY_USER)


@dataclass(frozen=True)
class Refresh:
    """What a valid refresh token says: the login's and which of its tokens it is, from 1."""

    login: str
    refresh_nr: int


class Tokens:
    """Issues and verifies tokens. `now_s` is the clock, in seconds since 1970.

    `keys` is one secret key, or tells several: the newest signs, each verifies. `is_revoked` is asked of what
    is valid otherwise; it may be set once there is a store.
    """

    def __init__(self, keys: bytes | Keys, now_s: Callable[[], float]) -> None:
        self._read_keys: Keys = keys if callable(keys) else lambda: {_FIRST_KEY: keys}
        self._keys = self._read_keys()
        self._now_s = now_s
        self._read_again_s = 0.0
        self.is_revoked: Callable[[Claims], bool] = lambda claims: False

    def issue(self, user: UserId, scope: Scope, valid_s: int, *, login: str = "") -> str:
        """A token for `user`, or for ANY_USER, that expires after `valid_s` seconds."""
        if user != ANY_USER:
            check_identifier("user", user)
        content = {"sub": user, "scope": scope, "jti": secrets.token_hex(_ID_BYTES)}
        return self._signed(content | ({"login": login} if login else {}), valid_s)

    def issue_refresh(self, login: str, refresh_nr: int, valid_s: int) -> str:
        """The refresh token of that number of a login."""
        return self._signed({"use": _REFRESH, "login": login, "nr": refresh_nr}, valid_s)

    def issue_attempt(self, seed: str, valid_s: int) -> str:
        """What a browser keeps while it is away to sign in with a provider."""
        return self._signed({"use": _ATTEMPT, "seed": seed}, valid_s)

    def verify(self, token: str, allowed: tuple[Scope, ...]) -> Claims:
        """The claims of a token of one of the `allowed` scopes, else raises NotAuthorised."""
        content = self._content(token)
        scope = content.get("scope")
        if scope not in allowed:
            raise NotAuthorised(
                f"the token's scope is {scope!r}", expected=f"one of {', '.join(allowed)}", remedy=_REMEDY
            )
        claims = Claims(
            _user(content.get("sub")),
            scope,
            str(content.get("jti", "")),
            str(content.get("login", "")),
            float(content.get("iat", 0)),
            float(content["exp"]),
        )
        if self.is_revoked(claims):
            raise TokenOver("the token was revoked", remedy=_REMEDY)
        return claims

    def verify_refresh(self, token: str) -> Refresh:
        """What a refresh token says, else raises NotAuthorised."""
        content = self._content(token)
        login, number = content.get("login"), content.get("nr")
        if content.get("use") != _REFRESH or not isinstance(login, str) or not isinstance(number, int):
            raise NotAuthorised("this is no refresh token", remedy="sign in again")
        return Refresh(login, number)

    def verify_attempt(self, token: str) -> str:
        """The seed of a sign-in that was begun, else raises NotAuthorised."""
        content = self._content(token)
        seed = content.get("seed")
        if content.get("use") != _ATTEMPT or not isinstance(seed, str):
            raise NotAuthorised("this is no sign-in that was begun", remedy="sign in again")
        return seed

    def is_good(self, claims: Claims) -> bool:
        """Whether what was verified before has neither expired nor been revoked since."""
        return claims.expires_s > self._now_s() and not self.is_revoked(claims)

    def read_keys(self) -> None:
        """Sign and verify by the keys that there are now. Raises ConfigurationError."""
        self._keys = self._read_keys()

    def _signed(self, content: Mapping[str, Any], valid_s: int) -> str:
        now_s = self._now_s()
        number = list(self._keys)[-1]
        whole = {**content, "iat": now_s, "exp": int(now_s) + valid_s}
        return jwt.encode(whole, self._keys[number], algorithm=_ALGORITHM, headers={"kid": number})

    def _content(self, token: str) -> dict[str, Any]:
        try:
            content: dict[str, Any] = jwt.decode(
                token,
                self._key_of(token),
                algorithms=[_ALGORITHM],
                options={"require": ["exp"], "verify_exp": False, "verify_iat": False, "verify_sub": False},
            )
            is_over = not isinstance(content["exp"], int) or content["exp"] <= self._now_s()
            float(content.get("iat", 0))
        except (jwt.InvalidTokenError, TypeError, ValueError, OverflowError) as error:
            raise NotAuthorised(f"the token is not valid ({error})", remedy=_REMEDY) from error
        if is_over:
            raise TokenOver("the token has expired", remedy=_REMEDY)
        return content

    def _key_of(self, token: str) -> bytes:
        """Raises InvalidTokenError."""
        number = jwt.get_unverified_header(token).get("kid", _FIRST_KEY)
        if number not in self._keys and self._now_s() >= self._read_again_s:
            self._read_again_s = self._now_s() + READ_KEYS_SECONDS
            self.read_keys()  # another node may have made a new one
        if number not in self._keys:
            raise jwt.InvalidTokenError("it was signed with a key that is not known")
        return self._keys[number]


def _user(subject: object) -> UserId:
    try:
        if subject == ANY_USER:
            return ANY_USER
        return UserId(check_identifier("user", subject if isinstance(subject, str) else ""))
    except InvalidInput as error:
        raise NotAuthorised(f"the token's {error.wrong}", remedy=_REMEDY) from error
