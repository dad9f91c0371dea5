"""Stages of the search for a smaller model, of known accuracy and time."""

import numpy as np

from models.measuring.metrics import Metrics
from models.network.resnet_v2 import ResNetV2
from optimize.candidate import Candidate
from optimize.changes import Changes
from optimize.channels.plan import BudgetOutOfReach
from optimize.cost.gain import Gain
from optimize.cost.rounds import Rounds
from optimize.gate import Verdict
from optimize.source import Source
from training.config import preset
from training.measured import Answers, MeasuredFile
from training.run import Run

NUM_IMAGES = 1000


class Pruned(Candidate):
    """Takes no model from disk."""

    def as_source(self):
        return Source(self.run, None, None, self.architecture, self.measured, "toy:1")


class Stages:
    """Stand in for what takes minutes; each candidate is as accurate and as fast as these say.

    Attributes:
        top1: by "dense", "plain", and of each budget of time "50 float32", "50", "50 trained".
        latency: rounds, by the same names.
        architecture: of the network.
        gain: int8's part of float32's time.
        out_of_reach: budgets that no network keeps to.
        done: the stages, with which settings.
        now_s: the clock, which each pruning moves by an hour.
    """

    def __init__(self, folder):
        self.folder = folder
        self.top1 = {"dense": 0.92, "plain": 0.92, "50 float32": 0.915, "50": 0.91, "50 trained": 0.914}
        self.latency = {"plain": (1.0,), "50": (0.48, 0.49, 0.6), "50 trained": (0.49,), "float16": (3.0,)}
        self.architecture = ResNetV2.of("20", width=8)
        self.gain = 0.3
        self.out_of_reach = ()
        self.done = []
        self.now_s = 0.0
        self.run = Run.new(
            command="c", config=preset("cifar10"), data="", data_name="", data_sha256="", labels=("cat", "dog")
        )

    def measured(self, name, precision, lost=0.0):
        """Make a file that quantization, or what came before it, cost so much."""
        file = self.folder / f"{name}.tflite"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"0" * 1000)
        metrics = Metrics(10_000, self.top1.get(name, self.top1["dense"]), 1.0, 0.3, 0.01)
        answers = np.tile(np.float32([0.6, 0.4]), (NUM_IMAGES, 1))
        answers[: round(NUM_IMAGES * lost / 0.2)] = 0.4, 0.6
        return MeasuredFile(file, precision, metrics, metrics, answers=Answers(answers))

    def source(self, name, published):
        return Source(self.run, None, None, self.architecture, self.measured(name, "float32"), published)

    def compressed(self, source, workdir, name, precision="int8"):
        measured = self.measured(name, precision, lost=source.dense.validation.top1 - self.top1.get(name, 0.92))
        return Candidate(source, source.run, workdir, measured, source.architecture)

    def quantize(self, source, workdir, quantization, **_):
        self.done.append(("quantize", workdir.name))
        if quantization.precision == "float16":
            return self.compressed(source, workdir, "float16", "float16")
        return self.compressed(
            source, workdir, source.dense.file.stem.replace(" float32", "").replace("dense", "plain")
        )

    def prune_channels(self, source, output, pruning, **_):
        self.done.append(("prune", output.name, pruning))
        self.now_s += 3600
        self.augmentation = source.run.config.augmentation
        if pruning.latency in self.out_of_reach:
            raise BudgetOutOfReach("at most 40% of the multiply-accumulates can be removed")
        name = f"{output.name.removeprefix('channels-')} float32"
        return Pruned(source, source.run, output, self.measured(name, "float32"), source.architecture)

    def train_quantized(self, source, output, training, **_):
        self.done.append(("train", output.name, training))
        name = output.name.removeprefix("channels-").removesuffix("-aware")
        return self.compressed(source, output, "plain trained" if name == "aware" else f"{name} trained")

    def measure_gain(self, int8, float32, *, num_classes, **_):
        assert (int8.stem, float32.stem, num_classes) == ("plain", "dense", 2)
        return Gain({"litert": Rounds((self.gain * 4.0,))}, {"litert": Rounds((4.0,)), "openvino": Rounds((5.0,))})

    def changes(self, measured):
        return Changes(10_000, round(10_000 * (self.top1["dense"] - measured.validation.top1)), 0, 0)

    def judge(self, measured, limits):
        return Verdict(-self.changes(measured).top1_points <= limits.max_accuracy_drop, "for a reason")

    def latency_ratio(self, candidate, baseline):
        assert baseline.stem == "plain"
        return Rounds(self.latency[candidate.stem])
