"""huggingface_hub against the real server."""

from __future__ import annotations

import pytest
from foreign_clients import PHOTO, told_by

pytestmark = pytest.mark.e2e


def test_photo_is_classified_by_the_unmodified_client(served):
    told = told_by("hugging_face.py", f"http://127.0.0.1:{served.port}/image-classification", PHOTO)
    _, document = served.request("POST", "/predict", PHOTO.read_bytes())
    expected = [[each["label"], each["probability"]] for each in document["predictions"][0]["top_k"]]
    assert told["path"] == told["bytes"] == expected
    assert told["top_k"] == expected[:1]
    assert told["status"] == 415
