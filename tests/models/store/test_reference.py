"""NAME and NAME:VERSION."""

from __future__ import annotations

import pytest

from models.store.reference import ModelReference


@pytest.mark.parametrize("text", ["cifar10", "cifar10:4", "a.b_c-1:9223372036854775807"])
def test_reference_is_written_as_it_was_read(text: str) -> None:
    assert str(ModelReference.parse(text)) == text


def test_reference_without_a_version_is_to_the_stable_one() -> None:
    assert ModelReference.parse("cifar10") == ModelReference("cifar10", None)
    assert ModelReference.parse("cifar10:4") == ModelReference("cifar10", 4)


@pytest.mark.parametrize("text", ["", ":1", "Cifar10", "a/b:1", "a" * 65])
def test_name_that_no_model_has_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a model name must be 1 to 64 of"):
        ModelReference.parse(text)


@pytest.mark.parametrize("text", ["a:", "a:0", "a:-1", "a:01", "a:٣", "a:1:2", "a:latest", "a:" + "9" * 5000])
def test_version_that_is_no_whole_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a version must be a whole number >= 1, got") as caught:
        ModelReference.parse(text)
    assert str(caught.value).endswith(f" in {text!r}")


def test_version_is_below_what_the_serving_protocols_carry() -> None:
    with pytest.raises(ValueError, match=r"below 2\*\*63"):
        ModelReference.parse("a:9223372036854775808")
