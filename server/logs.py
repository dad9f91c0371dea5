"""Sends the server's logs to stderr, one line each, as text or as JSON, from a level on that may change while it runs.

The level stands in memory that all processes share, made before the first fork: the master changes it for all at once.
"""

from __future__ import annotations

import json
import logging
import mmap
import sys
from datetime import UTC, datetime

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
FORMATS = ("text", "json")
LOGGERS = ("opsin", "gunicorn.error")

_level = mmap.mmap(-1, 1)  # 0, which lets everything through, until `configure_logging` is called


def configure_logging(level: str, log_format: str = "text") -> None:
    """Send the logs of this process, and of those that it forks, to stderr from ``level`` on. Call it once."""
    _level[0] = LEVELS[level]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JSONLines() if log_format == "json" else TextLines())
    handler.addFilter(lambda record: is_logged(record.levelno))
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(logging.DEBUG)
        logger.propagate = False


def is_logged(level: int) -> bool:
    """Tell whether lines of this level are written now."""
    return level >= _level[0]


def change_level() -> str:
    """Take the next level that says more, for all processes; after the last, the one that says least."""
    names = list(LEVELS)
    number = list(LEVELS.values()).index(_level[0])
    name = names[number - 1]
    _level[0] = LEVELS[name]
    logging.getLogger("opsin.server").log(max(_level[0], logging.WARNING), "the log level is %s from now on", name)
    return name


class TextLines(logging.Formatter):
    """Lines for a terminal."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s")


class JSONLines(logging.Formatter):
    """A JSON object a line: time in UTC, level, logger, process and message, then the record's ``fields``."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
