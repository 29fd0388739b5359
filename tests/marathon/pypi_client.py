"""Drives a Marathon with PyPI's client `marathon`, whose package has the name of one of ours.

    python -I tests/marathon/pypi_client.py DIRECTORY URL COMMAND

DIRECTORY is where it was installed. Prints what it found as one JSON object; its own checks raise.
"""

import collections
import collections.abc
import json
import sys
import threading
import time

sys.path.insert(0, sys.argv[1])
collections.Iterable = collections.abc.Iterable  # type: ignore[attr-defined]  # it is older than Python 3.10

from marathon.exceptions import MarathonHttpError, NotFoundError  # type: ignore # noqa: E402
from marathon.models import MarathonApp, MarathonGroup, MarathonHealthCheck  # type: ignore # noqa: E402

from marathon import MarathonClient  # type: ignore[attr-defined]  # noqa: E402

DEADLINE_SECONDS = 60.0
POLL_SECONDS = 0.1


def main(url: str, command: str) -> dict[str, object]:
    client = MarathonClient(url)
    assert client.ping() == b"pong" or client.ping() == "pong"
    events: list[str] = []
    threading.Thread(target=lambda: listen(client, events), daemon=True).start()
    app = MarathonApp(
        id="/client/one", cmd=command, instances=2, cpus=0.1, mem=32,
        health_checks=[MarathonHealthCheck(protocol="MESOS_HTTP", port_index=0, interval_seconds=1)],
    )  # fmt: skip
    created = client.create_app("/client/one", app)
    settle(client)
    found = client.get_app("/client/one", embed_tasks=True)
    assert (found.tasks_running, found.tasks_healthy, len(found.tasks)) == (2, 2, 2), found
    first = found.version
    client.update_app("/client/one", MarathonApp(env={"A": "1"}, instances=1))
    settle(client)
    client.scale_app("/client/one", instances=3)
    settle(client)
    tasks = client.list_tasks("/client/one")
    client.kill_task("/client/one", tasks[0].id)
    wait(lambda: tasks[0].id not in [t.id for t in client.list_tasks("/client/one")], "the task is gone")
    wait(lambda: client.get_app("/client/one").tasks_running == 3, "another one runs")
    versions = client.list_versions("/client/one")
    assert first in [str(version) for version in versions] or len(versions) == 3, versions
    client.restart_app("/client/one")
    settle(client)
    group = MarathonGroup(
        id="/client/group", apps=[MarathonApp(id="/client/group/two", cmd="sleep 600", mem=16, cpus=0.1)]
    )
    client.create_group(group)
    settle(client)
    assert [each.id for each in client.get_group("/client/group").apps] == ["/client/group/two"]
    refused = 0
    try:
        client.create_app("/client/one", MarathonApp(cmd="true"))
    except MarathonHttpError as error:
        refused = error.status_code
    client.delete_app("/client/one")
    client.delete_group("/client/group")
    settle(client)
    try:
        client.get_app("/client/one")
        raise AssertionError("it is still there")
    except NotFoundError:
        pass
    wait(lambda: events.count("deployment_success") >= 6, "the events are told")
    return {
        "version": client.get_info().version, "leader": bool(client.get_leader()), "refused": refused,
        "queue": len(client.list_queue()), "created": bool(created), "events": sorted(set(events)),
    }  # fmt: skip


def listen(client: MarathonClient, events: list[str]) -> None:
    for event in client.event_stream(raw=True):
        events.append(json.loads(event)["eventType"])


def settle(client: MarathonClient) -> None:
    wait(lambda: not client.list_deployments(), "no deployment is under way")


def wait(look: object, what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not look():  # type: ignore[operator]
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[2:])))
