"""The descriptions that the documentation shows can be deployed."""

from __future__ import annotations

from pathlib import Path

import pytest

from marathon.description import read_deployment
from marathon.render.group import render
from marathon.validation import validate

DEPLOYMENTS = sorted((Path(__file__).parents[2] / "docs" / "deployments").glob("*.toml"))


@pytest.mark.parametrize("path", DEPLOYMENTS, ids=lambda path: path.stem)
def test_a_description_of_the_documentation_can_be_deployed(path: Path) -> None:
    deployment = read_deployment(path)
    assert deployment.environment == path.stem
    assert validate(render(deployment)) == []
