"""What Marathon's code asks of an app or a group beyond the types of its fields.

From Marathon 1.10's own validation (`AppValidation`, `GroupValidation`, `NetworkValidation` in its sources)
and its documentation; each rule here is one that a definition of muvr could come to break.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from marathon.findings import Finding

App = Mapping[str, Any]
NEEDS_NUMBER = ("MAX_PER", "GROUP_BY")
NEEDS_VALUE = ("CLUSTER", "LIKE", "UNLIKE", "MAX_PER", "IS")
OPERATORS = ("UNIQUE", "CLUSTER", "GROUP_BY", "LIKE", "UNLIKE", "MAX_PER", "IS")
BY_MESOS = ("MESOS_HTTP", "MESOS_HTTPS", "MESOS_TCP", "COMMAND")
HTTP = ("HTTP", "HTTPS", "MESOS_HTTP", "MESOS_HTTPS")
READY_INTERVAL_SECONDS, READY_TIMEOUT_SECONDS = 30, 10  # Marathon's defaults


def app_findings(app: App) -> Iterator[Finding]:
    """Of an app whose fields have the right types."""
    for rule in _RULES:
        yield from rule(app)


def group_findings(apps: Mapping[str, App], groups: set[str]) -> Iterator[Finding]:
    """Of apps among each other: what they depend on exists, and not on themselves."""
    for name, app in apps.items():
        for dependency in app.get("dependencies") or ():
            if dependency not in apps and dependency not in groups:
                yield Finding(("dependencies",), f"{name} depends on {dependency}, which is not there",
                              "name an app or a group of this deployment")  # fmt: skip
    if cycle := _cycle(apps):
        yield Finding(("dependencies",), f"{' -> '.join(cycle)} wait for each other", "take one of them out")


def depends_on(apps: Mapping[str, App], name: str) -> set[str]:
    """The apps that have to be up before `name`."""
    found: set[str] = set()
    for dependency in apps[name].get("dependencies") or ():
        found |= {other for other in apps if other == dependency or other.startswith(f"{dependency}/")}
    return found - {name}


def _command(app: App) -> Iterator[Finding]:
    has_image = bool((app.get("container") or {}).get("docker", {}).get("image"))
    if "cmd" in app and "args" in app:
        yield Finding(("args",), "an app has a cmd or args, not both", "leave one out")
    if "cmd" not in app and "args" not in app and not has_image:
        yield Finding(("cmd",), "an app has a cmd, args or an image", "give one")


def _constraints(app: App) -> Iterator[Finding]:
    for index, constraint in enumerate(app.get("constraints") or ()):
        where = ("constraints", index)
        operator, value = (
            constraint[1],
            constraint[2] if len(constraint) > len(("field", "operator")) else None,
        )
        if operator not in OPERATORS:
            yield Finding(where, f"{operator} is no operator", f"write one of {', '.join(OPERATORS)}")
        elif operator in NEEDS_VALUE and value is None:
            yield Finding(where, f"{operator} needs a value", "give one as the third element")
        elif operator == "UNIQUE" and value is not None:
            yield Finding(where, "UNIQUE takes no value", "leave it out")
        elif operator in NEEDS_NUMBER and value is not None and not re.fullmatch(r"\d+", value):
            yield Finding(where, f"{operator} takes a number", f"write one instead of {value!r}")
        elif operator in ("LIKE", "UNLIKE") and value is not None and not _is_pattern(value):
            yield Finding(where, f"{value!r} is no regular expression", "correct it")


def _health(app: App) -> Iterator[Finding]:
    checks = app.get("healthChecks") or ()
    if sum(check.get("protocol", "HTTP") in BY_MESOS for check in checks) > 1:
        yield Finding(("healthChecks",), "Mesos makes one health check of a task", "leave the others out")
    for index, check in enumerate(checks):
        where = ("healthChecks", index)
        protocol = check.get("protocol", "HTTP")
        if "port" in check and "portIndex" in check:
            yield Finding((*where, "port"), "a check has a port or a portIndex, not both", "leave one out")
        if protocol == "COMMAND" and "command" not in check:
            yield Finding((*where, "command"), "a check by COMMAND has a command", "give it")
        if protocol != "COMMAND" and "command" in check:
            yield Finding((*where, "command"), f"a check by {protocol} has no command", "leave it out")
        if protocol not in HTTP and "path" in check:
            yield Finding((*where, "path"), f"a check by {protocol} has no path", "leave it out")
        if check.get("portIndex", 0) >= len(_ports(app)) and "port" not in check and protocol != "COMMAND":
            yield Finding((*where, "portIndex"), f"the app has {len(_ports(app))} ports", "name one of them")


def _readiness(app: App) -> Iterator[Finding]:
    checks = app.get("readinessChecks") or ()
    if len(checks) > 1:
        yield Finding(("readinessChecks",), "Marathon makes one readiness check", "leave the others out")
    for index, check in enumerate(checks):
        where = ("readinessChecks", index)
        name, names = check.get("portName", "http-api"), [port.get("name") for port in _ports(app)]
        if name not in names:
            yield Finding((*where, "portName"), f"no port is called {name!r}", "name one of portDefinitions")
        interval = check.get("intervalSeconds", READY_INTERVAL_SECONDS)
        if check.get("timeoutSeconds", READY_TIMEOUT_SECONDS) >= interval:
            yield Finding(
                (*where, "timeoutSeconds"), "it is less than intervalSeconds", f"give less than {interval}"
            )


def _ports_rule(app: App) -> Iterator[Finding]:
    names = [port["name"] for port in _ports(app) if "name" in port]
    if len(set(names)) != len(names):
        yield Finding(("portDefinitions",), "the name of a port is its own", "rename one of them")
    numbers = [port["port"] for port in app.get("portDefinitions") or () if port.get("port")]
    if len(set(numbers)) != len(numbers):
        yield Finding(("portDefinitions",), "a port is defined once", "take another number")
    mappings = (app.get("container") or {}).get("portMappings")
    networks = app.get("networks") or ()
    if mappings and networks and all(network.get("mode") == "host" for network in networks):
        yield Finding(
            ("container", "portMappings"), "the host's network maps no ports", "use portDefinitions"
        )
    if app.get("portDefinitions") and any(
        n.get("mode", "container") != "host" for n in app.get("networks") or ()
    ):
        yield Finding(("portDefinitions",), "they are of the host's network", "use container.portMappings")


def _networks(app: App) -> Iterator[Finding]:
    networks = app.get("networks") or ()
    for index, network in enumerate(networks):
        if network.get("mode", "container") == "host" and "name" in network:
            yield Finding(("networks", index, "name"), "the host's network has no name", "leave it out")
        if network.get("mode", "container") == "container" and "name" not in network:
            yield Finding(("networks", index, "name"), "a container's network has a name", "give it")
    if len(networks) > 1 and any(network.get("mode") != "container" for network in networks):
        yield Finding(("networks",), "only networks of containers may be several", "leave one")


def _unreachable(app: App) -> Iterator[Finding]:
    strategy = app.get("unreachableStrategy")
    if isinstance(strategy, Mapping):
        inactive, expunge = strategy.get("inactiveAfterSeconds", 0), strategy.get("expungeAfterSeconds", 0)
        if inactive > expunge:
            yield Finding(("unreachableStrategy", "inactiveAfterSeconds"),
                          "it is at most expungeAfterSeconds", f"give {expunge} or less")  # fmt: skip


def _volumes(app: App) -> Iterator[Finding]:
    container = app.get("container") or {}
    is_resident = False
    for index, volume in enumerate(container.get("volumes") or ()):
        where = ("container", "volumes", index)
        if "persistent" in volume:
            is_resident = True
            if not re.fullmatch(r"[\w-]+", volume["containerPath"]):
                yield Finding((*where, "containerPath"), "a persistent volume is a name in the sandbox",
                              "write one without a slash")  # fmt: skip
            if volume.get("mode") != "RW":
                yield Finding((*where, "mode"), "a persistent volume is written", "write RW")
        if "secret" in volume:
            if volume["secret"] not in (app.get("secrets") or {}):
                yield Finding(
                    (*where, "secret"), f"no secret is called {volume['secret']!r}", "add it to secrets"
                )
            if container.get("type") != "MESOS":
                yield Finding(("container", "type"), "only MESOS gives secrets as files", "write MESOS")
    if is_resident and (app.get("upgradeStrategy") or {}).get("maximumOverCapacity", 0) != 0:
        yield Finding(("upgradeStrategy", "maximumOverCapacity"), "there are as many as there are volumes",
                      "write 0")  # fmt: skip
    if is_resident and app.get("unreachableStrategy", "disabled") != "disabled":
        yield Finding(("unreachableStrategy",), "who has a volume is waited for", "write disabled")


def _secrets(app: App) -> Iterator[Finding]:
    for name, value in (app.get("env") or {}).items():
        if isinstance(value, Mapping) and value.get("secret") not in (app.get("secrets") or {}):
            yield Finding(("env", name, "secret"), f"no secret is called {value.get('secret')!r}",
                          "add it to secrets")  # fmt: skip


def _ports(app: App) -> Sequence[Mapping[str, Any]]:
    """Those that are defined, in whichever of the four places; one without a name where nothing is said."""
    container = app.get("container") or {}
    numbered = [{"port": port} for port in app["ports"]] if "ports" in app else None
    places = (
        app.get("portDefinitions"),
        container.get("portMappings"),
        (container.get("docker") or {}).get("portMappings"),
        numbered,
    )
    return next((list(place) for place in places if place is not None), [{"port": 0}])


def _is_pattern(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return True


def _cycle(apps: Mapping[str, App]) -> list[str]:
    """Apps that wait for each other, in a circle; empty if none do."""
    done: set[str] = set()

    def visit(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done:
            return []
        for other in sorted(depends_on(apps, name)):
            if found := visit(other, [*way, name]):
                return found
        done.add(name)
        return []

    return next((found for name in sorted(apps) if (found := visit(name, []))), [])


_RULES: tuple[Callable[[App], Iterator[Finding]], ...] = (
    _command, _constraints, _health, _readiness, _ports_rule, _networks, _unreachable, _volumes, _secrets,
)  # fmt: skip
