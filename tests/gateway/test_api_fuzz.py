"""The API against its own description: whatever comes, no answer is a 500, and each is as described.

schemathesis makes requests of the OpenAPI document, within the schema and outside of it; behind the routes is
a real store and a real shard host.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gateway.access import ROUTES
from tests.gateway.api_example import START_MS, fill
from tests.gateway.api_rig import HERE, Rig, rig

SEED = 8
EXAMPLES = 8  # of each operation and mode
EXAMPLES_SOAK = 400
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
KNOWN: dict[str, Any] = {
    "user": "alice",
    "session": "s1",
    "start_ms": START_MS,
    "model_id": "model-2",
    "night": "night-1",
    "coach": "anna",
    "name": "sled-push",
}
OPERATIONS = sorted(set(ROUTES) - {"GET /v1/openapi.json", "GET /watch"})  # pages are no operations
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "If-Match": st.sampled_from(["*", '"at-0"', f'"at-{START_MS}"', '"at-99999999999999999"', "x"]),
        "If-None-Match": st.sampled_from(["*", '"x"', 'W/"x", "y"']),
        "Idempotency-Key": st.sampled_from(["k", '"k"', "", "ü".encode().decode("latin-1"), "k" * 65]),
    },
)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig(tmp_path_factory.mktemp("fuzz"), with_tokens=False) as made:
        fill(made.store)
        made.live.close()  # so that its streams end
        yield made


@pytest.mark.parametrize("name", OPERATIONS)
def test_nothing_is_a_500_and_all_is_as_described(api: Rig, name: str) -> None:
    fuzz(api, name, EXAMPLES)


@pytest.mark.soak
@pytest.mark.parametrize("name", OPERATIONS)
def test_nothing_is_a_500_for_long(api: Rig, name: str) -> None:
    fuzz(api, name, EXAMPLES_SOAK)


def fuzz(api: Rig, name: str, examples: int) -> None:
    print(f"seed {SEED}")
    schema = schemathesis.openapi.from_dict(api.client.get("/v1/openapi.json").json())
    method, _, path = name.partition(" ")
    operation = schema[path][method]
    takes_something = any(operation.iter_parameters()) or any(operation.body)
    for mode in GenerationMode if takes_something else [GenerationMode.POSITIVE]:

        @seed(SEED)
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode), known=st.booleans(), headers=HEADERS)
        def drive(case: Case, known: bool, headers: dict[str, str]) -> None:
            if known:
                case.path_parameters |= {key: KNOWN[key] for key in KNOWN if key in case.path_parameters}
            answer = send(api, case, headers)
            case.validate_response(answer, checks=CHECKS)
            api.now_ms += 1

        drive()


def send(api: Rig, case: Case, headers: dict[str, str]) -> Any:
    fields = case.as_transport_kwargs(base_url=HERE, headers=headers)
    fields.pop("cookies", None)
    fields["headers"] = {key: value.encode("latin-1", "ignore") for key, value in fields["headers"].items()}
    if "data" in fields:
        fields["content"] = fields.pop("data")
    return api.client.request(**fields)


def test_what_no_route_has_is_a_problem_too(api: Rig) -> None:
    for method, path, status in (
        ("GET", "/v1/none", 404),
        ("DELETE", "/v1/users", 405),
        ("PATCH", "/v1", 405),
    ):
        answer = api.client.request(method, path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    broken = api.client.put(
        "/v1/users/alice/profile", content=b"{", headers={"Content-Type": "application/json"}
    )
    assert (broken.status_code, broken.headers["content-type"]) == (422, "application/problem+json")
