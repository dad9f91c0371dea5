"""The lean application answers as Flask itself does, whatever is asked and whatever hooks there are."""

from __future__ import annotations

import pytest
from flask import Flask, request, url_for

from server.api.lean_flask import MAX_HOSTS, LeanFlask


def with_routes(app):
    app.add_url_rule("/fixed", "fixed", lambda: f"{request.path} {url_for('fixed', _external=True)}", methods=["POST"])
    app.add_url_rule("/a/<name>", "variable", lambda name: f"{name} {url_for('fixed', _external=True)}")
    return app


@pytest.mark.parametrize("path", ["/fixed", "/fixed/", "//fixed", "/fixed?a=b", "/a/x", "/nothing", "/static/nothing"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "HEAD", "BREW"])
@pytest.mark.parametrize("headers", [{}, {"Host": "other:81"}, {"Host": "b\\d"}, {"Upgrade": "websocket"}])
def test_answers_are_those_of_flask(path, method, headers):
    lean, flask = with_routes(LeanFlask("test")).test_client(), with_routes(Flask("test")).test_client()
    expected = flask.open(path, method=method, headers=headers)
    for _ in range(2):  # before and after it has remembered the host
        response = lean.open(path, method=method, headers=headers)
        assert (response.status_code, response.data) == (expected.status_code, expected.data)
        assert response.headers == expected.headers


def test_hosts_are_not_mixed_up_however_many_there_are():
    client = with_routes(LeanFlask("test")).test_client()
    for number in range(2 * MAX_HOSTS):
        response = client.post("/fixed", headers={"Host": f"host{number}"})
        assert response.text == f"/fixed http://host{number}/fixed"


def test_hooks_are_called():
    app, called = with_routes(LeanFlask("test")), []
    app.before_request(lambda: called.append("before"))
    app.after_request(lambda response: called.append("after") or response)
    app.teardown_request(lambda _error: called.append("teardown"))
    app.test_client().post("/fixed")
    assert called == ["before", "after", "teardown"]


@pytest.mark.parametrize(
    ("path", "route"), [("/fixed", "/fixed"), ("/a/secret", "/a/<name>"), ("/secret", None), ("/fixed/secret", None)]
)
def test_route_of_a_path_is_its_rule(path, route):
    app, named = with_routes(LeanFlask("test")), []
    app.after_request(lambda response: named.append(app.route_of(path)) or response)
    app.test_client().get(path)
    assert named == [route]


def test_route_of_a_path_outside_of_its_request_is_that_of_a_fixed_one():
    app = with_routes(LeanFlask("test"))
    assert [app.route_of(path) for path in ("/fixed", "/a/x", "/nothing")] == ["/fixed", None, None]
