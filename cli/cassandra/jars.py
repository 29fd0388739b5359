"""Fetches Cassandra's jars once, by name, through Ivy (which Spark's package contains) or Maven."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from batch.java import cache_directory
from domain.errors import ConfigurationError

VERSION = "5.0.6"
EARLIER_VERSION = "4.1.10"  # whose data this one has to start with
# The agent that measures objects: the server does not start without it.
JAMM_VERSIONS = {VERSION: "0.4.0", EARLIER_VERSION: "0.3.2"}
FETCH_SECONDS_MAX = 1_200
_REASON_LINES_MAX = 3

Say = Callable[[str], None]


def jar_directory(
    cache: Path | None = None, environ: Mapping[str, str] = os.environ, version: str = VERSION
) -> Path:
    """Where the jars are or will be: in `cache`, else MUVR_CACHE, else the user's cache directory."""
    return (cache.absolute() if cache else cache_directory(environ)) / f"cassandra-{version}"


def artefacts(version: str = VERSION) -> tuple[tuple[str, str, str], ...]:
    """Group, name and version of what is asked for; what these need comes with them."""
    return (
        ("org.apache.cassandra", "cassandra-all", version),
        ("com.github.jbellis", "jamm", JAMM_VERSIONS[version]),
    )


def fetched_jars(
    java_home: Path, cache: Path | None = None, say: Say = lambda line: None, version: str = VERSION
) -> Path:
    """The directory of Cassandra's jars, which are fetched if they are not there.

    A whole set appears in one step, so an interrupted fetch leaves nothing that is taken for one; of two
    processes the second waits for the first. Raises ConfigurationError when the jars cannot be had.
    """
    target = jar_directory(cache, version=version)
    if target.is_dir():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _locked(target.with_name(f"{target.name}.lock"), say):
            if not target.is_dir():
                say(f"fetching Cassandra {version} (63 MB, once) into {target}")
                _fetch(target, java_home, version)
    except OSError as error:
        raise ConfigurationError(
            f"the jars of Cassandra cannot be kept in {target}: {error.strerror or error}",
            expected="a directory that can be written, on a disk with 200 MB left",
            remedy="choose another with --cache or MUVR_CACHE",
        ) from error
    return target


def agent(jars: Path) -> Path:
    return jars / f"jamm-{JAMM_VERSIONS[VERSION]}.jar"


def fetch_commands(work: Path, java_home: Path, version: str = VERSION) -> Iterator[list[str]]:
    """Programs to try in turn, each of which fills `work`/lib. They read the user's own settings."""
    for ivy in _ivy_jars():
        settings = Path.home() / ".ivy2" / "ivysettings.xml"
        (work / "ivy.xml").write_text(ivy_file(version))
        yield [
            str(java_home / "bin" / "java"), "-jar", str(ivy), "-warn",
            *(["-settings", str(settings)] if settings.is_file() else []),
            "-cache", str(work / "ivy"),  # Ivy's usual cache breaks when two programs fill it at once
            "-ivy", str(work / "ivy.xml"),
            "-confs", "default",
            "-types", "jar", "bundle",
            "-retrieve", str(work / "lib" / "[artifact](-[classifier])-[revision].[ext]"),
        ]  # fmt: skip
    maven = shutil.which("mvn")
    if maven:
        (work / "pom.xml").write_text(pom_file(version))
        yield [
            maven, "--batch-mode", "--quiet", "--file", str(work / "pom.xml"),
            "dependency:copy-dependencies", "-DincludeScope=runtime",
            f"-DoutputDirectory={work / 'lib'}",
        ]  # fmt: skip


def ivy_file(version: str = VERSION) -> str:
    dependencies = "\n".join(
        f'    <dependency org="{group}" name="{name}" rev="{number}"/>'
        for group, name, number in artefacts(version)
    )
    return f"""<ivy-module version="2.0">
  <info organisation="muvr" module="cassandra"/>
  <configurations><conf name="default"/></configurations>
  <dependencies defaultconf="default->default">
{dependencies}
  </dependencies>
</ivy-module>
"""


def pom_file(version: str = VERSION) -> str:
    dependencies = "\n".join(
        f"    <dependency><groupId>{group}</groupId><artifactId>{name}</artifactId>"
        f"<version>{number}</version></dependency>"
        for group, name, number in artefacts(version)
    )
    return f"""<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>muvr</groupId><artifactId>cassandra</artifactId><version>1</version>
  <packaging>pom</packaging>
  <dependencies>
{dependencies}
  </dependencies>
</project>
"""


def _ivy_jars() -> list[Path]:
    """Ivy's jar in the installed pyspark, which is not imported for it."""
    found = importlib.util.find_spec("pyspark")
    places = (found.submodule_search_locations or []) if found else []
    return [jar for place in places for jar in sorted(Path(place, "jars").glob("ivy-*.jar"))[-1:]]


def _fetch(target: Path, java_home: Path, version: str) -> None:
    work = target.with_name(f"{target.name}.partial")
    shutil.rmtree(work, ignore_errors=True)  # of a fetch that was interrupted
    reasons = []
    try:
        work.mkdir()
        for command in fetch_commands(work, java_home, version):
            reason = _run(command, work, version)
            if reason is None:
                (work / "lib").rename(target)
                return
            reasons.append(reason)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    raise ConfigurationError(
        f"Cassandra {version} could not be fetched ({'; '.join(reasons) or 'no pyspark, no mvn'})",
        expected="internet, and pyspark (its Ivy is used) or Maven",
        remedy=f"try again with internet, or copy {target} from a machine that has it",
    )


def _run(command: list[str], work: Path, version: str) -> str | None:
    """Why `command` did not bring the jars, or None."""
    name = Path(command[0]).name
    shutil.rmtree(work / "lib", ignore_errors=True)
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=FETCH_SECONDS_MAX,
            check=False,
        )
    except OSError as error:
        return f"{name}: {error.strerror or error}"
    except subprocess.TimeoutExpired:
        return f"{name}: no end within {FETCH_SECONDS_MAX} s"
    if done.returncode:
        lines = [line.strip() for line in done.stdout.splitlines() if line.strip(" :.\t")]
        said = " / ".join(lines[:_REASON_LINES_MAX])
        return f"{name} ended with status {done.returncode}: {said or 'it said nothing'}"
    missing = [
        jar for _, jar, number in artefacts(version) if not (work / "lib" / f"{jar}-{number}.jar").is_file()
    ]
    return f"{name} brought no {' nor '.join(missing)}" if missing else None


@contextmanager
def _locked(path: Path, say: Say) -> Iterator[None]:
    """Hold the lock file `path`; the system lets go of it when this process ends, however it does."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another process that is fetching Cassandra")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
