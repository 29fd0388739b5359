"""The fake Marathon: its HTTP API over an engine."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from marathon.fake import changes, views
from marathon.fake.agents import Agent
from marathon.fake.changes import Refused
from marathon.fake.engine import Engine
from marathon.fake.serving import Answer, FakeServer, Stream
from marathon.fake.state import State, timestamp
from marathon.validation import validate_app, validate_group

Query = Mapping[str, Sequence[str]]


class FakeMarathon:
    """With agents at 127.0.0.1, .2, ...; `stand_ins` are commands for images that have no `cmd`."""

    def __init__(
        self,
        directory: Path,
        agents: Sequence[Agent],
        *,
        stand_ins: Mapping[str, str] | None = None,
        port: int = 0,
    ) -> None:
        self.state = State(agents=list(agents))
        self._lock = threading.RLock()
        self.engine = Engine(self.state, self._lock, directory, stand_ins or {})
        self._server = FakeServer(self.answer, port)
        self.url = self._server.url

    def close(self) -> None:
        self._server.close()
        self.engine.close()

    def reclaim(self, hostname: str) -> None:
        """A spot market takes the machine away, without a word."""
        with self._lock:
            self.engine.reclaim(self._agent(hostname))

    def bring_back(self, hostname: str) -> None:
        """Another machine of that name."""
        with self._lock:
            self._agent(hostname).is_there = True

    def answer(self, method: str, target: str, body: Any) -> Answer:
        parts = urlsplit(target)
        path, query = re.sub("/+", "/", unquote(parts.path)), parse_qs(parts.query)
        for pattern, wanted, function in _ROUTES:
            found = re.fullmatch(pattern, path)
            if found and wanted == method:
                with self._lock:
                    try:
                        answer: Answer = function(self, *found.groups(), query=query, body=body)
                    except Refused as refused:
                        return refused.status, refused.body
                    except (AttributeError, KeyError, TypeError) as error:
                        return 400, {"message": f"Invalid JSON: {error!r}"}
                return answer
        return 404, {"message": f"{method} {path} is not there"}

    def ping(self, *, query: Query, body: Any) -> Answer:
        return 200, "pong"

    def info(self, *, query: Query, body: Any) -> Answer:
        return 200, views.info(self.url)

    def events(self, *, query: Query, body: Any) -> Answer:
        kinds = frozenset(query.get("event_type") or ())
        return 200, Stream(self.engine.events.listen(kinds, timestamp()))

    def list_apps(self, *, query: Query, body: Any) -> Answer:
        return 200, {"apps": [views.app(self.state, name) for name in self.state.apps]}

    def create_app(self, *, query: Query, body: Any) -> Answer:
        wrong = validate_app(body)
        if wrong:
            return changes.refusal(wrong)
        name = changes.absolute(body["id"])
        if name in self.state.apps:
            return 409, {"message": f"An app with id [{name}] already exists."}
        deployment = changes.put_apps(self.state, {name: {**body, "id": name}}, force=_is_forced(query))
        shown = views.app(self.state, name, tasks=True)
        return 201, {**shown, "deployments": [{"id": deployment.deployment_id}]}

    def show_app(self, name: str, *, query: Query, body: Any) -> Answer:
        changes.known(self.state, name)
        return 200, {"app": views.app(self.state, name, tasks=True)}

    def change_app(self, name: str, *, query: Query, body: Any) -> Answer:
        there = self.state.apps.get(name)
        whole = {**(_given(there.definition) if there else {}), **body, "id": name}
        if "version" in body and there:
            whole = _given(there.versions[body["version"]])
        if wrong := validate_app(whole):
            return changes.refusal(wrong)
        deployment = changes.put_apps(self.state, {name: whole}, force=_is_forced(query))
        return 200 if there else 201, views.result(deployment)

    def delete_app(self, name: str, *, query: Query, body: Any) -> Answer:
        changes.known(self.state, name)
        return 200, views.result(changes.remove(self.state, [name], force=_is_forced(query)))

    def restart_app(self, name: str, *, query: Query, body: Any) -> Answer:
        changes.known(self.state, name)
        return 200, views.result(changes.restart(self.state, name, force=_is_forced(query)))

    def versions(self, name: str, *, query: Query, body: Any) -> Answer:
        return 200, {"versions": sorted(changes.known(self.state, name).versions, reverse=True)}

    def version(self, name: str, version: str, *, query: Query, body: Any) -> Answer:
        found = changes.known(self.state, name).versions.get(version)
        return (200, found) if found else (404, {"message": f"App '{name}' has no version {version}"})

    def app_tasks(self, name: str, *, query: Query, body: Any) -> Answer:
        return 200, {"tasks": [views.task(each) for each in changes.known(self.state, name).tasks]}

    def kill_app_tasks(self, name: str, *, query: Query, body: Any) -> Answer:
        tasks = changes.known(self.state, name).live()
        return self._kill([task.task_id for task in tasks], query)

    def kill_app_task(self, name: str, task_id: str, *, query: Query, body: Any) -> Answer:
        changes.known(self.state, name)
        status, found = self._kill([task_id], query)
        return status, {"task": found["tasks"][0]} if found.get("tasks") else found

    def list_tasks(self, *, query: Query, body: Any) -> Answer:
        return 200, {"tasks": [views.task(each) for app in self.state.apps.values() for each in app.tasks]}

    def kill_tasks(self, *, query: Query, body: Any) -> Answer:
        return self._kill(body["ids"], query)

    def show_group(self, name: str, *, query: Query, body: Any) -> Answer:
        name = name or "/"
        if name not in self.state.groups:
            return 404, {"message": f"Group '{name}' does not exist"}
        return 200, views.group(self.state, name)

    def put_group(self, name: str, *, query: Query, body: Any) -> Answer:
        wrong = validate_group({**body, "id": body.get("id", name or "/")})
        if wrong:
            return changes.refusal(wrong)
        deployment = changes.put_group(self.state, name or body["id"], body, force=_is_forced(query))
        return 200, views.result(deployment)

    def create_group(self, name: str, *, query: Query, body: Any) -> Answer:
        if changes.absolute(body.get("id", name)) in self.state.groups:
            return 409, {"message": f"Group {body.get('id', name)} already exists"}
        status, answer = self.put_group(name or changes.absolute(body["id"]), query=query, body=body)
        return (201 if status == 200 else status), answer

    def delete_group(self, name: str, *, query: Query, body: Any) -> Answer:
        if name not in self.state.groups:
            return 404, {"message": f"Group '{name}' does not exist"}
        return 200, views.result(changes.remove_group(self.state, name, force=_is_forced(query)))

    def list_deployments(self, *, query: Query, body: Any) -> Answer:
        return 200, [views.deployment(each) for each in self.state.deployments]

    def delete_deployment(self, identifier: str, *, query: Query, body: Any) -> Answer:
        found = next((each for each in self.state.deployments if each.deployment_id == identifier), None)
        if found is None:
            return 404, {"message": f"Deployment Plan '{identifier}' does not exist"}
        self.engine.events.tell("deployment_failed", timestamp(), id=identifier)
        if _is_forced(query):
            self.state.deployments.remove(found)
            return 202, None
        return 200, views.result(changes.go_back(self.state, found))

    def queue(self, *, query: Query, body: Any) -> Answer:
        return 200, views.queue(self.state)

    def leader(self, *, query: Query, body: Any) -> Answer:
        return 200, {"leader": self.url.removeprefix("http://")}

    def reclaim_agent(self, hostname: str, *, query: Query, body: Any) -> Answer:
        self.reclaim(hostname)
        return 200, {"gone": hostname}

    def return_agent(self, hostname: str, *, query: Query, body: Any) -> Answer:
        self.bring_back(hostname)
        return 200, {"back": hostname}

    def _kill(self, names: Sequence[str], query: Query) -> Answer:
        found = [task for app in self.state.apps.values() for task in app.live() if task.task_id in names]
        shown = [views.task(task) for task in found]
        for task in found:
            self.engine.kill(task)
        if "true" in query.get("scale", ()):
            deployment = changes.scale_down(self.state, [task.app_id for task in found])
            return 200, views.result(deployment)
        return 200, {"tasks": shown}

    def _agent(self, hostname: str) -> Agent:
        found = next((agent for agent in self.state.agents if agent.hostname == hostname), None)
        if found is None:
            raise Refused(404, {"message": f"there is no agent {hostname}"})
        return found


_APP, _GROUP = r"(/.+?)", r"(/.+?)?"
_ROUTES: tuple[tuple[str, str, Any], ...] = (
    ("/ping", "GET", FakeMarathon.ping),
    ("/v2/info", "GET", FakeMarathon.info),
    ("/v2/leader", "GET", FakeMarathon.leader),
    ("/v2/events", "GET", FakeMarathon.events),
    ("/v2/queue", "GET", FakeMarathon.queue),
    ("/v2/tasks", "GET", FakeMarathon.list_tasks),
    ("/v2/tasks/delete", "POST", FakeMarathon.kill_tasks),
    ("/v2/apps/?", "GET", FakeMarathon.list_apps),
    ("/v2/apps/?", "POST", FakeMarathon.create_app),
    (rf"/v2/apps{_APP}/restart", "POST", FakeMarathon.restart_app),
    (rf"/v2/apps{_APP}/versions", "GET", FakeMarathon.versions),
    (rf"/v2/apps{_APP}/versions/([^/]+)", "GET", FakeMarathon.version),
    (rf"/v2/apps{_APP}/tasks", "GET", FakeMarathon.app_tasks),
    (rf"/v2/apps{_APP}/tasks", "DELETE", FakeMarathon.kill_app_tasks),
    (rf"/v2/apps{_APP}/tasks/([^/]+)", "DELETE", FakeMarathon.kill_app_task),
    (rf"/v2/apps{_APP}/?", "GET", FakeMarathon.show_app),
    (rf"/v2/apps{_APP}/?", "PUT", FakeMarathon.change_app),
    (rf"/v2/apps{_APP}/?", "DELETE", FakeMarathon.delete_app),
    (rf"/v2/groups{_GROUP}/?", "GET", FakeMarathon.show_group),
    (rf"/v2/groups{_GROUP}/?", "PUT", FakeMarathon.put_group),
    (rf"/v2/groups{_GROUP}/?", "POST", FakeMarathon.create_group),
    (rf"/v2/groups{_GROUP}/?", "DELETE", FakeMarathon.delete_group),
    ("/v2/deployments", "GET", FakeMarathon.list_deployments),
    (r"/v2/deployments/([^/]+)", "DELETE", FakeMarathon.delete_deployment),
    (r"/fake/agents/([^/]+)/reclaim", "POST", FakeMarathon.reclaim_agent),
    (r"/fake/agents/([^/]+)/return", "POST", FakeMarathon.return_agent),
)


def agents(count: int, zones: Sequence[str] = ("a", "b", "c"), *, spot_from: int = 0) -> list[Agent]:
    """So many, in turn in each zone; those from number `spot_from` on are spot machines."""
    return [
        Agent(
            agent_id=f"agent-{number}",
            hostname=f"127.0.0.{number + 1}",
            attributes={
                "zone": zones[number % len(zones)],
                "lifecycle": "spot" if number >= spot_from else "ondemand",
            },
        )
        for number in range(count)
    ]


@contextmanager
def fake_marathon(
    directory: Path, there: Sequence[Agent], *, stand_ins: Mapping[str, str] | None = None
) -> Iterator[FakeMarathon]:
    fake = FakeMarathon(directory, there, stand_ins=stand_ins)
    try:
        yield fake
    finally:
        fake.close()


def _is_forced(query: Query) -> bool:
    return "true" in query.get("force", ())


def _given(definition: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in definition.items() if name not in ("version", "versionInfo")}
