"""Hugging Face's clients, for Python and for Node, against the real server."""

from __future__ import annotations

import pytest
from foreign_clients import PHOTO, told_by, told_by_node

pytestmark = pytest.mark.e2e


@pytest.fixture
def expected(served):
    """Labels and probabilities of the photo as /predict has them."""
    _, document = served.request("POST", "/predict", PHOTO.read_bytes())
    return [[each["label"], each["probability"]] for each in document["predictions"][0]["top_k"]]


def test_photo_is_classified_by_the_unmodified_client(served, expected):
    told = told_by("hugging_face.py", f"http://127.0.0.1:{served.port}/image-classification", PHOTO)
    assert told["path"] == told["bytes"] == expected
    assert told["top_k"] == expected[:1]
    assert told["status"] == 415


@pytest.mark.extended(covers=["server/api/hugging_face.py", "tests/clients/hugging_face.mjs"])
def test_photo_is_classified_by_the_unmodified_client_for_node(served, expected):
    told = told_by_node("hugging_face.mjs", f"http://127.0.0.1:{served.port}/image-classification", PHOTO)
    for way in ("endpoint", "options", "each_call", "inputs", "with_a_model"):
        assert told[way] == expected, way
    assert (told["no_photo"]["status"], told["no_model"]["status"]) == (415, 404)
    assert told["no_photo"]["name"] == told["no_model"]["name"] == "ProviderApiError"
