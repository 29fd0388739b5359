"""The actions that change what runs: apply, scale, destroy."""

from __future__ import annotations

import argparse
import json

from cli.marathon.looking import print_plan
from cli.marathon.services import cluster_of, described, may_go_on, tell
from domain.errors import ConfigurationError
from marathon.apply import apply, current_plan, destroy, follow, scale, under_way
from marathon.description import read_deployment
from marathon.difference import Plan
from marathon.render.group import apps_of, volumes_of
from marathon.rollout import Rollout


def apply_command(options: argparse.Namespace) -> int:
    deployment, definitions = described(options)
    cluster = cluster_of(options, deployment)
    changes = current_plan(cluster, definitions)
    print_plan(changes, as_json=options.json)
    if not changes:
        if (begun := under_way(cluster, deployment.group)) is None:
            return 0
        return _told(options, follow(cluster, deployment.group, begun))
    _refuse_loss(options, changes)
    if not may_go_on(options, "This changes what runs.", "yes"):
        tell("nothing was changed")
        return 1
    return _told(options, apply(cluster, definitions, changes))


def scale_command(options: argparse.Namespace) -> int:
    deployment = read_deployment(options.deployment)
    cluster = cluster_of(options, deployment)
    name = f"{deployment.group}/{options.part}"
    app = apps_of(cluster.marathon.group(deployment.group) or {}).get(name)
    if app is None:
        raise ConfigurationError(f"there is no {name}", remedy="`muvr marathon status` names the parts")
    if volumes_of(app):
        raise ConfigurationError(
            f"{name} has data of its own",
            expected="a part without volumes",
            remedy="change the number of nodes in the description, and apply it",
        )
    if options.instances < 0:
        raise ConfigurationError(f"{options.instances} instances", expected="0 or more")
    if not may_go_on(options, f"{name} has {app['instances']}, and gets {options.instances}.", "yes"):
        tell("nothing was changed")
        return 1
    return _told(options, scale(cluster, deployment.group, name, options.instances))


def destroy_command(options: argparse.Namespace) -> int:
    deployment = read_deployment(options.deployment)
    cluster = cluster_of(options, deployment)
    apps = apps_of(cluster.marathon.group(deployment.group) or {})
    lost = {name: volumes_of(app) for name, app in apps.items() if volumes_of(app)}
    for name, volumes in lost.items():
        tell(f"the data of {name} is lost: {', '.join(volumes)}")
    question = f"This stops {len(apps)} parts of {deployment.group}."
    if not may_go_on(options, question, deployment.group):
        tell("nothing was changed")
        return 1
    jobs = cluster.metronome.jobs(deployment.folder) if cluster.metronome is not None else []
    rollout = destroy(cluster, deployment.group, jobs)
    if rollout is None:
        tell(f"there was no {deployment.group}")
    return _told(options, rollout)


def _refuse_loss(options: argparse.Namespace, changes: Plan) -> None:
    if changes.lost and not options.lose_volumes:
        parts = "; ".join(f"{name}: {', '.join(volumes)}" for name, volumes in changes.lost.items())
        raise ConfigurationError(
            f"data would be lost with its part ({parts})",
            remedy="decommission the nodes first, then give --lose-volumes",
        )


def _told(options: argparse.Namespace, rollout: Rollout | None) -> int:
    state = "done" if rollout is None else rollout.state
    reason = "" if rollout is None else rollout.reason
    if options.json:
        print(json.dumps({"state": state, "reason": reason}))
    else:
        tell(state + (f": {reason}" if reason else ""))
    return 0 if state == "done" else 1
