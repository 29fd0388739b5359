"""The command line answers bad input with one clear line and the right exit status."""

from __future__ import annotations

import gzip
import socket
from pathlib import Path

import pytest

from cli.main import main
from cli.settings import NodeSettings
from cli.wiring import open_tokens

FREE_PORTS = ["--exit", "--gateway-port", "0", "--api-port", "0"]
INDEX = "file,subject,session,label,reps,weight_kg,rate_hz,device,location\n"


def test_help_shows_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    text = capsys.readouterr().out
    assert ended.value.code == 0
    assert all(command in text for command in ("demo", "up", "token", "train", "examples:"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--recordings", "/nonexistent"], "/nonexistent is no data set"),
        (["--sessions-max", "1"], "at least 2"),
        (["--data", "/proc/nowhere"], "/proc/nowhere"),
    ],
)
def test_a_demo_that_cannot_start_says_why_without_a_traceback(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", *FREE_PORTS, *arguments]) == 1
    error = capsys.readouterr().err
    assert words in error
    assert error.startswith("muvr: ")
    assert "Traceback" not in error
    assert error.count("\n") == 1


def test_a_malformed_recording_is_named_with_its_line_and_column(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "".join(f"{n}.csv.gz,S,{n},curl,10,,50,watch,wrist\n" for n in (1, 2))
    (tmp_path / "index.csv").write_text(INDEX + rows)
    for number, third in ((1, "0.02,0,0,1"), (2, "0.02,0,what,1")):
        text = f"t,ax,ay,az\n0.00,0,0,1\n{third}\n"
        (tmp_path / f"{number}.csv.gz").write_bytes(gzip.compress(text.encode()))
    assert main(["demo", *FREE_PORTS, "--recordings", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert "2.csv.gz" in error
    assert "line 3" in error
    assert "ay" in error


@pytest.mark.parametrize(("option", "value"), [("--catch-up", "-1"), ("--attempts", "0")])
def test_a_night_that_cannot_be_is_refused(
    option: str, value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["up", "--data", str(tmp_path), option, value]) == 1
    assert "correct --catch-up or --attempts" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--gateway-port", "--api-port"])
def test_a_taken_port_is_named(option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        status = main(["demo", *FREE_PORTS, option, port, "--data", str(tmp_path / "node")])
    error = capsys.readouterr().err
    assert status == 1
    assert port in error
    assert "port" in error


def test_a_directory_that_holds_something_is_not_played_into(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").write_text("mine")
    assert main(["demo", *FREE_PORTS, "--data", str(tmp_path)]) == 1
    assert "is not empty" in capsys.readouterr().err
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_token_is_made_for_the_user_it_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "--data", str(tmp_path), "--user", "ann", "--scope", "user"]) == 0
    tokens = open_tokens(NodeSettings(data=tmp_path))
    claims = tokens.verify(capsys.readouterr().out.strip(), ("user",))
    assert claims.user == "ann"


def test_training_without_windows_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--data", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("muvr: ")
    assert "window" in error
