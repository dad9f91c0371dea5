"""The rows of docs/robustness.md about HTTP and forms: what is sent, and what the real server answers."""

from __future__ import annotations

import http.client
import json
import socket

import pytest
from bad_http import IMAGE, ROWS, form, get
from colours import RED, label_of, read_answer
from running_server import ROOT

pytestmark = pytest.mark.e2e

TABLE = (ROOT / "docs" / "robustness.md").read_text()
MAX_ANSWER_BYTES = 3000  # whatever was sent: nothing is echoed at length


@pytest.mark.parametrize(("name", "sent", "status", "code"), ROWS, ids=[row[0] for row in ROWS])
def test_bad_input_has_its_answer_and_its_row(served, name, sent, status, code):
    assert f"\n| {name} | {status} `{code}` | `test_bad_http` |\n" in TABLE
    with served.connect() as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        response = http.client.HTTPResponse(connection)
        response.begin()
        body = response.read()
    document = json.loads(body)
    assert (response.status, document["error"]["code"]) == (status, code)
    assert document["error"]["message"]
    assert len(body) < MAX_ANSWER_BYTES
    assert sum(len(name) + len(value) for name, value in response.headers.items()) < MAX_ANSWER_BYTES


@pytest.mark.parametrize("name", ["a\tb", "\xff", "x" * 200, "a b"])
def test_request_id_that_could_be_more_than_one_is_not_sent_back(served, name):
    with served.connect() as connection:
        connection.sendall(get(b"/healthz", b"Host: x\r\nX-Request-Id: " + name.encode("latin-1") + b"\r\n"))
        response = http.client.HTTPResponse(connection)
        response.begin()
        assert response.headers["X-Request-Id"].isalnum()
        assert len(response.headers["X-Request-Id"]) == 16
        response.read()


def test_name_of_a_file_that_could_be_a_header_is_a_string_of_json(served):
    with served.connect() as connection:
        connection.sendall(form((IMAGE.replace(b"a.png", b"a%0D%0ASet-Cookie: b=c.png"), RED)))
        status, document = read_answer(connection)
    assert label_of((status, document)) == "red"
    assert document["predictions"][0]["filename"] == "a%0D%0ASet-Cookie: b=c.png"


def test_every_row_has_a_test():
    section = TABLE.partition("\n## HTTP and forms\n")[2].partition("\n## ")[0]
    rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| ")][1:]
    elsewhere = {name.removeprefix("| "): tests for name, _, tests in rows if tests != "`test_bad_http` |"}
    assert {name.removeprefix("| ") for name, _, _ in rows} - elsewhere.keys() == {row[0] for row in ROWS}
    for tests in elsewhere.values():
        path, _, test = tests.strip("`| ").partition("::")
        assert f"def {test}(" in (ROOT / "tests" / path).read_text()
