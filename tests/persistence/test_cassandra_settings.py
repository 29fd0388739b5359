"""Locations in Cassandra, right and wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.errors import ConfigurationError
from persistence.cassandra.settings import CassandraSettings, parse_location
from persistence.tables import DATA_KEY, JOURNAL, SENSOR, WINDOW


def test_the_shortest_location() -> None:
    settings = parse_location("cassandra://db/muvr")
    assert settings == CassandraSettings(hosts=(("db", 9042),), keyspace="muvr")
    assert settings.consistency_of(JOURNAL) == "LOCAL_QUORUM"
    assert settings.qualified(JOURNAL) == "muvr.journal"


def test_the_keyspace_is_the_prefix_of_the_others() -> None:
    settings = parse_location("cassandra://db/gym_2")
    names = [settings.qualified(table) for table in (JOURNAL, WINDOW, DATA_KEY)]
    assert names == ["gym_2.journal", "gym_2_training.window", "gym_2_keys.data_key"]


def test_a_location_with_everything() -> None:
    settings = parse_location(
        "cassandra://mu%40vr@10.0.0.1:9142,[::1]:9143,db-3.example.org/foo?replication=5&datacenter=dc1"
        "&serial-consistency=SERIAL&retry-seconds=0.5&password-file=/etc/muvr/password&tls=/etc/muvr/tls"
        "&sensor.consistency=LOCAL_ONE&sensor.ttl=86400&journal.consistency=ALL"
    )
    assert settings == CassandraSettings(
        hosts=(("10.0.0.1", 9142), ("::1", 9143), ("db-3.example.org", 9042)),
        keyspace="foo",
        user="mu@vr",
        password_file=Path("/etc/muvr/password"),
        tls=Path("/etc/muvr/tls"),
        replication=5,
        datacenter="dc1",
        serial_consistency="SERIAL",
        retry_seconds=0.5,
        consistency={"sensor": "LOCAL_ONE", "journal": "ALL"},
        ttl_seconds={"sensor": 86400},
    )
    assert settings.consistency_of(SENSOR) == "LOCAL_ONE"


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("cassandra:", "not of the form"),
        ("cassandra://", "not of the form"),
        ("cassandra:///muvr", "not of the form"),
        ("cassandra://db/muvr#x", "not of the form"),
        ("cassandra://[::1/muvr", "IPv6"),
        ("cassandra://db", "keyspace is ''"),
        ("cassandra://db/", "keyspace is ''"),
        ("cassandra://db/Muvr", "keyspace is 'Muvr'"),
        ("cassandra://db/a/b", "keyspace is 'a/b'"),
        ("cassandra://db/" + "m" * 40, "keyspace is"),
        ("cassandra://db/muvr;drop", "keyspace is"),
        ("cassandra://me:secret@db/muvr", "holds a password"),
        ("cassandra://db:port/muvr", "'db:port' is no host"),
        ("cassandra://db:0/muvr", "'db:0' is no host"),
        ("cassandra://db:65536/muvr", "no host"),
        ("cassandra://a,,b/muvr", "'' is no host"),
        ("cassandra://a b/muvr", "no host"),
        ("cassandra://db/muvr?replication", "options do not parse"),
        ("cassandra://db/muvr?replication=", "replication is ''"),
        ("cassandra://db/muvr?replication=0", "a whole number from 1"),
        ("cassandra://db/muvr?replication=three", "a whole number from 1"),
        ("cassandra://db/muvr?replication=1&replication=3", "given twice"),
        ("cassandra://db/muvr?replicas=1", "no option 'replicas'"),
        ("cassandra://db/muvr?datacenter=a'b", "datacenter is"),
        ("cassandra://db/muvr?retry-seconds=nan", "seconds from 0"),
        ("cassandra://db/muvr?retry-seconds=-1", "seconds from 0"),
        ("cassandra://db/muvr?serial-consistency=QUORUM", "LOCAL_SERIAL or SERIAL"),
        ("cassandra://db/muvr?journal.consistency=SERIAL", "one of ONE"),
        ("cassandra://db/muvr?journal.consistency=quorum", "one of ONE"),
        ("cassandra://db/muvr?unknown.consistency=ONE", "no option 'unknown.consistency'"),
        ("cassandra://db/muvr?journal.replication=1", "no option"),
        ("cassandra://db/muvr?journal.ttl=0", "a whole number from 1"),
        ("cassandra://db/muvr?journal.ttl=1e3", "a whole number from 1"),
        ("cassandra://db/muvr?.ttl=1", "no option '.ttl'"),
    ],
)
def test_a_wrong_location_is_told(location: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match="--store") as raised:
        parse_location(location)
    assert words in str(raised.value)
    assert "secret" not in str(raised.value)
