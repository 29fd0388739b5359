"""The OpenID Connect provider, asked over HTTP: its description, its keys, and codes for ID tokens."""

from __future__ import annotations

import base64
import http.client
import json
import logging
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode

import jwt

from domain.errors import ConfigurationError, NotAuthorised
from gateway.api.oidc import Attempt, OidcSettings, Person, checked_person, is_safe_address
from gateway.api.problems import ProviderUnavailable

TIMEOUT_SECONDS = 5.0  # of each request
BYTES_MAX = 1 << 20  # of an answer
DESCRIPTION_SECONDS = 3600.0  # for which the provider's description holds, and for longer if it is away
FAILED_SECONDS = 5.0  # for which it is not asked again when it did not describe itself
KEYS_SECONDS = 300.0  # for which its keys hold
NEW_KEYS_SECONDS = 5.0  # at most so often they are fetched for a key that is not known
SECRET_BYTES_MAX = 4096
TOKEN_CHARACTERS_MAX = 64 * 1024
_WELL_KNOWN = "/.well-known/openid-configuration"
_REFUSED = (400, 401, 403)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Description:
    authorization: str
    token: str
    takes_basic: bool  # the client's secret in the header, else in the body
    says_iss: bool
    keys: jwt.PyJWKClient


class Provider:
    """Blocks; any thread may call. `now_s` is the clock since 1970, `steady_s` one that only goes on.

    What the provider does wrong, or leaves out, is ProviderUnavailable.
    """

    def __init__(
        self,
        settings: OidcSettings,
        now_s: Callable[[], float],
        steady_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self._now_s = now_s
        self._steady_s = steady_s
        self._lock = threading.Lock()
        self._known: _Description | None = None
        self._ask_again_s = float("-inf")

    def begin(self, attempt: Attempt) -> str:
        """Where a browser signs in."""
        return attempt.address(self._described().authorization, self.settings)

    def finish(self, attempt: Attempt, code: str, issuer: str | None) -> Person:
        """Who came back with `code`, once `check_state` has passed. Raises NotAuthorised and Forbidden."""
        described = self._described()
        if issuer != self.settings.issuer and (issuer is not None or described.says_iss):
            raise NotAuthorised("another provider answered", remedy="sign in again")
        token = self._id_token(described, attempt, code)
        return checked_person(token, _key_of(token, described), self.settings, attempt, self._now_s())

    def _described(self) -> _Description:
        with self._lock:
            if self._steady_s() >= self._ask_again_s:
                try:
                    self._known = self._fetch_description()
                    self._ask_again_s = self._steady_s() + DESCRIPTION_SECONDS
                except ProviderUnavailable:
                    self._ask_again_s = self._steady_s() + FAILED_SECONDS
                    if self._known is None:
                        raise
            if self._known is None:
                raise _unavailable("does not describe itself")
            return self._known

    def _fetch_description(self) -> _Description:
        found = _ask(self.settings.issuer.rstrip("/") + _WELL_KNOWN)
        if found.get("issuer") != self.settings.issuer:
            raise _unavailable(f"calls itself {str(found.get('issuer'))[:200]!r}", self.settings.issuer)
        endpoints = [found.get(f"{name}_endpoint") for name in ("authorization", "token")]
        addresses = [str(each) for each in (*endpoints, found.get("jwks_uri"))]
        if not all(map(is_safe_address, addresses)):
            raise _unavailable("has an address that is none", "https addresses")
        methods = found.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        keys = jwt.PyJWKClient(
            addresses[2],
            lifespan=KEYS_SECONDS,
            timeout=TIMEOUT_SECONDS,
            cooldown_duration=NEW_KEYS_SECONDS,
            headers={"Accept": "application/json"},
        )
        says_iss = found.get("authorization_response_iss_parameter_supported") is True
        return _Description(addresses[0], addresses[1], "client_secret_basic" in methods, says_iss, keys)

    def _id_token(self, described: _Description, attempt: Attempt, code: str) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.settings.page,
            "code_verifier": attempt.verifier,
        }
        client, secret, headers = self.settings.client_id, self._secret(), {}
        if described.takes_basic:  # form-encoded before it is encoded again: RFC 6749, section 2.3.1
            pair = f"{quote_plus(client)}:{quote_plus(secret)}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        else:
            form |= {"client_id": client, "client_secret": secret}
        token = _ask(described.token, urlencode(form).encode(), headers).get("id_token")
        if not isinstance(token, str) or len(token) > TOKEN_CHARACTERS_MAX:
            raise _unavailable("answers without an ID token")
        return token

    def _secret(self) -> str:
        try:
            return client_secret(self.settings)
        except ConfigurationError as error:
            _log.error("nobody can sign in: %s", error)
            raise _unavailable("cannot be asked without this muvr's secret") from error


def client_secret(settings: OidcSettings) -> str:
    """What stands in the file, without the end of its line. Raises ConfigurationError."""
    try:
        with settings.secret_file.open("rb") as file:
            secret = file.read(SECRET_BYTES_MAX).decode().strip()
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"the client's secret {settings.secret_file} cannot be read: {error}",
            remedy="correct --oidc-secret-file",
        ) from error
    if not secret:
        raise ConfigurationError(f"{settings.secret_file} is empty", expected="the client's secret")
    return secret


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A code, or a secret, goes to no other address than to the one that was described."""

    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def _ask(url: str, form: bytes | None = None, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    request = urllib.request.Request(url, form, {"Accept": "application/json", **(headers or {})})
    try:
        with _OPENER.open(request, timeout=TIMEOUT_SECONDS) as answer:
            found = json.loads(answer.read(BYTES_MAX))
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(error, form is not None) from error
    except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
        raise _unavailable(f"does not answer as it should: {error}") from error
    if not isinstance(found, dict):
        raise _unavailable("answers with something else than an object")
    return found


def _refusal(error: urllib.error.HTTPError, is_exchange: bool) -> NotAuthorised | ProviderUnavailable:
    """A code that is not taken is the browser's matter; that we are not known there is the operator's."""
    if is_exchange and error.code in _REFUSED:
        try:
            reason = json.loads(error.read(BYTES_MAX)).get("error")
        except (OSError, http.client.HTTPException, ValueError, AttributeError, RecursionError):
            reason = None
        if reason == "invalid_grant":
            return NotAuthorised("the provider does not take the code", remedy="sign in again")
        return _unavailable(f"refuses this muvr: {str(reason)[:80]!r}", "its client and secret there")
    return _unavailable(f"answers with status {error.code}")


def _key_of(token: str, described: _Description) -> jwt.PyJWK:
    """The key that the token names, for which keys are fetched anew if it is not known; else the only one."""
    try:
        name = jwt.get_unverified_header(token).get("kid")
        if name is not None:
            return described.keys.get_signing_key(name)
        keys = [key for key in described.keys.get_jwk_set(refresh=True).keys if key.public_key_use != "enc"]
        if len(keys) != 1:
            raise jwt.InvalidTokenError("it does not say which key it was signed with")
        return keys[0]
    except (jwt.PyJWKClientConnectionError, jwt.PyJWKSetError, OSError, ValueError) as error:
        raise _unavailable(f"does not tell its keys: {error}") from error
    except (jwt.PyJWTError, TypeError) as error:
        raise NotAuthorised(f"the ID token is not valid ({error})", remedy="sign in again") from error


def _unavailable(what: str, expected: str = "") -> ProviderUnavailable:
    return ProviderUnavailable(
        f"the sign-in provider {what}", expected=expected, remedy="try again; use a token of `muvr token`"
    )
