"""POST /predict?explain=...: the map, where it lies, the heat map, the embedding, and what is refused."""

from __future__ import annotations

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from engines import EXPLAINABLE, HEAD, ExplainableColour, RunningEngine
from PIL import Image

from models.examples.index import FOLDER, Example, write_index
from models.store.examples import Examples
from server.api.app import create_app
from server.api.explanations import rounded, rounded_all
from server.classify import Classifier


@pytest.fixture
def running():
    running = RunningEngine(ExplainableColour(), model=EXPLAINABLE, head=HEAD)
    yield running
    running.close()


@pytest.fixture
def photo():
    """A picture of 16 x 8 pixels whose middle is black on the left and (40, 200, 0) on the right."""
    pixels = np.full((8, 16, 3), 255, np.uint8)
    pixels[:, 4:8], pixels[:, 8:12] = 0, (40, 200, 0)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def ask(client, photo):
    def ask(query):
        answer = client.post(f"/predict?{query}", data=photo)
        assert answer.status_code == 200, answer.json
        return answer.json["predictions"][0]

    return ask


def picture_of(explanation):
    head, _, content = explanation["heat_map"].partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))).convert("RGBA"))


def test_likeliest_class_is_explained(ask):
    explanation = ask("explain=true")["explanation"]
    heat_map = picture_of(explanation)
    del explanation["heat_map"]
    assert explanation == {
        "label": "green",
        "logit": 220,
        "bias": 20,
        "map": [[0] * 4 + [400] * 4] * 8,
        "picture": {"width_px": 16, "height_px": 8},
        "box": {"left": 4, "top": 0, "right": 12, "bottom": 8},
    }
    assert heat_map.shape == (8, 16, 4)
    assert heat_map[0, 4].tolist() == [0, 0, 128, 63]
    assert heat_map[0, 11].tolist() == [128, 0, 0, 165]
    assert not heat_map[:, :4, 3].any()


def test_picture_itself_is_shown_with_its_heat_map(client, photo):
    answer = client.post("/predict?explain=red&explain_format=picture", data=photo)
    assert (answer.status_code, answer.content_type) == (200, "image/png")
    assert (answer.headers["X-Model-Name"], answer.headers["X-Model-Version"]) == ("colours", "3")
    pixels = np.asarray(Image.open(io.BytesIO(answer.data))).astype(int)
    assert pixels.shape == (112, 224, 3)
    assert (pixels[:, :40] == 255).all()  # not seen
    assert (np.abs(pixels[50, 70] - [0, 0, 32]) <= 2).all()  # black, and a quarter of the darkest blue
    red = 0.35 * np.array([40, 200, 0]) + 0.65 * np.array([128, 0, 0])
    assert (np.abs(pixels[50, 155] - red) <= 3).all()


def test_picture_takes_what_is_left_of_the_time(client, photo, monkeypatch):
    left = []

    def decode(_classifier, _upload, spec, *, timeout_s):
        left.append(timeout_s)
        return np.zeros((spec.height_px, spec.width_px, 3), np.uint8)

    monkeypatch.setattr(Classifier, "decode", decode)
    headers = {"X-Request-Timeout-Ms": "20000"}
    answer = client.post("/predict?explain=true&explain_format=picture", data=photo, headers=headers)
    assert answer.status_code == 200
    assert 0 < left[0] < 20


def test_picture_is_of_one_image(client, photo):
    files = [(io.BytesIO(photo), "a.png"), (io.BytesIO(photo), "b.png")]
    answer = client.post("/predict?explain=true&explain_format=picture", data={"image": files})
    assert (answer.status_code, answer.json["error"]["code"]) == (413, "too_many_images")
    assert answer.json["error"]["message"] == (
        "explain_format=picture answers with the picture of one image, this request has 2: send one image a request, "
        "or ask for explain_format=png, which has a heat map for each"
    )


def test_broken_image_is_no_picture(client, photo):
    answer = client.post("/predict?explain=true&explain_format=picture", data=photo[:60])
    assert (answer.status_code, answer.json["error"]["code"]) == (422, "corrupt_image")


def test_class_that_is_named_is_explained(ask):
    explanation = ask("explain=red&explain_format=numbers")["explanation"]
    assert (explanation["label"], explanation["map"][0]) == ("red", [0] * 4 + [40] * 4)
    assert "heat_map" not in explanation


def test_embedding_is_the_mean_of_the_features(ask):
    answer = ask("embedding=true")
    assert answer["embedding"] == [20, 100, 0]
    assert "explanation" not in answer


@pytest.mark.parametrize("query", ["", "explain=false&embedding=false&explain_format=png"])
def test_nothing_is_told_that_was_not_asked_for(ask, running, query):
    assert ask(query).keys() == {"label", "probability", "top_k"}
    assert not running.table.wanted.any()


