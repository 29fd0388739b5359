"""The images, built from their Dockerfiles as they are and run: `make containers`.

It takes buildah and podman, and a base: from the public registry, or else made with mmdebstrap from Debian's
packages under the name that the Dockerfiles ask for. What is missing skips, with the reason.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from cli.cassandra.network import free_port
from marathon.containers.cassandra.probe import answers_cql
from tests.actors.helpers import eventually
from tests.containers.test_dockerfiles import DOCKERFILES, ROOT, stages

pytestmark = [pytest.mark.containers, pytest.mark.timeout(3600)]

BUILD_SECONDS, PULL_SECONDS, RUN_SECONDS = 1800, 120, 180
HOST = "127.0.0.1"
AUTHORITIES = Path("/usr/local/share/ca-certificates")  # of this machine, without which it may reach nothing
CASSANDRA, NODE, BATCH, TRAINING = (
    f"localhost/muvr-test-{name}" for name in ("cassandra", "node", "batch", "training")
)
MUVR = "marathon/containers/muvr/Dockerfile"
FILES_MAX = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
# Works without systemd, and where limits may not be raised; checks are asked for by the tests themselves.
RUN = (
    "podman", "--cgroup-manager=cgroupfs", "run", "--network=host", "--no-healthcheck",
    f"--ulimit=nofile={FILES_MAX}:{FILES_MAX}", "--ulimit=nproc=4096:4096",
)  # fmt: skip


def sh(*command: str, seconds: float = RUN_SECONDS) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False, cwd=ROOT)
    assert not done.returncode, f"{' '.join(command)}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image that all Dockerfiles begin with."""
    missing = [name for name in ("buildah", "podman") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} cannot be found: apt-get install buildah podman runc")
    (name,) = {stages(path)[0].base for path in DOCKERFILES}
    for command in (("podman", "image", "exists", name), ("podman", "pull", "--quiet", name)):
        with suppress(AssertionError, subprocess.TimeoutExpired):
            sh(*command, seconds=PULL_SECONDS)
            return name
    if shutil.which("mmdebstrap") is None:
        pytest.skip(f"{name} can be had from no registry, nor made here: apt-get install mmdebstrap")
    tar = tmp_path_factory.mktemp("base") / "base.tar"
    hooks = [f"--customize-hook=copy-in {AUTHORITIES} {AUTHORITIES.parent}"] if AUTHORITIES.is_dir() else []
    hooks.append('--customize-hook=chroot "$1" update-ca-certificates')
    sh(
        "mmdebstrap",
        "--variant=minbase",
        "--include=ca-certificates",
        *hooks,
        "bookworm",
        str(tar),
        seconds=BUILD_SECONDS,
    )
    sh("podman", "import", str(tar), name)
    return name


def built(file: str, tag: str, *more: str) -> int:
    """Build `tag`; its bytes."""
    options = ["--isolation=chroot", "--pull-never", "--network=host", "--format=docker", "--layers"]
    sh("buildah", "build", *options, "--file", file, *more, "--tag", tag, ".", seconds=BUILD_SECONDS)
    (found,) = json.loads(sh("podman", "image", "inspect", tag))
    assert found["User"] == "10001:10001"
    print(f"{tag}: {found['Size'] / 1e6:.0f} MB")
    return int(found["Size"])


@contextmanager
def running(image: str, *arguments: str, options: tuple[str, ...] = ()) -> Iterator[str]:
    """A container's name; it is removed in the end."""
    name = f"muvr-test-{uuid.uuid4().hex[:8]}"
    sh(*RUN, "--detach", "--name", name, *options, image, *arguments)
    try:
        yield name
    except BaseException as error:
        error.add_note(sh("podman", "logs", name)[-3000:])
        raise
    finally:
        sh("podman", "rm", "--force", "--volumes", name)


@contextmanager
def cassandra() -> Iterator[int]:
    """The port of one that runs from its image."""
    cql = free_port([HOST])
    storage = free_port([HOST], [cql])
    said = {
        "CASSANDRA_VARIANT": "development",
        "CASSANDRA_LISTEN_ADDRESS": HOST,
        "CASSANDRA_RPC_ADDRESS": HOST,
        "CASSANDRA_CQL_PORT": str(cql),
        "CASSANDRA_STORAGE_PORT": str(storage),
        "CASSANDRA_JMX_PORT": str(free_port([HOST], [cql, storage])),
    }
    options = tuple(f"--env={name}={value}" for name, value in said.items())
    with running(CASSANDRA, options=options) as name:
        eventually(lambda: answers_cql(HOST, cql, 2), "Cassandra answers", RUN_SECONDS)
        yield cql
        sh("podman", "stop", "--time", "60", name)
        assert "Cassandra shutdown complete" in sh("podman", "logs", name)  # it had the signal, and drained


def test_cassandra_and_a_node_of_muvr_serve_from_their_images(base: str) -> None:
    assert built("marathon/containers/cassandra/Dockerfile", CASSANDRA) < 900e6
    assert built(MUVR, NODE, "--target", "node") < 600e6
    with cassandra() as cql:
        api, gateway = free_port([HOST]), free_port([HOST])
        arguments = ["up", "--data", "/var/lib/muvr", "--host", HOST, "--night", "never"]
        arguments += ["--api-port", str(api), "--gateway-port", str(gateway)]
        arguments += ["--store", f"cassandra://{HOST}:{cql}/muvr?replication=1"]
        with running(NODE, *arguments) as name:
            eventually(lambda: is_ready(api), "the node serves", RUN_SECONDS)
            sh("podman", "stop", "--time", "30", name)
            (found,) = json.loads(sh("podman", "inspect", name))
            assert found["State"]["ExitCode"] in (0, 130, 143)


@pytest.mark.parametrize(
    ("target", "tag", "program"), [("batch", BATCH, "batch"), ("training", TRAINING, "train")]
)
def test_a_night_has_an_image_for_each_step(target: str, tag: str, program: str, base: str) -> None:
    built(MUVR, tag, "--target", target)
    module = {"batch": "pyspark", "train": "tensorflow"}[program]
    other = {"batch": "tensorflow", "train": "pyspark"}[program]
    look = f"import importlib.util as u; print(bool(u.find_spec('{module}')), bool(u.find_spec('{other}')))"
    run = [*RUN, "--rm"]
    assert sh(*run, "--entrypoint", "python3", tag, "-c", look).split() == ["True", "False"]
    assert "usage: muvr" in sh(*run, tag, program, "--help")


def is_ready(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://{HOST}:{port}/ready", timeout=2) as answer:
        return bool(answer.status == 200)
    return False
