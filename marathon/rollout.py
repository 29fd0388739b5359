"""How a deployment is waited for: a state machine over what Marathon says, without I/O or a clock of its own.

deploying ──gone──▶ done
    │ no step in time, or tasks that keep failing
    ▼
rolling back ──gone──▶ rolled back
    │ no step in time
    ▼
  stuck
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from marathon.api import DeploymentState

State = Literal["deploying", "rolling back", "done", "rolled back", "stuck"]
FAILURES_MAX = 3  # of the tasks of one app, since the deployment began


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What there is at a moment. `deployment` is the one that is waited for, if it is under way; `failures`
    are the latest of each app's tasks, as (time, message), since it began; `waiting` apps say why.
    """

    deployment: DeploymentState | None
    failures: Mapping[str, tuple[str, str]]
    waiting: Mapping[str, str]
    progress: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """`patience_s` is for how long nothing may change before it counts as failed."""

    deployment_id: str
    patience_s: float
    moved_s: float
    state: State = "deploying"
    last: tuple[object, ...] = ()
    failures: tuple[tuple[str, str, str], ...] = ()
    reason: str = ""

    @property
    def is_over(self) -> bool:
        return self.state in ("done", "rolled back", "stuck")

    @property
    def wants_rollback(self) -> bool:
        """Its reason is given, and nobody has begun to go back."""
        return self.state == "deploying" and bool(self.reason)

    def see(self, seen: Seen, now_s: float) -> Rollout:
        """The next state."""
        if self.is_over or self.wants_rollback:
            return self
        if seen.deployment is None:
            return replace(self, state="done" if self.state == "deploying" else "rolled back")
        last = (seen.deployment.step, seen.deployment.current, tuple(sorted(seen.progress.items())))
        moved_s = now_s if last != self.last else self.moved_s
        known = self.failures
        new = tuple((app, *failure) for app, failure in seen.failures.items() if (app, *failure) not in known)
        following = replace(self, last=last, moved_s=moved_s, failures=known + new)
        if reason := following._failing() or following._late(seen, now_s):
            return replace(
                following, reason=reason, state="stuck" if self.state == "rolling back" else self.state
            )
        return following

    def rolling_back(self, deployment_id: str, now_s: float) -> Rollout:
        """Somebody has begun to go back, as that deployment."""
        return replace(self, deployment_id=deployment_id, state="rolling back", moved_s=now_s, last=())

    def _failing(self) -> str:
        if self.state == "rolling back":
            return ""
        for app in {app for app, _, _ in self.failures}:
            messages = [message for name, _, message in self.failures if name == app]
            if len(messages) >= FAILURES_MAX:
                return f"the tasks of {app} keep failing: {messages[-1]}"
        return ""

    def _late(self, seen: Seen, now_s: float) -> str:
        if now_s - self.moved_s < self.patience_s:
            return ""
        why = "; ".join(f"{app} waits: {reason}" for app, reason in seen.waiting.items())
        return f"nothing has changed for {self.patience_s:g} s" + (f"; {why}" if why else "")
