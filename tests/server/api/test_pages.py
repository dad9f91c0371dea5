"""The upload page: what it says, what it loads, and what it is allowed to do."""

from __future__ import annotations

import html
import io
import re
from dataclasses import replace
from pathlib import Path, PurePath

import numpy as np
import pytest
from engines import LITERT, MODEL, serving
from html_reader import Reader

import server.api
from models.store.calibration import Calibration
from models.store.reference import ModelReference
from server.api.app import create_app
from server.api.words import read_words
from server.engine.catalogue import Catalogue
from server.engine.shared_catalogue import write_catalogue
from server.settings import Settings

STATIC = Path(server.api.__file__).parent / "static"


def test_page_names_the_model_and_how_to_call_it(client):
    response = client.get("/", headers={"Host": "photos.example:8080"})
    assert response.status_code == 200
    assert "<strong>colours</strong> version 3, 3 classes" in response.text
    assert "curl -F image=@photo.jpg http://photos.example:8080/predict" in response.text
    assert "JPEG, PNG" in response.text


def test_page_of_a_thousand_classes_tells_their_number_and_prints_none(running, client):
    labels = ("_none", *(f"class {index}, also known by another name" for index in range(1000)))
    write_catalogue(running.table, 0, serving(replace(MODEL, labels=labels)))
    text = client.get("/").text
    assert "<strong>colours</strong> version 3, 1000 classes" in text
    assert "also known" not in text
    assert "also known" not in client.get("/readyz").text


def test_page_says_what_unsure_means_where_the_model_can_tell(running, client):
    assert "<code>unsure</code>" not in client.get("/").text
    calibration = Calibration(num_images=100, unsure_below=0.5)
    write_catalogue(running.table, 0, serving(replace(MODEL, calibration=calibration)))
    text = re.sub(r"\s+", " ", client.get("/").text)
    assert "<code>unsure</code> is true where it is probably of none of the classes. Photos" in text


def test_page_loads_nothing_from_elsewhere_and_nothing_inline(client):
    text = client.get("/").text
    policy = client.get("/").headers["Content-Security-Policy"]
    loaded = re.findall(r'<(?:link|script|img)[^>]* (?:src|href)="([^"]+)"', text)
    assert len(loaded) > 3
    assert all(url.startswith("/static/") for url in loaded)
    assert all(re.match("/(?!/)", url) for url in re.findall(r'(?:src|href|action)="([^"]+)"', text))
    assert not re.search(r"<style|<script(?![^>]* src=)|\son\w+=|\sstyle=", text)
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy


@pytest.mark.parametrize(
    ("max_upload_bytes", "size"),
    [(1000, "1000 bytes"), (500_000, "488 kB"), (1024**2, "1 MB"), (32 * 1024**2, "32 MB")],
)
def test_page_tells_the_largest_upload_in_a_unit_that_fits(engine, max_upload_bytes, size):
    app = create_app(Settings(max_upload_bytes=max_upload_bytes), engine=engine)
    text = app.test_client().get("/").text.replace("\N{NO-BREAK SPACE}", " ")
    assert f", up to {size}<" in text
    assert f'data-max-upload="{size}"' in text


@pytest.mark.parametrize(
    ("formats", "accept"), [(("JPEG", "HEIC"), "image/jpeg,image/heic,.heic,.heif"), (("JPEG",), "image/jpeg")]
)
def test_page_asks_for_files_of_the_formats_that_are_read(client, monkeypatch, formats, accept):
    monkeypatch.setattr("server.api.pages.ACCEPTED_FORMATS", formats)
    assert f'accept="{accept}">' in client.get("/").text


def test_script_tells_the_largest_upload_as_the_page_does(client):
    with client.get("/static/page/upload.js") as response:
        assert "form.dataset.maxUpload }" in response.text
        assert "MB" not in response.text


def test_page_is_kept_for_nobody_who_accepts_something_else(client):
    assert client.get("/").headers["Vary"] == "Accept, Accept-Language, Authorization"
    assert client.get("/").headers["Cache-Control"] == "no-cache"


