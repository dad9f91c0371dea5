"""Who is let in, where to, how often, and what the others are told."""

from __future__ import annotations

import hashlib
import ipaddress

import pytest

from server.api.app import create_app
from server.api.gate import Gate
from server.api.gatekeeper import Gatekeeper
from server.api.requests_in_hand import RequestsInHand
from server.settings import Settings

KEY = "opsin_right"


@pytest.fixture
def client(tmp_path, engine):
    (tmp_path / "keys").write_text(f"app sha256:{hashlib.sha256(KEY.encode()).hexdigest()}\n")
    return create_app(Settings(api_keys_file=tmp_path / "keys"), engine=engine).test_client()


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {KEY}"},
        {"Authorization": f"bearer  {KEY} "},
        {"X-API-Key": KEY},
        {"Authorization": "Basic dTpw", "X-API-Key": KEY},  # of a proxy in front
    ],
)
def test_request_with_a_key_is_answered(client, encode, headers):
    response = client.post("/predict", data=encode("red"), headers=headers)
    assert response.status_code == 200
    assert response.json["predictions"][0]["label"] == "red"


@pytest.mark.parametrize(
    ("headers", "code", "challenge"),
    [
        ({}, "missing_api_key", 'Bearer realm="opsin"'),
        ({"Authorization": "Basic dTpw"}, "missing_api_key", 'Bearer realm="opsin"'),
        ({"Authorization": "Bearer "}, "missing_api_key", 'Bearer realm="opsin"'),
        ({"Authorization": "Bearer wrong"}, "invalid_api_key", 'Bearer realm="opsin", error="invalid_token"'),
        ({"X-API-Key": KEY + "x"}, "invalid_api_key", 'Bearer realm="opsin", error="invalid_token"'),
        ({"X-API-Key": KEY[:-1]}, "invalid_api_key", 'Bearer realm="opsin", error="invalid_token"'),
        ({"Authorization": "Bearer wrong", "X-API-Key": KEY}, "invalid_api_key", None),
    ],
)
def test_request_without_a_right_key_is_401_with_a_challenge(client, encode, headers, code, challenge):
    response = client.post("/predict", data=encode("red"), headers=headers)
    assert response.status_code == 401
    assert response.json["error"]["code"] == code
    assert response.headers["X-Request-Id"]
    assert response.headers["WWW-Authenticate"] == (challenge or response.headers["WWW-Authenticate"])
    assert "wrong" not in response.text
    assert KEY not in response.text


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/static/page.js"])
def test_health_checks_and_the_page_are_for_everybody(client, path):
    with client.get(path) as response:
        assert response.status_code == 200


@pytest.mark.parametrize(
    "path", ["/predict", "/metrics", "/nothing", "//healthz", "/healthz/", "/static", "/Static/page.js", "/healthz;x"]
)
def test_all_else_is_not_what_does_not_exist_too(client, path):
    assert client.get(path).status_code == 401


@pytest.mark.parametrize("path", ["/static/../predict", "/static/%2e%2e/metrics", "/static//../metrics"])
def test_nothing_else_is_reached_through_the_open_folder(client, path):
    response = client.get(path)
    assert response.status_code in (308, 404, 401)
    assert "opsin_http" not in response.text


def test_page_has_a_field_for_the_key_that_no_form_sends(client):
    text = client.get("/").text
    assert '<input id="key" type="password" autocomplete="off"' in text
    assert 'name="key"' not in text
    assert "curl -H 'Authorization: Bearer KEY' -F image=@photo.jpg" in text


@pytest.mark.parametrize("path", ["/models", "/models/colours/3", "/nothing"])
def test_browser_without_a_key_is_asked_for_it_at_every_other_address(client, path):
    response = client.get(path, headers={"Accept": "text/html", "Accept-Language": "en"})
    assert (response.status_code, response.mimetype) == (401, "text/html")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="opsin"'
    assert response.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert '<h2 id="why">This server asks for an API key.</h2>' in response.text
    assert '<input id="key" type="password" autocomplete="off"' in response.text
    assert 'src="/static/with_key.js"' in response.text
    assert "colours" not in response.text.replace(path, "")


def test_form_without_script_is_told_that_it_takes_a_key(client, encode):
    response = client.post("/predict", data=encode("red"), headers={"Accept": "text/html", "Accept-Language": "zh"})
    assert (response.status_code, response.mimetype) == (401, "text/html")
    assert "此服务器需要 API 密钥。" in response.text


def test_browser_past_its_rate_is_told_so_in_words(engine):
    client = limited(engine, rate_limit="1/hour")
    headers = {"Accept": "text/html", "Accept-Language": "en"}
    assert client.get("/models", headers=headers).status_code == 200
    response = client.get("/models", headers=headers)
    assert (response.status_code, response.mimetype) == (429, "text/html")
    assert 3500 < int(response.headers["Retry-After"]) <= 3600
    assert "You ask more often than this server allows." in response.text
    assert "This client asks more often than it may, try again later." in response.text
    assert 'id="key"' not in response.text


@pytest.mark.parametrize("headers", [{"Authorization": f"Bearer {KEY}"}, {"X-API-Key": KEY}])
def test_page_tells_those_with_a_key_what_it_knows(client, headers):
    response = client.get("/", headers=headers)
    assert "Authorization" in response.headers["Vary"]
    assert '<li dir="auto">red</li>' in response.text
    assert 'href="/models/colours/3"' in response.text
    assert " data-known" in response.text
    for wrong in ({}, {"Authorization": "Bearer wrong"}):
        response = client.get("/", headers=wrong)
        assert response.status_code == 200
        assert "<li " not in response.text
        assert " data-known" not in response.text


