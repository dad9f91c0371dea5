"""A repository, a registry of an engine over it, and models that are loaded in no time, or not."""

from __future__ import annotations

from concurrent.futures import Executor, Future

import numpy as np
from engines import MeanColour
from small_artifacts import small_manifest, small_sources

from models.errors import CorruptArtifact
from models.runtime_choice.record import RuntimeChoice
from models.store.canary import Canary
from models.store.repository import Repository
from models.store.rollout import start_canary
from models.store.routing import set_stable
from server.engine.catalogue import Catalogue
from server.engine.load_attempts import LoadAttempts
from server.engine.loaded import LoadedModel, served_model
from server.engine.registry import ModelRegistry
from server.engine.runtime_exchange import RuntimeExchange
from server.engine.version_loads import VersionLoads


class Killed(BaseException):
    """The end of an engine, as far as the registry can see one."""


class AtOnce(Executor):
    """Does what it is given before it returns."""

    def submit(self, function, /, *arguments):
        future = Future()
        finish(future, function, arguments)
        return future


class Later(Executor):
    """Does nothing until it is told."""

    def __init__(self):
        self.waiting = []

    def submit(self, function, /, *arguments):
        self.waiting.append((Future(), function, arguments))
        return self.waiting[-1][0]

    def work(self):
        for future, function, arguments in self.waiting:
            if future.set_running_or_notify_cancel():
                finish(future, function, arguments)
        self.waiting = []


def finish(future, function, arguments):
    """Give a future what a function returns or raises."""
    try:
        future.set_result(function(*arguments))
    except BaseException as error:  # noqa: BLE001 - as executors do
        future.set_exception(error)


class Workshop:
    """A repository, a registry, and what the registry told the others."""

    def __init__(self, folder):
        self.folder = folder
        self.repository = Repository(folder / "repository")
        self.now = 0.0
        self.broken = set()  # (name, version)
        self.error = CorruptArtifact("it is broken")
        self.fatal = set()  # (name, version), or a runtime
        self.notes = np.zeros(8, np.uint64)
        self.runtimes = {}
        self.trials = None
        self.executor = AtOnce()
        self.loading_executor = AtOnce()
        self.running_since = np.zeros(2)
        self.running = set()
        self.models = {}
        self.catalogue = Catalogue()

    def publish(self, name="a"):
        return self.repository.publish(small_manifest(name=name), small_sources(self.folder)).manifest.version

    def promote(self, name, version):
        set_stable(self.folder / "repository" / name, version)

    def canary(self, version, percent=10, name="a", *, is_shadow=False):
        start_canary(self.repository, name, Canary(version, percent, is_shadow))

    def serving(self, *names):
        """A registry that serves the first version of each model."""
        for name in names:
            self.publish(name)
        registry = self.registry()
        registry.refresh()
        return registry

    def registry(self, *wanted, before=None):
        before = before or Catalogue()
        attempts = LoadAttempts(self.notes, before=before, clock=lambda: self.now)
        self.exchange = RuntimeExchange(
            RuntimeChoice("litert", "it was asked for"),
            trials=self.trials,
            load=self.load,
            load_attempts=attempts,
            running_since=self.running_since.copy,
            executor=self.executor,
        )
        return ModelRegistry(
            self.repository,
            wanted,
            loads=VersionLoads(self.repository, load=self.load, load_attempts=attempts, executor=self.loading_executor),
            set_models=lambda models: self.set_models(models),
            show=lambda catalogue: setattr(self, "catalogue", catalogue),
            is_needed=self.running.__contains__,
            load_attempts=attempts,
            exchange=self.exchange,
            before=before,
            clock=lambda: self.now,
        )

    def set_models(self, models):
        self.models = models

    def load(self, artifact, runtime="litert"):
        served = served_model(artifact)
        if runtime in self.fatal:
            raise Killed
        if (served.name, served.version) in self.fatal:
            raise Killed
        if (served.name, served.version) in self.broken:
            raise self.error
        loaded = self.runtimes[served.name, served.version] = MeanColour()
        return LoadedModel(served, [loaded], None, max_batch=1, runtime=runtime)

    @property
    def served(self):
        return [(model.name, model.version) for model in self.catalogue.models]

    def is_closed(self, name, version):
        return self.runtimes[name, version].num_closed == 1
