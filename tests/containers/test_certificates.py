from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from cli.cassandra.certificates import issue, make_authority
from cli.main import main
from domain.errors import ConfigurationError
from persistence.cassandra.settings import P12_PASSWORD


def certificate(directory: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((directory / "identity.pem").read_bytes())


def names(found: x509.Certificate) -> list[str]:
    extension = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in extension]


def test_the_command_makes_an_authority_nodes_and_clients(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = ["--node", "n1=10.0.0.1,n1.example", "--node", "n2=10.0.0.2", "--client", "muvr"]
    assert main(["cassandra", "certificates", "--out", str(tmp_path), *wanted]) == 0
    said = capsys.readouterr().out
    assert "keep it where no node runs" in said
    authority = x509.load_pem_x509_certificate((tmp_path / "ca.pem").read_bytes())
    for name in ("n1", "n2", "muvr"):
        assert str(tmp_path / name) in said
        certificate(tmp_path / name).verify_directly_issued_by(authority)
        assert (tmp_path / name / "ca.pem").read_bytes() == (tmp_path / "ca.pem").read_bytes()
    assert names(certificate(tmp_path / "n1")) == ["10.0.0.1", "n1.example"]
    secret = [tmp_path / "ca.key", tmp_path / "n1" / "identity.pem", tmp_path / "n1" / "identity.p12"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}


def test_a_clients_certificate_is_no_nodes(tmp_path: Path) -> None:
    make_authority(tmp_path)
    issue(tmp_path, "muvr")
    found = certificate(tmp_path / "muvr").extensions
    purposes = found.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [x509.ExtendedKeyUsageOID.CLIENT_AUTH]


def test_java_has_the_same(tmp_path: Path) -> None:
    make_authority(tmp_path)
    issue(tmp_path, "muvr")
    key, found, _ = pkcs12.load_key_and_certificates(
        (tmp_path / "muvr" / "identity.p12").read_bytes(), P12_PASSWORD.encode()
    )
    assert key is not None
    assert found == certificate(tmp_path / "muvr")
    trusted = pkcs12.load_pkcs12((tmp_path / "muvr" / "ca.p12").read_bytes(), P12_PASSWORD.encode())
    assert [entry.certificate.subject.rfc4514_string() for entry in trusted.additional_certs] == [
        "CN=muvr cassandra"
    ]


def test_an_authority_stays_and_a_certificate_is_renewed(tmp_path: Path) -> None:
    assert make_authority(tmp_path)
    before = (tmp_path / "ca.pem").read_bytes()
    first = certificate(issue(tmp_path, "n1", ["10.0.0.1"]))
    assert not make_authority(tmp_path)
    assert (tmp_path / "ca.pem").read_bytes() == before
    assert certificate(issue(tmp_path, "n1", ["10.0.0.1"])).serial_number != first.serial_number


@pytest.mark.parametrize("name", ["", "a/b", "..", "A", "-a"])
def test_a_name_is_a_directory_of_that_place(name: str, tmp_path: Path) -> None:
    make_authority(tmp_path)
    with pytest.raises(ConfigurationError, match="no name"):
        issue(tmp_path, name)


def test_without_an_authority_there_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no authority"):
        issue(tmp_path, "n1")


def test_a_node_without_an_address_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cassandra", "certificates", "--out", str(tmp_path), "--node", "n1"]) == 1
    assert "names no address" in capsys.readouterr().err
