"""Unloads and loads a model by tritonclient over HTTP, and prints as JSON what came back.

It runs in an environment of its own (requirements/clients.txt): `python triton_control.py HOST:PORT MODEL TOKEN`.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import tritonclient.http as http
from tritonclient.utils import InferenceServerException


def main(url: str, model: str, token: str) -> None:
    answers: dict[str, Any] = {}
    right = {"Authorization": f"Bearer {token}"}
    with http.InferenceServerClient(url) as client:
        calls = {
            "unload": lambda: client.unload_model(model, headers=right),
            "unloaded": client.get_model_repository_index,
            "unloaded_ready": lambda: client.is_model_ready(model),
            "load": lambda: client.load_model(model, headers=right),
            "loaded": client.get_model_repository_index,
            "loaded_ready": lambda: client.is_model_ready(model),
            "unknown": lambda: client.load_model("nobody", headers=right),
            "config": lambda: client.load_model(model, headers=right, config="{}"),
            "no_token": lambda: client.load_model(model),
            "wrong_token": lambda: client.unload_model(model, headers={"Authorization": "Bearer wrong"}),
        }
        for name, call in calls.items():
            try:
                answers[name] = call()
            except InferenceServerException as error:
                answers[name] = {"status": error.status(), "error": error.message()}
    print(json.dumps(answers))


if __name__ == "__main__":
    main(*sys.argv[1:])
