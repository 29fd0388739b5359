"""Which models a connection is offered, and may fetch."""

from __future__ import annotations

from pathlib import Path

import msgpack

from domain.errors import StoreUnavailable
from domain.identifiers import UserId
from gateway.devices import protocol
from gateway.devices.connection import INVALID_MAX, Connection
from gateway.devices.offers import Offers
from persistence.models import ModelStore, cluster_scope, user_scope
from persistence.sqlite import SqliteStore
from tests.gateway.device_example import (
    MODEL_DIGEST,
    MODEL_FILE,
    error_of,
    gateway_token,
    hello,
    make_tokens,
    message,
    offers_of,
    serve_model,
    token,
    welcomed,
)


def test_a_model_is_given_in_parts_and_one_that_is_gone_is_named(offers: Offers) -> None:
    connection, taken = welcomed(offers), b""
    while len(taken) < len(MODEL_FILE):
        asked = {"type": "get_model", "digest": MODEL_DIGEST, "offset": len(taken)}
        (part,) = connection.receive(msgpack.packb(asked)).send
        assert isinstance(part, protocol.ModelPart)
        assert (part.offset, part.total) == (len(taken), len(MODEL_FILE))
        taken += part.data
    assert taken == MODEL_FILE
    for _ in range(2 * INVALID_MAX):  # an offer that was withdrawn is nobody's fault
        output = connection.receive(msgpack.packb({"type": "get_model", "digest": "gone", "offset": 0}))
        assert (error_of(output).digest, output.close_code) == ("gone", None)


def test_a_store_without_models_offers_none(tmp_path: Path) -> None:
    connection = Connection(make_tokens(), offers_of(SqliteStore(tmp_path)))
    (welcome,) = connection.receive(hello()).send
    assert isinstance(welcome, protocol.Welcome)
    assert welcome.models == ()


def model_part(digest: str) -> bytes:
    packed: bytes = msgpack.packb({"type": "get_model", "digest": digest, "offset": 0})
    return packed


def test_a_users_own_model_is_offered_and_given_to_that_user_alone(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    serve_model(store)
    serve_model(store, b"anns", "own", scope=user_scope(UserId("ann")))
    offers = offers_of(store)
    (own,) = offers.own(UserId("ann"))
    assert (own.model, own.user) == ("own", "ann")
    welcomes = {
        user: Connection(make_tokens(), offers).receive(hello(token(user))).send[0] for user in ("ann", "ben")
    }
    assert {user: [offer.model for offer in welcome.models] for user, welcome in welcomes.items()} == {  # type: ignore[union-attr]
        "ann": ["own"],
        "ben": ["m-1"],
    }
    (part,) = welcomed(offers).receive(model_part(own.digest)).send
    assert isinstance(part, protocol.ModelPart)
    assert error_of(welcomed(offers, token("ben")).receive(model_part(own.digest))).digest == own.digest


def test_a_gateway_hears_of_a_users_own_model_when_the_user_joins(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    serve_model(store)
    serve_model(store, b"anns", "own", scope=user_scope(UserId("ann")))
    offers = offers_of(store)
    connection = welcomed(offers, gateway_token())
    (own,) = offers.own(UserId("ann"))
    assert error_of(connection.receive(model_part(own.digest))).digest == own.digest
    assert connection.receive(message("open", user="ben")).send == []
    assert connection.receive(message("open", user="ann")).send == [own]
    assert isinstance(connection.receive(model_part(own.digest)).send[0], protocol.ModelPart)


def test_news_of_models_reach_those_whom_they_are_for(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    offers = offers_of(store)
    ann, ben, gateway = (welcomed(offers, text) for text in (token("ann"), token("ben"), gateway_token()))
    gateway.receive(message("open", user="ben"))
    serve_model(store)
    serve_model(store, b"anns", "own", scope=user_scope(UserId("ann")))
    news = offers.refresh()
    told = [[offer.model for offer in connection.news(news)] for connection in (ann, ben, gateway)]
    assert told == [["own"], ["m-1"], ["m-1"]]
    assert offers.refresh() == set()
    assert Connection(make_tokens(), offers).news(news) == []


def test_a_clusters_model_is_for_its_users_in_place_of_everyones(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    serve_model(store)
    serve_model(store, b"of the cluster", "shared", scope=cluster_scope("c1"))
    serve_model(store, b"anns", "own", scope=user_scope(UserId("ann")))
    clusters = {"ann": "c1", "ben": "c1", "cid": "c2"}
    offers = Offers(ModelStore(store), clusters.get)
    offers.refresh()
    found = {user: [offer.model for offer in offers.of(UserId(user))] for user in (*clusters, "dan")}
    assert found == {"ann": ["own"], "ben": ["shared"], "cid": ["m-1"], "dan": ["m-1"]}
    (shared,) = offers.own(UserId("ben"))
    assert shared.user == "ben"
    (part,) = welcomed(offers, token("ben")).receive(model_part(shared.digest)).send
    assert isinstance(part, protocol.ModelPart)
    assert error_of(welcomed(offers, token("cid")).receive(model_part(shared.digest))).digest == shared.digest


def test_who_moves_to_another_cluster_gets_its_model_with_the_next_hello(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    serve_model(store)
    clusters = {"ben": "c1"}
    offers = Offers(ModelStore(store), clusters.get)
    offers.refresh()
    ben = welcomed(offers, token("ben"))
    for name in ("c1", "c2"):
        serve_model(store, name.encode(), f"of {name}", scope=cluster_scope(name))
    assert [offer.model for offer in ben.news(offers.refresh())] == ["of c1"]
    clusters["ben"] = "c2"
    serve_model(store, b"newer", "newer")
    assert ben.news(offers.refresh()) == []
    welcome = Connection(make_tokens(), offers).receive(hello(token("ben"))).send[0]
    assert [offer.model for offer in welcome.models] == ["of c2"]  # type: ignore[union-attr]


def test_a_cluster_that_cannot_be_read_leaves_everyones_model(tmp_path: Path) -> None:
    def away(user: UserId) -> str | None:
        raise StoreUnavailable("the store is away")

    store = SqliteStore(tmp_path)
    serve_model(store)
    serve_model(store, b"of the cluster", "shared", scope=cluster_scope("c1"))
    offers = Offers(ModelStore(store), away)
    offers.refresh()
    assert [offer.model for offer in offers.of(UserId("ben"))] == ["m-1"]
