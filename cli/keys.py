"""The keys that models and tokens are signed with, and checked."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cli.settings import NodeSettings
from persistence.secret_files import load_or_make_key


def signing_key(settings: NodeSettings) -> bytes:
    """The Ed25519 seed that models are signed with."""
    return load_or_make_key(settings.key_directory / "models.key")


def verify_key(settings: NodeSettings) -> bytes:
    """The public key that devices check models with."""
    return Ed25519PrivateKey.from_private_bytes(signing_key(settings)).public_key().public_bytes_raw()


def token_key(settings: NodeSettings) -> Path:
    """The first of the keys that tokens are signed with; others stand beside it."""
    return settings.key_directory / "tokens.key"


def first_token_mark(settings: NodeSettings) -> Path:
    """The file that is there once an operator was shown a token at the first start."""
    return settings.key_directory / "operator.shown"
