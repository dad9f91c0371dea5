"""The log of the real server: a JSON object a line, and a level that changes while it runs."""

from __future__ import annotations

import json
import os
import signal

import pytest
from colours import RED
from running_server import wait_until

pytestmark = pytest.mark.e2e


def test_requests_are_logged_as_json_once_the_level_says_so(start):
    running = start(OPSIN_LOG_FORMAT="json").wait_until_ready()
    assert running.request("POST", "/predict", RED, {"X-Request-Id": "before"})[0] == 200
    os.kill(running.process.pid, signal.SIGUSR2)

    wait_until(lambda: "the log level is info" in running.process.stderr.readline())
    assert running.request("POST", "/predict", RED, {"X-Request-Id": "after"})[0] == 200
    assert running.request("POST", "/predict", b"hello", {"X-Request-Id": "bad"})[0] == 415
    status, output = running.stop()
    assert status == 0
    lines = {line.get("request_id", line["message"]): line for line in map(json.loads, output.splitlines())}
    assert "before" not in lines
    answered = {key: lines["after"][key] for key in ("method", "path", "status", "request_bytes", "model", "version")}
    assert answered == {
        "method": "POST",
        "path": "/predict",
        "status": 200,
        "request_bytes": len(RED),
        "model": "colours",
        "version": 1,
    }
    assert lines["after"]["duration_ms"] > 0
    assert lines["bad"]["status"] == 415
