"""What every Dockerfile, and the compose file, must keep to: the rules of hadolint that matter here."""

from __future__ import annotations

import configparser
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from cli.cassandra.jars import ivy_file
from cli.main import parser_of
from marathon.containers.cassandra.settings import read_settings

ROOT = Path(__file__).parents[2]
CONTAINERS = ROOT / "marathon" / "containers"
DOCKERFILES = sorted(CONTAINERS.rglob("Dockerfile"))
SECRET = re.compile(r"passw|secret|token|credential|private|\.key\b", re.IGNORECASE)
PINNED = re.compile(r"[\w./-]+:(?!latest$)[\w.-]*\d[\w.-]*(@sha256:[0-9a-f]{64})?")


class Instruction(NamedTuple):
    name: str
    text: str


class Stage(NamedTuple):
    name: str
    base: str
    instructions: list[Instruction]

    def last(self, name: str) -> str | None:
        return next((found.text for found in reversed(self.instructions) if found.name == name), None)


def instructions(path: Path) -> Iterator[Instruction]:
    lines = [line for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        name, _, text = line.partition(" ")
        yield Instruction(name, text.strip())


def stages(path: Path) -> list[Stage]:
    found: list[Stage] = []
    for instruction in instructions(path):
        if instruction.name == "FROM":
            base, _, name = instruction.text.partition(" AS ")
            found.append(Stage(name, base, []))
        else:
            found[-1].instructions.append(instruction)
    return found


def final_stages(path: Path) -> list[Stage]:
    """Those that become images: nothing is built on them, or copied from them."""
    text = path.read_text()
    used = set(re.findall(r"--from=(\S+)", text)) | {stage.base for stage in stages(path)}
    return [stage for stage in stages(path) if stage.name not in used]


def images() -> Iterator[tuple[str, Stage]]:
    for path in DOCKERFILES:
        for stage in final_stages(path):
            yield f"{path.parent.name}:{stage.name}", stage


IMAGES = dict(images())


def test_there_are_images_for_all_that_runs() -> None:
    assert set(IMAGES) == {"cassandra:", "muvr:node", "muvr:batch", "muvr:training"}


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_bases_are_pinned_and_of_the_public_registry(path: Path) -> None:
    own = {stage.name for stage in stages(path)}
    for stage in stages(path):
        if stage.base not in own:
            assert PINNED.fullmatch(stage.base), stage.base
            assert "/" not in stage.base, f"{stage.base} names a registry or somebody's own image"


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_packages_are_few_pinned_and_leave_no_lists(path: Path) -> None:
    for name, text in instructions(path):
        if name == "RUN" and "apt-get install" in text:
            assert "--no-install-recommends" in text
            assert "rm -rf /var/lib/apt/lists/*" in text
        if name == "RUN" and "pip install" in text:
            assert "--constraint /src/constraints.txt" in text
            assert "--no-cache-dir" in text
        assert name != "ADD", "COPY says what it does"
        assert not (name == "RUN" and re.search(r"\b(sudo|curl|wget)\b", text))


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_no_secret_is_built_in(path: Path) -> None:
    for name, text in instructions(path):
        if name in ("ENV", "ARG", "COPY"):
            assert not SECRET.search(text), text
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*", "what is built from is listed, so that no key and no data ever is"


def test_every_package_is_among_what_is_built_from() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    packages = setup["options.packages.find"]["include"].split()
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {f"!{package.removesuffix('*')}" for package in packages} <= set(ignored)


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_runs_as_nobody_special_and_is_asked_how_it_is(image: str) -> None:
    stage = IMAGES[image]
    assert (stage.last("USER") or "root").partition(":")[0] == "10001"
    assert stage.last("HEALTHCHECK"), "a check, or NONE where a program ends by itself"
    entry = stage.last("ENTRYPOINT") or ""
    assert entry.startswith("["), "as a list: no shell stands between the program and its signals"
    names = [name for name, _ in stage.instructions]
    assert names.index("USER") > max(n for n, name in enumerate(names) if name in ("RUN", "COPY"))


@pytest.mark.parametrize("image", IMAGES)
def test_every_state_is_on_a_volume(image: str) -> None:
    volumes = " ".join(text for name, text in IMAGES[image].instructions if name == "VOLUME")
    wanted = ("data", "commitlog", "saved_caches") if image == "cassandra:" else ("/var/lib/muvr",)
    assert all(name in volumes for name in wanted)


def test_the_image_asks_for_the_same_jars_as_local_servers() -> None:
    assert (CONTAINERS / "cassandra" / "ivy.xml").read_text() == ivy_file()


def test_what_the_entry_point_imports_is_in_the_image() -> None:
    copied = " ".join(text for name, text in IMAGES["cassandra:"].instructions if name == "COPY")
    for path in (CONTAINERS / "cassandra").glob("*.py"):
        for module in re.findall(r"^from (domain|marathon)([\w.]*) import", path.read_text(), re.MULTILINE):
            name = "".join(module)
            assert name == "domain.errors" or name.startswith("marathon.containers.cassandra"), name
    assert "domain/errors.py" in copied
    assert "marathon/containers/cassandra" in copied


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((CONTAINERS / "compose.yaml").read_text())
    return found


def test_the_compose_file_builds_what_there_is() -> None:
    for name, service in compose()["services"].items():
        build = service["build"]
        assert (CONTAINERS / build["context"]).resolve() == ROOT
        path = ROOT / build["dockerfile"]
        assert build.get("target", "") in {stage.name for stage in final_stages(path)}, name
        assert PINNED.fullmatch(service["image"])
        assert service.get("user", "10001") != "root"
        assert "privileged" not in service


def test_the_compose_file_is_for_this_machine_alone() -> None:
    for service in compose()["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_the_compose_files_volumes_are_declared() -> None:
    found = compose()
    used = {
        volume.partition(":")[0]
        for service in found["services"].values()
        for volume in service.get("volumes", ())
    }
    assert used == set(found["volumes"])


def test_cassandra_understands_what_the_compose_file_says() -> None:
    node = read_settings(compose()["services"]["cassandra"]["environment"], lambda: "10.0.0.2")
    assert node.is_development


@pytest.mark.parametrize("service", ["node-1", "node-2", "batch", "training"])
def test_muvr_understands_the_compose_files_commands(service: str) -> None:
    words = shlex.split(compose()["services"][service]["command"])
    options = parser_of(words[0]).parse_args(words)
    assert options.store == "cassandra://cassandra/muvr?replication=1"
