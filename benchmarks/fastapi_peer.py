"""The peer: what a good engineer writes with FastAPI around the same runtime and the same preprocessing.

Run by uvicorn, one process per core, each with a runtime of one thread. PEER_REPOSITORY and PEER_MODEL say which
model. PEER_POOL is how many threads of the process decode and run; with 0 the event loop does it itself, which is the
fastest where a request costs a millisecond, and makes it deaf meanwhile.
"""

from __future__ import annotations

import os
import queue
from pathlib import Path

import numpy as np
from fastapi import FastAPI, Request, UploadFile
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from models.errors import ImageError
from models.pixels.preprocessing import preprocess
from models.runtime import Runtime, load_runtime
from models.store.repository import Repository

TOP_K = 5


class Classifier:
    """As many runtimes as threads may use them at once."""

    def __init__(self, repository: Path, name: str, num_runtimes: int) -> None:
        self._artifact = Repository(repository).load(name)
        self._runtimes: queue.SimpleQueue[Runtime] = queue.SimpleQueue()
        for _ in range(num_runtimes):
            self._runtimes.put(load_runtime(self._artifact, num_threads=1))

    def classify(self, upload: bytes) -> JSONResponse:
        """Decode, run, and write the same answer as Opsin's."""
        manifest = self._artifact.manifest
        try:
            pixels = preprocess(upload, manifest.pixels)
        except ImageError as error:
            return JSONResponse({"error": str(error)}, status_code=415)
        runtime = self._runtimes.get()
        try:
            probabilities = runtime.run(pixels[None])[0]
        finally:
            self._runtimes.put(runtime)
        best = np.argsort(-probabilities, kind="stable")[:TOP_K]
        top_k = [{"label": manifest.labels[index], "probability": float(probabilities[index])} for index in best]
        prediction = {**top_k[0], "top_k": top_k}
        return JSONResponse({"model": manifest.name, "version": manifest.version, "predictions": [prediction]})


def create_app() -> FastAPI:
    """Load the model and make the application; uvicorn calls it in each process."""
    num_threads = int(os.environ["PEER_POOL"])
    classifier = Classifier(Path(os.environ["PEER_REPOSITORY"]), os.environ["PEER_MODEL"], max(1, num_threads))
    app = FastAPI()

    async def answer(upload: bytes) -> JSONResponse:
        return await run_in_threadpool(classifier.classify, upload) if num_threads else classifier.classify(upload)

    async def predict_raw(request: Request) -> JSONResponse:
        return await answer(await request.body())

    async def predict_form(image: UploadFile) -> JSONResponse:
        return await answer(await image.read())

    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    app.add_api_route("/predict", predict_raw, methods=["POST"], response_model=None)
    app.add_api_route("/form", predict_form, methods=["POST"], response_model=None)
    app.add_api_route("/readyz", ready, methods=["GET"])
    return app
