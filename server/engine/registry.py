"""Follows the repository: loads new versions of models, switches to them, drains and frees old ones.

Owns the loaded models. A new version is loaded and warmed up beside the old one (`version_loads`), then shown to the
HTTP workers, and the old one is freed when no image in the slot table asks for it. Whatever is being loaded, a change
among loaded versions is shown at once. A version that cannot be loaded leaves the old one in place, and why is shown
too; so does one whose loading ended the engine, once the engine has been started anew.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from models.errors import FormatMissing, OpsinError
from models.store.reference import ModelReference
from models.store.repository import Repository
from server.engine.catalogue import Catalogue, RefusedModel, key_of
from server.engine.load_attempts import LoadAttempts
from server.engine.loaded import LoadedModel
from server.engine.runtime_exchange import RuntimeExchange
from server.engine.traffic_split import TrafficSplit
from server.engine.version_loads import VersionLoads
from server.memory import trim

log = logging.getLogger("opsin.engine")

DRAIN_GRACE_S = 0.5  # for a request that read the catalogue just before it changed


class NothingToServe(OpsinError):
    """No version of a model that is wanted can be loaded."""

    code = "nothing_to_serve"


class ModelRegistry:
    """The versions that an engine has loaded. One thread calls it.

    Args:
        repository: where the versions are.
        wanted: what to serve, the default first; none: the stable version of every model there is, and the default is
            the one that repository.json names, else the one that is first when anything is served for the first time,
            which is so too where the one that is named has no file for the device.
        loads: load versions.
        set_models: tells the runners what they may run, by key.
        show: tells the HTTP workers what is served from now on.
        is_needed: whether anything still asks for a model, by its key.
        load_attempts: within which that is done.
        exchange: puts faster runtimes in the place of those that versions began with.
        before: what served before this engine started, and the default.
        clock: monotonic.
    """

    def __init__(
        self,
        repository: Repository,
        wanted: Sequence[ModelReference],
        *,
        loads: VersionLoads,
        set_models: Callable[[dict[int, LoadedModel]], None],
        show: Callable[[Catalogue], None],
        is_needed: Callable[[int], bool],
        load_attempts: LoadAttempts,
        exchange: RuntimeExchange,
        before: Catalogue,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._repository, self._wanted = repository, tuple(wanted)
        self._loads, self._set_models, self._show = loads, set_models, show
        self._is_running, self._load_attempts, self._clock = is_needed, load_attempts, clock
        self._exchange = exchange
        self._default = self._wanted[0] if self._wanted else before.default
        self._before = {(model.name, model.version) for model in before.models_of_their_own}
        self._current: dict[ModelReference, int] = {}
        self._splits: dict[ModelReference, TrafficSplit] = {}
        self._loaded: dict[int, LoadedModel] = {}  # by key, as the following
        self._draining: dict[int, tuple[float, LoadedModel]] = {}
        self._published: Catalogue | None = None
        self._unreadable = ""  # why the repository was, at the last look

    def refresh(self, unloaded: Mapping[str, str] | None = None) -> None:
        """Show what the repository wants, as far as it has been loaded, begin to load the rest, and free the others.

        The first time, all is loaded before it returns.

        Args:
            unloaded: models that are not to be served, and why.

        Raises:
            NothingToServe: not one model can be served, the first time.
            CorruptArtifact: the repository names no default that there is, the first time.
        """
        every, unloaded = self._wanted or self._every_model(), unloaded or {}
        wanted = [want for want in every if want.name not in unloaded]
        refused = [refusal for want in wanted if (refusal := self._load_wanted(want))]
        self._current = {want: self._current[want] for want in wanted if want in self._current}
        if not self._current and not unloaded and self._published is None:
            self._load_attempts.forget_deaths()  # the next start has nothing to lose by trying
            raise NothingToServe(refused[0].reason if refused else "the repository holds no model")
        is_first = self._published is None  # and nothing keeps it from being shown
        if not is_first:
            refused += [refusal for want in self._current if (refusal := self._follow_canary(want))]
        self._loads.drop_others()
        left_out = [self._left_out(want, unloaded[want.name]) for want in every if want not in wanted]
        self._show_catalogue(refused, left_out)
        if not is_first:  # after what was asked for is shown: to load another runtime may take seconds
            self._exchange.exchange(self._loaded, self._set_runnable)
            self._show_catalogue(refused, left_out)
        self.free_drained()

    @property
    def loading(self) -> frozenset[str]:
        """The models of which a version is being loaded."""
        return self._loads.names

    def wait(self, timeout_s: float) -> None:
        """Wait until there is something new to show, or for so long."""
        self._loads.wait(timeout_s)

    def forget_refusals(self, name: str) -> None:
        """Have the next refresh try every version of a model again."""
        with suppress(OpsinError):  # the refresh will say so
            for version in self._repository.versions(name):
                self._load_attempts.forget_refusal(name, version)

    def free_drained(self) -> None:
        """Free old versions that nothing asks for any more, and what another runtime has replaced."""
        self._exchange.free_replaced()
        for key in list(self._draining):
            left_at, loaded = self._draining[key]
            if self._clock() < left_at + DRAIN_GRACE_S or self._is_running(key):
                continue
            self._set_runnable(without=key)
            if not self._is_running(key):  # else a runner took its last work at this moment; later, then
                del self._draining[key]
                self._exchange.end(key)
                loaded.close()
                trim()
                log.info("freed model %s version %d", loaded.served.name, loaded.served.version)

    def close(self) -> None:
        """Free everything; nothing may run."""
        for loaded in [*self._loaded.values(), *(loaded for _, loaded in self._draining.values())]:
            loaded.close()
        self._loaded, self._draining = {}, {}
        self._loads.close()
        self._exchange.close()

    def _every_model(self) -> tuple[ModelReference, ...]:
        """List the models of the repository, the default first; where there are none, the volume has gone."""
        names: list[str] = []
        try:
            names = self._repository.names()
            self._unreadable = ""
        except OpsinError as error:
            if str(error) != self._unreadable:
                log.warning("%s; what is served stays", error)
            self._unreadable = str(error)
        if self._default is None and (default := self._repository.default_name()):
            self._default = ModelReference(default)
        every = sorted((ModelReference(name) for name in names), key=lambda reference: reference != self._default)
        return tuple(every or self._current)

    def _load_wanted(self, want: ModelReference) -> RefusedModel | None:
        """Serve the version that is wanted now, once it is loaded, or say why that is not possible."""
        version = want.version
        try:
            version = self._repository.stable_version(want.name) if version is None else version
            if self._is_loaded(want.name, version):
                self._current[want] = version
        except OpsinError as error:
            if isinstance(error.__cause__, FormatMissing) and not self._wanted and self._published is None:
                self._default = None if want == self._default else self._default  # this device never serves it
            if want not in self._current:
                self._fall_back(want)
            return RefusedModel(want.name, version or 0, str(error))
        return None

    def _follow_canary(self, want: ModelReference) -> RefusedModel | None:
        """Show the canary of a model once it is loaded, or say why not; what cannot be read changes nothing."""
        split, stable = self._splits.pop(want, None), self._current[want]
        try:
            canary = self._repository.canary(want.name) if want.version is None else None
        except OpsinError as error:
            if split is not None and split.stable == stable:
                self._splits[want] = split
            return RefusedModel(want.name, 0, str(error))
        if canary is None or canary.version == stable:
            return None
        try:
            if not self._is_loaded(want.name, canary.version):
                return None
        except OpsinError as error:
            return RefusedModel(want.name, canary.version, str(error))
        self._splits[want] = TrafficSplit(want.name, stable, canary.version, canary.percent, canary.is_shadow)
        return None

    def _left_out(self, want: ModelReference, reason: str) -> RefusedModel:
        """Name the version that would be served if its model were not unloaded."""
        version = want.version or 0
        with suppress(OpsinError):
            version = version or self._repository.stable_version(want.name)
        return RefusedModel(want.name, version, reason)

    def _fall_back(self, want: ModelReference) -> None:
        """Load what served before a restart: it is better than nothing."""
        for name, version in sorted(self._before, reverse=True):
            if name == want.name and want.version is None and want not in self._current:
                try:
                    if self._is_loaded(name, version):
                        self._current[want] = version
                except OpsinError as error:
                    log.warning("%s", error)

    def _is_loaded(self, name: str, version: int) -> bool:
        """Tell whether a version may be shown; if not, have it loaded."""
        key = key_of(name, version)
        if key in self._draining:
            self._loaded[key] = self._draining.pop(key)[1]
        if key not in self._loaded:
            load = self._loads.now if self._published is None else self._loads.take
            if (taken := load(name, version)) is None:
                return False
            artifact, self._loaded[key] = taken
            self._exchange.begin(key, artifact, self._loaded[key].runtime)
        self._read_operating_point(self._loaded[key])
        return True

    def _read_operating_point(self, loaded: LoadedModel) -> None:
        """Take over from which probability on answers are accepted, as it is set by now."""
        served = loaded.served
        point = self._repository.operating_point(served.name, served.version, num_classes=len(served.labels))
        if point != served.point:
            loaded.served = replace(served, point=point)
            log.info(
                "answers of model %s version %d are accepted by %s", served.name, served.version, point and point.asked
            )

    def _show_catalogue(self, refused: Sequence[RefusedModel], unloaded: Sequence[RefusedModel]) -> None:
        splits = tuple(self._splits[want] for want in self._current if want in self._splits)
        versions = [(want.name, version) for want, version in self._current.items()]
        served = list(dict.fromkeys(key_of(*each) for each in versions + [(s.name, s.candidate) for s in splits]))
        for key in [key for key in self._loaded if key not in served]:
            self._draining[key] = (self._clock(), self._loaded.pop(key))
        self._default = self._default or next(iter(self._current), None)
        catalogue = Catalogue(
            tuple(self._loaded[key].served for key in served),
            tuple(dict.fromkeys(refused)),
            self._default,
            tuple(self._exchange.choice_of(key) for key in served),
            splits,
            tuple(unloaded),
        )
        for refusal in catalogue.refused:
            if self._published is None or refusal not in self._published.refused:
                log.error("%s", refusal.reason)
        if catalogue != self._published:
            self._set_runnable()
            self._show(catalogue)
            self._published = catalogue

    def _set_runnable(self, without: int | None = None) -> None:
        """Give the runners the versions that they may run: old ones too, until they are freed."""
        leaving = {key: loaded for key, (_, loaded) in self._draining.items() if key != without}
        self._set_models({**self._loaded, **leaving})
