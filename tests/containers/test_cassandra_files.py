from __future__ import annotations

import re
import resource
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.cassandra.jars import JAMM_VERSIONS, VERSION
from domain.errors import ConfigurationError
from marathon.containers.cassandra.checks import check_certificates, check_directories, check_limits, too_low
from marathon.containers.cassandra.configuration import files
from marathon.containers.cassandra.java import java_command, nodetool_command
from marathon.containers.cassandra.settings import NodeSettings, read_settings

AWKWARD = '/data/it\'s "here": #1'


def settings(**said: str) -> NodeSettings:
    return read_settings(said, lambda: "10.0.0.7")


def rendered(**said: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(files(settings(**said))["cassandra.yaml"])
    return found


def command(tmp_path: Path, **said: str) -> list[str]:
    (tmp_path / f"jamm-{JAMM_VERSIONS[VERSION]}.jar").touch()
    return java_command(settings(CASSANDRA_LIB=str(tmp_path), **said))


def test_a_node_is_told_where_it_is_and_whom_to_ask() -> None:
    found = rendered(
        HOST="10.0.0.9", CASSANDRA_SEEDS="seed-0.mesos,seed-1.mesos", CASSANDRA_STORAGE_PORT="7100",
        CASSANDRA_CQL_PORT="9142", CASSANDRA_CLUSTER_NAME="prod",
    )  # fmt: skip
    assert (
        found["listen_address"] == found["broadcast_address"] == found["broadcast_rpc_address"] == "10.0.0.9"
    )
    assert found["rpc_address"] == "0.0.0.0"  # an agent asks on loopback
    assert found["seed_provider"][0]["parameters"] == [{"seeds": "seed-0.mesos:7100,seed-1.mesos:7100"}]
    assert (found["storage_port"], found["native_transport_port"], found["cluster_name"]) == (
        7100,
        9142,
        "prod",
    )
    assert found["endpoint_snitch"] == "GossipingPropertyFileSnitch"


def test_rack_and_datacentre_are_in_the_snitchs_file() -> None:
    text = files(settings(CASSANDRA_DC="north", CASSANDRA_RACK="zone-b"))["cassandra-rackdc.properties"]
    assert text == "dc=north\nrack=zone-b\n"


def test_each_volume_is_where_it_was_said_whatever_its_name() -> None:
    said = {f"CASSANDRA_{name}": f"{AWKWARD}/{name}" for name in ("DATA", "COMMITLOG", "SAVED_CACHES")}
    found = rendered(**said)
    assert found["data_file_directories"] == [f"{AWKWARD}/DATA/tables"]
    assert found["commitlog_directory"] == f"{AWKWARD}/COMMITLOG"
    assert found["saved_caches_directory"] == f"{AWKWARD}/SAVED_CACHES"
    assert found["hints_directory"].startswith(f"{AWKWARD}/DATA/")


def test_development_keeps_no_keys_and_no_files_in_memory() -> None:
    found = rendered(CASSANDRA_VARIANT="development")
    assert found["key_cache_size"] == "0MiB"
    assert found["file_cache_enabled"] is False
    assert found["authenticator"] == "AllowAllAuthenticator"
    assert found["commitlog_sync"] == "periodic"


def test_production_asks_who_it_is_and_acknowledges_what_the_disk_has() -> None:
    found = rendered()
    assert found["authenticator"] == "PasswordAuthenticator"
    assert found["authorizer"] == "CassandraAuthorizer"
    assert found["commitlog_sync"] == "group"
    assert found["auto_snapshot"] is True
    assert "key_cache_size" not in found
    assert not [name for name in found if name.startswith("batch_size_fail")]


def test_with_certificates_nothing_is_spoken_without() -> None:
    assert "client_encryption_options" not in rendered()
    found = rendered(CASSANDRA_TLS="/run/tls")
    clients, nodes = found["client_encryption_options"], found["server_encryption_options"]
    assert (clients["enabled"], clients["optional"], clients["require_client_auth"]) == (True, False, True)
    assert (nodes["internode_encryption"], nodes["require_client_auth"]) == ("all", True)
    assert nodes["require_endpoint_verification"] is True
    assert clients["keystore"] == nodes["keystore"] == "/run/tls/identity.pem"


def test_the_log_goes_to_the_containers_output() -> None:
    root = ET.fromstring(files(settings(CASSANDRA_LOG_LEVEL="WARN"))["logback.xml"])
    assert [appender.get("class") for appender in root.iter("appender")] == [
        "ch.qos.logback.core.ConsoleAppender"
    ]
    assert root.find("logger").get("level") == "WARN"  # type: ignore[union-attr]


def test_a_heap_is_as_large_from_the_start(tmp_path: Path) -> None:
    found = command(tmp_path, MAX_HEAP_SIZE="8G", HEAP_NEWSIZE="2G")
    assert {"-Xms8192M", "-Xmx8192M", "-XX:+AlwaysPreTouch", "-XX:+UseG1GC"} <= set(found)
    assert not [argument for argument in found if argument.startswith("-Xmn")]  # G1 finds it by itself
    assert [argument for argument in found if argument.startswith("-Xlog:gc*")]
    assert "-XX:MaxRAMPercentage=50.0" in command(tmp_path)


def test_the_small_variant_is_the_issues(tmp_path: Path) -> None:
    found = command(tmp_path, CASSANDRA_VARIANT="development")
    assert {"-Xms128M", "-Xmx128M", "-Xmn24M", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"} <= set(found)


@pytest.mark.parametrize(
    ("collector", "flag"), [("g1", "-XX:+UseG1GC"), ("zgc", "-XX:+UseZGC"), ("serial", "-XX:+UseSerialGC")]
)
def test_one_collector_is_chosen(collector: str, flag: str, tmp_path: Path) -> None:
    found = [
        argument
        for argument in command(tmp_path, CASSANDRA_GC=collector)
        if re.match(r"-XX:\+Use\w+GC", argument)
    ]
    assert found == [flag]


def test_it_stays_in_the_foreground_and_is_managed_from_this_machine_alone(tmp_path: Path) -> None:
    found = command(
        tmp_path,
        CASSANDRA_JMX_PORT="7299",
        CASSANDRA_JAVA_OPTIONS="-Da=b -Dc=d",
        CASSANDRA_REPLACE="10.0.0.3",
    )
    assert {"-Dcassandra-foreground=true", "-Dcassandra.jmx.local.port=7299", "-Da=b", "-Dc=d"} <= set(found)
    assert "-Dcassandra.replace_address_first_boot=10.0.0.3" in found
    assert not [argument for argument in found if "jmx.remote.port" in argument]
    assert nodetool_command("java", tmp_path, 7299, ["status"])[-3:] == ["-p", "7299", "status"]


def test_an_image_without_jars_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="jamm"):
        java_command(settings(CASSANDRA_LIB=str(tmp_path)))


def test_low_limits_are_told_and_hopeless_ones_refused(tmp_path: Path) -> None:
    limits = {resource.RLIMIT_NOFILE: 1024, resource.RLIMIT_MEMLOCK: 65_536}
    high = resource.RLIM_INFINITY

    def get(number: int) -> tuple[int, int]:
        return limits.get(number, high), high

    (tmp_path / "max_map_count").write_text("65530\n")
    words = list(too_low(get, tmp_path / "max_map_count"))
    assert [word for word in words if "--ulimit nofile=100000" in word]
    assert [word for word in words if "--ulimit memlock=-1" in word]
    assert [word for word in words if "vm.max_map_count" in word]
    assert len(words) == 3
    said: list[str] = []
    with pytest.raises(ConfigurationError, match="1024 open files"):
        check_limits(settings(), said.append, get)
    limits[resource.RLIMIT_NOFILE] = 8192
    check_limits(settings(), said.append, get)
    assert said
    said.clear()
    check_limits(settings(CASSANDRA_VARIANT="development"), said.append, get)
    assert not said


def test_a_volume_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    names = ("DATA", "COMMITLOG", "SAVED_CACHES", "LOG", "CONF")
    said = {f"CASSANDRA_{name}": str(tmp_path / name) for name in names}
    check_directories(settings(**said))
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == set(names)
    with pytest.raises(ConfigurationError, match=r"file/data cannot be written.*chown"):
        check_directories(settings(**{**said, "CASSANDRA_DATA": str(tmp_path / "file" / "data")}))


def test_missing_certificates_are_named(tmp_path: Path) -> None:
    check_certificates(settings())
    with pytest.raises(ConfigurationError, match=r"ca\.pem cannot be read"):
        check_certificates(settings(CASSANDRA_TLS=str(tmp_path)))
