"""FastAPI: a raw body, decoded and run inside the event loop of one process a core.

The fastest where a request costs a millisecond, and it makes the process deaf meanwhile. A pool of threads instead was
slower with the shipped model (docs/performance.md).
"""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from benchmarks.peers.servers.classifier import Classifier


def create_app() -> FastAPI:
    """Load the model and make the application; uvicorn calls it in each process."""
    classifier = Classifier()
    app = FastAPI()

    async def predict(request: Request) -> JSONResponse:
        [answer] = classifier.classify([await request.body()])
        return JSONResponse(answer)

    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    app.add_api_route("/predict", predict, methods=["POST"], response_model=None)
    app.add_api_route("/readyz", ready, methods=["GET"])
    return app
