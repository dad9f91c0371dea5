"""Which rows of a batch are made here, where several devices make one batch together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf


@dataclass(frozen=True, slots=True)
class Rows:
    """A part of the rows of a batch. Random numbers are drawn for all rows, so that no row depends on who makes it.

    Attributes:
        start: the first row; int32 [] where it is known in the graph alone.
        num: how many.
        num_all: rows of the whole batch.
    """

    start: int | tf.Tensor
    num: int
    num_all: int

    @classmethod
    def part(cls, index: int | tf.Tensor, num_parts: int, num_all: int) -> Rows:
        """Return one of several parts of the same size."""
        num, left = divmod(num_all, num_parts)
        if left:
            raise ValueError(f"a batch of {num_all} images cannot be divided by {num_parts}")
        return cls(index * num, num, num_all)

    @property
    def are_all(self) -> bool:
        """True if it is the whole batch."""
        return self.num == self.num_all

    @property
    def here(self) -> slice:
        """The slice of an array of the whole batch."""
        return slice(self.start, self.start + self.num)

    def of(self, values: tf.Tensor, axis: int = 0) -> tf.Tensor:
        """Return these rows of what the whole batch has."""
        if self.are_all:
            return values
        begin, size = [0] * values.shape.rank, [-1] * values.shape.rank
        begin[axis], size[axis] = self.start, self.num
        return tf.slice(values, begin, size)


def drawn_for(rows: Rows | None, pixels: tf.Tensor, shape: list[Any], seed: tf.Tensor, **options: Any) -> tf.Tensor:
    """Draw as `tf.random.stateless_uniform` for a whole batch, and return what is of some rows of it.

    Args:
        rows: those of `pixels`; None where these are the whole batch.
        pixels: [N, ...], the images that are here.
        shape: of the numbers, with None in the place of the number of images.
        seed: int [2].
        options: of `tf.random.stateless_uniform`.
    """
    axis = shape.index(None)
    num_all = tf.shape(pixels)[0] if rows is None else rows.num_all
    draws = tf.random.stateless_uniform([*shape[:axis], num_all, *shape[axis + 1 :]], seed, **options)
    return draws if rows is None else rows.of(draws, axis)
