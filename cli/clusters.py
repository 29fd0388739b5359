"""What `muvr train --cluster` learns from: the windows of a cluster's users; which clusters have enough."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from domain.errors import ConfigurationError
from domain.windows import LabelledWindow
from persistence.learned import LearnedStore
from persistence.ports import Store

USERS_MIN = 10  # whose windows a cluster's model learns from; fewer, and it is about persons
WINDOWS_MIN = 5_000  # an hour and a half of exercise


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A cluster as the night found it: the pseudonyms of its users."""

    cluster_id: str
    subjects: frozenset[str]

    def windows(self, windows: Iterable[LabelledWindow]) -> Iterator[LabelledWindow]:
        return (window for window in windows if window.subject in self.subjects)


def find_cluster(store: Store, cluster_id: str) -> Cluster:
    """Raises ConfigurationError if the night that is served found none of that name."""
    members = LearnedStore(store).members()
    subjects = frozenset(subject for subject, found in members.items() if found == cluster_id)
    if not subjects:
        known = ", ".join(sorted(set(members.values()))) or "none yet: they come with a night"
        raise ConfigurationError(f"there is no cluster {cluster_id!r}", expected=f"one of {known}")
    return Cluster(cluster_id=cluster_id, subjects=subjects)


def trainable(store: Store, windows_by_session: Mapping[str, int]) -> list[Cluster]:
    """The clusters that have enough users with windows, by name; none if all users are in one.

    `windows_by_session` is by `subject/session`.
    """
    by_subject: Counter[str] = Counter()
    for session, count in windows_by_session.items():
        by_subject[session.partition("/")[0]] += count
    subjects: dict[str, set[str]] = defaultdict(set)
    for subject, cluster_id in LearnedStore(store).members().items():
        subjects[cluster_id].add(subject)
    if len(subjects) < 2:
        return []
    return [
        Cluster(cluster_id=cluster_id, subjects=frozenset(subjects[cluster_id]))
        for cluster_id in sorted(subjects)
        if len(told := subjects[cluster_id] & by_subject.keys()) >= USERS_MIN
        and sum(by_subject[subject] for subject in told) >= WINDOWS_MIN
    ]
