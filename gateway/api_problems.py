"""Every error of the API as problem details (RFC 9457, `application/problem+json`), never a traceback."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from domain.errors import InvalidInput, MuvrError, NotAuthorised, StoredValueCorrupt, StoreError
from gateway.live import TooManyReaders

_log = logging.getLogger(__name__)

PROBLEM_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 2


class NotFound(MuvrError):
    code = "not_found"


class Forbidden(MuvrError):
    """The token is valid and does not reach this."""

    code = "forbidden"


class TooBusy(MuvrError):
    code = "too_busy"
    retry = True


class WrongHost(MuvrError):
    code = "wrong_host"


_STATUS_BY_ERROR: tuple[tuple[type[MuvrError], int], ...] = (  # the first that fits
    (InvalidInput, 422),
    (NotAuthorised, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (WrongHost, 421),
    (TooBusy, 503),
    (TooManyReaders, 503),
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
    headers = {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="muvr"'
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return Response(msgspec.json.encode(body), status, headers, PROBLEM_TYPE)


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
    return next((status for kind, status in _STATUS_BY_ERROR if isinstance(error, kind)), 500)


async def _on_muvr_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, MuvrError)
    return problem_of(error)


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
    return problem(422, "a parameter is not valid", code=InvalidInput.code, errors=errors)
