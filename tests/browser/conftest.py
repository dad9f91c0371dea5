"""Fixtures: the upload page of the real server in a real Chromium, which can reach nothing but this machine."""

from __future__ import annotations

import json
import shutil
import socket
from urllib.parse import urlsplit

import pytest
from chromium import missing, start_chromium
from colours import COLOURS, picture, publish_stub
from running_server import STUB, RunningServer
from upload_page import Page


@pytest.fixture(scope="session")
def driver(tmp_path_factory):
    pytest.importorskip("selenium.webdriver", reason="no selenium: make test-browser installs it")
    if lacking := missing():
        pytest.skip(f"no {' and no '.join(lacking)}: apt-get install chromium chromium-driver")
    profile = tmp_path_factory.mktemp("profile")
    driver = start_chromium(profile)
    yield driver
    driver.quit()
    shutil.rmtree(profile, ignore_errors=True)


class Traffic:
    """What the browser said on its console and asked of the network since the last time it was told."""

    def __init__(self, driver):
        self._driver = driver
        self._events = []
        self.complaints = []
        self.update()

    def update(self):
        self._events += [json.loads(entry["message"])["message"] for entry in self._driver.get_log("performance")]
        # That a request failed or was refused is said there, too; what the page makes of it is what tests look at.
        self.complaints += [entry for entry in self._driver.get_log("browser") if entry["source"] != "network"]
        return self

    def hosts(self):
        urls = [event["params"]["request"]["url"] for event in self._of("Network.requestWillBeSent")]
        return {urlsplit(url).netloc for url in urls if urlsplit(url).scheme not in {"blob", "data"}}

    def statuses(self, path):
        """Of the answers to requests of that path."""
        answers = [event["params"]["response"] for event in self._of("Network.responseReceived")]
        return [answer["status"] for answer in answers if urlsplit(answer["url"]).path == path]

    def most_at_once(self, path):
        """How many requests of that path were on their way at the same time."""
        running, most = set(), 0
        for event in self._events:
            params = event["params"]
            if event["method"] == "Network.requestWillBeSent" and urlsplit(params["request"]["url"]).path == path:
                running.add(params["requestId"])
            elif event["method"] == "Network.responseReceived":
                running.discard(params["requestId"])
            most = max(most, len(running))
        return most

    def _of(self, method):
        return [event for event in self._events if event["method"] == method]


@pytest.fixture
def traffic(driver):
    driver.get("about:blank")
    for log in ("performance", "browser"):
        driver.get_log(log)
    return Traffic(driver)


@pytest.fixture(scope="session")
def start_server(tmp_path_factory):
    """Start a server with a stub for a model, whose manifest has these fields; the settings are added to the usual."""
    servers = []

    def start(port=0, fields=None, **settings):
        folder = tmp_path_factory.mktemp("repository")
        publish_stub(folder, **(fields or {}))
        environ = {"OPSIN_REPOSITORY": str(folder / "models"), "OPSIN_PORT": str(port), **settings}
        servers.append(RunningServer([str(STUB)], environ))
        return servers[-1].wait_until_ready()

    yield start
    for server in servers:
        server.end()


@pytest.fixture(scope="session")
def served(start_server):
    """One server for the tests that leave it as it was."""
    return start_server(OPSIN_MAX_UPLOAD_BYTES="1000000")


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """Files to choose: red, green, blue and grey; text that is called a photo; and one of 700 kB."""
    folder = tmp_path_factory.mktemp("photos")
    for name, colour in COLOURS.items():
        (folder / f"{name}.png").write_bytes(picture(colour))
    (folder / "grey.png").write_bytes(picture((120, 110, 90)))
    (folder / "text.png").write_text("not a photo")
    (folder / "large.png").write_bytes(picture(COLOURS["red"]) + bytes(700_000))
    (folder / "too-large.png").write_bytes(picture(COLOURS["red"]) + bytes(1_000_000))
    return folder


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def open_page(driver, traffic):
    """Opens the page of a server; afterwards no script has failed and no other host was asked for anything."""
    opened = []

    def open_page(server, path="/"):
        opened.append(f"127.0.0.1:{server.port}")
        return Page(driver, server, path)

    yield open_page
    assert traffic.update().complaints == []
    assert traffic.hosts() == set(opened)
