"""Errors of a cluster's services.

MuvrError
└── ClusterError             a service of the cluster did not do what was asked
    ├── ClusterUnavailable   it cannot be reached, or is busy; nobody knows whether it was done
    └── ClusterRefused       it understood, and refuses
"""

from __future__ import annotations

from domain.errors import MuvrError


class ClusterError(MuvrError):
    code = "cluster"


class ClusterUnavailable(ClusterError):
    code = "cluster_unavailable"
    retry = True


class ClusterRefused(ClusterError):
    """`status` is the service's HTTP status."""

    code = "cluster_refused"

    def __init__(self, wrong: str, *, status: int, expected: str = "", remedy: str = "") -> None:
        super().__init__(wrong, expected=expected, remedy=remedy)
        self.status = status
