"""The images, built from their Dockerfiles as they are and run: `make containers`.

It takes buildah and podman, and a base: from the public registry, or else made with mmdebstrap from Debian's
packages under the name that the Dockerfiles ask for. What is missing skips, with the reason.
"""

from __future__ import annotations

import functools
import json
import os
import resource
import shutil
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from cli.cassandra.network import free_port
from gateway.auth import Tokens
from marathon.containers.cassandra.probe import answers_cql
from persistence.location import open_store
from persistence.secret_files import load_or_make_key
from tests.actors.driving import MASTER_KEY
from tests.actors.helpers import eventually
from tests.cluster.checker import check_settled
from tests.cluster.crowd import Crowd
from tests.containers.test_dockerfiles import DOCKERFILES, ROOT, stages
from tests.played_day import play_day, take_model

pytestmark = [pytest.mark.containers, pytest.mark.timeout(3600)]

BUILD_SECONDS, PULL_SECONDS, RUN_SECONDS, NIGHT_SECONDS = 1800, 120, 180, 900
HOST = "127.0.0.1"
USER_ID = 10001
AUTHORITIES = Path("/usr/local/share/ca-certificates")  # of this machine, without which it may reach nothing
# What Debian's slim images leave out, too.
SLIM = ("doc", "doc-base", "groff", "info", "linda", "lintian", "locale", "man")
FILES_MAX = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
# Works without systemd, and where limits may not be raised.
SETTINGS = f"""
[containers]
default_ulimits = ["nofile={FILES_MAX}:{FILES_MAX}", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
"""
UNCHECKED = "--no-healthcheck"  # it would need systemd's timers; the tests ask by themselves
RUN = ("podman", "run", "--network=host", UNCHECKED)
COMPOSE = ROOT / "marathon" / "containers" / "compose.yaml"
PROJECT = "muvr-test"
SERVED = "it is served from now on"  # as `muvr train` ends
CASSANDRA, MUVR = (f"marathon/containers/{name}/Dockerfile" for name in ("cassandra", "muvr"))


class Image(NamedTuple):
    """`megabytes_max` on Debian's slim base; what it says in docs/cassandra-production.md, with some room."""

    file: str
    megabytes_max: int
    target: str = ""

    @property
    def tag(self) -> str:
        return f"localhost/muvr-test-{self.target or 'cassandra'}"


IMAGES = {
    "cassandra": Image(CASSANDRA, 700),
    "node": Image(MUVR, 400, "node"),
    "batch": Image(MUVR, 1_100, "batch"),
    "training": Image(MUVR, 2_000, "training"),
}
Build = Callable[[str], str]


def sh(*command: str, seconds: float = RUN_SECONDS) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False, cwd=ROOT)
    assert not done.returncode, f"{' '.join(command)}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="session", autouse=True)
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Of podman, for all that is run here."""
    file = tmp_path_factory.mktemp("podman") / "containers.conf"
    file.write_text(SETTINGS)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("CONTAINERS_CONF", str(file))
        yield


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
    options = [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in SLIM]
    if AUTHORITIES.is_dir():
        options.append(f"--customize-hook=copy-in {AUTHORITIES} {AUTHORITIES.parent}")
    options.append('--customize-hook=chroot "$1" update-ca-certificates')
    include = ("--variant=minbase", "--include=ca-certificates")
    sh("mmdebstrap", *include, *options, "bookworm", str(tar), seconds=BUILD_SECONDS)
    sh("podman", "import", str(tar), name)
    return name


@pytest.fixture(scope="session")
def build(base: str) -> Build:
    """Builds the image of a name, once; its tag."""
    return functools.cache(lambda name: _built(IMAGES[name]))


def _built(image: Image) -> str:
    options = ["--isolation=chroot", "--pull-never", "--network=host", "--format=docker", "--layers"]
    target = ["--target", image.target] if image.target else []
    begun_s = time.monotonic()
    sh("buildah", "build", *options, "--file", image.file, *target, "--tag", image.tag, ".",
       seconds=BUILD_SECONDS)  # fmt: skip
    (found,) = json.loads(sh("podman", "image", "inspect", image.tag))
    print(f"{image.tag}: {found['Size'] / 1e6:.0f} MB, built in {time.monotonic() - begun_s:.0f} s")
    assert found["User"] == f"{USER_ID}:{USER_ID}"
    assert found["Size"] < image.megabytes_max * 1e6
    return image.tag


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


@pytest.fixture
def cassandra(build: Build) -> Iterator[str]:
    """The location of a store in one that runs from its image; stopped, it drains."""
    cql = free_port([HOST])
    storage = free_port([HOST], [cql])
    said = {
        "CASSANDRA_VARIANT": "development",
        "MAX_HEAP_SIZE": "256M",
        "HEAP_NEWSIZE": "48M",
        "CASSANDRA_LISTEN_ADDRESS": HOST,
        "CASSANDRA_RPC_ADDRESS": HOST,
        "CASSANDRA_CQL_PORT": str(cql),
        "CASSANDRA_STORAGE_PORT": str(storage),
        "CASSANDRA_JMX_PORT": str(free_port([HOST], [cql, storage])),
    }
    options = tuple(f"--env={name}={value}" for name, value in said.items())
    with running(build("cassandra"), options=options) as name:
        eventually(lambda: answers_cql(HOST, cql, 2), "Cassandra answers", RUN_SECONDS)
        yield f"cassandra://{HOST}:{cql}/muvr?replication=1&retry-seconds=60"
        sh("podman", "stop", "--time", "60", name)
        assert "Cassandra shutdown complete" in sh("podman", "logs", name)  # it had the signal, and drained


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A directory of the host, which the image's user may write."""
    directory = tmp_path / "keys"
    directory.mkdir(mode=0o700)
    (directory / "master.key").write_bytes(MASTER_KEY)  # the checker's
    load_or_make_key(directory / "tokens.key")
    for path in (directory, *directory.iterdir()):
        os.chown(path, USER_ID, USER_ID)
    return directory