def test_page_without_keys_has_no_such_field(engine):
    text = create_app(Settings(), engine=engine).test_client().get("/").text
    assert 'id="key"' not in text
    assert "Authorization" not in text


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ([], "missing_api_key"),
        ([("HOST", "x"), ("AUTHORIZATION", f"Bearer {KEY}")], None),
        ([("X-API-KEY", KEY)], None),
        ([("X-API-KEY", "wrong")], "invalid_api_key"),
    ],
)
def test_body_is_read_of_those_with_a_key_alone(client, headers, code):
    refusal = client.application.body_refusal(headers, "192.0.2.1")
    assert (refusal and refusal.code) == code


def test_body_is_read_of_everybody_where_there_are_no_keys(engine):
    assert create_app(Settings(), engine=engine).body_refusal([], "192.0.2.1") is None


def test_body_is_not_read_of_a_client_past_its_rate(engine):
    proxies = (ipaddress.ip_network("10.0.0.0/8"),)
    client = limited(engine, rate_limit="1/hour", trusted_proxies=proxies)
    refusal_of = client.application.body_refusal
    assert refusal_of([], "127.0.0.1") is None
    assert client.get("/nothing").status_code == 404
    refusal = refusal_of([], "127.0.0.1")
    assert (refusal.code, refusal.retry_after_s) == ("rate_limited", 3600)
    assert refusal_of([], "127.0.0.2") is None
    hops = [("X-FORWARDED-FOR", "192.0.2.1"), ("X-FORWARDED-FOR", "127.0.0.1, 10.0.0.2")]
    assert refusal_of(hops, "10.0.0.1").code == "rate_limited"
    assert refusal_of(hops[:1], "10.0.0.1") is None


def test_body_is_not_read_of_a_client_with_too_much_in_hand():
    in_hand = RequestsInHand(1)
    keeper = Gatekeeper(in_hand=in_hand)
    assert keeper.body_refusal([], "192.0.2.1") is None
    assert in_hand.begin("192.0.2.1")
    assert keeper.body_refusal([], "192.0.2.1").code == "rate_limited"
    assert keeper.body_refusal([], "192.0.2.2") is None


def limited(engine, **settings):
    return create_app(Settings(**settings), engine=engine).test_client()


def test_client_past_its_rate_is_429_and_told_when_to_come_back(engine, encode):
    client = limited(engine, rate_limit="2/hour")
    assert [client.post("/predict", data=encode("red")).status_code for _ in range(2)] == [200, 200]
    response = client.post("/predict", data=encode("red"))
    assert response.status_code == 429
    assert response.json["error"] == {
        "code": "rate_limited",
        "message": "this client asks more often than it may, try again later",
    }
    assert 3500 < int(response.headers["Retry-After"]) <= 3600
    assert client.get("/healthz").status_code == 200
    assert client.get("/metrics").status_code == 429


def test_rate_is_that_of_an_address_or_of_a_key_wherever_it_is_used(engine, tmp_path):
    (tmp_path / "keys").write_text(f"app sha256:{hashlib.sha256(KEY.encode()).hexdigest()}\n")
    proxies = (ipaddress.ip_network("127.0.0.0/8"),)
    client = limited(engine, rate_limit="1/hour", trusted_proxies=proxies, api_keys_file=tmp_path / "keys")

    def status(address, key=None):
        headers = {"X-Forwarded-For": address} | ({"X-API-Key": key} if key else {})
        return client.get("/nothing", headers=headers).status_code

    assert [status("192.0.2.1"), status("192.0.2.1"), status("192.0.2.2")] == [401, 429, 401]
    assert [status("192.0.2.1", KEY), status("192.0.2.9", KEY)] == [404, 429]


def test_answers_may_wait_where_redis_counts_alone(engine):
    assert not limited(engine, rate_limit="1/hour").application.may_wait
    redis = limited(engine, rate_limit="1/hour", rate_limit_redis="redis://127.0.0.1:1")
    assert redis.application.may_wait


def test_client_with_too_much_in_hand_is_429_and_others_are_not(encode):
    inside = []

    def application(environ, start_response):
        address = environ["REMOTE_ADDR"]
        for other in ("192.0.2.1", "192.0.2.2"):
            if len(inside) < 3:
                inside.append((address, other, ask(other)))
        start_response("200 OK", [])
        return []

    gate = Gate(application, Gatekeeper(in_hand=RequestsInHand(1)))

    def ask(address):
        statuses = []
        environ = {"PATH_INFO": "/predict", "REQUEST_METHOD": "POST", "REMOTE_ADDR": address}
        gate(environ, lambda status, headers, *_: statuses.append((status[:3], dict(headers).get("Retry-After"))))
        return statuses[0]

    assert ask("192.0.2.1") == ("200", None)
    assert ("192.0.2.1", "192.0.2.1", ("429", "1")) in inside
    assert ("192.0.2.1", "192.0.2.2", ("200", None)) in inside
    assert ask("192.0.2.1") == ("200", None)


def test_request_that_fails_is_no_longer_in_hand():
    def application(environ, start_response):
        raise RuntimeError

    gate = Gate(application, Gatekeeper(in_hand=RequestsInHand(1)))
    for _ in range(2):
        with pytest.raises(RuntimeError):
            gate({"PATH_INFO": "/predict", "REQUEST_METHOD": "POST", "REMOTE_ADDR": "192.0.2.1"}, lambda *_: None)
