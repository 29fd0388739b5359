"""Flag, environment, file, default: one order; what nobody knows and what has the wrong kind is an error."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.configuration.reading import FILE_NAME, read
from cli.configuration.registry import BY_KEY, BY_VARIABLE, SETTINGS, Setting
from cli.main import COMMANDS, main, parser_of
from domain.errors import ConfigurationError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory and an environment without settings."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("MUVR_")]:
        monkeypatch.delenv(name)


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, tuple[Any, str]]:
    assert main(["config", "show", "--json", *arguments]) == 0
    told = json.loads(capsys.readouterr().out)
    return {item["key"]: (item["value"], item["source"]) for item in told["settings"]}


def failed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments or ("config", "show"))) == 2
    error = capsys.readouterr().err
    assert error.startswith("muvr: ")
    assert error.count("\n") == 1
    return error


def test_flag_goes_before_environment_before_file_before_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("--", "up")
    assert shown(capsys, *command)["node.api_port"] == (8080, "default")
    file = tmp_path / FILE_NAME
    file.write_text("[node]\napi_port = 1\n")
    assert shown(capsys, *command)["node.api_port"] == (1, f"{file}: node.api_port")
    monkeypatch.setenv("MUVR_NODE_API_PORT", "2")
    assert shown(capsys, *command)["node.api_port"] == (2, "MUVR_NODE_API_PORT")
    assert shown(capsys, *command, "--api-port", "3")["node.api_port"] == (3, "--api-port")


def test_every_setting_is_shown_with_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(shown(capsys)) == list(BY_KEY)
    assert main(["config", "show"]) == 0
    out = capsys.readouterr().out
    assert all(key in out for key in BY_KEY)


@pytest.mark.parametrize("setting", SETTINGS, ids=list(BY_KEY))
def test_every_setting_is_a_flag_of_its_commands_with_one_default(setting: Setting) -> None:
    commands = setting.commands or [name for name, _, _ in COMMANDS if setting.is_of(name)]
    found = []
    for command in commands:
        branches = parser_of(command).branches
        assert branches is not None
        of_command = [
            bound
            for leaf in branches.choices[command].leaves()
            for bound in leaf.get_default("bound")
            if bound.setting is setting
        ]
        assert of_command or not setting.commands, f"{command} has no {setting.flag}"
        found += of_command
    assert found
    if setting.commands:
        assert len({str(bound.default) for bound in found}) == 1


def test_variables_are_of_one_setting_each() -> None:
    assert len(BY_VARIABLE) == len(BY_KEY) == len(SETTINGS)


def test_a_named_file_goes_before_the_one_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / FILE_NAME).write_text('data = "here"')
    (tmp_path / "of_variable.toml").write_text('data = "variable"')
    (tmp_path / "of_flag.toml").write_text('data = "flag"')
    assert shown(capsys)["data"][0] == str(tmp_path / "here")
    monkeypatch.setenv("MUVR_CONFIG", "of_variable.toml")
    assert shown(capsys)["data"][0] == str(tmp_path / "variable")
    assert shown(capsys, "--config", "of_flag.toml")["data"][0] == str(tmp_path / "flag")


def test_paths_in_a_file_are_seen_from_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "gym.toml").write_text('data = "gym"')
    assert shown(capsys, "--config", "etc/gym.toml")["data"][0] == str(tmp_path / "etc" / "gym")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[node]\ngatway_port = 1", "'node.gatway_port'; expected perhaps node.gateway_port"),
        ("dat = 'x'", "'dat'; expected perhaps data"),
        ("gateway_port = 1", "perhaps node.gateway_port"),
        ("[nod]\nhost = 'x'", "'nod'"),
        ("[node]\ngateway_port = '1'", "node.gateway_port is '1'; expected a whole number"),
        ("[node]\ngateway_port = true", "expected a whole number"),
        ("[night]\ncluster_models = 1", "expected true or false"),
        ("data = 3", "data is 3; expected a path"),
        ("node = 3", "expected a table, [node]"),
        ("[batch]\nsensor_sets = [1]", "expected a list of texts"),
        ("[cassandra]\nport = 70000", "cassandra.port cannot be used: 70000 is no port"),
        ("[cassandra]\nnodes = 2", "cassandra.nodes is 2; expected one of"),
        ("data = ", "is no TOML"),
        ("data = '\x00'", "is no TOML"),
    ],
)
def test_what_a_file_must_not_say_is_named_with_its_place(
    text: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / FILE_NAME
    file.write_text(text)
    error = failed(capsys)
    assert str(file) in error
    assert words in error


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("MUVR_NODE_API_PRT", "1", "expected perhaps MUVR_NODE_API_PORT"),
        ("MUVR_NODE_API_PORT", "many", "MUVR_NODE_API_PORT is 'many'; expected a whole number"),
        ("MUVR_NIGHT_CLUSTER_MODELS", "perhaps", "expected true or false"),
        ("MUVR_CASSANDRA_COMMITLOG_SYNC", "never", "expected one of"),
        ("MUVR_CONFIG", "nowhere.toml", "nowhere.toml cannot be read"),
    ],
)
def test_what_the_environment_must_not_say_is_named(
    name: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, value)
    assert words in failed(capsys)


def test_an_unknown_key_ends_every_command_but_help(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / FILE_NAME).write_text("nothing = 1")
    assert "'nothing'" in failed(capsys, "token", "--user", "anna")
    with pytest.raises(SystemExit) as ended:
        main(["token", "--help"])
    assert ended.value.code == 0


def test_settings_reach_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gym").mkdir()
    monkeypatch.setenv("MUVR_DATA", str(tmp_path / "gym"))
    assert main(["token", "--user", "anna"]) == 0
    assert (tmp_path / "gym" / "keys" / "tokens.key").exists()


def test_programs_that_a_command_starts_read_the_same(tmp_path: Path) -> None:
    file = tmp_path / "gym.toml"
    file.write_text('cache = "jars"')
    configuration = read(file, {}, tmp_path)
    before = dict(os.environ)
    with configuration.passed_on():
        assert os.environ["MUVR_CONFIG"] == str(file)
        assert os.environ["MUVR_CACHE"] == str(tmp_path / "jars")
    assert dict(os.environ) == before


def test_what_tests_are_told_is_no_setting() -> None:
    assert not read(None, {"MUVR_TEST_CASSANDRA": "127.0.0.1:9042", "PATH": "/bin"}, Path("/nowhere")).said


def test_a_secret_is_never_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from cli.config import MASK, _item

    secret = Setting(key="accounts.secret", flag="--secret", is_secret=True)
    assert _item(secret, "swordfish", "MUVR_ACCOUNTS_SECRET")["value"] == MASK
    assert _item(secret, None, "default")["value"] is None


@given(text=st.text(max_size=200) | st.binary(max_size=200))
def test_any_file_is_a_configuration_or_an_error(
    text: str | bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode(errors="surrogatepass"))
    told = str(file)
    try:
        read(file, {}, file.parent)
    except ConfigurationError as error:
        told = str(error)
    assert str(file) in told


@given(name=st.text(alphabet="ABCDEGIKLNOPRSTUV_", min_size=1, max_size=30), value=st.text(max_size=30))
def test_any_variable_is_a_setting_or_an_error(name: str, value: str) -> None:
    told = "MUVR_"
    try:
        read(None, {f"MUVR_{name}": value}, Path("/nowhere"))
    except ConfigurationError as error:
        told = str(error)
    assert "MUVR_" in told