@contextmanager
def serving(image: str, store: str, keys: Path) -> Iterator[str]:
    """Where devices reach a node that runs from its image; stopped, it ends in time."""
    api, gateway = free_port([HOST]), free_port([HOST])
    arguments = ["up", "--data", "/var/lib/muvr", "--keys", "/keys", "--host", HOST, "--night", "never"]
    arguments += ["--api-port", str(api), "--gateway-port", str(gateway), "--store", store]
    with running(image, *arguments, options=(f"--volume={keys}:/keys",)) as name:
        eventually(lambda: is_ready(api), "the node serves", RUN_SECONDS)
        yield f"ws://{HOST}:{gateway}"
        sh("podman", "stop", "--time", "30", name)
        (found,) = json.loads(sh("podman", "inspect", name))
        assert found["State"]["ExitCode"] == 0


def once(image: str, store: str, keys: Path, *arguments: str) -> str:
    """What a container prints that runs a command to its end."""
    options = ["--rm", f"--volume={keys}:/keys"]
    places = ["--data", "/var/lib/muvr", "--keys", "/keys", "--store", store]
    return sh(*RUN, *options, image, *arguments, *places, seconds=NIGHT_SECONDS)


def tokens_of(keys: Path) -> Tokens:
    return Tokens(load_or_make_key(keys / "tokens.key"), time.time)


def is_ready(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://{HOST}:{port}/ready", timeout=2) as answer:
        return bool(answer.status == 200)
    return False


def test_a_node_serves_devices_from_its_image_on_cassandra_in_its_own(
    build: Build, cassandra: str, keys: Path
) -> None:
    with (
        serving(build("node"), cassandra, keys) as url,
        closing(open_store(cassandra)) as store,
        Crowd(50, [url], tokens_of(keys), users=3) as crowd,
    ):
        crowd.heard()
        crowd.settle()
        check_settled(store, crowd)


def test_a_night_learns_in_its_images_from_a_day_that_a_node_recorded_in_its_own(
    build: Build, cassandra: str, keys: Path
) -> None:
    with serving(build("node"), cassandra, keys) as url:
        play_day(url, tokens_of(keys))
        cut = json.loads(once(build("batch"), cassandra, keys, "batch", "run", "--json"))
        assert cut["jobs"]["slices"]["rows"]["window"]
        assert SERVED in once(build("training"), cassandra, keys, "train", "--epochs-max", "30")
        take_model(url, tokens_of(keys), keys)


@pytest.mark.parametrize(
    ("name", "program", "has"),
    [("node", "up", set()), ("batch", "batch", {"pyspark"}), ("training", "train", {"tensorflow"})],
)
def test_an_image_has_what_it_needs_and_no_more(name: str, program: str, has: set[str], build: Build) -> None:
    look = "import importlib.util as u, json; print(json.dumps([m for m in ({}) if u.find_spec(m)]))"
    known = ("'pyspark', 'tensorflow', 'pip', 'pytest'",)
    told = sh(*RUN, "--rm", "--entrypoint", "python3", build(name), "-c", look.format(*known))
    assert set(json.loads(told)) == has
    assert "usage: muvr" in sh(*RUN, "--rm", build(name), program, "--help")


def compose(*arguments: str, seconds: float = RUN_SECONDS) -> str:
    command = ["podman-compose", "--project-name", PROJECT, "--file", str(COMPOSE)]
    return sh(*command, f"--podman-run-args={UNCHECKED}", *arguments, seconds=seconds)


def test_the_compose_files_cluster_serves_and_has_its_night(build: Build) -> None:
    if shutil.which("podman-compose") is None:
        pytest.skip("podman-compose cannot be found: apt-get install podman-compose")
    for service in yaml.safe_load(COMPOSE.read_text())["services"].values():
        name = service["build"].get("target", "cassandra")
        sh("podman", "tag", build(name), f"localhost/{service['image']}")
    try:
        compose("up", "--detach", "cassandra", "node-1", "node-2")
        for api in (8080, 8090):
            eventually(lambda: is_ready(api), f"the node at {api} serves", RUN_SECONDS)  # noqa: B023
        keys = Path(sh("podman", "volume", "inspect", "--format={{.Mountpoint}}", f"{PROJECT}_keys").strip())
        play_day(f"ws://{HOST}:8081", tokens_of(keys))
        # What it starts besides, it would build once more.
        compose("run", "--rm", "--no-deps", "batch", seconds=NIGHT_SECONDS)
        assert SERVED in compose("run", "--rm", "--no-deps", "training", seconds=NIGHT_SECONDS)
        take_model(f"ws://{HOST}:8091", tokens_of(keys), keys)
    finally:
        ours = f"--filter=label=io.podman.compose.project={PROJECT}"
        names = sh("podman", "ps", "--all", ours, "--format={{.Names}}").split()
        sh("podman", "rm", "--force", "--volumes", *names)  # volumes without a name, too
        compose("down", "--volumes")
        with suppress(AssertionError):  # it was not made yet
            sh("podman", "network", "rm", "--force", f"{PROJECT}_default")
