"""What a description says of itself when it cannot be deployed."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ConfigurationError
from marathon.checking import check
from marathon.description import Deployment, parse_deployment, read_deployment
from tests.marathon.deployments import PRODUCTION, deployments

SMALL = """
environment = "dev"
store = "cassandra://10.0.0.1/muvr"
[cassandra]
nodes = 0
[node]
keys_path = "/srv/muvr/keys"
"""


def changed(before: str, after: str, text: str = PRODUCTION) -> str:
    assert before in text
    return text.replace(before, after, 1)


def test_a_whole_description_is_read() -> None:
    deployment = parse_deployment(PRODUCTION)
    assert deployment.cassandra.nodes == 3
    assert deployment.folder == "muvr"
    assert deployment.secrets.keys["master.key"] == "muvr/master-key"


def test_a_small_one_needs_little() -> None:
    assert parse_deployment(SMALL).images.muvr is None


@given(deployments())
def test_what_can_be_deployed_has_no_faults(deployment: Deployment) -> None:
    assert check(deployment) == []


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('environment = "production"', 'environment = "test"', "environment: Invalid enum value 'test'"),
        ("nodes = 3", 'nodes = "3"', "cassandra.nodes: Expected `int`, got `str`"),
        ("nodes = 3", "nodes = -1", "cassandra.nodes: Expected `int` >= 0"),
        ("nodes = 3", "node = 3", "cassandra: Object contains unknown field `node`"),
        ("[images]", "[image", "it is no TOML"),
        ("nodes = 3", "nodes = 4", "4 are not spread evenly over 3 zones; give 6"),
        ("nodes = 3", "nodes = 3\nmemory_mb = 1024", "1024 MB is too little for a heap"),
        ("nodes = 3", "nodes = 3\nseeds = 3", "every node is a seed"),
        ("nodes = 3", "nodes = 3\ncql_port = 7000", "cassandra.storage_port: it is the cql_port too"),
        ('zones = ["a", "b", "c"]', 'zones = ["a", "b"]', "three copies want 3 zones"),
        ('zones = ["a", "b", "c"]', 'zones = ["a", "b", "b"]', "a zone is named twice"),
        ("instances = 3", "instances = 1", "node.instances: 1; production has 2 or more"),
        (
            "instances = 3",
            "instances = 3\nstop_seconds = 119",
            "gone 120 s after its notice; give at most 105",
        ),
        ("instances = 3", "instances = 3\non_demand = 3", "node.on_demand: 3 of 3; give fewer"),
        ("instances = 3", "instances = 3\nspot = false\non_demand = 1", "no node is on a spot machine"),
        ("instances = 3", 'instances = 3\nspot = false\nspot_notice = "aws"', "node.spot_notice: no node is"),
        ("instances = 3", 'instances = 3\nspot_notice = "azure"', "Invalid enum value 'azure'"),
        ("workers = 4", "workers = 4\nmemory_mb = 1024", "spark.memory_mb: 1024 MB; give at least 1536"),
        ("workers = 4", "workers = 4\ncpus = 0.5", "a task of Spark takes a whole one"),
        ("30 2 * * *", "30 2 * *", "night.cron: '30 2 * *'"),
        ("Europe/Prague", "Europe/Brno", "there is no 'Europe/Brno'"),
        (
            'mesos = "http://mesos.example:5050"',
            "",
            "services.mesos: the night's steps are started through it",
        ),
        (":1.4.2", ":latest", "may be another one tomorrow"),
        (":1.4.2", "", "may be another one tomorrow"),
        ('tokens_key = "muvr/tokens-key"', "", "3 of the 4 keys are named"),
        ('cassandra_password = "muvr/cassandra-password"', "", "production asks for a password"),
        ("instances = 3", 'instances = 3\nkeys_path = "/srv"', "the keys are secrets already"),
        ('cassandra = "registry.example/muvr-cassandra:5.0.6"', "", "the ring has no image"),
    ],
)
def test_a_fault_is_told_with_its_field(before: str, after: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(words)):
        parse_deployment(changed(before, after))


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("nodes = 0", "nodes = 1", "it is given besides a ring"),
        ('store = "cassandra://10.0.0.1/muvr"', "", "there is no ring (cassandra.nodes is 0), and no store"),
        ("cassandra://10.0.0.1/muvr", "redis://x", "'redis://x' is no store"),
        ('keys_path = "/srv/muvr/keys"', "", "nodes share keys, and none are named"),
        (
            "cassandra://10.0.0.1/muvr",
            "sqlite:/srv/muvr",
            "nodes on several machines share no embedded store",
        ),
    ],
)
def test_a_small_ones_faults(before: str, after: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(words)):
        parse_deployment(changed(before, after, SMALL))


def test_every_fault_is_told_at_once() -> None:
    text = changed("instances = 3", "instances = 1", changed("nodes = 3", "nodes = 4"))
    with pytest.raises(ConfigurationError) as told:
        parse_deployment(text)
    assert "node.instances" in str(told.value)
    assert "cassandra.nodes" in str(told.value)


def test_a_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "it.toml"
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_deployment(file)
    file.write_text("environment = 3")
    with pytest.raises(ConfigurationError, match=re.escape(str(file))):
        read_deployment(file)


@given(st.text(max_size=200))
def test_any_text_is_a_description_or_a_documented_error(text: str) -> None:
    with suppress(ConfigurationError):
        assert isinstance(parse_deployment(text), Deployment)
