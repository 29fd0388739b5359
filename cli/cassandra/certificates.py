"""Certificates of a cluster: an authority of its own, and one certificate for each node and each client."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from domain.errors import ConfigurationError
from persistence.cassandra.settings import AUTHORITY, AUTHORITY_P12, IDENTITY, IDENTITY_P12, P12_PASSWORD
from persistence.secret_files import write_secret

AUTHORITY_DAYS, CERTIFICATE_DAYS = 3650, 397
AUTHORITY_KEY = "ca.key"
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
_EARLIER = timedelta(minutes=5)  # clocks differ


def make_authority(directory: Path) -> bool:
    """Make `ca.pem` and `ca.key` in `directory` unless they are there; whether they were made."""
    key_file, file = directory / AUTHORITY_KEY, directory / AUTHORITY
    if key_file.exists() and file.exists():
        return False
    directory.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = _named("muvr cassandra")
    certificate = (
        _builder(name, name, key.public_key(), AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(is_authority=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    write_secret(key_file, _key_bytes(key))
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return True


def issue(directory: Path, name: str, addresses: Sequence[str] = ()) -> Path:
    """Make the directory NAME in `directory`: identity.pem (key and certificate), ca.pem, and both for Java.

    A node's `addresses`, names or numbers, are those at which others reach it; a client has none. What is
    there is replaced: a certificate is renewed by issuing it again. Raises ConfigurationError.
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"{name!r} is no name", expected="lower-case letters, digits, . and -")
    authority, authority_key = _read_authority(directory)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(_named(name), authority.subject, key.public_key(), CERTIFICATE_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(is_authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(_purposes(is_node=bool(addresses))), critical=False)
    )
    if addresses:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_address(address) for address in addresses]), critical=False
        )
    certificate = builder.sign(authority_key, hashes.SHA256())
    target = directory / name
    target.mkdir(exist_ok=True)
    write_secret(target / IDENTITY, _key_bytes(key) + certificate.public_bytes(serialization.Encoding.PEM))
    (target / AUTHORITY).write_bytes((directory / AUTHORITY).read_bytes())
    sealed = serialization.BestAvailableEncryption(P12_PASSWORD.encode())
    write_secret(
        target / IDENTITY_P12,
        pkcs12.serialize_key_and_certificates(name.encode(), key, certificate, [authority], sealed),
    )
    trusted = [pkcs12.PKCS12Certificate(authority, b"muvr")]
    (target / AUTHORITY_P12).write_bytes(pkcs12.serialize_java_truststore(trusted, sealed))
    return target


def _read_authority(directory: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        certificate = x509.load_pem_x509_certificate((directory / AUTHORITY).read_bytes())
        key = serialization.load_pem_private_key((directory / AUTHORITY_KEY).read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigurationError(
            f"{directory} has no authority that can be read: {error}",
            remedy="give the directory that has one",
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigurationError(f"{directory / AUTHORITY_KEY} is not a key on an elliptic curve")
    return certificate, key


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    begin = datetime.now(UTC) - _EARLIER
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=days))
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _purposes(*, is_node: bool) -> list[x509.ObjectIdentifier]:
    """A node is a client of other nodes too; a client never a server."""
    client = [ExtendedKeyUsageOID.CLIENT_AUTH]
    return [ExtendedKeyUsageOID.SERVER_AUTH, *client] if is_node else client


def _address(address: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(address))
    except ValueError:
        return x509.DNSName(address)


def _key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
