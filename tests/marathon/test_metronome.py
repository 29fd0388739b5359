"""Jobs as Metronome wants them, its answers, and what its client makes of those that are odd."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ConfigurationError
from marathon.errors import ClusterRefused, ClusterUnavailable
from marathon.fake.metronome import FakeMetronome, fake_metronome
from marathon.http import Service
from marathon.metronome import JobState, Metronome, Resources, definition, job_id
from marathon.sandbox import find_sandbox
from marathon.validation import validate_job

FOLDER = "muvr-night"
PATH_TYPE = re.compile(r"^([a-z0-9]+(\-+[a-z0-9]+)*)(\.([a-z0-9]+(\-+[a-z0-9]+)*))*$")  # of its schema
DOCKER = {
    "docker": {"image": "muvr:1", "forcePullImage": False},
    "env": {"MUVR_CACHE": "/cache"},
    "user": "muvr",
    "volumes": [{"containerPath": "/data", "hostPath": "/srv/muvr", "mode": "RW"}],
    "placement": {"constraints": [{"attribute": "rack", "operator": "EQ", "value": "2"}]},
}


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeMetronome]:
    with fake_metronome(tmp_path) as fake:
        yield fake


def client(fake: FakeMetronome) -> Metronome:
    return Metronome(fake.url, timeout_s=5.0)


@given(st.text(), st.text())
def test_every_key_has_a_name_of_its_own_that_metronome_takes(one: str, other: str) -> None:
    assert PATH_TYPE.match(job_id(FOLDER, one))
    assert (job_id(FOLDER, one) == job_id(FOLDER, other)) == (one == other)


@pytest.mark.parametrize("more", [{}, DOCKER])
def test_a_definition_is_what_metronomes_own_schema_asks_for(more: dict[str, Any]) -> None:
    job = definition(FOLDER, "train-a,g@50-0123456789ab", ["muvr", "train"], Resources(more=more))
    assert validate_job(job) == []


def test_a_definition_says_what_is_run_and_never_again() -> None:
    job = definition(FOLDER, "batch-1", ["python", "-c", "print('a b')"], Resources(cpus=4, more=DOCKER))
    assert job["run"]["cmd"] == """python -c 'print('"'"'a b'"'"')'"""
    assert job["run"]["restart"] == {"policy": "NEVER"}
    assert (job["run"]["cpus"], job["run"]["docker"]["image"]) == (4, "muvr:1")
    assert job["labels"] == {"muvr-run": "batch-1"}


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        (Resources(cpus=0), "0 CPUs"),
        (Resources(memory_mb=8), "8 MB of memory"),
        (Resources(disk_mb=-1), "-1 MB of disk"),
        (Resources(more={"cmd": "rm"}), "cmd of a job"),
    ],
)
def test_what_metronome_would_refuse_is_told(resources: Resources, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        definition(FOLDER, "one", ["true"], resources)


def test_a_job_from_its_definition_to_its_end(fake: FakeMetronome) -> None:
    metronome = client(fake)
    assert metronome.state("muvr-night.one") is None
    job = definition(FOLDER, "one", ["sleep", "600"], Resources())
    name = job["id"]
    for _ in range(2):
        metronome.add(job)
    assert metronome.state(name) == JobState()
    metronome.run(name)
    state = metronome.state(name)
    assert state is not None
    assert state.run_id is not None
    assert len(state.task_ids) == 1
    with pytest.raises(ClusterRefused, match="active job runs"):
        metronome.remove(name)
    for _ in range(2):
        metronome.stop(name, state.run_id)
    fake.jobs[name].runs[0].process.wait(10)
    metronome.stop(name, state.run_id)
    ended = metronome.state(name)
    assert ended == JobState(state.run_id, state.task_ids, has_succeeded=False)
    assert metronome.jobs(FOLDER) == [name]
    for _ in range(2):
        metronome.remove(name)
    assert metronome.jobs(FOLDER) == []


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_busy_service_is_no_refusal(status: int, fake: FakeMetronome) -> None:
    fake.refusals = [status]
    with pytest.raises(ClusterUnavailable, match=f"status {status}"):
        client(fake).state("one")


def test_a_service_that_is_not_there_is_told() -> None:
    with pytest.raises(ClusterUnavailable, match="does not answer"):
        Metronome("http://127.0.0.1:1", timeout_s=1.0).jobs(FOLDER)
    with pytest.raises(ConfigurationError, match="is no address"):
        Metronome("localhost:9000", timeout_s=1.0)


NAMES = [
    "history",
    "activeRuns",
    "successfulFinishedRuns",
    "failedFinishedRuns",
    "id",
    "tasks",
    "slaves",
    "frameworks",
    "pid",
    "completed_tasks",
    "slave_id",
    "executors",
    "directory",
]
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(NAMES),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


class Odd(Service):
    """Answers everything alike."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def get(self, path: str, query: Any = ()) -> Any:
        return self._answer


@given(ODD)
def test_odd_answers_are_values_or_a_documented_error(answer: Any) -> None:
    metronome = Metronome("http://127.0.0.1:1", timeout_s=1.0)
    metronome._service = Odd(answer)
    with suppress(ClusterUnavailable):
        assert isinstance(metronome.state("one"), JobState)
    assert isinstance(metronome.jobs(FOLDER), list)
    with pytest.raises(ClusterUnavailable):
        find_sandbox(Odd(answer), "no such task", 1.0)


@pytest.mark.parametrize("folder", ["", "Muvr", "a..b", "-a", "a/b"])
def test_a_folder_that_metronome_would_refuse_is_told(folder: str) -> None:
    with pytest.raises(ConfigurationError, match="is no folder of jobs"):
        definition(folder, "one", ["true"], Resources())
