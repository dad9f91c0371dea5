"""The devices and machines that take a training's steps together.

The result does not depend on their number, to the order of sums: each device learns from its share of the same batch,
and gradients, losses and statistics are those of the whole. The chief alone reads checkpoints, evaluates, and writes;
what it has read, it tells the others.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from training.distributed.cluster import Cluster

# What TensorFlow raises in a step whose other workers have ended, are cut off or stand still.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.DeadlineExceededError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
)
NUM_DIGEST_BYTES = 6  # of each value that is compared: a whole number that float64 has exactly
_UNHEALTHY = re.compile(r"unhealthy.*?/task:(\d+)", re.DOTALL)
_FROM = re.compile(r"target /job:worker/replica:0/task:(\d+)")


class WorkerLost(ConnectionError):
    """A worker has ended or does not answer; the others end, and go on from the last checkpoint with it."""


@dataclass(frozen=True, eq=False)
class Workers:
    """Who takes the steps.

    Attributes:
        strategy: TensorFlow's; None where one device takes them alone.
        cluster: the machines; None where there is one.
    """

    strategy: tf.distribute.Strategy | None = None
    cluster: Cluster | None = None
    _sum_up: Any = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        if self.strategy:
            object.__setattr__(self, "_sum_up", tf.function(self._sum))

    @classmethod
    def mirrored(cls, devices: Sequence[str] | None = None) -> Workers:
        """Use several devices of this machine, all GPUs unless told.

        Raises:
            ValueError: there are fewer than two.
        """
        names = devices or [device.name for device in tf.config.list_logical_devices("GPU")]
        if len(names) < 2:
            raise ValueError(
                "--strategy mirrored divides a batch among the GPUs of this machine: it takes two or more, and "
                f"TensorFlow sees {len(names)}; leave --strategy out"
            )
        return cls(tf.distribute.MirroredStrategy(names))

    @classmethod
    def of(cls, cluster: Cluster) -> Workers:
        """Connect to the other machines, which have the same TF_CONFIG with another index.

        It must be the first thing that the process does with TensorFlow.
        """
        if len(cluster.addresses) == 1:
            return cls(cluster=cluster)
        return cls(tf.distribute.MultiWorkerMirroredStrategy(), cluster)

    @property
    def index(self) -> int:
        """The number of this machine."""
        return self.cluster.index if self.cluster else 0

    @property
    def num_machines(self) -> int:
        """How many there are."""
        return len(self.cluster.addresses) if self.cluster else 1

    @property
    def num_replicas(self) -> int:
        """Devices of all machines."""
        return int(self.strategy.num_replicas_in_sync) if self.strategy else 1

    @property
    def num_here(self) -> int:
        """Devices of this machine."""
        return self.num_replicas // self.num_machines

    @property
    def is_chief(self) -> bool:
        """True for the one that evaluates and writes."""
        return self.index == 0

    def about(self) -> str:
        """Return a line on them."""
        where = (
            f"{self.num_machines} machines, of which this is number {self.index}" if self.cluster else "this machine"
        )
        return f"a batch is divided among {self.num_replicas} devices of {where}"

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Let what the block makes have its weights on every device."""
        if not self.strategy:
            yield
            return

        def creator(make: Any, **options: Any) -> tf.Variable:
            # Statistics are the same everywhere, so that the chief may read them without the others.
            if options.get("synchronization") == tf.VariableSynchronization.ON_READ:
                options["aggregation"] = tf.VariableAggregation.ONLY_FIRST_REPLICA
            return make(**options)

        with self.strategy.scope(), tf.variable_creator_scope(creator):
            yield

    def require_whole_shares(self, batch_size: int) -> None:
        """Refuse a batch that cannot be divided evenly; ValueError names the nearest sizes that can."""
        number = self.num_replicas
        if batch_size % number:
            below = batch_size // number * number
            nearest = f"{below} or {below + number}" if below else str(number)
            raise ValueError(
                f"a batch of {batch_size} images cannot be divided evenly among {number} devices: "
                f"give --set batch_size={nearest}"
            )

    def require_the_same(self, values: Mapping[str, str]) -> None:
        """Compare with the other machines what must be the same there, by name.

        Raises:
            ValueError: it is not; every machine says so.
        """
        digests = [hashlib.sha256(value.encode()).digest()[:NUM_DIGEST_BYTES] for value in values.values()]
        own = np.array([int.from_bytes(digest, "little") for digest in digests], np.float64)
        table = np.zeros((self.num_machines, len(own)))
        table[self.index] = own
        rows = self._summed(table)
        for column, name in enumerate(values):
            if others := [index for index, row in enumerate(rows) if row[column] != rows[0][column]]:
                who = " and ".join(str(index) for index in others)
                raise ValueError(
                    f"the workers differ in {name}: worker {who} from worker 0; start all with the same command, data "
                    "and version of this program"
                )

    def told_by_chief(self, values: Sequence[npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
        """Return the chief's values, whatever this machine has given in their places; every machine must call it."""
        arrays = [np.asarray(value) for value in values]
        if self.num_machines == 1:
            return arrays
        # In float64, every float32 is exact, and every count that there is.
        flat = np.concatenate([array.astype(np.float64).ravel() for array in arrays])
        told = np.split(
            self._summed(flat if self.is_chief else np.zeros_like(flat)),
            np.cumsum([array.size for array in arrays])[:-1],
        )
        return [part.reshape(array.shape).astype(array.dtype) for part, array in zip(told, arrays, strict=True)]

    def meet(self) -> None:
        """Return when every machine has come here."""
        self.told_by_chief([np.zeros(1)])

    def _summed(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the sum over all machines."""
        if self.strategy is None:
            return values
        with self.lost_named():
            summed = self._sum_up(tf.constant(values))
        return np.asarray(self.strategy.experimental_local_results(summed)[0])

    @contextmanager
    def lost_named(self) -> Iterator[None]:
        """Turn TensorFlow's errors about other machines into a line that names the one that is gone.

        TensorFlow's coordination service finds within seconds who no longer sends heartbeats, and every collective
        operation then fails.

        Raises:
            WorkerLost: a machine has ended or does not answer.
        """
        try:
            yield
        except _LOST as error:
            if self.num_machines == 1:
                raise
            raise WorkerLost(self._about(str(error))) from error

    def _about(self, text: str) -> str:
        found = _UNHEALTHY.search(text) or _FROM.search(text)
        others = [index for index in range(self.num_machines) if index != self.index]
        index = int(found[1]) if found else others[0] if len(others) == 1 else None
        if index is None or self.cluster is None or index >= self.num_machines:
            who = "another worker"
        else:
            who = f"worker {index} ({self.cluster.addresses[index]})"
        return (
            f"{who} has ended or does not answer; its own output may say why. Start every worker again with the same "
            "command: they go on from the last checkpoint"
        )

    def _sum(self, values: tf.Tensor) -> Any:
        def on_replica(part: tf.Tensor) -> tf.Tensor:
            context = tf.distribute.get_replica_context()
            is_first_here = tf.cast(context.replica_id_in_sync_group % self.num_here == 0, part.dtype)
            return context.all_reduce(tf.distribute.ReduceOp.SUM, is_first_here * part)

        return self.strategy.run(on_replica, (values,)) if self.strategy else values


ALONE = Workers()