def test_answer_is_the_same_with_an_explanation(ask):
    with_it = ask("explain=true&embedding=true")
    assert {name: with_it[name] for name in ("label", "probability", "top_k")} == ask("")


def test_each_image_of_a_request_has_its_explanation_or_its_error(client, photo, encode):
    files = [(io.BytesIO(content), f"{number}.png") for number, content in enumerate([photo, b"no", encode("red")])]
    answer = client.post("/predict?explain=true", data={"image": files}, content_type="multipart/form-data")
    first, second, third = answer.json["predictions"]
    assert (first["explanation"]["label"], third["explanation"]["label"]) == ("green", "red")
    assert second.keys() == {"filename", "error"}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("explain=", "explain must be true, false or a class, got nothing"),
        (
            "explain=pink",
            "explain must be true, false or a class of model 'colours', which are red, green, blue; got 'pink'",
        ),
        ("explain_format=jpeg", "explain_format must be png, numbers, picture, got 'jpeg'"),
        (
            "explain_format=picture",
            "explain_format=picture needs explain=true or a class, and neither embedding nor similar",
        ),
        (
            "explain=true&explain_format=picture&embedding=true",
            "explain_format=picture needs explain=true or a class, and neither embedding nor similar",
        ),
        ("embedding=yes", "embedding must be true or false, got 'yes'"),
    ],
)
def test_what_cannot_be_meant_is_refused(client, photo, query, message):
    answer = client.post(f"/predict?{query}", data=photo)
    assert answer.status_code == 400
    assert answer.json == {"error": {"code": "invalid_request", "message": message}}


@pytest.mark.parametrize("query", ["explain=true", "explain=red", "embedding=true"])
def test_model_of_another_end_is_not_explained(settings, encode, query):
    running = RunningEngine(ExplainableColour())
    answer = create_app(settings, engine=running.client).test_client().post(f"/predict?{query}", data=encode())
    running.close()
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "not_explainable")
    assert answer.json["error"]["message"] == (
        "answers of model 'colours' version 3 cannot be explained: its network does not end in global average pooling "
        "and one dense layer, or map and embedding have more than 8,191 values"
    )


@pytest.fixture
def similar(tmp_path, settings, photo):
    """Ask a model that has two training pictures beside it for those like the photo."""
    folder = tmp_path / "colours" / "3" / FOLDER
    folder.mkdir(parents=True)
    examples = [Example("red", "red/a.png", b"RIFF"), Example("green", "green/b.png", b"WEBP")]
    write_index(folder, examples, np.float32([[9, 1, 0], [1, 9, 0]]))
    model = replace(EXPLAINABLE, examples=Examples(2, "CC0", may_be_shown=True))
    running = RunningEngine(ExplainableColour(), model=model, head=HEAD)
    clients = [create_app(replace(settings, repository=tmp_path), engine=running.client).test_client()]
    yield lambda query: clients[0].post(f"/predict?{query}", data=photo)
    clients.clear()  # and with it the mapped files
    running.close()


def test_training_pictures_most_like_the_photo_are_shown(similar):
    answer = similar("similar=1").json["predictions"][0]
    [found] = answer["similar"]
    assert found.pop("similarity") == pytest.approx(
        (20 * 1 + 100 * 9) / np.sqrt(20**2 + 100**2) / np.sqrt(82), abs=1e-3
    )
    assert found == {"label": "green", "source": "green/b.png", "thumbnail": "data:image/webp;base64,V0VCUA=="}
    assert not answer.keys() & {"explanation", "embedding"}


@pytest.mark.parametrize(("number", "labels"), [(0, None), (50, ["green", "red"])])
def test_as_many_are_shown_as_were_asked_for_and_as_there_are(similar, number, labels):
    found = similar(f"similar={number}").json["predictions"][0].get("similar")
    assert labels == (found and [each["label"] for each in found])


@pytest.mark.parametrize("number", ["51", "-1", "many"])
def test_other_numbers_are_refused(similar, number):
    answer = similar(f"similar={number}")
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "invalid_request")
    assert answer.json["error"]["message"].startswith("similar must be a whole number from 0 to 50")


def test_model_without_training_pictures_says_so(client, photo):
    answer = client.post("/predict?similar=3", data=photo)
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "no_examples")


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0.0, 0), (1 / 3, 0.333333), (-123456.789, -123457), (0.000123456789, 0.000123457), (1.5e-9, 1.5e-9)],
)
def test_numbers_have_six_digits(number, shown):
    assert rounded(number) == shown
    assert rounded_all(np.float32([number, 0])) == [shown, 0]


def test_readyz_says_which_models_can_be_explained(client):
    assert client.get("/readyz").json["models"][0]["explainable"] is True
