"""What the entry point becomes. That the server then runs, every test on a real Cassandra shows."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import NoReturn

import pytest

from marathon.containers.cassandra import __main__ as entry_point
from marathon.containers.cassandra.java import MAIN_CLASS, NODETOOL_CLASS
from marathon.containers.cassandra.probe import is_healthy
from marathon.containers.cassandra.settings import read_settings


class Became(Exception):
    """Instead of another program in this one's place."""


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A container's, whose program is never started."""

    def execvp(file: str, arguments: list[str]) -> NoReturn:
        assert file == arguments[0]
        raise Became(*arguments)

    monkeypatch.setattr(os, "execvp", execvp)
    (tmp_path / "jamm-0.jar").touch()
    names = ("DATA", "COMMITLOG", "SAVED_CACHES", "LOG", "CONF")
    own = {"CASSANDRA_LIB": str(tmp_path), "CASSANDRA_VARIANT": "development", "HOST": "10.0.0.7"}
    return {**{f"CASSANDRA_{name}": str(tmp_path / name) for name in names}, **own, "CASSANDRA_USER_ID": "0"}


def became(arguments: list[str], environ: dict[str, str]) -> list[str]:
    with pytest.raises(Became) as found:
        entry_point.main(arguments, environ)
    return list(found.value.args)


def test_it_writes_its_files_and_becomes_cassandra(environ: dict[str, str]) -> None:
    command = became([], environ)
    assert command[0] == "java"
    assert command[-1] == MAIN_CLASS
    files = {path.name for path in Path(environ["CASSANDRA_CONF"]).iterdir()}
    assert files == {"cassandra.yaml", "cassandra-rackdc.properties", "logback.xml"}
    assert "listen_address: 10.0.0.7" in (Path(environ["CASSANDRA_CONF"]) / "cassandra.yaml").read_text()


def test_java_is_the_images(environ: dict[str, str]) -> None:
    assert became([], {**environ, "JAVA_HOME": "/opt/java"})[0] == "/opt/java/bin/java"


def test_or_it_becomes_nodetool(environ: dict[str, str]) -> None:
    command = became(["nodetool", "status", "muvr"], environ)
    assert command[-2:] == ["status", "muvr"]
    assert NODETOOL_CLASS in command
    assert not Path(environ["CASSANDRA_CONF"]).exists()


def test_what_is_wrong_is_said_on_one_line(environ: dict[str, str]) -> None:
    with pytest.raises(SystemExit) as ended:
        entry_point.main([], {**environ, "CASSANDRA_GC": "cms"})
    assert str(ended.value).startswith("cassandra: CASSANDRA_GC is 'cms'; expected one of g1, zgc, serial")


def test_a_java_that_is_not_there_is_said(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(file: str, arguments: list[str]) -> NoReturn:
        raise FileNotFoundError(2, "No such file", file)

    monkeypatch.setattr(os, "execvp", missing)
    with pytest.raises(SystemExit, match="set JAVA_HOME"):
        entry_point.main([], environ)


def test_started_as_root_it_takes_over_its_volumes_and_is_root_no_longer(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[object, ...]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    for name in ("chown", "setgroups", "setgid", "setuid"):
        monkeypatch.setattr(os, name, lambda *values, name=name: done.append((name, *map(str, values))))
    became([], {**environ, "CASSANDRA_USER_ID": "10001"})
    volumes = [environ[f"CASSANDRA_{name}"] for name in ("DATA", "COMMITLOG", "SAVED_CACHES", "LOG", "CONF")]
    assert done[:5] == [("chown", volume, "10001", "10001") for volume in volumes]
    assert done[5:] == [("setgroups", "[]"), ("setgid", "10001"), ("setuid", "10001")]


def test_a_new_size_that_counts_for_nothing_is_mentioned(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    became([], {**environ, "CASSANDRA_GC": "g1"})
    assert "HEAP_NEWSIZE is not used with g1" in capsys.readouterr().err


def test_a_node_that_takes_no_clients_is_not_healthy(environ: dict[str, str]) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = str(listener.getsockname()[1])
        said = {**environ, "CASSANDRA_CQL_PORT": port}
        assert not is_healthy(read_settings(said))
        assert not is_healthy(read_settings({**said, "CASSANDRA_TLS": "/nowhere"}))
