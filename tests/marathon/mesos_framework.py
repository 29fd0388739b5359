"""A small framework on a real Mesos: it keeps the instances of Marathon's apps running, as Marathon would.

It speaks Mesos's v1 scheduler API (http://mesos.apache.org/documentation/latest/scheduler-http-api/), takes
an app's command, environment, ports and `IS` constraints, and starts anew on any agent what is lost.
"""

from __future__ import annotations

import getpass
import http.client
import itertools
import json
import threading
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from tests.actors.helpers import eventually

OVER = {"TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_LOST", "TASK_GONE", "TASK_GONE_BY_OPERATOR",
        "TASK_ERROR", "TASK_DROPPED", "TASK_UNREACHABLE"}  # fmt: skip
HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}
START_SECONDS = 300.0


class Running(NamedTuple):
    task_id: str
    app_id: str
    agent_id: str
    ports: tuple[int, ...]


class Framework:
    """As a context manager it takes offers in a thread; `states` are all status updates, in order."""

    def __init__(self, address: str, apps: Sequence[Mapping[str, Any]]) -> None:
        self.states: list[tuple[str, str, str]] = []  # app, state, message
        self._address = address.removeprefix("http://")
        self._apps = apps
        self._tasks: dict[str, Running] = {}
        self._up: set[str] = set()
        self._stream_id = ""
        self._framework_id: dict[str, str] = {}
        self._events = http.client.HTTPConnection(self._address)
        self._troubles: list[BaseException] = []
        self._is_over = False
        self._thread = threading.Thread(target=self._live, daemon=True)

    def __enter__(self) -> Framework:
        info = {
            "user": getpass.getuser(), "name": "muvr-tests", "roles": ["*"],
            "capabilities": [{"type": "MULTI_ROLE"}, {"type": "PARTITION_AWARE"}],
        }  # fmt: skip
        body = {"type": "SUBSCRIBE", "subscribe": {"framework_info": info}}
        self._events.request("POST", "/api/v1/scheduler", json.dumps(body), HEADERS)
        self._answer = self._events.getresponse()
        self._stream_id = self._answer.getheader("Mesos-Stream-Id") or ""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        with suppress(OSError, http.client.HTTPException):
            self._call("TEARDOWN")

    def running(self, app_id: str) -> list[Running]:
        assert not self._troubles, self._troubles
        return [
            task for name, task in list(self._tasks.items()) if name in self._up and task.app_id == app_id
        ]

    def whole(self, app_id: str, besides: str = "") -> list[Running]:
        """The app's tasks, once it has all of them, on agents other than `besides`."""
        wanted = next(app for app in self._apps if app["id"] == app_id)["instances"]

        def look() -> list[Running]:
            found = [task for task in self.running(app_id) if task.agent_id != besides]
            return found if len(found) == wanted else []

        try:
            return eventually(look, f"{app_id} is whole", START_SECONDS)
        except AssertionError as error:
            error.add_note(str(self.states[-10:]))
            raise

    def _live(self) -> None:
        try:
            while (event := self._next()) is not None:
                if event["type"] == "SUBSCRIBED":
                    self._framework_id = event["subscribed"]["framework_id"]
                elif event["type"] == "OFFERS":
                    for offer in event["offers"]["offers"]:
                        self._take(offer)
                elif event["type"] == "UPDATE":
                    self._update(event["update"]["status"])
        except BaseException as error:
            if not self._is_over:
                self._troubles.append(error)

    def _next(self) -> dict[str, Any] | None:
        """RecordIO: the length in digits, a line feed, and so many bytes."""
        digits = self._answer.readline()
        if not digits:
            return None
        event: dict[str, Any] = json.loads(self._answer.read(int(digits)))
        return event

    def _take(self, offer: Mapping[str, Any]) -> None:
        left = {each["name"]: each["scalar"]["value"] for each in offer["resources"] if "scalar" in each}
        ports = [
            range_
            for each in offer["resources"]
            if each["name"] == "ports"
            for range_ in each["ranges"]["range"]
        ]
        free = [port for range_ in ports for port in range(range_["begin"], range_["end"] + 1)]
        attributes = {each["name"]: each["text"]["value"] for each in offer.get("attributes", [])}
        infos = []
        for app in self._apps:
            wanted: int = app["instances"]
            has = sum(task.app_id == app["id"] for task in self._tasks.values())
            has_room = left["cpus"] >= app["cpus"] and left["mem"] >= app["mem"]
            # One for each offer, so that they are on both agents where both have room.
            if has < wanted and has_room and _allows(app, attributes):
                left = {**left, "cpus": left["cpus"] - app["cpus"], "mem": left["mem"] - app["mem"]}
                infos.append(self._task(app, offer, free))
        if infos:
            operation = {"type": "LAUNCH", "launch": {"task_infos": infos}}
            filters = {"refuse_seconds": 0.5}
            self._call(
                "ACCEPT", accept={"offer_ids": [offer["id"]], "operations": [operation], "filters": filters}
            )
        else:
            self._call("DECLINE", decline={"offer_ids": [offer["id"]], "filters": {"refuse_seconds": 0.5}})

    def _task(self, app: Mapping[str, Any], offer: Mapping[str, Any], free: list[int]) -> dict[str, Any]:
        ports = self._ports(app, free)
        task_id = f"{app['id'].strip('/').replace('/', '_')}.{uuid.uuid4()}"
        self._tasks[task_id] = Running(task_id, app["id"], offer["agent_id"]["value"], tuple(ports))
        env = {"HOST": "127.0.0.1", **{f"PORT{number}": str(port) for number, port in enumerate(ports)}}
        env |= app.get("env", {})
        variables = [{"name": name, "value": value} for name, value in env.items()]
        return {
            "name": app["id"],
            "task_id": {"value": task_id},
            "agent_id": offer["agent_id"],
            "command": {"shell": True, "value": app["cmd"], "environment": {"variables": variables}},
            "resources": [
                {"name": "cpus", "type": "SCALAR", "scalar": {"value": app["cpus"]}},
                {"name": "mem", "type": "SCALAR", "scalar": {"value": app["mem"]}},
                {"name": "ports", "type": "RANGES",
                 "ranges": {"range": [{"begin": port, "end": port} for port in ports]}},
            ],
        }  # fmt: skip

    def _ports(self, app: Mapping[str, Any], free: Sequence[int]) -> list[int]:
        """Agents of one machine have the same ports to give: those that no other task has."""
        if app.get("requirePorts"):
            return [int(each["port"]) for each in app["portDefinitions"]]
        taken = {port for task in self._tasks.values() for port in task.ports}
        usable = (port for port in free if port not in taken)
        return list(itertools.islice(usable, len(app["portDefinitions"])))

    def _update(self, status: Mapping[str, Any]) -> None:
        task_id, told = status["task_id"]["value"], status["state"]
        if "uuid" in status:
            self._call(
                "ACKNOWLEDGE",
                acknowledge={
                    "agent_id": status["agent_id"],
                    "task_id": status["task_id"],
                    "uuid": status["uuid"],
                },
            )
        if task_id not in self._tasks:
            return
        self.states.append((self._tasks[task_id].app_id, told, status.get("message", "")))
        if told == "TASK_RUNNING":
            self._up.add(task_id)
        elif told in OVER:
            self._up.discard(task_id)
            del self._tasks[task_id]
            self._call("REVIVE")

    def _call(self, kind: str, **fields: Any) -> None:
        connection = http.client.HTTPConnection(self._address)
        body = {"framework_id": self._framework_id, "type": kind, **fields}
        connection.request(
            "POST", "/api/v1/scheduler", json.dumps(body), HEADERS | {"Mesos-Stream-Id": self._stream_id}
        )
        answer = connection.getresponse()
        words = answer.read()
        connection.close()
        assert answer.status == 202 or self._is_over, (kind, answer.status, words)


def _allows(app: Mapping[str, Any], attributes: Mapping[str, str]) -> bool:
    return all(
        attributes.get(constraint[0]) == constraint[2]
        for constraint in app.get("constraints", ())
        if constraint[1] == "IS"
    )
