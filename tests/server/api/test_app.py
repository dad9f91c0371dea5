"""The application names the route of a path."""

from __future__ import annotations

import re

import pytest
from flask import Response

from server.api.app import FlaskApp


@pytest.fixture
def application():
    application = FlaskApp()
    application.add_url_rule("/fixed", "fixed", lambda: "", methods=["POST"])
    application.add_url_rule("/a/<name>", "variable", lambda name: name)
    return application


@pytest.mark.parametrize(
    ("path", "route"), [("/fixed", "/fixed"), ("/a/secret", "/a/<name>"), ("/secret", None), ("/fixed/secret", None)]
)
def test_route_of_a_path_is_its_rule(application, path, route):
    named = []
    application.after_request(lambda response: named.append(application.route_of(path)) or response)
    application.test_client().get(path)
    assert named == [route]


def test_route_of_a_path_outside_of_its_request_is_that_of_a_fixed_one(application):
    assert [application.route_of(path) for path in ("/fixed", "/a/x", "/nothing")] == ["/fixed", None, None]


@pytest.mark.parametrize(
    ("method", "accept", "answered"),
    [("POST", None, b"at once"), ("POST", "text/html", b"by Flask"), ("GET", None, b"by Flask")],
    ids=["program", "browser's form", "another method"],
)
def test_what_has_a_function_is_answered_by_it_where_a_program_posts(application, method, accept, answered):
    application.add_url_rule("/upload", "upload", lambda: "by Flask", methods=["GET", "POST"])
    application.at_once["/upload"] = lambda environ: Response(b"at once" if environ["PATH_INFO"] == "/upload" else b"")
    headers = {"Accept": accept} if accept else {}
    assert application.test_client().open("/upload", method=method, headers=headers).data == answered


def test_path_with_parts_that_vary_is_answered_by_its_function_and_counts_as_its_rule(application):
    pattern = re.compile("/b/(?P<name>[a-z]+)")
    application.at_once_where["/b/<name>"] = (pattern, lambda _request, name: Response(name))
    assert application.test_client().post("/b/secret").data == b"secret"
    assert application.test_client().post("/b/SECRET").status_code == 404
    assert [application.route_of(path) for path in ("/b/secret", "/b/SECRET")] == ["/b/<name>", None]
