"""The documentation's commands can be given, and its links lead somewhere."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.main import parser_of
from tests.test_style import ROOT, tracked

LINK = re.compile(r"(?:\]\(|\bsrc=\")(?!https?:|mailto:)([^)\"\s]+)")
COMMAND = re.compile(r"^(?: {4,}|\$ )(muvr .+)$", re.MULTILINE)
PROGRAM = re.compile(r"^ {4,}(?:\.venv/bin/)?python -m ([\w.]+)(.*)$", re.MULTILINE)
SCRIPT = re.compile(r"(?:^|[\s`/])((?:docs|benchmarks)/\w+\.py)\b")
TARGET = re.compile(r"`?\bmake ([a-z]+)\b(?=`| ARGS|$)", re.MULTILINE)
IMAGE_BYTES_MAX = 150_000
MAKE_OUTPUT_CHARACTERS_MIN = 10


def pages() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".md"]


def in_pages(pattern: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """Page and match, each match once."""
    for page in pages():
        for match in dict.fromkeys(pattern.findall(page.read_text())):
            yield page.name, match if isinstance(match, str) else " ".join(match)


@pytest.mark.parametrize("target", ["run", "test", "check", "bench", "soak", "clean", "help"])
def test_make_knows(target: str) -> None:
    done = _make(target)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout) >= MAKE_OUTPUT_CHARACTERS_MIN


def test_make_passes_arguments() -> None:
    assert "--recordings DIR --exit" in _make("run", "ARGS=--recordings DIR --exit").stdout


def test_the_pages_name_targets_that_exist() -> None:
    named = {target for _, target in in_pages(TARGET)}
    rules = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"run", "test", "check"} <= named <= rules


def test_muvr_takes_every_command_of_the_pages() -> None:
    # What is two spaces behind a command explains it.
    commands = [re.split(r"\s{2,}", command)[0] for _, command in in_pages(COMMAND)]
    named = {shlex.split(command)[1] for command in commands}
    assert {"batch", "cassandra", "evaluate", "jobs", "models", "schema", "token", "train", "up"} <= named
    for command in commands:
        words = shlex.split(command)[1:]
        parser_of(words[0]).parse_args(words)  # exits with usage if it does not


def test_programs_of_the_pages_exist() -> None:
    for page, program in in_pages(PROGRAM):
        path = ROOT / program.split()[0].replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), f"{page}: {program}"
    for page, script in in_pages(SCRIPT):
        assert (ROOT / script).exists(), f"{page}: {script}"


def test_links_lead_to_files_and_headings() -> None:
    missing = [
        f"{page.relative_to(ROOT)}: {link}"
        for page in pages()
        for link in LINK.findall(_prose(page))
        if not _leads_somewhere(page, link)
    ]
    assert not missing


def test_pictures_are_small() -> None:
    pictures = [path for path in tracked() if path.suffix == ".png"]
    assert pictures
    assert not [path.name for path in pictures if path.stat().st_size > IMAGE_BYTES_MAX]


def _make(*arguments: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    return subprocess.run(["make", "-n", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def _prose(page: Path) -> str:
    """A page without its blocks of code, in which brackets mean something else."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


def _leads_somewhere(page: Path, link: str) -> bool:
    name, _, heading = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    if not target.exists() or not target.is_relative_to(ROOT):
        return False
    return not heading or target.suffix != ".md" or heading in _headings(target)


def _headings(page: Path) -> set[str]:
    """The anchors that a page's headings have on GitHub."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
