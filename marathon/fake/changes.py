"""What a request does to the fake's state: a deployment each, which excludes others of the same apps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from marathon.fake.planning import Action, is_new_version, steps
from marathon.fake.serving import Answer
from marathon.fake.state import App, Deployment, State, filled
from marathon.findings import Finding
from marathon.render.group import apps_of

Definition = dict[str, Any]


class Refused(Exception):
    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(str(body))
        self.status = status
        self.body = body


def refusal(found: Sequence[Finding]) -> Answer:
    details = [
        {"path": f"/{finding.place}", "errors": [f"{finding.rule}; {finding.fix}"]} for finding in found
    ]
    return 422, {"message": "Object is not valid", "details": details}


def absolute(name: str) -> str:
    return name if name.startswith("/") else f"/{name}"


def known(state: State, name: str) -> App:
    if name not in state.apps:
        raise Refused(404, {"message": f"App '{name}' does not exist"})
    return state.apps[name]


def put_apps(state: State, apps: Mapping[str, Definition], *, force: bool) -> Deployment:
    version = state.next_version()
    return _deploy(state, {**state.definitions(), **_versioned(state, apps, version)}, version, force=force)


def put_group(state: State, name: str, group: Mapping[str, Any], *, force: bool) -> Deployment:
    """Everything in the group is as it says; what it does not name any more goes."""
    if "scaleBy" in group:
        scaled = {app: _scaled(each, group["scaleBy"]) for app, each in _of_group(state, name).items()}
        return put_apps(state, scaled, force=force)
    version = state.next_version()
    wanted = {absolute(app): {**each, "id": absolute(app)} for app, each in apps_of(dict(group)).items()}
    kept = {app: each for app, each in state.definitions().items() if app not in _of_group(state, name)}
    deployment = _deploy(state, {**kept, **_versioned(state, wanted, version)}, version, force=force)
    for group_name in [other for other in state.groups if other.startswith(f"{name}/")]:
        del state.groups[group_name]
    for group_name in (*_parents(f"{name}/x"), *_group_names(dict(group), name)):
        state.groups[group_name] = version
    return deployment


def remove(state: State, names: Iterable[str], *, force: bool) -> Deployment:
    left = {app: each for app, each in state.definitions().items() if app not in set(names)}
    return _deploy(state, left, state.next_version(), force=force)


def remove_group(state: State, name: str, *, force: bool) -> Deployment:
    deployment = remove(state, _of_group(state, name), force=force)
    for other in [each for each in state.groups if each == name or each.startswith(f"{name}/")]:
        del state.groups[other]
    return deployment


def restart(state: State, name: str, *, force: bool) -> Deployment:
    """The same definition, as a new version that every task has to have."""
    version = state.next_version()
    after = {**state.definitions(), name: {**state.apps[name].definition, "version": version}}
    planned = [[{"action": "RestartApplication", "app": name}]]
    deployment = _deploy(state, after, version, force=force, planned=planned)
    state.apps[name].config_version = version
    return deployment


def scale_down(state: State, names: Sequence[str]) -> Deployment:
    apps = {name: _without_version(state.apps[name].definition) for name in set(names)}
    fewer = {
        name: {**app, "instances": max(0, app["instances"] - names.count(name))} for name, app in apps.items()
    }
    return put_apps(state, fewer, force=True)


def go_back(state: State, deployment: Deployment) -> Deployment:
    """To what there was before it, as a deployment of its own in its place."""
    state.deployments.remove(deployment)
    others = {app: each for app, each in state.definitions().items() if app not in deployment.apps}
    before = {app: each for app, each in deployment.before.items() if app in deployment.apps}
    after = {**others, **before}
    # What runs is compared, not what is defined: an app whose step had not come yet is as it was.
    runs = {name: app.active or app.definition for name, app in state.apps.items()}
    return _deploy(state, after, state.next_version(), force=True, planned=steps(runs, after))


def _deploy(
    state: State,
    after: Mapping[str, Definition],
    version: str,
    *,
    force: bool,
    planned: list[list[Action]] | None = None,
) -> Deployment:
    before = state.definitions()
    found = steps(before, after) if planned is None else planned
    deployment = Deployment(version=version, steps=found, before=before, after=dict(after))
    _exclude(state, deployment, force=force)
    for name, definition in after.items():
        app = state.apps.setdefault(name, App(definition=definition))
        app.definition = definition
        app.versions[definition["version"]] = definition
    for name in deployment.apps:
        for parent in _parents(name):
            state.groups.setdefault(parent, version)
    state.deployments.append(deployment)
    return deployment


def _exclude(state: State, deployment: Deployment, *, force: bool) -> None:
    locked = [each for each in state.deployments if set(each.apps) & set(deployment.apps)]
    if locked and not force:
        body = {
            "message": "App is locked by one or more deployments. Override with the option '?force=true'. "
            "View details at '/v2/deployments/<DEPLOYMENT_ID>'.",
            "deployments": [{"id": each.deployment_id} for each in locked],
        }
        raise Refused(409, body)
    for each in locked:
        state.deployments.remove(each)


def _versioned(state: State, apps: Mapping[str, Definition], version: str) -> dict[str, Definition]:
    """What does not change keeps its version."""
    found = {}
    for name, app in apps.items():
        whole, there = filled(app, version), state.apps.get(name)
        is_same = (
            there is not None
            and not is_new_version(there.definition, whole)
            and there.definition["instances"] == whole["instances"]
        )
        found[name] = there.definition if there is not None and is_same else whole
    return found


def _scaled(app: Mapping[str, Any], factor: float) -> Definition:
    return {**_without_version(app), "instances": round(app["instances"] * factor)}


def _without_version(app: Mapping[str, Any]) -> Definition:
    return {name: value for name, value in app.items() if name != "version"}


def _of_group(state: State, name: str) -> dict[str, Definition]:
    prefix = "/" if name == "/" else f"{name}/"
    return {app: each for app, each in state.definitions().items() if app.startswith(prefix)}


def _parents(name: str) -> list[str]:
    parts = name.strip("/").split("/")[:-1]
    return ["/", *("/" + "/".join(parts[: index + 1]) for index in range(len(parts)))]


def _group_names(group: Mapping[str, Any], name: str) -> list[str]:
    inner = [
        found for each in group.get("groups") or () for found in _group_names(each, absolute(each["id"]))
    ]
    return [name, *inner]
