from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.cassandra import jars
from domain.errors import ConfigurationError

JAVA = Path("/jdk")
NAMES = ("cassandra-all-5.0.6.jar", "jamm-0.4.0.jar")
WHOLE = "mkdir lib && touch " + " ".join(f"lib/{name}" for name in NAMES)


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the programs that fetch do, in turn, each in the directory that it is to fill."""
    wanted: list[str] = []

    def commands(work: Path, java_home: Path, version: str) -> Iterator[list[str]]:
        for script in wanted:
            yield ["/bin/sh", "-c", f"cd '{work}' && {script}"]

    monkeypatch.setattr(jars, "fetch_commands", commands)
    return wanted


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_jars_are_fetched_once(tmp_path: Path, scripts: list[str]) -> None:
    scripts.append(f"echo >> {tmp_path / 'fetches'}; {WHOLE}")
    said: list[str] = []
    first = jars.fetched_jars(JAVA, tmp_path, said.append)
    assert names(first) == set(NAMES)
    assert jars.fetched_jars(JAVA, tmp_path, said.append) == first
    assert (tmp_path / "fetches").read_text() == "\n"
    assert [line.split(" into ")[0] for line in said] == ["fetching Cassandra 5.0.6 (63 MB, once)"]
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("mkdir lib; touch lib/half; echo no route to host; exit 3", "ended with status 3: no route to host"),
        (f"mkdir lib; touch lib/{NAMES[0]}", "brought no jamm"),
        ("exit 1", "ended with status 1: it said nothing"),
        ("kill -9 $$", "ended with status -9"),
    ],
)
def test_what_is_not_whole_is_not_kept(script: str, reason: str, tmp_path: Path, scripts: list[str]) -> None:
    scripts.append(script)
    with pytest.raises(ConfigurationError, match=f"{reason}.*try again with internet"):
        jars.fetched_jars(JAVA, tmp_path)
    assert names(tmp_path) == {"cassandra-5.0.6.lock"}


def test_the_next_program_is_tried_from_the_start(tmp_path: Path, scripts: list[str]) -> None:
    scripts += ["mkdir lib; touch lib/half; exit 1", WHOLE]
    assert names(jars.fetched_jars(JAVA, tmp_path)) == set(NAMES)


def test_what_an_interrupted_fetch_left_is_not_taken(tmp_path: Path, scripts: list[str]) -> None:
    left = tmp_path / "cassandra-5.0.6.partial" / "lib"
    left.mkdir(parents=True)
    (left / "half.jar").touch()
    scripts.append(WHOLE)
    assert names(jars.fetched_jars(JAVA, tmp_path)) == set(NAMES)


def test_of_two_that_fetch_the_second_waits_for_the_first(tmp_path: Path, scripts: list[str]) -> None:
    has_begun, may_end = tmp_path / "begun", tmp_path / "end"
    os.mkfifo(may_end)  # the script reads from it until the test has seen that the other fetch waits
    scripts.append(f"echo >> {has_begun}; read line < {may_end}; {WHOLE}")
    waits = threading.Event()
    begun = threading.Event()

    def say(line: str) -> None:
        (waits if line.startswith("waiting") else begun).set()

    found: list[Path] = []
    fetches = [
        threading.Thread(target=lambda: found.append(jars.fetched_jars(JAVA, tmp_path, say)), daemon=True)
        for _ in range(2)
    ]
    for fetch in fetches:
        fetch.start()
    assert begun.wait(30)
    assert waits.wait(30)
    may_end.write_text("\n")
    for fetch in fetches:
        fetch.join(30)
    assert len(found) == 2
    assert has_begun.read_text() == "\n"


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"file.*choose another with --cache or MUVR_CACHE"):
        jars.fetched_jars(JAVA, tmp_path / "file")


@pytest.mark.parametrize(
    ("environ", "place"),
    [
        ({"HOME": "/home/me"}, "/home/me/.cache/muvr"),
        ({"HOME": "/home/me", "XDG_CACHE_HOME": "/caches"}, "/caches/muvr"),
        ({"HOME": "/home/me", "XDG_CACHE_HOME": "/caches", "MUVR_CACHE": "/mine"}, "/mine"),
    ],
)
def test_where_the_jars_are_kept(environ: dict[str, str], place: str) -> None:
    assert jars.jar_directory(None, environ) == Path(place) / "cassandra-5.0.6"
    assert jars.jar_directory(Path("/asked"), environ) == Path("/asked/cassandra-5.0.6")


def test_ivy_comes_first_and_reads_the_users_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ivy = tmp_path / "ivy-2.jar"
    monkeypatch.setattr(jars, "_ivy_jars", lambda: [ivy])
    monkeypatch.setattr(jars.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = tmp_path / ".ivy2" / "ivysettings.xml"
    plain, _ = jars.fetch_commands(tmp_path, JAVA)
    settings.parent.mkdir()
    settings.touch()
    with_settings, maven = jars.fetch_commands(tmp_path, JAVA)

    assert plain[:3] == ["/jdk/bin/java", "-jar", str(ivy)]
    assert plain[-2:] == ["-retrieve", f"{tmp_path}/lib/[artifact](-[classifier])-[revision].[ext]"]
    assert "-settings" not in plain
    assert with_settings[with_settings.index("-settings") + 1] == str(settings)
    assert maven[0] == "/bin/mvn"
    assert f"-DoutputDirectory={tmp_path}/lib" in maven
    for name in ("ivy.xml", "pom.xml"):
        text = (tmp_path / name).read_text()
        assert all(part in text for artefact in jars.artefacts() for part in artefact)


def test_the_installed_spark_has_an_ivy() -> None:
    assert [jar.name for jar in jars._ivy_jars() if jar.is_file()]


def test_without_any_program_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jars, "_ivy_jars", list)
    monkeypatch.setattr(jars.shutil, "which", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"no pyspark, no mvn.*pyspark .* or Maven"):
        jars.fetched_jars(JAVA, tmp_path)
