"""PixelSpec and ImageLimits: what is allowed, and what the message says of what is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.pixels.preprocessing import ImageLimits, PixelSpec

SPECS = st.builds(
    PixelSpec,
    height_px=st.integers(1, 4096),
    width_px=st.integers(1, 4096),
    crop_fraction=st.floats(0, 1, exclude_min=True),
    resample=st.sampled_from(["bilinear", "bicubic"]),
)


@settings(deadline=None)
@given(SPECS)
def test_spec_survives_json(spec: PixelSpec) -> None:
    assert PixelSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_defaults_may_be_left_out() -> None:
    assert PixelSpec.from_dict({"height_px": 32, "width_px": 48}) == PixelSpec(32, 48, "crop", 1.0, "bilinear")


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("height_px", 0, "from 1 to 4096"),
        ("height_px", 4097, "from 1 to 4096"),
        ("height_px", 32.0, "from 1 to 4096"),
        ("width_px", True, "from 1 to 4096"),
        ("width_px", "32", "from 1 to 4096"),
        ("fit", "pad", "crop, stretch"),
        ("fit", None, "crop, stretch"),
        ("fit", [], "crop, stretch"),
        ("crop_fraction", 0, r"\(0, 1\]"),
        ("crop_fraction", 1.01, r"\(0, 1\]"),
        ("crop_fraction", float("nan"), r"\(0, 1\]"),
        ("crop_fraction", "0.5", r"\(0, 1\]"),
        ("crop_fraction", True, r"\(0, 1\]"),
        ("resample", "nearest", "bilinear, bicubic"),
    ],
)
def test_field_that_is_not_allowed_is_named_with_what_is(field: str, value: object, allowed: str) -> None:
    mapping: dict[str, Any] = {"height_px": 32, "width_px": 32, field: value}
    with pytest.raises(ValueError, match=f"{field} must be .*{allowed}.*, got"):
        PixelSpec.from_dict(mapping)


def test_missing_field_is_named() -> None:
    with pytest.raises(ValueError, match="width_px is missing"):
        PixelSpec.from_dict({"height_px": 32})


def test_unknown_field_is_named() -> None:
    with pytest.raises(ValueError, match="unknown pixel spec field 'mean'"):
        PixelSpec.from_dict({"height_px": 32, "width_px": 32, "mean": 0})


@pytest.mark.parametrize("mapping", [None, [], "crop", 3])
def test_what_is_no_object_is_refused(mapping: Any) -> None:
    with pytest.raises(ValueError, match="must be a JSON object"):
        PixelSpec.from_dict(mapping)


def test_stretch_takes_no_crop_fraction() -> None:
    with pytest.raises(ValueError, match=r"crop_fraction must be 1 where fit is 'stretch', got 0\.5"):
        PixelSpec(32, 32, fit="stretch", crop_fraction=0.5)


@pytest.mark.parametrize(
    "limits", [{"max_bytes": 0}, {"max_pixels": -1}, {"max_pixels": 1_000_000_001}, {"max_bytes": 1.5}]
)
def test_limit_that_is_not_allowed_is_named(limits: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(limits))} must be an integer"):
        ImageLimits(**limits)
