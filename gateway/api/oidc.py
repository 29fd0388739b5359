"""Signing in with an organisation's OpenID Connect provider: what it is asked, and which of its words count.

No I/O. OpenID Connect Core 1.0, section 3.1 (code flow), with PKCE (RFC 7636) and `iss` (RFC 9207).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import jwt

from domain.errors import NotAuthorised
from domain.identifiers import UserId
from gateway.api.guard import is_loopback
from gateway.api.problems import Forbidden
from gateway.auth import Scope
from persistence.logins import VOUCHED_FOR

# Never HMAC, whose key could be taken for a public one, nor `none`.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
LEEWAY_SECONDS = 60  # by which the provider's clock may differ
_SEED_BYTES = 32
_NAME_HEX_DIGITS = 20
_AGAIN = "sign in again"


@dataclass(frozen=True, kw_only=True)
class OidcSettings:
    """A provider, and who of those that it knows is what here.

    `page` is the address of muvr's page as browsers know it, to which the provider sends them back. Who has
    `operators` in the ID token's `claim` is an operator, who has `coaches` a coach, who has neither nobody.
    """

    issuer: str
    client_id: str
    secret_file: Path  # read at each sign-in, so that it may be changed
    page: str
    operators: str
    name: str  # on the page's button
    coaches: str | None = None
    claim: str = "groups"

    @property
    def cookie(self) -> str:
        """Its name; the prefix keeps other hosts of the same domain from setting it (RFC 6265bis)."""
        return "__Host-muvr-oidc" if self.is_secure else "muvr-oidc"

    @property
    def is_secure(self) -> bool:
        return self.page.startswith("https:")


@dataclass(frozen=True)
class Attempt:
    """One sign-in. Only the browser that began it has `seed`; what the others are told follows from it."""

    seed: str

    @classmethod
    def new(cls) -> Attempt:
        return cls(secrets.token_urlsafe(_SEED_BYTES))

    @property
    def state(self) -> str:
        return self._derived(b"state")

    @property
    def nonce(self) -> str:
        return self._derived(b"nonce")

    @property
    def verifier(self) -> str:
        return self._derived(b"verifier")

    def address(self, endpoint: str, settings: OidcSettings) -> str:
        """Where the browser goes to sign in: the provider's authorization endpoint."""
        asked = {
            "response_type": "code",
            "client_id": settings.client_id,
            "redirect_uri": settings.page,
            "scope": "openid profile",
            "state": self.state,
            "nonce": self.nonce,
            "code_challenge": _base64url(hashlib.sha256(self.verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"

    def check_state(self, state: str) -> None:
        """Raise NotAuthorised unless the browser comes back from what it began itself."""
        if not _are_equal(self.state, state):
            raise NotAuthorised("this sign-in was not begun in this browser", remedy=_AGAIN)

    def _derived(self, purpose: bytes) -> str:
        return _base64url(hmac.digest(self.seed.encode(), purpose, hashlib.sha256))


@dataclass(frozen=True)
class Person:
    """Who signed in, and as what. `subject` is the provider's name for them."""

    user: UserId
    scope: Scope
    subject: str


def is_safe_address(url: str) -> bool:
    """Whether secrets may be sent there: by https, or to this machine."""
    try:
        parts = urlsplit(url)
        host, is_whole = parts.hostname, parts.port != 0 and not parts.fragment and not parts.username
    except ValueError:
        return False
    return is_whole and bool(host) and (parts.scheme == "https" or _is_local(parts.scheme, host or ""))


def checked_person(
    token: str, key: jwt.PyJWK, settings: OidcSettings, attempt: Attempt, now_s: float
) -> Person:
    """Whom an ID token is about (section 3.1.3.7). Raises NotAuthorised; Forbidden for who has no part here.

    `key` is the provider's of the token's `kid`, and only the algorithm that is bound to it is taken.
    """
    said = _signed(token, key, settings)
    audiences = [said["aud"]] if isinstance(said["aud"], str) else said["aud"]
    party = said.get("azp")
    if party not in (None, settings.client_id) or (party is None and len(audiences) > 1):
        raise NotAuthorised("the ID token was issued to another client", remedy=_AGAIN)
    _check_times(said, now_s)
    nonce = said["nonce"]
    if not isinstance(nonce, str) or not _are_equal(attempt.nonce, nonce):
        raise NotAuthorised("the ID token belongs to another sign-in", remedy=_AGAIN)
    subject = said["sub"]
    return Person(_user_of(settings.issuer, subject), _scope_of(said.get(settings.claim), settings), subject)


def _signed(token: str, key: jwt.PyJWK, settings: OidcSettings) -> dict[str, Any]:
    required = ["iss", "sub", "aud", "exp", "iat", "nonce"]
    # Times are checked by our own clock, below.
    options: Any = {"require": required, "verify_exp": False, "verify_iat": False, "verify_nbf": False}
    try:
        said: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=list(ALGORITHMS),
            audience=settings.client_id,
            issuer=settings.issuer,
            options=options,
        )
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise NotAuthorised(f"the ID token is not valid ({error})", remedy=_AGAIN) from error
    return said


def _check_times(said: dict[str, Any], now_s: float) -> None:
    until_s, issued_s, from_s = said["exp"], said["iat"], said.get("nbf", 0)
    if not all(isinstance(each, int | float) for each in (until_s, issued_s, from_s)):
        raise NotAuthorised("the ID token's times are no numbers", remedy=_AGAIN)
    if until_s + LEEWAY_SECONDS <= now_s:
        raise NotAuthorised("the ID token has expired", remedy=_AGAIN)
    if max(issued_s, from_s) - LEEWAY_SECONDS > now_s:
        raise NotAuthorised("the ID token is of the future", remedy="compare the clocks")


def _user_of(issuer: str, subject: str) -> UserId:
    """A name that stays, whatever they call themselves there, and that another provider cannot give."""
    digest = hashlib.sha256(f"{issuer}\0{subject}".encode(errors="replace")).hexdigest()
    return UserId(VOUCHED_FOR + digest[:_NAME_HEX_DIGITS])


def _scope_of(claimed: object, settings: OidcSettings) -> Scope:
    values = claimed if isinstance(claimed, list) else [claimed]
    if settings.operators in values:
        return "operator"
    if settings.coaches is not None and settings.coaches in values:
        return "coach"
    raise Forbidden(
        f"{settings.name} does not say that you have a part here",
        expected=f"{settings.operators!r} in the claim {settings.claim!r} of its ID token",
        remedy="ask who looks after the accounts there",
    )


def _is_local(scheme: str, host: str) -> bool:
    return scheme == "http" and is_loopback(f"[{host}]" if ":" in host else host)


def _are_equal(ours: str, theirs: str) -> bool:
    """In constant time; what comes from outside may be half of a UTF-16 pair."""
    return hmac.compare_digest(ours.encode(), theirs.encode(errors="replace"))


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
