"""Agents that do not exist, and which of them an app's constraints and ports allow. Pure."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

ROLE = "*"


@dataclass(kw_only=True)
class Agent:
    """`hostname` is an address of loopback, so that each agent has ports of its own."""

    agent_id: str
    hostname: str
    attributes: Mapping[str, str]
    cpus: float = 4.0
    memory_mb: float = 8_192.0
    is_there: bool = True


@dataclass(frozen=True)
class Placed:
    """A task that has its place."""

    agent: Agent
    cpus: float
    memory_mb: float
    ports: tuple[int, ...] = ()


@dataclass
class Offers:
    """What could be used of the agents, and why not; `reasons` are Marathon's words for them."""

    usable: list[Agent] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    processed: int = 0


def match(
    app: Mapping[str, Any], agents: Sequence[Agent], of_app: Sequence[Agent], placed: Sequence[Placed]
) -> Offers:
    """Agents for one more task of `app`, which has some on `of_app`; those with the fewest of them first."""
    offers = Offers()
    for agent in agents:
        if not agent.is_there:
            continue
        offers.processed += 1
        reason = _refusal(app, agent, of_app, [each for each in placed if each.agent is agent], agents)
        if reason:
            offers.reasons[reason] += 1
        else:
            offers.usable.append(agent)
    offers.usable.sort(key=lambda agent: sum(other is agent for other in of_app))
    return offers


def _refusal(
    app: Mapping[str, Any],
    agent: Agent,
    of_app: Sequence[Agent],
    here: Sequence[Placed],
    agents: Sequence[Agent],
) -> str:
    for constraint in app.get("constraints") or ():
        if not _holds(constraint, agent, of_app, agents):
            return "UnfulfilledConstraint"
    if sum(each.cpus for each in here) + app.get("cpus", 1) > agent.cpus:
        return "InsufficientCpus"
    if sum(each.memory_mb for each in here) + app.get("mem", 128) > agent.memory_mb:
        return "InsufficientMemory"
    taken = {port for each in here for port in each.ports}
    wanted = [port.get("port", 0) for port in app.get("portDefinitions") or ()]
    if app.get("requirePorts") and taken & {port for port in wanted if port}:
        return "InsufficientPorts"
    return ""


def _holds(constraint: Sequence[str], agent: Agent, of_app: Sequence[Agent], agents: Sequence[Agent]) -> bool:
    name, operator = constraint[0].removeprefix("@"), constraint[1]
    wanted = constraint[2] if len(constraint) > len(("name", "operator")) else ""
    value = _value(agent, name)
    same = sum(_value(other, name) == value for other in of_app)
    rules: dict[str, Callable[[], bool]] = {
        "UNIQUE": lambda: same == 0,
        "IS": lambda: value == wanted,
        "CLUSTER": lambda: value == wanted,
        "LIKE": lambda: value is not None and re.fullmatch(wanted, value) is not None,
        "UNLIKE": lambda: value is None or re.fullmatch(wanted, value) is None,
        "MAX_PER": lambda: value is not None and same < int(wanted),
        "GROUP_BY": lambda: same <= _fewest(name, of_app, agents, int(wanted or 0)),
    }
    return rules[operator]()


def _fewest(name: str, of_app: Sequence[Agent], agents: Sequence[Agent], groups: int) -> int:
    """How many tasks the value with the fewest has."""
    values = {_value(agent, name) for agent in agents if agent.is_there}
    if len(values) < groups:
        return 0 if not of_app else math.floor(len(of_app) / groups)
    return min((sum(_value(other, name) == value for other in of_app) for value in values), default=0)


def _value(agent: Agent, name: str) -> str | None:
    return agent.hostname if name in ("hostname", "node") else agent.attributes.get(name)
