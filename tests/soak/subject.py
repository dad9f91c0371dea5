"""The server that a soak is about: how it is started, asked and disturbed, and what it holds."""

from __future__ import annotations

import urllib.request
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from benchmarks.service import Service, free_port
from soak.clients import Clients, Tally
from soak.disturbances import Disturbances
from soak.exchanges import MAX_UPLOAD_BYTES, Exchanges
from soak.holdings import Holdings
from soak.journal import Journal
from soak.photos import all_pictures
from soak.plan import Plan
from soak.versions import Versions

START_S = 120.0  # on a machine with other work to do


class Subject:
    """See the module.

    Args:
        folder: for its repository and its temporary files.
        plan: how hard it is pressed.
        journal: of what is done to it.
        tally: of what its clients see.

    Attributes:
        versions: that it serves.
        service: the server, which runs within its context.
    """

    def __init__(self, folder: Path, plan: Plan, journal: Journal, tally: Tally) -> None:
        self._plan, self._journal, self._tally = plan, journal, tally
        self._pictures = all_pictures()
        self.versions = Versions(folder, self._pictures)
        self._temporary = folder / "temporary"
        self._temporary.mkdir()
        self.port = free_port()
        environ = {
            "OPSIN_PORT": str(self.port),
            "OPSIN_REPOSITORY": str(self.versions.root),
            "OPSIN_WORKERS": "2",
            "OPSIN_RUNTIME": "litert",  # whose answers the expected ones are
            "OPSIN_MAX_UPLOAD_BYTES": str(MAX_UPLOAD_BYTES),
            "TMPDIR": str(self._temporary),
        }
        self.service = Service(["-m", "server"], environ, port=self.port, ready_path="/readyz", start_limit_s=START_S)

    def traffic(self) -> Clients:
        """Make the clients, which send within their context."""
        return Clients(
            self.port,
            lambda rng: Exchanges(self._pictures, self.versions, rng),
            self._journal,
            self._tally,
            count=self._plan.num_clients,
            rate=self._plan.rate,
            seed=self._plan.seed,
        )

    def disturbances(self) -> Disturbances:
        """Make what swaps versions and kills processes, within its context."""
        plan = self._plan
        return Disturbances(
            self.service.pid,
            self.versions,
            self._journal,
            pause_s=plan.pause_s,
            spare_after_s=plan.seconds / 4,
            seed=plan.seed,
        )

    def holdings(self) -> Holdings:
        """Look at what it holds."""
        return Holdings.of(self.service.pid, self._temporary, slots_in_use(self.port))


def slots_in_use(port: int) -> float:
    """Ask the server's metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    samples = (sample for family in families for sample in family.samples)
    return sum(sample.value for sample in samples if sample.name == "opsin_slots_in_use")
