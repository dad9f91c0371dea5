"""Reads the state of the engines, queues, models and devices when Prometheus asks for it."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from models.runtime_choice.record import timed
from server import __version__
from server.decoding.task_channel import TaskChannel
from server.devices import DeviceChoice, plan_for
from server.engine.client import EngineClient
from server.settings import Settings

ENGINE = ("engine", "device")
MODEL = ("model", "version")


class StateMetrics(Collector):
    """Collects the state of all engines and decoders, which every HTTP worker sees alike."""

    def __init__(
        self,
        engine: EngineClient,
        settings: Settings,
        choice: DeviceChoice | None,
        channels: Sequence[TaskChannel] = (),
    ) -> None:
        self._engine, self._settings, self._choice, self._channels = engine, settings, choice, channels

    def collect(self) -> Iterable[Metric]:
        """Yield what Prometheus is told of this moment."""
        devices = InfoMetricFamily(
            "opsin_device", "What each engine runs on, what was asked for, and why it was chosen."
        )
        if choice := self._choice:
            same = {"asked": self._settings.device, "reason": choice.reason}
            for number, device in enumerate(choice.devices):
                plan = plan_for(device, self._settings)
                runtime = self._settings.runtime if plan.is_runtime_tried else plan.runtime
                devices.add_metric([], {"engine": str(number), "device": device.name, "runtime": runtime, **same})
        build = {"version": __version__, "python": platform.python_version()}
        yield InfoMetricFamily("opsin_build", "The server's version, and Python's.", build)
        yield devices
        num_slots, num_in_hand = self._engine.num_slots, sum(state.num_in_hand for state in self._engine.states)
        yield GaugeMetricFamily("opsin_slots", "Images that may be in hand.", num_slots)
        yield GaugeMetricFamily("opsin_slots_free", "Images that may come in hand now.", num_slots - num_in_hand)
        num_ends = sum(channel.num_ends for channel in self._channels)
        yield CounterMetricFamily("opsin_decoder_restarts", "Decoder processes that ended and were replaced.", num_ends)
        yield from self._engines()
        yield from self._runtimes()

    def _runtimes(self) -> Iterable[Metric]:
        chosen = InfoMetricFamily("opsin_runtime", "What runs each version, and why.", labels=(*MODEL, *ENGINE))
        tried = (*MODEL, *ENGINE, "runtime")
        lone = GaugeMetricFamily("opsin_runtime_lone_seconds", "An image on all cores, when tried.", labels=tried)
        rate = GaugeMetricFamily("opsin_runtime_images_per_second", "One image on each core, when tried.", labels=tried)
        agrees = GaugeMetricFamily("opsin_runtime_agrees", "1: it gives the version's answers.", labels=tried)
        for number, state in enumerate(self._engine.states):
            engine = (str(number), self._choice.names[number] if self._choice else "")
            for model, choice in zip(state.models, state.runtimes, strict=True):
                where = (model.name, str(model.version), *engine)
                chosen.add_metric(where, {"runtime": choice.runtime, "reason": choice.reason})
                for trial in choice.trials:
                    agrees.add_metric((*where, trial.runtime), not trial.fault)
                for runtime, lone_ms, images_per_s in timed(choice.trials):
                    lone.add_metric((*where, runtime), lone_ms / 1000)
                    rate.add_metric((*where, runtime), images_per_s)
        return chosen, lone, rate, agrees

    def _engines(self) -> Iterable[Metric]:
        up = GaugeMetricFamily("opsin_engine_up", "1 while the engine takes work, else 0.", labels=ENGINE)
        restarts = CounterMetricFamily("opsin_engine_restarts", "How often it died and was replaced.", labels=ENGINE)
        in_use = GaugeMetricFamily("opsin_slots_in_use", "Images in hand.", labels=ENGINE)
        queue = GaugeMetricFamily("opsin_queue_images", "Images that wait for the model.", labels=ENGINE)
        loaded = GaugeMetricFamily("opsin_model_loaded", "1: this version is served.", labels=(*MODEL, *ENGINE))
        refused = GaugeMetricFamily("opsin_model_refused", "1: this version cannot be.", labels=(*MODEL, *ENGINE))
        canary = GaugeMetricFamily(
            "opsin_canary_percent",
            "Requests that a canary gets, or a shadow is asked too.",
            labels=(*MODEL, "kind", *ENGINE),
        )
        for number, state in enumerate(self._engine.states):
            engine = (str(number), self._choice.names[number] if self._choice else "")
            up.add_metric(engine, state.is_up)
            restarts.add_metric(engine, state.num_restarts)
            in_use.add_metric(engine, state.num_in_hand)
            queue.add_metric(engine, state.num_waiting)
            for name, version in dict.fromkeys((model.name, model.version) for model in state.models):
                loaded.add_metric((name, str(version), *engine), 1)
            for name, version in dict.fromkeys((model.name, model.version) for model in state.refused):
                refused.add_metric((name, str(version), *engine), 1)
            for split in state.splits:
                canary.add_metric((split.name, str(split.candidate), split.kind, *engine), split.percent)
        return up, restarts, in_use, queue, loaded, refused, canary
