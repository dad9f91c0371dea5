"""Lines of the log: as text or JSON, from a level on that changes for all processes."""

from __future__ import annotations

import json
import logging
import os

import pytest

from server import logs
from server.logs import change_level, configure_logging


@pytest.fixture(autouse=True)
def loggers():
    """Leave the loggers as they were."""
    known = [logging.getLogger(name) for name in logs.LOGGERS]
    before = [(logger.handlers, logger.level, logger.propagate) for logger in known]
    yield
    logs._level[0] = 0
    for logger, (handlers, level, propagate) in zip(known, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


def test_text_goes_to_stderr_from_its_level_on(capsys):
    configure_logging("warning")
    logging.getLogger("opsin.test").info("quiet")
    logging.getLogger("opsin.test").warning("loud")
    logging.getLogger("gunicorn.error").error("louder")
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith(" WARNING opsin.test: loud")
    assert second.endswith(" ERROR gunicorn.error: louder")


def test_json_has_an_object_a_line(capsys):
    configure_logging("info", "json")
    logging.getLogger("opsin.test").info("two\nlines of %s", "ü", extra={"fields": {"request_id": "abc"}})
    (line,) = capsys.readouterr().err.splitlines()
    found = json.loads(line)
    assert found.pop("time").endswith("+00:00")
    assert found == {
        "level": "info",
        "logger": "opsin.test",
        "process": os.getpid(),
        "message": "two\nlines of ü",
        "request_id": "abc",
    }


def test_exception_stays_within_its_line(capsys):
    configure_logging("info", "json")
    try:
        raise ValueError("why")
    except ValueError:
        logging.getLogger("opsin.test").exception("it failed")
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["exception"].endswith("ValueError: why")


def test_levels_go_round_and_each_is_told(capsys):
    configure_logging("warning")
    assert [change_level() for _ in range(4)] == ["info", "debug", "error", "warning"]
    assert [line.split(": ")[1] for line in capsys.readouterr().err.splitlines()] == [
        f"the log level is {name} from now on" for name in ("info", "debug", "error", "warning")
    ]


def test_level_is_that_of_all_processes(capfd):
    configure_logging("error")
    child = os.fork()
    if child == 0:
        change_level()  # to warning
        os._exit(0)
    os.waitpid(child, 0)
    logging.getLogger("opsin.test").warning("loud")
    assert capfd.readouterr().err.endswith("opsin.test: loud\n")
