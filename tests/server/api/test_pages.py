"""The upload page: what it says, what it loads, and what it is allowed to do."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from engines import MODEL, serving

from models.store.calibration import Calibration
from server.api.app import create_app
from server.engine.shared_catalogue import write_catalogue
from server.settings import Settings


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
    assert re.findall(r'(?:src|href)="([^"]+)"', text)
    assert all(url.startswith("/static/") for url in re.findall(r'(?:src|href)="([^"]+)"', text))
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
    with client.get("/static/page.js") as response:
        assert "${form.dataset.maxUpload}" in response.text
        assert "MB" not in response.text


def test_page_is_kept_for_nobody_who_accepts_something_else(client):
    assert client.get("/").headers["Vary"] == "Accept"
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


@pytest.mark.parametrize(
    ("name", "mimetype"), [("page.css", "text/css"), ("page.js", "text/javascript"), ("icon.svg", "image/svg+xml")]
)
def test_static_files_are_cached_by_etag(client, name, mimetype):
    with client.get(f"/static/{name}") as response:
        assert (response.status_code, response.mimetype) == (200, mimetype)
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        etag = response.headers["ETag"]
    with client.get(f"/static/{name}", headers={"If-None-Match": etag}) as response:
        assert (response.status_code, response.data) == (304, b"")


def test_script_and_style_name_no_other_host(client):
    for name in ("page.css", "page.js"):
        with client.get(f"/static/{name}") as response:
            assert "//" not in response.text.replace("// ", "")
