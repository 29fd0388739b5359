from __future__ import annotations

import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ConfigurationError
from marathon.containers.cassandra.configuration import files
from marathon.containers.cassandra.settings import NodeSettings, read_settings

ROOT = Path(__file__).parents[2]

NAMES = (
    "CASSANDRA_VARIANT", "CASSANDRA_CLUSTER_NAME", "CASSANDRA_SEEDS", "CASSANDRA_DC", "CASSANDRA_RACK",
    "HOST",
    "CASSANDRA_LISTEN_ADDRESS", "CASSANDRA_RPC_ADDRESS", "CASSANDRA_CQL_PORT", "CASSANDRA_STORAGE_PORT",
    "CASSANDRA_JMX_PORT", "CASSANDRA_DATA", "CASSANDRA_COMMITLOG", "CASSANDRA_SAVED_CACHES", "CASSANDRA_LOG",
    "CASSANDRA_COMMITLOG_SYNC", "CASSANDRA_NUM_TOKENS", "CASSANDRA_REPLACE", "CASSANDRA_TLS",
    "CASSANDRA_AUTHENTICATION", "MAX_HEAP_SIZE", "HEAP_NEWSIZE", "CASSANDRA_GC", "CASSANDRA_LOG_LEVEL",
    "CASSANDRA_JAVA_OPTIONS", "CASSANDRA_USER_ID", "CASSANDRA_LIB", "CASSANDRA_CONF", "JAVA_HOME",
)  # fmt: skip


def settings(**said: str) -> NodeSettings:
    return read_settings(said, lambda: "10.0.0.7")


def test_production_is_what_nobody_asked_for() -> None:
    node = settings()
    assert not node.is_development
    assert node.has_authentication
    assert node.commitlog_sync == "group"
    assert node.collector == "g1"
    assert node.heap_mb is None  # half of the container
    assert node.address == "10.0.0.7"
    assert node.seeds == ("10.0.0.7",)
    assert {directory.parent for directory in node.directories} == {Path("/var/lib/cassandra")}


def test_development_is_small() -> None:
    node = settings(CASSANDRA_VARIANT="development")
    assert (node.heap_mb, node.new_mb, node.collector) == (128, 24, "serial")
    assert node.commitlog_sync == "periodic"
    assert not node.has_authentication


def test_the_address_is_what_was_said_then_the_agents_then_the_machines() -> None:
    assert settings(CASSANDRA_LISTEN_ADDRESS="10.1.1.1", HOST="agent-7").address == "10.1.1.1"
    assert settings(HOST="agent-7").address == "agent-7"
    assert settings(HOST="").address == "10.0.0.7"


@pytest.mark.parametrize("found", ["127.0.1.1", None])
def test_an_address_that_no_other_node_reaches_is_not_taken(
    found: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gethostbyname(name: str) -> str:
        if found is None:
            raise OSError("unknown")
        return found

    monkeypatch.setattr(socket, "gethostbyname", gethostbyname)
    with pytest.raises(ConfigurationError, match="set CASSANDRA_LISTEN_ADDRESS"):
        read_settings({})
    assert read_settings({"CASSANDRA_LISTEN_ADDRESS": "127.0.0.1"}).address == "127.0.0.1"


def test_seeds_are_names_with_commas() -> None:
    assert settings(CASSANDRA_SEEDS="a.b, 10.0.0.1,").seeds == ("a.b", "10.0.0.1")


@pytest.mark.parametrize(("text", "size_mb"), [("8G", 8192), ("512M", 512), ("16g", 16_384)])
def test_a_heap_has_a_unit(text: str, size_mb: int) -> None:
    assert settings(MAX_HEAP_SIZE=text).heap_mb == size_mb


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("CASSANDRA_VARIANT", "test"),
        ("CASSANDRA_SEEDS", "a b"),
        ("CASSANDRA_CQL_PORT", "65536"),
        ("CASSANDRA_CQL_PORT", "²"),
        ("CASSANDRA_RACK", "a\nb"),
        ("CASSANDRA_CLUSTER_NAME", "a: {b"),
        ("CASSANDRA_DATA", "data"),
        ("MAX_HEAP_SIZE", "8"),
        ("MAX_HEAP_SIZE", "0M"),
        ("CASSANDRA_GC", "cms"),
        ("CASSANDRA_AUTHENTICATION", "yes"),
    ],
)
def test_what_is_wrong_is_named(name: str, text: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        settings(**{name: text})
    assert name in str(refused.value)
    assert "expected" in str(refused.value)


def test_a_new_generation_is_smaller_than_its_heap() -> None:
    with pytest.raises(ConfigurationError, match="HEAP_NEWSIZE"):
        settings(MAX_HEAP_SIZE="1G", HEAP_NEWSIZE="1024M")


@given(
    st.dictionaries(
        st.sampled_from(NAMES), st.text(max_size=20) | st.sampled_from(["on", "1", "1G", "/a", "g1"])
    )
)
def test_any_environment_is_a_node_or_a_documented_error(said: dict[str, str]) -> None:
    try:
        node = settings(**said)
    except ConfigurationError as refused:
        wrong = str(refused)
    else:
        wrong = ""
        assert files(node)
    assert not wrong or any(name in wrong for name in said)
