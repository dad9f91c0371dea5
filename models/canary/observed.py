"""Reads from the metrics of servers what two versions of a model answered since the watch began."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from models.errors import OpsinError

TIMEOUT_S = 5.0
MAX_BYTES = 64 * 1024**2
# Outcomes that a version is to blame for; all others are those of uploads, or of a server that has too much to do.
ERRORS = ("engine_failed", "deadline_exceeded")
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class ServerUnreadable(OpsinError):
    """A server does not tell its metrics."""

    code = "server_unreadable"


@dataclass(slots=True)
class Observed:
    """What one version did.

    Attributes:
        num_ok: images with an answer.
        num_errors: images that it failed on, or did not answer in time.
        classes: answers by likeliest class.
        num_requests: that were answered, which took `seconds` in all.
    """

    num_ok: int = 0
    num_errors: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    num_requests: int = 0
    seconds: float = 0.0

    @property
    def num_answers(self) -> int:
        """All images of it, errors included."""
        return self.num_ok + self.num_errors

    @property
    def mean_s(self) -> float:
        """What a request took on average."""
        return self.seconds / self.num_requests if self.num_requests else 0.0


class Watch:
    """Adds up what the servers count, from the first look at each on; a server that begins anew begins at 0.

    Args:
        name: of the model.
        servers: their addresses, as of http://host:5000.
        read: gives the samples of one server; raises ServerUnreadable.
    """

    def __init__(self, name: str, servers: tuple[str, ...], *, read: Callable[[str], Samples] | None = None) -> None:
        self._name, self._servers, self._read = name, servers, read or read_samples
        self._before: dict[str, Samples] = {}
        self._counts: Counter[tuple[str, frozenset[tuple[str, str]]]] = Counter()
        self.latest: dict[str, Samples] = {}

    def look(self) -> dict[str, str]:
        """Read every server; gives what is wrong with those that cannot be read."""
        faults = {}
        self.latest = {}
        for server in self._servers:
            try:
                self.latest[server] = now = self._read(server)
            except ServerUnreadable as error:
                faults[server] = str(error)
                continue
            before = self._before.get(server)
            for key, value in now.items() if before is not None else ():
                was = before.get(key, 0.0)  # type: ignore[union-attr]
                self._counts[key] += value - was if value >= was else value  # type: ignore[assignment]
            self._before[server] = now
        return faults

    def observed(self, version: int) -> Observed:
        """Sum up what a version did."""
        seen = Observed()
        for (sample, labels), value in self._counts.items():
            of = dict(labels)
            if (of.get("model"), of.get("version")) != (self._name, str(version)):
                continue
            match sample:
                case "opsin_images_total" if of["outcome"] == "ok":
                    seen.num_ok += round(value)
                case "opsin_images_total" if of["outcome"] in ERRORS:
                    seen.num_errors += round(value)
                case "opsin_predictions_total" if value:
                    seen.classes[of["class"]] += round(value)
                case "opsin_model_duration_seconds_count":
                    seen.num_requests += round(value)
                case "opsin_model_duration_seconds_sum":
                    seen.seconds += value
        return seen

    def refusing(self, version: int) -> list[str]:
        """List the servers that cannot load a version."""
        wanted = {("model", self._name), ("version", str(version))}
        return [
            server
            for server, samples in self.latest.items()
            if any(
                name == "opsin_model_refused" and wanted <= labels and value
                for (name, labels), value in samples.items()
            )
        ]


def read_samples(server: str, *, headers: Mapping[str, str] | None = None) -> Samples:
    """Ask a server for its metrics.

    Raises:
        ServerUnreadable: it does not answer, or not with metrics.
    """
    from prometheus_client.parser import text_string_to_metric_families

    request = urllib.request.Request(f"{server.rstrip('/')}/metrics", headers=dict(headers or {}))  # noqa: S310 - the scheme is checked
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            text = answer.read(MAX_BYTES).decode()
        families = list(text_string_to_metric_families(text))
    except urllib.error.HTTPError as error:
        error.close()
        key = ": set OPSIN_API_KEY to an API key" if error.code == 401 else ""
        raise ServerUnreadable(f"{server} answers {error.code}{key}") from None
    except (OSError, ValueError) as error:
        raise ServerUnreadable(f"{server} cannot be read: {getattr(error, 'reason', error)}") from None
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }
