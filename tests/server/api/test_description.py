"""/openapi.json and /docs: true to the routes that there are."""

from __future__ import annotations

import json
import re

import pytest

from server.api.app import create_app
from server.api.predict import PARAMETERS
from server.settings import Settings

OF_THE_PAGE = {"/", "/docs", "/static/<path:filename>"}


@pytest.fixture
def document(client):
    return client.get("/openapi.json").get_json()


def test_every_route_is_described_and_no_other(client, document):
    described = {(path, method.upper()) for path, item in document["paths"].items() for method in item}
    rules = [rule for rule in client.application.url_map.iter_rules() if rule.rule not in OF_THE_PAGE]
    there = {
        (re.sub(r"<(?:segment:)?(\w+)>", r"{\1}", rule.rule), method)
        for rule in rules
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert described == there


def test_every_reference_leads_somewhere(document):
    for reference in re.findall(r'"#/components/(\w+)/(\w+)"', json.dumps(document)):
        kind, name = reference
        assert name in document["components"][kind]


def test_parameters_in_paths_are_described(document):
    for path, item in document["paths"].items():
        for operation in item.values():
            described = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"}
            assert described == set(re.findall(r"{(\w+)}", path))


def test_query_and_limits_are_those_of_the_server(document):
    predict = document["paths"]["/predict"]["post"]
    assert [each["name"] for each in predict["parameters"] if each["in"] == "query"] == list(PARAMETERS)
    form = predict["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["properties"]["image"]["maxItems"] == 4


@pytest.mark.parametrize(
    "path", ["/predict", "/image-classification", "/v2/models/{name}/infer", "/v1/models/{name}:predict"]
)
def test_examples_are_answered(client, document, path):
    [example] = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["examples"].values()
    answer = client.post(path.replace("{name}", "colours"), json=example["value"])
    assert answer.status_code == 200


def test_key_is_described_where_one_is_needed(tmp_path, engine, document):
    assert "security" not in document
    (tmp_path / "keys").write_text(f"phone sha256:{'0' * 64}\n")
    client = create_app(Settings(api_keys_file=tmp_path / "keys"), engine=engine).test_client()
    assert client.get("/openapi.json").get_json()["security"] == [{"bearer": []}, {"header": []}]
    assert "Every request needs a key" in client.get("/docs").text


def test_page_lists_every_operation_and_loads_nothing_from_elsewhere(client, document):
    page = client.get("/docs")
    for path, item in document["paths"].items():
        for method in item:
            assert f"<b>{method.upper()}</b> {path}</code>" in page.text
    assert not re.search(r'(?:src|href)="(?!/)', page.text)
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
