"""POST /predict over HTTP: status and body of every form, every error and every option."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from engines import MODEL, serving
from werkzeug.test import EnvironBuilder

from models.store.calibration import Calibration
from models.store.reference import ModelReference
from server.api.predict import PARAMETERS, parse_query
from server.engine.catalogue import Catalogue
from server.engine.shared_catalogue import write_catalogue

RED = float(str(np.float32(256 / 258)))
REST = float(str(np.float32(1 / 258)))
RED_ANSWER = {
    "label": "red",
    "probability": RED,
    "top_k": [
        {"label": "red", "probability": RED},
        {"label": "green", "probability": REST},
        {"label": "blue", "probability": REST},
    ],
}


@pytest.fixture
def post_files(client):
    """Post files as a form: contents, or (field, content, filename)."""

    def post(*files, path="/predict", **options):
        form = {}
        for number, file in enumerate(files):
            field, content, name = file if isinstance(file, tuple) else ("image", file, f"{number}.png")
            form.setdefault(field, []).append((io.BytesIO(content), name))
        return client.post(path, data=form, content_type="multipart/form-data", **options)

    return post


def test_form_with_one_image(post_files, encode):
    response = post_files(encode("red"))
    assert response.status_code == 200
    assert response.json == {"model": "colours", "version": 3, "predictions": [{"filename": "0.png", **RED_ANSWER}]}


def test_raw_body_and_json_have_no_filename(client, encode):
    expected = {"model": "colours", "version": 3, "predictions": [RED_ANSWER]}
    raw = client.post("/predict", data=encode("red"), content_type="image/png")
    assert (raw.status_code, raw.json) == (200, expected)
    sniffed = client.post("/predict", data=encode("red"))
    assert (sniffed.status_code, sniffed.json) == (200, expected)
    encoded = client.post("/predict", json={"image": base64.b64encode(encode("red")).decode()})
    assert (encoded.status_code, encoded.json) == (200, expected)


def test_bad_images_among_good_ones_have_their_errors_in_place(post_files, encode):
    response = post_files(encode("red"), b"hello", ("file", encode("blue"), "b.png"))
    first, second, third = response.json["predictions"]
    assert response.status_code == 200
    assert "error" not in response.json
    assert (first["label"], third["label"], third["filename"]) == ("red", "blue", "b.png")
    assert second.keys() == {"filename", "error"}
    assert second["error"]["code"] == "unsupported_image"


def test_all_images_bad_is_the_first_error(post_files, encode):
    response = post_files(encode("red")[:40], b"hello")
    assert response.status_code == 422
    assert response.json["error"]["code"] == "corrupt_image"
    assert [each["error"]["code"] for each in response.json["predictions"]] == ["corrupt_image", "unsupported_image"]


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 400, "empty_image"),
        (b"hello", 415, "unsupported_image"),
        (b"\x89PNG\r\n\x1a\n", 422, "corrupt_image"),
        ("large", 413, "image_too_large"),
        ("unlucky", 500, "engine_failed"),
    ],
)
def test_one_bad_image_is_its_status(post_files, encode, content, status, code):
    special = {"large": lambda: encode("red", size=(2000, 1000)), "unlucky": lambda: encode((13, 13, 13))}
    response = post_files(special[content]() if isinstance(content, str) else content)
    assert response.status_code == status
    assert response.json.keys() == {"error"}
    assert response.json["error"]["code"] == code


@pytest.mark.parametrize(("top_k", "num_labels"), [(1, 1), (2, 2), (3, 3), (1000, 3)])
def test_top_k_is_at_most_the_number_of_labels(post_files, encode, top_k, num_labels):
    response = post_files(encode("red"), path=f"/predict?top_k={top_k}")
    assert response.status_code == 200
    assert len(response.json["predictions"][0]["top_k"]) == num_labels


@pytest.mark.parametrize("path", ["?model=colours", "?version=3", "?model=colours&version=3"])
def test_model_and_version_may_be_named(post_files, encode, path):
    assert post_files(encode("red"), path=f"/predict{path}").status_code == 200


def test_request_that_names_no_model_is_answered_by_no_other_than_the_default(running, post_files, encode):
    write_catalogue(running.table, 0, Catalogue((MODEL,), default=ModelReference("birds")))
    response = post_files(encode("red"))
    assert response.status_code == 503
    assert response.json["error"] == {
        "code": "default_not_served",
        "message": "the default model, birds, is not served; ask with ?model= for one of: colours",
    }
    assert post_files(encode("red"), path="/predict?model=colours").status_code == 200


@pytest.mark.parametrize(
    ("path", "status", "code", "message"),
    [
        ("?top_k=0", 400, "invalid_request", "top_k must be a whole number from 1"),
        ("?top_k=all", 400, "invalid_request", "got 'all'"),
        ("?top_k=", 400, "invalid_request", "got ''"),
        ("?version=-1", 400, "invalid_request", "version must be"),
        ("?topk=3", 400, "invalid_request", f"parameters {', '.join(PARAMETERS)}, got 'topk'"),
        (
            "?coverage=95",
            400,
            "invalid_request",
            "between 0 and 1, such as 0.95, got '95'",
        ),
        (
            "?coverage=0.9",
            400,
            "invalid_request",
            "without the calibration that coverage needs",
        ),
        ("?explain=", 400, "invalid_request", "explain must be true, false or a class"),
        ("?model=nope", 404, "model_not_found", "served: colours"),
        ("?version=4", 404, "version_not_found", "served: 3"),
    ],
)
def test_bad_query_is_refused(post_files, encode, path, status, code, message):
    response = post_files(encode("red"), path=f"/predict{path}")
    assert response.status_code == status
    assert response.json["error"]["code"] == code
    assert message in response.json["error"]["message"]


@pytest.mark.parametrize(
    ("request_options", "status", "code"),
    [
        ({"data": b""}, 400, "empty_image"),
        ({"data": {}, "content_type": "multipart/form-data"}, 400, "missing_image"),
        ({"data": {"photo": "x"}, "content_type": "multipart/form-data"}, 400, "invalid_request"),
        ({"data": b"x", "content_type": "multipart/form-data"}, 400, "invalid_request"),
        ({"data": b"{", "content_type": "application/json"}, 400, "invalid_request"),
        ({"json": {"images": []}}, 400, "missing_image"),
        ({"json": {"images": ["", "", "", "", ""]}}, 413, "too_many_images"),
        ({"data": b"x", "content_type": "text/plain"}, 415, "unsupported_media_type"),
        ({"data": b"x", "headers": {"Content-Encoding": "gzip"}}, 415, "unsupported_media_type"),
        ({"data": bytes(100_001)}, 413, "upload_too_large"),
    ],
)
def test_request_without_usable_images_is_refused(client, request_options, status, code):
    response = client.post("/predict", **request_options)
    assert response.status_code == status
    assert response.json["error"]["code"] == code
    assert response.json["error"]["message"]


def test_body_of_exactly_the_limit_is_accepted(client, encode):
    body = encode("red") + bytes(100_000 - len(encode("red")))
    assert client.post("/predict", data=body).status_code == 200


@pytest.mark.parametrize("value", ["0", "-5", "1.5", "soon", "600001"])
def test_bad_timeout_is_refused(client, encode, value):
    response = client.post("/predict", data=encode(), headers={"X-Request-Timeout-Ms": value})
    assert response.status_code == 400
    assert "X-Request-Timeout-Ms must be a whole number from 1 to 600000" in response.json["error"]["message"]


def test_late_answer_is_504(client, encode, runtime):
    runtime.may_run.clear()
    response = client.post("/predict", data=encode(), headers={"X-Request-Timeout-Ms": "50"})
    assert response.status_code == 504
    assert response.json["error"]["code"] == "deadline_exceeded"


def test_full_engine_is_503_with_a_time_to_come_back(client, encode, engine, model):
    with engine.reserve(model, 4, deadline=1e9):
        response = client.post("/predict", data=encode())
    assert response.status_code == 503
    assert response.json["error"]["code"] == "overloaded"
    assert int(response.headers["Retry-After"]) >= 1
    assert client.post("/predict", data=encode()).status_code == 200


def test_closed_engine_is_503(client, encode, engine):
    engine.close()
    response = client.post("/predict", data=encode())
    assert response.status_code == 503
    assert response.json["error"]["code"] == "not_ready"
    assert response.headers["Retry-After"] == "1"


def test_unsure_answers_say_so_where_the_model_can_tell(running, post_files, encode):
    model = replace(MODEL, calibration=Calibration(num_images=100, unsure_below=0.5))
    write_catalogue(running.table, 0, serving(model))
    sure, unsure = post_files(encode("red"), encode((90, 90, 90))).json["predictions"]
    assert list(sure) == ["filename", "label", "probability", "unsure", "top_k"]
    assert (sure["unsure"], unsure["unsure"]) == (False, True)
    assert sure == {"filename": "0.png", **RED_ANSWER, "unsure": False}


def test_set_of_labels_is_given_where_a_coverage_is_asked_for(running, post_files, encode):
    model = replace(MODEL, calibration=Calibration(num_images=3, scores=(0.01, 0.7, 0.8)))
    write_catalogue(running.table, 0, serving(model))
    sets = {}
    for coverage in (0.25, 0.5, 0.9):
        [answer] = post_files(encode((128, 64, 0)), path=f"/predict?coverage={coverage}").json["predictions"]
        assert list(answer) == ["filename", "label", "probability", "top_k", "label_set"]
        sets[coverage] = answer["label_set"]
        assert sets[coverage] == answer["top_k"][: len(sets[coverage])]
    assert [len(labels) for labels in sets.values()] == [1, 2, 3]
    assert "label_set" not in post_files(encode("red")).json["predictions"][0]


def test_page_says_in_words_that_none_is_likely_and_shows_the_best_guess_as_such(running, post_files, encode):
    model = replace(MODEL, labels=("red", "_none", "青い"), calibration=Calibration(num_images=100, unsure_below=0.5))
    write_catalogue(running.table, 0, serving(model))
    browser = {"Accept": "text/html"}
    texts = {
        colour: re.sub(r"\s+", " ", post_files(encode(colour), headers=browser).text.split("<template")[0])
        for colour in ("red", "green", "blue", (91, 90, 90))
    }
    guess = '<p class="verdict guess">Probably none of these <span>Best guess:</span></p>'
    assert all(guess not in texts[colour] for colour in ("red", "green", "blue"))
    assert guess in texts[91, 90, 90]
    rejected = '<p class="verdict">None of these</p> <ol> <li><span class="label" dir="auto">none of these</span>'
    assert rejected in texts["green"]
    assert '<span class="label" dir="auto">青い</span> <span class="percent">99.2 %</span>' in texts["blue"]
    assert "_none" not in "".join(texts.values())


def test_plain_form_of_a_browser_gets_a_page(post_files, encode):
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    response = post_files(encode("red"), b"hello", ("image", encode("blue"), "<b>.png"), headers=browser)
    assert response.status_code == 200
    assert response.mimetype == "text/html"
    assert "99.2 %" in response.text
    assert "The upload is not an image" in response.text
    assert "&lt;b&gt;.png" in response.text
    assert "<b>.png" not in response.text


def test_plain_form_that_failed_gets_a_page_with_the_status(post_files):
    browser = {"Accept": "text/html"}
    bad_image = post_files(b"hello", headers=browser)
    assert (bad_image.status_code, bad_image.mimetype) == (415, "text/html")
    assert "The upload is not an image" in bad_image.text
    nothing = post_files(("photo", b"", "a.png"), headers=browser)
    assert (nothing.status_code, nothing.mimetype) == (400, "text/html")
    assert 'role="alert"' in nothing.text


@pytest.mark.parametrize(
    "accept", ["*/*", "application/json", "application/json, text/html", "image/png", "text/html" + ", text/plain" * 90]
)
def test_programs_get_json(post_files, encode, accept):
    assert post_files(encode("red"), headers={"Accept": accept}).mimetype == "application/json"


@pytest.mark.parametrize("path", ["/predict", "/predict?model=colours"])
def test_five_labels_are_given_unless_more_or_fewer_are_wanted(path):
    assert parse_query(EnvironBuilder(path, method="POST").get_environ()).top_k == 5
