"""What `muvr up` takes of a provider to sign in with, and what it refuses before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.main import parser_of
from cli.oidc import oidc_settings
from domain.errors import ConfigurationError
from gateway.api.oidc import OidcSettings

RIGHT = {
    "issuer": "https://id.example/realms/gym",
    "client-id": "muvr",
    "page": "https://muvr.example",
    "operators": "muvr-operators",
}


def settings_of(secret: Path, **changed: str | None) -> OidcSettings | None:
    said = {
        **RIGHT,
        "secret-file": str(secret),
        **{name.replace("_", "-"): value for name, value in changed.items()},
    }
    words = [word for name, value in said.items() if value is not None for word in (f"--oidc-{name}", value)]
    options = parser_of("up").parse_args(["up", *words])
    for bound in options.bound:
        if not hasattr(options, bound.action.dest):
            setattr(options, bound.action.dest, bound.default)
    return oidc_settings(options)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "client.secret"
    file.write_text("s3cret\n")
    return file


def test_what_is_said_and_what_follows(secret: Path) -> None:
    found = settings_of(secret)
    assert found is not None
    assert (found.page, found.name, found.claim, found.coaches) == (
        "https://muvr.example/",
        "id.example",
        "groups",
        None,
    )
    assert settings_of(secret, issuer=None, operators=None) is None


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"operators": None}, "--oidc-operators"),
        ({"page": None, "client_id": None}, "--oidc-client-id, --oidc-page"),
        ({"issuer": "http://id.example"}, "no address"),
        ({"issuer": "https://id.example/?a=b"}, "no address"),
        ({"page": "http://muvr.example"}, "no address"),
        ({"secret_file": "/nowhere/secret"}, "/nowhere/secret"),
    ],
)
def test_what_is_missing_or_unsafe_is_refused(
    secret: Path, changed: dict[str, str | None], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        settings_of(secret, **changed)


def test_an_empty_secret_is_refused(secret: Path) -> None:
    secret.write_text("\n")
    with pytest.raises(ConfigurationError, match="empty"):
        settings_of(secret)
