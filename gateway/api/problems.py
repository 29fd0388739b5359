"""Every error of the API as problem details (RFC 9457, `application/problem+json`), never a traceback."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from domain.errors import (
    Deleted,
    Erased,
    InvalidInput,
    MuvrError,
    NotAuthorised,
    OutOfOrder,
    Overtaken,
    Rejected,
    StoredValueCorrupt,
    StoreError,
    TooOften,
)
from domain.replies import Refused
from gateway.api.live import TooManyReaders

_log = logging.getLogger(__name__)

PROBLEM_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 2


class NotFound(MuvrError):
    code = "not_found"


class Forbidden(MuvrError):
    """The token is valid and does not reach this."""

    code = "forbidden"


class TooLong(MuvrError):
    code = "too_long"


class TooBusy(MuvrError):
    code = "too_busy"
    retry = True


class TooManyRequests(MuvrError):
    code = "too_many_requests"
    retry = True


class WrongHost(MuvrError):
    code = "wrong_host"


class ProviderUnavailable(MuvrError):
    """The OpenID Connect provider does not answer, or not as it should."""

    code = "provider_unavailable"
    retry = True


class NotReady(MuvrError):
    """A part of the node is not there for devices."""

    code = "not_ready"
    retry = True


class NotAnswered(MuvrError):
    """Nobody knows whether it was done; it may be sent again."""

    code = "not_answered"
    retry = True


class RefusedByActor(MuvrError):
    """The user's actor did not take a command; nothing was stored, unless it may be sent again."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.wrong, expected=refused.expected, remedy=refused.remedy)
        self.code = refused.code
        self.retry = refused.retry


class ServedElsewhere(MuvrError):
    """Another node serves the user: `url` is its HTTP API."""

    code = "served_elsewhere"
    status = 307

    def __init__(self, url: str) -> None:
        super().__init__("another node serves the user", expected=f"the request at {url}")
        self.url = url


# Of what a user's actor refused; otherwise 503 if it may be sent again, else 500.
_STATUS_BY_CODE = {
    Rejected.code: 409,
    Overtaken.code: 412,
    OutOfOrder.code: 409,
    TooOften.code: 429,
    Erased.code: 410,
    Deleted.code: 410,
    InvalidInput.code: 422,
}

_STATUS_BY_ERROR: tuple[tuple[type[MuvrError], int], ...] = (  # the first that fits
    (InvalidInput, 422),
    (NotAuthorised, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (WrongHost, 421),
    (TooLong, 413),
    (TooBusy, 503),
    (TooManyRequests, 429),
    (TooManyReaders, 503),
    (NotAnswered, 503),
    (ProviderUnavailable, 503),
    (NotReady, 503),
    (Overtaken, 412),
    (Erased, 410),
    (Rejected, 409),
    (ServedElsewhere, ServedElsewhere.status),
    (StoredValueCorrupt, 500),
    (StoreError, 503),
)


def problem(status: int, detail: str, **members: object) -> Response:
    """A problem of the type about:blank; `members` extend it, empty ones are left out."""
    body: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    body |= {name: value for name, value in members.items() if value not in (None, "", [])}
    headers: dict[str, str] = {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="muvr"'
    if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    # What is quoted may be half of a UTF-16 pair, which JSON can say and UTF-8 cannot.
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(text.encode("utf-8", "replace"), status, headers, PROBLEM_TYPE)


def problem_of(error: MuvrError) -> Response:
    """The answer to an error of the domain."""
    status = _status_of(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("the API could not answer: %s", error)
    return problem(
        status,
        error.wrong,
        code=error.code,
        expected=error.expected,
        remedy=error.remedy,
        retry=error.retry,
    )


def failure() -> Response:
    """The answer where the server is at fault; what happened stands in its log alone."""
    return problem(500, "the server failed at this", code="internal", remedy="look into its log")


def install(app: FastAPI) -> None:
    """Make `app` answer every expected error with a problem."""
    app.add_exception_handler(MuvrError, _on_muvr_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_validation_error)


def _status_of(error: MuvrError) -> int:
    if isinstance(error, RefusedByActor):
        return _STATUS_BY_CODE.get(error.code, 503 if error.retry else 500)
    return next((status for kind, status in _STATUS_BY_ERROR if isinstance(error, kind)), 500)


async def _on_muvr_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, MuvrError)
    answer = problem_of(error)
    if isinstance(error, ServedElsewhere):
        query = f"?{request.url.query}" if request.url.query else ""
        answer.headers["Location"] = f"{error.url.rstrip('/')}{request.url.path}{query}"
    return answer


async def _on_http_exception(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    answer = problem(error.status_code, str(error.detail), code="http")
    answer.headers.update(error.headers or {})
    return answer


async def _on_validation_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors: list[dict[str, Any]] = [
        {"parameter": ".".join(str(part) for part in each["loc"]), "detail": each["msg"]}
        for each in error.errors()
    ]
    return problem(422, "the request is not valid", code=InvalidInput.code, errors=errors)
