"""Trained models and how well they do."""

from __future__ import annotations

from domain.identifiers import check_identifier
from gateway.api import model_reads as api_model_reads
from gateway.api.models import ModelDetail, ModelList
from gateway.api.resources.common import By, Cursor, From, Limit, Name, router

routes = router()


@routes.get("/v1/models")
async def models(services: From, viewer: By, cursor: Cursor = None, limit: Limit = 50) -> ModelList:
    """Trained models with their evaluations, newest first."""
    return await services.reads(api_model_reads.models, services.store, viewer.user, cursor, limit)


@routes.get("/v1/models/{model_id}")
async def model(services: From, viewer: By, model_id: Name) -> ModelDetail:
    """A model with its evaluations in full."""
    name = check_identifier("model", model_id)
    return await services.reads(api_model_reads.model, services.store, viewer.user, name)
