"""GET /models and the card of each version."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from card_artifacts import counted_manifest
from engines import MODEL, serving
from html_reader import Reader
from small_artifacts import small_sources

from models.examples.index import Example, write_index
from models.store.examples import Examples
from models.store.purposes import Purpose
from models.store.repository import Repository
from server.engine.catalogue import RefusedModel
from server.engine.shared_catalogue import write_catalogue
from server.settings import Settings

IN_SHORT = {"en": "In short", "zh": "概要"}
PAGE = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture
def repository(tmp_path):
    """colours 1 to 3, of which 3 is served, and secret 1, which is not."""
    repository = Repository(tmp_path / "models")
    for _ in range(3):
        repository.publish(counted_manifest(name="colours"), small_sources(tmp_path))
    repository.publish(counted_manifest(name="secret"), small_sources(tmp_path))
    return repository


@pytest.fixture
def settings(repository):
    return Settings(repository=repository.root)


def test_all_versions_of_what_is_served_are_listed_and_no_other_models(client):
    answer = client.get("/models")
    assert answer.status_code == 200
    versions = answer.json["models"]
    assert [(each["name"], each["version"], each["state"]) for each in versions] == [
        ("colours", 3, "served, the default"),
        ("colours", 2, "kept, not served"),
        ("colours", 1, "kept, not served"),
    ]
    assert versions[0] == {
        "name": "colours",
        "version": 3,
        "is_served": True,
        "is_default": True,
        "state": "served, the default",
        "url": "/models/colours/3",
        "num_classes": 3,
        "accuracy": 0.85,
        "accuracy_interval": pytest.approx([0.8053, 0.886], abs=1e-3),
        "size_bytes": 48,
        "error": None,
    }


def test_manifests_of_a_list_are_read_again_only_when_they_have_changed(client, repository, monkeypatch):
    first = client.get("/models").json
    with monkeypatch.context() as patches:
        patches.setattr(Repository, "load", None)
        assert client.get("/models").json == first
    repository.publish(counted_manifest(name="colours"), small_sources(repository.root.parent))
    assert [each["version"] for each in client.get("/models").json["models"]] == [4, 3, 2, 1]


def test_list_is_a_page_for_a_browser(client):
    answer = client.get("/models", headers=PAGE)
    assert (answer.status_code, answer.mimetype, answer.headers["Vary"]) == (
        200,
        "text/html",
        "Accept, Accept-Language",
    )
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    icon, _palette, _style, *links = Reader(answer.text).values("href")
    with client.get(icon) as picture:
        assert (picture.status_code, picture.mimetype) == (200, "image/svg+xml")
    assert links == ["/", "/models/colours/3", "/models/colours/2", "/models/colours/1"]


def test_version_that_cannot_be_read_is_listed_with_its_fault(client, repository):
    assert client.get("/models").json["models"][1]["error"] is None
    (repository.root / "colours" / "2" / "manifest.json").write_text("{}")
    fault = client.get("/models").json["models"][1]
    assert fault["error"].startswith("model 'colours' version 2 is corrupt")
    assert "is corrupt" in client.get("/models", headers=PAGE).text
    assert client.get("/models/colours/2").status_code == 500


def test_card_is_json_for_a_program_and_a_page_for_a_browser(client):
    answer = client.get("/models/colours/3")
    assert (answer.status_code, answer.mimetype, answer.headers["Vary"]) == (200, "application/json", "Accept")
    assert (answer.json["model"], answer.json["version"], answer.json["state"]) == ("colours", 3, "served, the default")
    assert answer.json["classes"][0]["label"] == "rose"
    page = client.get("/models/colours/3", headers=PAGE)
    assert (page.status_code, page.mimetype) == (200, "text/html")
    Reader(page.text)
    assert "Of 100 pictures it is right about 85" in page.text


@pytest.mark.parametrize(("wanted", "language"), [("zh-CN,zh;q=0.9,en;q=0.5", "zh"), ("de,en;q=0.5", "en"), ("", "en")])
def test_pages_are_in_the_language_of_the_browser_and_json_is_not(client, wanted, language):
    headers = {**PAGE, "Accept-Language": wanted}
    for path, said in (
        ("/models", {"en": "served, the default", "zh": "正在提供服务"}),
        ("/models/colours/3", IN_SHORT),
    ):
        answer = client.get(path, headers=headers)
        assert said[language] in answer.text
        assert answer.headers["Vary"] == "Accept, Accept-Language"
        assert client.get(path, headers={"Accept-Language": wanted}).json == client.get(path).json


def test_words_of_the_publisher_are_on_the_card_of_that_version_and_later_ones(client, repository):
    repository.set_purpose("colours", 2, Purpose(is_for=("Sorting paint",)))
    found = [client.get(f"/models/colours/{version}").json["purpose"] for version in (1, 2, 3)]
    assert [each and each["is_for"] for each in found] == [None, ["Sorting paint"], ["Sorting paint"]]
    assert '<li dir="auto">Sorting paint</li>' in client.get("/models/colours/3", headers=PAGE).text


def test_card_of_what_is_served_has_what_was_measured_here_and_that_of_others_has_not(client, encode):
    client.post("/predict", data=encode(), headers={"Content-Type": "image/png"})
    here = client.get("/models/colours/3").json["measured_here"]
    assert (here["num_images"], here["runtime"]) == (1, "litert")
    assert "Of 1 picture since it started" in client.get("/models/colours/3", headers=PAGE).text
    assert client.get("/models/colours/1").json["measured_here"] is None


def test_page_links_the_version_that_it_came_from_where_there_is_one(client, repository, tmp_path):
    manifest = counted_manifest(name="colours")
    again = replace(manifest, provenance={**manifest.provenance, "parent": "colours:2"})
    repository.publish(again, small_sources(tmp_path))
    assert '<a href="/models/colours/2">colours:2</a>' in client.get("/models/colours/4", headers=PAGE).text
    assert "flowers:1</a>" not in client.get("/models/colours/3", headers=PAGE).text


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/models/secret/1", 404, "model_not_found"),
        ("/models/nothing/1", 404, "model_not_found"),
        ("/models/colours/9", 404, "version_not_found"),
        ("/models/colours/x", 400, "invalid_request"),
        ("/models/colours/0", 400, "invalid_request"),
        ("/models/../1", 404, "model_not_found"),
    ],
)
def test_what_is_not_there_or_not_served_has_no_card(client, path, status, code):
    answer = client.get(path)
    assert (answer.status_code, answer.json["error"]["code"]) == (status, code)
    assert "secret" not in answer.json["error"]["message"] or path.startswith("/models/secret")


def test_pictures_of_a_card_are_sent_where_they_may_be_shown_and_no_others(client, repository, tmp_path):
    folder = tmp_path / "index"
    folder.mkdir()
    write_index(folder, [Example("rose", "rose/1.jpg", b"RIFF")] * 5, np.ones((5, 2), np.float32))
    sources = {**small_sources(tmp_path), "examples": folder}
    for may_be_shown in (True, False):
        examples = Examples(5, "CC-BY 4.0 by Ada", may_be_shown=may_be_shown)
        repository.publish(counted_manifest(name="colours", examples=examples), sources)
    page = client.get("/models/colours/4", headers=PAGE).text
    assert 'src="/models/colours/4/examples/0" alt="rose: training picture 1"' in page
    answer = client.get("/models/colours/4/examples/0")
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "image/webp", b"RIFF")
    for path in ("colours/4/examples/3", "colours/4/examples/x", "colours/5/examples/0", "secret/1/examples/0"):
        assert client.get(f"/models/{path}").status_code == 404
    assert "/examples/" not in client.get("/models/colours/5", headers=PAGE).text


def test_version_that_cannot_be_served_says_why(running, client):
    refused = (RefusedModel("colours", 2, "it is too large"),)
    write_catalogue(running.table, 0, serving(MODEL, refused=refused))
    assert client.get("/models").json["models"][1]["state"] == "cannot be served: it is too large"


def test_pages_load_nothing_from_elsewhere_and_nothing_inline(client):
    for path in ("/models", "/models/colours/3"):
        text = client.get(path, headers=PAGE).text
        assert all(url.startswith("/") for url in re.findall(r'(?:src|href)="([^"]+)"', text))
        assert not re.search(r"<style|<script(?![^>]* src=)|\son\w+=|\sstyle=", text)


@pytest.mark.parametrize(
    ("name", "mimetype"), [("palette.css", "text/css"), ("card.css", "text/css"), ("card.js", "text/javascript")]
)
def test_style_and_script_of_cards_are_static_files(client, name, mimetype):
    with client.get(f"/static/{name}") as response:
        assert (response.status_code, response.mimetype) == (200, mimetype)
        assert response.headers["ETag"]
    with client.get("/static/card.html") as response:
        assert response.status_code == 404
