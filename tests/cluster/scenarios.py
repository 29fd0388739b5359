"""What may happen to nodes while devices send; each returns when all devices are heard again.

None of them checks what is stored: that is done in the end, when everything is acknowledged.
"""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from typing import NamedTuple

from domain.identifiers import UserId
from tests.actors.helpers import are_gone, eventually
from tests.cluster.crowd import Crowd
from tests.cluster.node import MuvrNode
from tests.cluster.rig import SETTLE_SECONDS, Rig


class Moved(NamedTuple):
    """The users whom others serve since `at_s`, when it began; `away_s` after that they were the view's."""

    users: set[UserId]
    at_s: float
    away_s: float


@dataclass(frozen=True)
class Scene:
    rig: Rig
    crowd: Crowd

    def stop(self) -> Moved:
        """The busiest node is stopped as an operator does it. It is down afterwards."""
        node, users = self._busiest()
        began_s = time.monotonic()
        node.terminate()
        away_s = self._until_away(node, began_s)
        node.wait_until_ended()
        self.crowd.heard(users=users)  # by others, as it is no more
        return Moved(users, began_s, away_s)

    def kill(self) -> Moved:
        """All processes of the busiest node are killed. It is down afterwards."""
        node, users = self._busiest()
        began_s = time.monotonic()
        node.kill()
        away_s = self._until_away(node, began_s)
        self.crowd.heard(users=users)
        return Moved(users, began_s, away_s)

    def pause(self) -> Moved:
        """All processes of the busiest node stand still until others serve its users, and then go on."""
        node, users = self._busiest()
        before = self.rig.incarnation(node)
        began_s = time.monotonic()
        node.pause()
        away_s = self._until_away(node, began_s)
        self.crowd.heard(users=users)  # by others
        node.resume()
        eventually(
            lambda: self.rig.incarnation(node) not in (None, before), "it has joined again", SETTLE_SECONDS
        )
        self.crowd.heard()
        return Moved(users, began_s, away_s)

    def start(self, node: MuvrNode) -> set[UserId]:
        """A node is started; the users who move to it."""
        self.rig.up([node])
        self.crowd.know(self.rig.urls)
        users = self.rig.users_of(node, self.crowd.users)
        self.crowd.heard()
        return users

    def kill_actor(self, name: str) -> None:
        """One process of the busiest node is killed; the supervisor makes it again."""
        node, _ = self._busiest()
        process = node.actor(name)
        process.send_signal(signal.SIGKILL)
        eventually(lambda: are_gone([process]), f"{name} is gone")
        self.crowd.heard()

    def kill_main(self) -> None:
        """The command of the busiest node is killed, and started again on the same directory at once."""
        node, _ = self._busiest()
        node.kill_main()
        self.rig.up([node])
        self.crowd.heard()

    def kill_supervisor(self) -> None:
        """That of the busiest node: the command ends, and is started again as a service manager would."""
        node, _ = self._busiest()
        node.actor("Supervisor").kill()
        node.wait_until_ended()
        self.rig.up([node])
        self.crowd.heard()

    def _busiest(self) -> tuple[MuvrNode, set[UserId]]:
        self.crowd.heard(1)
        node = self.rig.busiest(self.crowd.users)
        users = self.rig.users_of(node, self.crowd.users)
        assert users, "it serves somebody"
        return node, users

    def _until_away(self, node: MuvrNode, began_s: float) -> float:
        eventually(lambda: not self.rig.is_member(node), "the node is expelled, or has left", SETTLE_SECONDS)
        return time.monotonic() - began_s
