"""`muvr up --metronome`: the night's steps as jobs of a cluster instead of processes of this machine."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from actors.metronome_launcher import FOLDER, MetronomeSettings
from domain.errors import ConfigurationError
from marathon.http import Service
from marathon.metronome import Resources, definition

_RESOURCES = {"cpus": "cpus", "mem": "memory_mb", "disk": "disk_mb"}  # Metronome's names


def add_metronome_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the night on a cluster", "instead of on this machine")
    group.add_argument("--metronome", metavar="URL", help="runs each step as a job, on any agent with room")
    group.add_argument("--mesos", metavar="URL", help="the master, through which the steps' output is read")
    group.add_argument(
        "--metronome-run",
        type=Path,
        metavar="FILE",
        help="JSON, the `run` of such a job without its command: cpus, mem, disk, docker, env, user, volumes "
        "(default: 2 CPUs, 4 GB)",
    )
    group.add_argument(
        "--metronome-folder",
        default=FOLDER,
        metavar="NAME",
        help="what the jobs' names begin with; another one for each store (default: %(default)s)",
    )
    group.add_argument(
        "--metronome-python",
        default=sys.executable,
        metavar="PATH",
        help="the interpreter on the agents that has muvr (default: as here)",
    )


def metronome_settings(options: argparse.Namespace) -> MetronomeSettings | None:
    """None without `--metronome`; raises ConfigurationError for what cannot be a job, or no address."""
    if options.metronome is None:
        return None
    if options.mesos is None:
        raise ConfigurationError("--metronome without --mesos", remedy="give the address of Mesos's master")
    settings = MetronomeSettings(
        url=options.metronome,
        mesos_url=options.mesos,
        python=options.metronome_python,
        folder=options.metronome_folder,
        resources=_resources(options.metronome_run),
    )
    for url in (settings.url, settings.mesos_url):
        Service(url, timeout_s=1.0)
    definition(settings.folder, "try", ("true",), settings.resources)
    return settings


def _resources(file: Path | None) -> Resources:
    if file is None:
        return Resources()
    try:
        found: Any = json.loads(file.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationError(f"{file} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ConfigurationError(f"{file} has {found!r}", expected='an object, as {"cpus": 4, "mem": 8192}')
    given = {ours: found.pop(theirs) for theirs, ours in _RESOURCES.items() if theirs in found}
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in given.values()):
        raise ConfigurationError(f"{file}: cpus, mem and disk are not numbers", remedy="correct the file")
    return Resources(**given, more=found)
