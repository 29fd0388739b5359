"""Every command and sub-command: its help has examples that parse and exit statuses, its output has JSON."""

from __future__ import annotations

import itertools
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from cli.main import COMMANDS, main, parser_of
from cli.parsing import STATUSES, Parser

ROOT = Path(__file__).parents[2]
NAMES = [name for name, _, _ in COMMANDS]
HEAVY = (
    "tensorflow",
    "keras",
    "pyspark",
    "pyarrow",
    "thespian",
    "cassandra",
    "numpy",
    "fastapi",
    "argcomplete",
)


def of(name: str) -> Parser:
    branches = parser_of(name).branches
    assert branches is not None
    return branches.choices[name]


def with_branches(parser: Parser) -> list[Parser]:
    branches = [] if parser.branches is None else list(dict.fromkeys(parser.branches.choices.values()))
    return [parser, *itertools.chain.from_iterable(map(with_branches, branches))]


def examples(parser: Parser) -> list[str]:
    """The commands of its help's examples, each without the words after it."""
    lines = parser.format_help().partition("examples:\n")[2].partition("\n\n")[0].splitlines()
    return [line.strip().partition("  ")[0] for line in lines]


def given(example: str) -> list[str]:
    assert example.startswith("muvr "), example
    return shlex.split(example)[1:]


def test_the_help_of_muvr_is_a_tour_of_all_commands() -> None:
    found = examples(parser_of(None))
    assert {given(example)[0] for example in found} == set(NAMES)
    for example in found:
        parser_of(given(example)[0]).parse_args(given(example))


@pytest.mark.parametrize("name", NAMES)
def test_every_help_has_examples_that_parse(name: str) -> None:
    for parser in with_branches(of(name)):
        assert examples(parser), f"{parser.prog} --help has no examples"
        for example in examples(parser):
            assert example.startswith(parser.prog), f"{example} is no example of {parser.prog}"
            options = parser_of(name).parse_args(given(example))
            assert options.run


@pytest.mark.parametrize("name", NAMES)
def test_every_help_says_what_exit_statuses_mean(name: str) -> None:
    for parser in with_branches(of(name)):
        told = parser.format_help().partition("exit status:\n")[2]
        assert {str(number) for number in STATUSES} <= {line.split()[0] for line in told.splitlines() if line}


@pytest.mark.parametrize("name", NAMES)
def test_every_command_that_prints_can_print_json(name: str) -> None:
    for leaf in of(name).leaves():
        assert "--json" in leaf.format_help(), f"{leaf.prog} has no --json"


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_usage_shows_the_usage_of_that_sub_command(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for leaf in of(name).leaves():
        words = leaf.prog.split()[1:]
        with pytest.raises(SystemExit) as ended:
            main([*words, "--no-such-option"])
        error = capsys.readouterr().err
        assert ended.value.code == 2
        assert error.startswith(f"usage: {leaf.prog} ")
        assert f"`{leaf.prog} --help`" in error


def test_what_is_common_may_stand_before_and_after_the_command() -> None:
    for arguments in (
        ["--config", "x", "--debug", "jobs", "list"],
        ["jobs", "list", "--debug", "--config", "x"],
    ):
        options = parser_of("jobs").parse_args(arguments)
        assert (options.debug, options.config) == (True, Path("x"))
    assert parser_of("jobs").parse_args(["jobs", "list"]).debug is False


def test_help_imports_nothing_that_takes_long() -> None:
    look = f"import sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    program = f"from cli.main import main\ntry:\n  main(['--help'])\nexcept SystemExit:\n  pass\n{look}"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_program_for_the_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "muvr" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("muvr j", {"jobs"}),
        ("muvr jobs c", {"cancel"}),
        ("muvr jobs list --js", {"--json"}),
        ("muvr completion z", {"zsh"}),
        ("muvr token --scope op", {"operator"}),
    ],
)
def test_what_is_typed_is_completed(typed: str, offered: set[str], tmp_path: Path) -> None:
    """As argcomplete's shell code asks: with the line in the environment, the answer in a file."""
    answer = tmp_path / "answer"
    asked = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "COMP_LINE": typed,
        "COMP_POINT": str(len(typed)),
    }
    environ = {**os.environ, **asked}
    subprocess.run([sys.executable, "-m", "cli"], cwd=ROOT, env=environ, check=True, capture_output=True)
    assert {line.strip() for line in answer.read_text().split("\n") if line.strip()} == offered
