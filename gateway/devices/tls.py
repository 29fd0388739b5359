"""TLS for the device gateway, without a terminator before it."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import NamedTuple

from domain.errors import ConfigurationError


class TlsFiles(NamedTuple):
    """PEM files: the certificate with those between it and the root, and its key without a password."""

    certificate: Path
    key: Path


def tls_context(files: TlsFiles) -> ssl.SSLContext:
    """TLS 1.2 or newer; raises ConfigurationError if the files cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Without a password a key that has one would ask for it on the terminal.
        context.load_cert_chain(files.certificate, files.key, password="")
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"the certificate {files.certificate} with the key {files.key} cannot be used ({error})",
            expected="PEM files that belong together, the key without a password",
            remedy="correct --tls",
        ) from error
    return context
