import base64
import json

import pytest

from benchmarks.peers.contestants import PEERS, v2_binary_request, v2_request

ANSWER = {"top_k": [{"label": "cat", "probability": 0.75}, {"label": "dog", "probability": 0.25}]}
ANSWERS = {
    "FastAPI": ANSWER,
    "FastAPI, all cores a model": ANSWER,
    "MLServer": {"outputs": [{"name": "answers", "data": [json.dumps(ANSWER)]}]},
    "BentoML": [ANSWER],
    "BentoML, no batches": ANSWER,
    "LitServe": ANSWER,
    "PyTriton": {
        "outputs": [{"name": "labels", "data": ["cat", "dog"]}, {"name": "probabilities", "data": [0.75, 0.25]}]
    },
}


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_answers_of_all_peers_are_read_alike(peer):
    assert peer.top_k(ANSWERS[peer.name]) == (("cat", 0.75), ("dog", 0.25))


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_requests_say_their_length(peer):
    head, _, body = peer.request(b"photo").partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}\r\n".encode() in head + b"\r\n"


def test_v2_request_has_the_photo_as_base64():
    [tensor] = json.loads(v2_request(b"photo").partition(b"\r\n\r\n")[2])["inputs"]
    assert base64.b64decode(tensor["data"][0]) == b"photo"


def test_binary_v2_request_has_the_photo_behind_its_head():
    head, _, body = v2_binary_request(b"photo").partition(b"\r\n\r\n")
    length = int(head.rpartition(b"Inference-Header-Content-Length: ")[2])
    [tensor] = json.loads(body[:length])["inputs"]
    assert tensor["parameters"]["binary_data_size"] == 9
    assert body[length:] == b"\x05\x00\x00\x00photo"
