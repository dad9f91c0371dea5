"""Asks a server by huggingface_hub, and prints as JSON what came back: `python hugging_face.py URL PHOTO`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError


def main(url: str, photo: str) -> None:
    client = InferenceClient(url)
    answers = {
        "path": client.image_classification(photo),
        "bytes": client.image_classification(Path(photo).read_bytes()),
        "top_k": client.image_classification(photo, top_k=1),
    }
    told = {name: [[each.label, each.score] for each in answer] for name, answer in answers.items()}
    try:
        client.image_classification(b"no photo")
    except HfHubHTTPError as error:
        told["status"] = error.response.status_code
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
