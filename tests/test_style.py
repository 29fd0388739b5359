"""The project's style, held to by every file that git tracks."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from cli.main import COMMANDS

ROOT = Path(__file__).parent.parent
PACKAGES = (
    "domain", "telemetry", "coach", "edge", "simulator", "persistence", "actors", "gateway", "batch",
    "training", "exchange", "marathon", "cli",
)  # fmt: skip
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 350
MARKS = re.compile(r"\b(?:FIX" + "ME|TO" + "DO|XX" + "X|HA" + r"CK)\b")
# A machine's own paths, and hosts that packages and pictures are fetched from, have no place in the project.
PATHS = re.compile(r"(?<![\w.~-])/(?:wo" + "rk|ro" + r"ot)(?:/|\b)")
HOSTS = re.compile(
    r"(?:pypi|pythonhosted|npmjs|mav" + r"en|docker|jfrog|artifactory|nexus)[\w-]*\.(?:org|com|io|net|dev)",
    re.IGNORECASE,
)
TEST_SECONDS_MAX = 300  # setup.cfg's timeout
SLEEPS = ("time.sleep", "asyncio.sleep")
STARTED_BY_SPARK = "batch.worker_daemon"
NOT_TEXT = {".png", ".gz"}
NOT_OURS = ("LICENSE", "marathon/schemas/", "tests/marathon/examples/")  # the text of others, kept as it is
FOUND = "tests/fuzz/corpus/"  # any bytes


@cache
def tracked() -> tuple[Path, ...]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is not a git checkout, so nobody knows which files are the project's")
    return tuple(path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file())


def texts() -> Iterator[tuple[str, str]]:
    """Name and content of each tracked text file."""
    for path in tracked():
        name = str(path.relative_to(ROOT))
        if path.suffix not in NOT_TEXT and not name.startswith((*NOT_OURS, FOUND)):
            yield name, path.read_text(encoding="utf-8")


@cache
def modules() -> dict[str, ast.Module]:
    """Syntax trees of the tracked Python files by name."""
    return {name: ast.parse(text, name) for name, text in texts() if name.endswith(".py")}


def dotted(name: str) -> str:
    """`edge/int8.py` as Python imports it."""
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def test_functions_fit_a_screen() -> None:
    long = [
        f"{name}:{node.lineno} {node.name} has {lines} lines"
        for name, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]
    assert not long, f"more than {FUNCTION_LINES_MAX} lines"


def test_files_are_short() -> None:
    suffixes = (".py", ".js", ".css", ".html")
    lengths = {name: text.count("\n") for name, text in texts() if name.endswith(suffixes)}
    assert not {name: length for name, length in lengths.items() if length > FILE_LINES_MAX}


def test_nothing_is_left_for_later() -> None:
    assert not list(found(MARKS))


def test_no_path_of_a_machine() -> None:
    assert not list(found(PATHS))


def test_no_host_that_packages_come_from() -> None:
    assert not list(found(HOSTS))


def test_tests_do_not_sleep() -> None:
    """But a test of other processes may look again after POLL_SECONDS, until a deadline; and what plays a
    program that hangs sleeps for longer than any test may take.
    """
    sleeps = [
        f"{name}:{node.lineno}"
        for name, tree in modules().items()
        if name.startswith("tests/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in SLEEPS and not _may_sleep(node)
    ]
    assert not sleeps, "wait for what is expected to happen instead; time is injected"


def test_modules_say_what_they_are() -> None:
    """A file of tests is named after what it tests; every other module begins with a docstring."""
    silent = [
        name
        for name, tree in modules().items()
        if ast.get_docstring(tree) is None and not Path(name).name.startswith("test_")
    ]
    assert not silent, "a docstring on top of the file is missing"


def test_packages_say_their_role() -> None:
    packages = {name for name in modules() if name.endswith("/__init__.py")}
    assert {f"{package}/__init__.py" for package in PACKAGES} <= packages


def test_no_dead_modules() -> None:
    """Every module of the packages is imported by another, or started by `python -m`, a command or Spark."""
    names = {dotted(name): name for name in modules() if name.split("/")[0] in PACKAGES}
    imported = {wanted for name, tree in modules().items() for wanted in _imports(name, tree)}
    started = re.findall(r"= ([\w.]+):\w+$", (ROOT / "setup.cfg").read_text(), re.MULTILINE)
    started += [STARTED_BY_SPARK, *(place.partition(":")[0] for _, place, _ in COMMANDS)]
    dead = [
        name
        for module, name in names.items()
        if module not in imported | set(started) and not name.endswith(("/__init__.py", "/__main__.py"))
    ]
    assert not dead, "nothing imports it"


def test_import_contracts_hold() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    if not program.exists():
        pytest.skip("import-linter is not installed beside this Python: make test installs it")
    done = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def found(pattern: re.Pattern[str]) -> Iterator[str]:
    """Where a tracked text file has `pattern`."""
    for name, text in texts():
        for number, line in enumerate(text.splitlines(), start=1):
            if match := pattern.search(line):
                yield f"{name}:{number} {match[0]}"


def _imports(name: str, tree: ast.Module) -> Iterator[str]:
    """The modules that a file's imports may mean, its own name left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name != dotted(name))
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _may_sleep(call: ast.Call) -> bool:
    (argument,) = call.args
    if isinstance(argument, ast.Constant) and isinstance(argument.value, int | float):
        return argument.value == 0 or argument.value > TEST_SECONDS_MAX
    return ast.unparse(argument) == "POLL_SECONDS"