def test_page_that_refuses_says_when_to_come_back_as_json_does(client, engine, encode):
    engine.close()
    upload = {"data": encode(), "headers": {"Accept": "text/html", "Content-Type": "image/png"}}
    response = client.post("/predict", **upload)
    assert (response.status_code, response.mimetype, response.headers["Retry-After"]) == (503, "text/html", "1")
    assert "The server is stopping." in response.text


@pytest.mark.parametrize("host", ["<script>", "a b", "$(id)", "a:b:c", ""])
def test_strange_host_header_is_harmless(client, host):
    response = client.get("/", headers={"Host": host})
    assert response.status_code in (200, 400)
    assert "<script>" not in response.text


FILES = [path.relative_to(STATIC).as_posix() for path in sorted(STATIC.rglob("*.*"))]
TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}


@pytest.mark.parametrize("name", FILES)
def test_static_files_are_cached_by_etag(client, name):
    with client.get(f"/static/{name}") as response:
        assert (response.status_code, response.mimetype) == (200, TYPES[PurePath(name).suffix])
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        etag = response.headers["ETag"]
    with client.get(f"/static/{name}", headers={"If-None-Match": etag}) as response:
        assert (response.status_code, response.data) == (304, b"")


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith((".js", ".css"))])
def test_scripts_and_styles_name_no_other_host_and_are_small(name):
    text = (STATIC / name).read_text()
    assert "//" not in text.replace("// ", "")
    assert text.count("\n") < 300


def test_page_weighs_little(client):
    """All that a first visit loads, not compressed."""
    text = client.get("/").text
    loaded = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', text))
    num_bytes = len(text)
    for url in loaded:
        with client.get(url) as response:
            num_bytes += len(response.data)
    assert num_bytes < 80_000


def test_every_script_is_loaded_at_once(client):
    names = re.findall(r'<link rel="modulepreload" href="/static/page/([^"]+)">', client.get("/").text)
    assert names == [name.removeprefix("page/") for name in FILES if name.startswith("page/")]


def chosen(client, path="/", language="en"):
    """The page, with white space as browsers have it."""
    return re.sub(r"\s+", " ", client.get(path, headers={"Accept-Language": language}).text)


def test_page_says_which_classes_there_are(running, client):
    assert '<li dir="auto">red</li><li dir="auto">green</li><li dir="auto">blue</li>' in client.get("/").text
    assert '<a class="link" href="/models/colours/3">' in client.get("/").text
    labels = ("_none", *(f"class <{index}>" for index in range(1000)))
    write_catalogue(running.table, 0, serving(replace(MODEL, labels=labels)))
    assert 'href="/?model=colours:3&amp;classes=all">Show all 1000</a>' in client.get("/").text
    text = client.get("/?model=colours:3&classes=all").text
    assert text.count("<li dir=") == 1000
    assert "class &lt;999&gt;</li>" in text
    assert 'id="search"' in text


def test_page_says_that_the_model_is_not_there_yet_or_not_served(running, client):
    write_catalogue(running.table, 0, Catalogue())
    assert "The model is still loading." in client.get("/").text
    write_catalogue(running.table, 0, Catalogue((MODEL,), (), ModelReference("birds"), (LITERT,)))
    assert "The default model is not served. Choose another one." in client.get("/").text
    assert '<option value="colours:3">' in client.get("/").text


def test_classes_are_not_for_those_without_a_key(engine, tmp_path):
    (tmp_path / "keys").write_text(f"app sha256:{64 * 'a'}\n")
    client = create_app(Settings(api_keys_file=tmp_path / "keys"), engine=engine).test_client()
    for path in ("/", "/?classes=all"):
        assert "<li " not in client.get(path).text
        assert "/models/" not in client.get(path).text
        assert "The names of its classes are for those with a key." in client.get(path).text


