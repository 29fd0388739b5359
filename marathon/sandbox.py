"""What a task has printed, from the files of its Mesos agent.

The master knows on which agent a task is, the agent in which directory, and its `files/read` gives a part of
a file in there (http://mesos.apache.org/documentation/latest/endpoints/).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from marathon.errors import ClusterUnavailable
from marathon.http import Service

READ_BYTES = 1 << 16


class Sandbox:
    """The files of one task. Raises ClusterUnavailable while they cannot be read."""

    def __init__(self, agent: Service, directory: str) -> None:
        self._agent = agent
        self._directory = directory

    def read(self, name: str, offset: int) -> bytes:
        """At most READ_BYTES from `offset`; empty at the end."""
        where = [("path", f"{self._directory}/{name}"), ("offset", str(offset)), ("length", str(READ_BYTES))]
        found = self._agent.get("/files/read", where)
        return _bytes(found)

    def tail(self, name: str, size: int) -> str:
        """The last `size` characters or fewer."""
        where = [("path", f"{self._directory}/{name}"), ("offset", "-1")]
        found = self._agent.get("/files/read", where)
        length = int(found.get("offset", 0)) if isinstance(found, dict) else 0
        data = self.read(name, max(0, length - min(4 * size, READ_BYTES)))
        return data.decode(errors="replace")[-size:]


def find_sandbox(master: Service, task_id: str, timeout_s: float) -> Sandbox:
    """Where the task runs or ran; raises ClusterError if nobody knows (any more, or yet)."""
    state = master.get("/state")
    agents = {agent.get("id"): agent.get("pid", "") for agent in _dicts(state, "slaves")}
    for framework in (*_dicts(state, "frameworks"), *_dicts(state, "completed_frameworks")):
        for task in (*_dicts(framework, "tasks"), *_dicts(framework, "completed_tasks")):
            if task.get("id") == task_id:
                address = str(agents.get(task.get("slave_id"), "")).partition("@")[2]
                if not address:
                    raise ClusterUnavailable(f"the agent of task {task_id} is gone")
                agent = Service(f"http://{address}", timeout_s)
                return Sandbox(agent, _directory(agent.get("/state"), task_id))
    raise ClusterUnavailable(f"Mesos knows no task {task_id}")


def _bytes(found: Any) -> bytes:
    """As they are in the file, whole characters or not."""
    data = found.get("data") if isinstance(found, dict) else None
    return data.encode(errors="surrogateescape") if isinstance(data, str) else b""


def _directory(state: Any, task_id: str) -> str:
    """Of the executor that runs the task; Mesos's own executor has the name of its task."""
    for framework in (*_dicts(state, "frameworks"), *_dicts(state, "completed_frameworks")):
        for executor in (*_dicts(framework, "executors"), *_dicts(framework, "completed_executors")):
            tasks = (*_dicts(executor, "tasks"), *_dicts(executor, "completed_tasks"))
            if executor.get("id") == task_id or any(task.get("id") == task_id for task in tasks):
                return str(executor.get("directory", ""))
    raise ClusterUnavailable(f"its agent knows no task {task_id}")


def _dicts(value: Any, name: str) -> Iterator[dict[str, Any]]:
    items = value.get(name) if isinstance(value, dict) else None
    return (item for item in items if isinstance(item, dict)) if isinstance(items, list) else iter(())
