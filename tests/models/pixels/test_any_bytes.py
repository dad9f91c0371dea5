"""The law of preprocessing, tried with bytes that Hypothesis draws and with those that fuzzers found."""

from __future__ import annotations

from fuzz.cases import CASES
from hypothesis import given
from hypothesis import strategies as st
from pixel_law import SEEDS, assert_pixels_or_named_error


@given(st.binary(max_size=300))
def test_any_bytes_give_pixels_or_a_named_error(upload: bytes) -> None:
    assert_pixels_or_named_error(upload)


@given(st.sampled_from(SEEDS), st.binary(max_size=200), st.integers(3, 30))
def test_any_bytes_after_a_signature_give_pixels_or_a_named_error(seed: bytes, tail: bytes, kept: int) -> None:
    assert_pixels_or_named_error(seed[:kept] + tail)


@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=6))
def test_changed_bytes_give_pixels_or_a_named_error(seed: bytes, changes: list[tuple[int, int]]) -> None:
    upload = bytearray(seed)
    for position, value in changes:
        upload[position % len(upload)] = value
    assert_pixels_or_named_error(bytes(upload))


@given(st.sampled_from(SEEDS), st.sampled_from(SEEDS), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_spliced_images_give_pixels_or_a_named_error(
    seed: bytes, other: bytes, cut: float, start: float, end: float
) -> None:
    position = int(cut * len(seed))
    assert_pixels_or_named_error(
        seed[:position] + other[int(start * len(other)) : int(end * len(other))] + seed[position:]
    )


def test_bytes_that_a_fuzzer_found_give_pixels_or_a_named_error() -> None:
    for case in CASES:
        assert_pixels_or_named_error(case.read_bytes())