def test_one_of_several_models_is_chosen_by_a_form(running, client):
    assert 'name="model"' not in client.get("/").text  # there is no choice
    other = replace(MODEL, name="shapes", version=7, labels=("round", "square", "flat"))
    write_catalogue(running.table, 0, serving(MODEL, other))
    text = chosen(client)
    assert '<option value="" selected>colours, version 3</option>' in text
    assert '<option value="shapes:7">shapes, version 7</option>' in text
    assert 'action="/predict"' in text
    text = chosen(client, "/?model=shapes:7")
    assert '<option value="shapes:7" selected>' in text
    assert "<strong>shapes</strong> version 7, 3 classes" in text
    assert 'action="/predict?model=shapes&amp;version=7"' in text
    assert "http://localhost/predict?model=shapes&amp;version=7&#39;</code>" in text
    assert '<li dir="auto">square</li>' in text


@pytest.mark.parametrize(
    ("asked", "message"), [("shapes:7", "Model &#39;shapes&#39; is not"), ("colours:4", "version 4"), ("a/b", "is not")]
)
def test_model_that_is_not_served_is_told_of_on_the_page(client, asked, message):
    response = client.get("/", query_string={"model": asked})
    assert (response.status_code, response.mimetype) == (404, "text/html")
    assert message in response.text


def test_coverages_are_those_that_the_model_can_promise(running, client):
    assert "right in" not in chosen(client)
    calibration = Calibration(num_images=46, scores=tuple(np.linspace(0, 1, 46)))
    write_catalogue(running.table, 0, serving(replace(MODEL, calibration=calibration)))
    text = chosen(client, "/?coverage=0.9")
    assert re.findall(r"right in (\d+) %", text) == ["80", "90", "95"]
    assert '<option value="0.9" selected>' in text
    assert 'action="/predict?coverage=0.9"' in text
    assert 'action="/predict"' in chosen(client, "/?coverage=<2>")


def test_form_without_script_is_answered_with_the_labels_that_were_asked_for(running, client, encode):
    calibration = Calibration(num_images=46, unsure_below=0.5, scores=tuple(np.linspace(0, 1, 46)))
    write_catalogue(running.table, 0, serving(replace(MODEL, calibration=calibration)))
    body = {"image": [(io.BytesIO(encode("red")), "a.png"), (io.BytesIO(b"text"), "b.png")]}
    headers = {"Accept": "text/html", "Accept-Language": "en"}
    response = client.post("/predict?coverage=0.8", data=body, headers=headers)
    text = re.sub(r"\s+", " ", response.text)
    assert response.status_code == 200
    assert '<span class="label" dir="auto">red</span> <span class="percent">99.2 %</span>' in text
    assert 'width="99.22%"' in text
    assert "In 80 % of cases it is one of:" in text
    assert '<p class="trouble">This is no picture that can be read.</p>' in text
    assert 'action="/predict?coverage=0.8"' in text
    reader = Reader(response.text)
    assert "lang" in {name for name, _ in reader.attributes}


@pytest.mark.parametrize(
    ("asked", "language", "tag"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh", "zh-Hans"),
        ("zh-TW", "zh", "zh-Hans"),
        ("en-GB,zh;q=0.5", "en", "en"),
        ("en;q=0,zh;q=0.1", "zh", "zh-Hans"),
        ("fr,zh-Hant;q=0.3,en;q=0.2", "zh", "zh-Hans"),
        ("fr", "en", "en"),
        ("", "en", "en"),
        (";;,=", "en", "en"),
    ],
)
def test_language_is_the_browsers(client, asked, language, tag):
    text = chosen(client, language=asked)
    assert f'<html lang="{tag}">' in text
    assert f"<h2>{read_words()[language].texts['title']}</h2>" in text
    assert f'href="/static/words/{language}.json"' in text


def test_code_asks_this_server_and_runs(client):
    text = html.unescape(client.get("/", headers={"Host": "photos.example:8080"}).text)
    python = re.search(r'data-language="python" tabindex="0"><code>(.*?)</code>', text, re.DOTALL)[1]
    compile(python, "page", "exec")
    assert '"http://photos.example:8080/predict",' in python
    assert 'await fetch("http://photos.example:8080/predict", {' in text
