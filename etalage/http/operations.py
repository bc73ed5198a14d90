"""The routes for whoever runs it: health, readiness, metrics."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from etalage.core.errors import EngineError, EtalageError
from etalage.http import metrics
from etalage.http.routes import Shop

router = APIRouter()


@router.get("/healthz")
def healthz() -> dict[str, str]:
    """The process is alive."""
    return {"status": "ok"}


@router.get("/readyz")
def readyz(request: Request) -> JSONResponse:
    """Searches can be answered: the engine answers, the index serves, and the server is not stopping; 503 says what is
    missing."""
    shop: Shop = request.app.state.shop
    if request.app.state.stopping:
        return _missing(EngineError("the server is stopping", remedy="Ask another one."))
    try:
        state = shop.engine.check()
        serving = shop.engine.serving(shop.settings.index)
    except EtalageError as error:
        return _missing(error)
    if serving is None:
        return _missing(
            EngineError("the index does not exist", value=shop.settings.index, remedy="Run `etalage index FILE`.")
        )
    off = [
        name for name, part in (("vectors", shop.searcher.encoder), ("rerank", shop.searcher.ranker)) if part is None
    ]
    return JSONResponse({"status": "ready", "generation": serving.name, "degraded": off, **state})


def _missing(error: EtalageError) -> JSONResponse:
    return JSONResponse(error.as_dict() | {"status": 503}, status_code=503)


@router.get("/metrics")
def read_metrics(request: Request) -> Response:
    """The metrics in Prometheus' text format."""
    shop: Shop = request.app.state.shop
    offered = (shop.settings.indexes or shop.settings.index).split(",")
    text = request.app.state.metrics.text(shop.engine, offered)
    return Response(text, headers={"content-type": metrics.CONTENT_TYPE})
