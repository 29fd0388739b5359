"""What the actions share: the description, the services, and how they tell what happens."""

from __future__ import annotations

import argparse
import sys
import time

from domain.errors import ConfigurationError
from marathon.api import Marathon
from marathon.apply import Clock, Cluster
from marathon.description import Deployment, read_deployment
from marathon.metronome import Metronome
from marathon.render.group import Definitions, render
from marathon.validation import validate

TIMEOUT_SECONDS = 10.0  # of a request


def described(options: argparse.Namespace) -> tuple[Deployment, Definitions]:
    """Raises ConfigurationError, which tells every fault."""
    deployment = read_deployment(options.deployment)
    definitions = render(deployment)
    if found := validate(definitions):
        raise ConfigurationError("\n  ".join(["Marathon would refuse this:", *map(str, found)]))
    return deployment, definitions


def cluster_of(options: argparse.Namespace, deployment: Deployment) -> Cluster:
    url = options.marathon_url or deployment.services.marathon
    if url is None:
        raise ConfigurationError(
            "nobody says where Marathon is", remedy="give --marathon-url, or services.marathon"
        )
    metronome = options.metronome_url or deployment.services.metronome
    return Cluster(
        marathon=Marathon(url, TIMEOUT_SECONDS),
        metronome=Metronome(metronome, TIMEOUT_SECONDS) if metronome is not None else None,
        clock=Clock(now_s=time.monotonic, sleep=time.sleep),
        tell=tell,
        patience_s=getattr(options, "patience_seconds", 0.0),
    )


def tell(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def may_go_on(options: argparse.Namespace, question: str, wanted: str) -> bool:
    """Whether who runs this says so, by typing `wanted`, or said so before."""
    if options.yes:
        return True
    if not sys.stdin.isatty():
        raise ConfigurationError(f"{question} nobody can be asked", remedy="give --yes")
    print(f"{question} Type {wanted!r} to go on: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() == wanted
