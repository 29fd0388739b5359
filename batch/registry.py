"""The jobs of the night."""

from __future__ import annotations

from collections.abc import Sequence

from batch.clusters import CLUSTERS
from batch.effectiveness import EFFECTIVENESS
from batch.job import Job
from batch.popularity import POPULARITY
from batch.priors import PRIORS
from batch.slicing import SLICES
from domain.errors import ConfigurationError

JOBS: tuple[Job, ...] = (SLICES, CLUSTERS, POPULARITY, EFFECTIVENESS, PRIORS)


def chosen(names: Sequence[str], jobs: Sequence[Job] = JOBS) -> list[Job]:
    """The jobs called `names`, or all, each after those whose results it reads.

    Raises ConfigurationError for a name that there is not.
    """
    known = {job.name: job for job in jobs}
    for name in names:
        if name not in known:
            raise ConfigurationError(
                f"there is no job {name!r}", expected=f"some of {', '.join(known)}", remedy="correct the name"
            )
    ordered: list[Job] = []
    left = [job for job in jobs if not names or job.name in names]
    while left:
        waiting_for = {table for job in left for table in job.writes}
        ready = [job for job in left if not waiting_for.difference(job.writes).intersection(job.reads)]
        assert ready, "jobs do not read each other's results in a circle"
        ordered += ready
        left = [job for job in left if job not in ready]
    return ordered
