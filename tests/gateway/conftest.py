"""What the tests of connections share."""

from __future__ import annotations

import pytest

from gateway.offers import Offers
from persistence.sqlite import SqliteStore
from tests.gateway.device_example import offers_of, serve_model


@pytest.fixture(scope="module")
def offers(tmp_path_factory: pytest.TempPathFactory) -> Offers:
    store = SqliteStore(tmp_path_factory.mktemp("store"))
    serve_model(store)
    return offers_of(store)
