"""Hands definitions over, waits until they run, and goes back if they do not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from domain.errors import ConfigurationError
from marathon.api import DeploymentState, Marathon
from marathon.difference import Plan, plan
from marathon.errors import ClusterRefused, ClusterUnavailable
from marathon.metronome import Metronome
from marathon.render.group import Definitions, apps_of
from marathon.rollout import Rollout, Seen

LOOK_SECONDS = 1.0
_LOCKED = 409
_FAILED = ("TASK_FAILED", "TASK_ERROR")  # not those whose machine was taken away


@dataclass(frozen=True, kw_only=True)
class Clock:
    """Of the machine, or of a test."""

    now_s: Callable[[], float]
    sleep: Callable[[float], None]


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """`metronome` is None where nothing is asked of it."""

    marathon: Marathon
    metronome: Metronome | None
    clock: Clock
    tell: Callable[[str], None]
    patience_s: float


def current_plan(cluster: Cluster, wanted: Definitions) -> Plan:
    """What would change now."""
    return plan(wanted, cluster.marathon.group(wanted.group["id"]), _jobs(cluster, wanted))


def apply(cluster: Cluster, wanted: Definitions, changes: Plan) -> Rollout | None:
    """Make it so; None if no app changes. The apps come first: a job is of use only once they are there.

    Raises ClusterRefused, and KeyboardInterrupt with the state told.
    """
    rollout = None
    if changes.is_of_group:
        before = _failures(cluster, wanted.group["id"])
        deployment_id = _begin(lambda: cluster.marathon.put_group(wanted.group))
        rollout = follow(cluster, wanted.group["id"], deployment_id, before)
        if rollout.state != "done":
            return rollout
    if cluster.metronome is not None:
        _apply_jobs(cluster.metronome, wanted, changes)
    return rollout


def under_way(cluster: Cluster, group: str) -> str | None:
    """The deployment that has apps of the group, if one is under way."""
    found = [each for each in cluster.marathon.deployments() if any(_is_in(app, group) for app in each.apps)]
    return found[0].deployment_id if found else None


def follow(
    cluster: Cluster,
    group: str,
    deployment_id: str,
    before: Mapping[str, tuple[str, str]] | None = None,
    *,
    goes_back: bool = True,
) -> Rollout:
    """Until a deployment is over. `before` are failures from before it began; those of now if None."""
    clock, told = cluster.clock, ""
    before = _failures(cluster, group) if before is None else before
    rollout = Rollout(deployment_id=deployment_id, patience_s=cluster.patience_s, moved_s=clock.now_s())
    try:
        while not rollout.is_over:
            if (seen := _look(cluster, group, rollout.deployment_id, before)) is not None:
                rollout = rollout.see(seen, clock.now_s())
                if rollout.wants_rollback and goes_back:
                    rollout = _go_back(cluster, rollout)
                elif rollout.wants_rollback:
                    return rollout
                elif (words := progress_words(rollout, seen)) != told:
                    cluster.tell(words)
                    told = words
            if not rollout.is_over:
                clock.sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        cluster.tell(_left(rollout))
        raise
    return rollout


def scale(cluster: Cluster, group: str, app: str, instances: int) -> Rollout:
    """A number of instances, until the description says otherwise again."""
    before = _failures(cluster, group)
    deployment_id = _begin(lambda: cluster.marathon.scale(app, instances))
    return follow(cluster, group, deployment_id, before)


def destroy(cluster: Cluster, group: str, jobs: Iterable[str]) -> Rollout | None:
    """Everything of the group, and its jobs; None if there was no group."""
    if cluster.metronome is not None:
        for job in jobs:
            cluster.metronome.remove(job, with_runs=True)
    if cluster.marathon.group(group) is None:
        return None
    return follow(cluster, group, _begin(lambda: cluster.marathon.remove_group(group)), {}, goes_back=False)


def progress_words(rollout: Rollout, seen: Seen) -> str:
    """One line, another one for each change."""
    if seen.deployment is None:
        return rollout.state
    parts = [f"{rollout.state}: step {seen.deployment.step} of {seen.deployment.steps}"]
    parts += [
        f"{action} ({seen.progress.get(action.rpartition(' ')[2], '')})" for action in seen.deployment.current
    ]
    parts += [f"{app} waits: {why}" for app, why in seen.waiting.items()]
    return ", ".join(parts)


def _look(
    cluster: Cluster, group: str, deployment_id: str, before: Mapping[str, tuple[str, str]]
) -> Seen | None:
    """None while Marathon does not answer: it goes on by itself."""
    try:
        found = {each.deployment_id: each for each in cluster.marathon.deployments()}
        apps = apps_of(cluster.marathon.group(group) or {})
        waiting = {app: why for app, why in cluster.marathon.waiting().items() if app in apps}
    except ClusterUnavailable as error:
        cluster.tell(f"Marathon does not answer, and is asked again: {error}")
        return None
    failures = {name: failure for name, failure in _failures_of(apps).items() if before.get(name) != failure}
    deployment: DeploymentState | None = found.get(deployment_id)
    progress = {name: _counts(app) for name, app in apps.items()}
    return Seen(deployment=deployment, failures=failures, waiting=waiting, progress=progress)


def _go_back(cluster: Cluster, rollout: Rollout) -> Rollout:
    cluster.tell(f"failed: {rollout.reason}; going back to what there was")
    try:
        deployment_id = cluster.marathon.roll_back(rollout.deployment_id)
    except ClusterRefused as error:
        raise ClusterRefused(
            f"{rollout.reason}; Marathon does not go back: {error.wrong}",
            status=error.status,
            remedy="look at `muvr marathon status`, and apply the description that worked",
        ) from error
    return rollout.rolling_back(deployment_id, cluster.clock.now_s())


def _left(rollout: Rollout) -> str:
    return (
        f"left while {rollout.state}: Marathon goes on with deployment {rollout.deployment_id} by itself; "
        "`muvr marathon status` says how it stands, `muvr marathon apply` waits for it"
    )


def _begin(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except ClusterRefused as error:
        if error.status != _LOCKED:
            raise
        raise ClusterRefused(
            f"another deployment is under way: {error.wrong}",
            status=_LOCKED,
            remedy="wait for it (`muvr marathon status`), then try again",
        ) from error


def _jobs(
    cluster: Cluster, wanted: Definitions
) -> dict[str, tuple[Mapping[str, Any], Iterable[Mapping[str, Any]]]]:
    """Those that are wanted and there, with their schedules."""
    if cluster.metronome is None:
        if wanted.jobs:
            raise ConfigurationError("there are jobs, and no Metronome", remedy="give --metronome URL")
        return {}
    folder = wanted.group["id"].strip("/").replace("/", ".")
    names = [name for name in cluster.metronome.jobs(folder) if name.count(".") == folder.count(".") + 1]
    found = {name: cluster.metronome.definition(name) for name in names}
    return {name: each for name, each in found.items() if each is not None}


def _apply_jobs(metronome: Metronome, wanted: Definitions, changes: Plan) -> None:
    jobs = {job["id"]: job for job in wanted.jobs}
    for change in changes.changes:
        if change.what == "job" and change.kind == "remove":
            metronome.remove(change.name, with_runs=True)
        elif change.what == "job":
            metronome.put(jobs[change.name])
    for change in changes.changes:
        if change.what == "schedule":
            metronome.put_schedule(change.name, wanted.schedules[change.name])


def _is_in(app: str, group: str) -> bool:
    return app.startswith(f"{group.rstrip('/')}/")


def _failures(cluster: Cluster, group: str) -> dict[str, tuple[str, str]]:
    return _failures_of(apps_of(cluster.marathon.group(group) or {}))


def _failures_of(apps: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[str, str]]:
    found = {name: app.get("lastTaskFailure") for name, app in apps.items()}
    return {
        name: (str(each.get("timestamp")), str(each.get("message")))
        for name, each in found.items()
        if isinstance(each, Mapping) and each.get("state") in _FAILED
    }


def _counts(app: Mapping[str, Any]) -> str:
    running, healthy = app.get("tasksRunning", 0), app.get("tasksHealthy", 0)
    return f"{running} of {app.get('instances', 0)} run, {healthy} healthy"
