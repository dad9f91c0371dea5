"""The precision that networks are built in: Keras keeps it in one policy for the whole process, which is set here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import tf_keras as keras


@contextmanager
def building_in(precision: str) -> Iterator[None]:
    """Within it, networks are built to compute in `precision`, and a training step scales its loss where that needs it.

    Args:
        precision: a policy of Keras, such as "float32" or "mixed_bfloat16".
    """
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(precision)
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)
