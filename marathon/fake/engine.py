"""Brings tasks to what is defined, again and again: deployments step by step, lost tasks, checks."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from marathon.fake.agents import Agent, match
from marathon.fake.checks import Checks
from marathon.fake.events import Events
from marathon.fake.planning import capacity, is_new_version, is_resident
from marathon.fake.state import App, Deployment, State, timestamp
from marathon.fake.tasks import Task, launch

TICK_SECONDS = 0.05
GRACE_SECONDS = 3.0  # Mesos's own, where an app has none


class Engine:
    """Owns the tasks. `stand_ins` are commands for images, by name: containers are not run here."""

    def __init__(
        self, state: State, lock: threading.RLock, directory: Path, stand_ins: Mapping[str, str]
    ) -> None:
        self.events = Events()
        self._state = state
        self._lock = lock
        self._directory = directory
        self._stand_ins = stand_ins
        self._checks = Checks(self._health_changed)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fake-marathon", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._checks.close()
        self.events.close()
        for app in self._state.apps.values():
            for task in app.tasks:
                task.vanish()

    def reclaim(self, agent: Agent) -> None:
        """The machine is gone, at once: what ran there has ended, and nobody has said so."""
        agent.is_there = False
        for app in self._state.apps.values():
            for task in [task for task in app.tasks if task.placed.agent is agent]:
                task.vanish()
                task.is_unreachable = True
                self._status(task, "TASK_UNREACHABLE", "Slave is not reachable")

    def kill(self, task: Task, *, grace_s: float | None = None) -> None:
        app = self._state.apps.get(task.app_id)
        given = (app.definition if app else {}).get("taskKillGracePeriodSeconds", GRACE_SECONDS)
        task.end(given if grace_s is None else grace_s)

    def _run(self) -> None:
        while not self._ended.wait(TICK_SECONDS):
            with self._lock:
                for app in list(self._state.apps.values()):
                    self._reap(app)
                    self._check(app)
                for deployment in list(self._state.deployments):
                    self._advance(deployment)
                for app in list(self._state.apps.values()):
                    self._reconcile(app)

    # Deployments

    def _advance(self, deployment: Deployment) -> None:
        if not deployment.steps:
            self._end_if_over(deployment)
            return
        step = deployment.steps[deployment.current]
        if not deployment.has_begun:
            deployment.has_begun = True
            self.events.tell("deployment_info", timestamp(), plan={"id": deployment.deployment_id},
                             currentStep={"actions": step})  # fmt: skip
            for action in step:
                self._begin(action["app"], deployment.after.get(action["app"]))
        if all(self._is_done(action["app"], action["app"] in deployment.after) for action in step):
            self.events.tell("deployment_step_success", timestamp(), plan={"id": deployment.deployment_id},
                             currentStep={"actions": step})  # fmt: skip
            deployment.current += 1
            deployment.has_begun = False
            self._end_if_over(deployment)

    def _end_if_over(self, deployment: Deployment) -> None:
        if deployment.current >= len(deployment.steps):
            self._state.deployments.remove(deployment)
            self.events.tell("deployment_success", timestamp(), id=deployment.deployment_id)

    def _begin(self, name: str, definition: dict[str, Any] | None) -> None:
        app = self._state.apps[name]
        if definition is None:
            app.active = {**app.definition, "instances": 0}
            return
        if app.active is None or is_new_version(app.active, definition):
            app.config_version = definition["version"]
            app.failures, app.not_before_s = 0, float("-inf")
        app.active = definition

    def _is_done(self, name: str, is_kept: bool) -> bool:
        app = self._state.apps.get(name)
        if app is None:
            return True
        if not is_kept:
            if not app.tasks:
                del self._state.apps[name]
                self.events.tell("app_terminated_event", timestamp(), appId=name)
                return True
            return False
        assert app.active is not None
        new = [task for task in app.live() if task.app_version == app.config_version]
        serving = [task for task in new if _serves(task, app.active)]
        wanted: int = app.active["instances"]
        return len(app.tasks) == len(new) == len(serving) == wanted

    # Tasks

    def _reconcile(self, app: App) -> None:
        if app.active is None:
            return
        live = app.live()
        new = [task for task in live if task.app_version == app.config_version]
        old = [task for task in live if task.app_version != app.config_version]
        wanted: int = app.active["instances"]
        if old:
            self._replace(app, new, old)
            return
        for task in _first_killed(new, app.active)[: max(0, len(new) - wanted)]:
            self.kill(task)
        if len(new) + self._waited_for(app) < wanted:
            self._launch(app)
        else:
            app.offers = None

    def _replace(self, app: App, new: list[Task], old: list[Task]) -> None:
        """Old ones are stopped as new ones serve."""
        assert app.active is not None
        room = capacity(app.active, len(old) + len(new))
        serving = sum(_serves(task, app.active) for task in new)
        for task in _first_killed(old, app.active)[: max(0, serving + len(old) - room.healthy_min)]:
            self.kill(task)
        alive = len(app.tasks)  # those that are ending too: they still have their place
        if len(new) < app.active["instances"] and alive < room.tasks_max:
            self._launch(app)

    def _waited_for(self, app: App) -> int:
        """Tasks that cannot be reached, and may come back: whose strategy is to wait."""
        assert app.active is not None
        if app.active["unreachableStrategy"] != "disabled":
            app.tasks = [task for task in app.tasks if not task.is_unreachable]
            return 0
        return sum(task.is_unreachable for task in app.tasks)

    def _launch(self, app: App) -> None:
        assert app.active is not None
        if time.monotonic() < app.not_before_s:
            return
        placed = [task.placed for other in self._state.apps.values() for task in other.tasks]
        of_app = [task.placed.agent for task in app.tasks]
        free = [volume for volume in app.volumes if all(str(task.sandbox) != volume[1] for task in app.tasks)]
        agents = [volume[0] for volume in free] if free else self._state.agents
        app.offers = match(app.active, agents, of_app, placed)
        command = self._command(app.active)
        if not app.offers.usable or command is None:
            return
        task_id = self._state.next_task_id(app.active["id"])
        agent = app.offers.usable[0]
        place = next((place for owner, place in free if owner is agent), str(self._directory / task_id))
        if is_resident(app.active) and (agent, place) not in app.volumes:
            app.volumes.append((agent, place))
        version = {**app.active, **command, "version": app.config_version}
        try:
            task = launch(version, agent, task_id, Path(place), timestamp())
        except OSError as error:
            self._failed(app, task_id, agent, f"cannot be started: {error}")
            return
        app.tasks.append(task)
        app.offers = None
        self._status(task, "TASK_RUNNING", "")

    def _command(self, definition: Mapping[str, Any]) -> dict[str, str] | None:
        if "cmd" in definition or "args" in definition:
            return {}
        image = definition["container"]["docker"]["image"]
        return {"cmd": self._stand_ins[image]} if image in self._stand_ins else None

    def _reap(self, app: App) -> None:
        for task in [task for task in app.tasks if not task.is_unreachable and task.has_ended()]:
            app.tasks.remove(task)
            status = task.process.returncode
            if task.is_ending:
                self._status(task, "TASK_KILLED", "Command terminated")
            else:
                state = "TASK_FINISHED" if status == 0 else "TASK_FAILED"
                words = f"Command exited with status {status}"
                self._status(task, state, words)
                self._failed(app, task.task_id, task.placed.agent, words, state)

    def _failed(self, app: App, task_id: str, agent: Agent, words: str, state: str = "TASK_FAILED") -> None:
        definition = app.active or app.definition
        app.last_failure = {
            "appId": definition["id"], "host": agent.hostname, "message": words, "state": state,
            "taskId": task_id, "timestamp": timestamp(), "version": definition["version"],
            "slaveId": agent.agent_id,
        }  # fmt: skip
        delay_s = definition["backoffSeconds"] * definition["backoffFactor"] ** app.failures
        app.failures += 1
        app.not_before_s = time.monotonic() + min(delay_s, definition["maxLaunchDelaySeconds"])

    def _check(self, app: App) -> None:
        if app.active is None:
            return
        for task in app.live():
            if not self._checks.look(task, app.active):
                self.kill(task)

    def _health_changed(self, task: Task) -> None:
        self.events.tell("instance_health_changed_event", timestamp(), instanceId=task.task_id,
                         runSpecId=task.app_id, healthy=task.is_healthy)  # fmt: skip

    def _status(self, task: Task, status: str, message: str) -> None:
        agent = task.placed.agent
        self.events.tell(
            "status_update_event", timestamp(), slaveId=agent.agent_id, taskId=task.task_id,
            taskStatus=status, message=message, appId=task.app_id, host=agent.hostname,
            ports=list(task.placed.ports), version=task.app_version,
        )  # fmt: skip


def _serves(task: Task, definition: Mapping[str, Any]) -> bool:
    is_healthy = task.is_healthy is True or not definition.get("healthChecks")
    return is_healthy and task.is_ready


def _first_killed(tasks: list[Task], definition: Mapping[str, Any]) -> list[Task]:
    """In the order in which they are stopped; those that do not serve come first."""
    youngest = definition["killSelection"] == "YOUNGEST_FIRST"
    ordered = sorted(tasks, key=lambda task: task.started_s, reverse=youngest)
    return sorted(ordered, key=lambda task: _serves(task, definition))
