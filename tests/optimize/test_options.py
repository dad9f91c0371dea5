"""A dataclass becomes the options of a command, and back."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal

import pytest

from optimize.options import add_options, from_options, help_of, option
from optimize.settings import (
    ChannelPruning,
    MagnitudePruning,
    Quantization,
    QuantizationAwareTraining,
    Search,
)
from optimize.tasks import Export, Task, TrainingTask

KINDS = (Task, TrainingTask, Export, Search, Quantization, QuantizationAwareTraining, ChannelPruning, MagnitudePruning)


@dataclass(frozen=True)
class Kiln:
    folder: Path = field(metadata=option("to fire in"))
    clay: str = field(metadata=option("what is fired", "clay"))
    heat: float = field(default=0.5, metadata=option("of the kiln", "--heat", "--hot"))
    num_pots: int = field(default=3, metadata=option("to fire", metavar="N"))
    glaze: Literal["blue", "red"] = field(default="blue", metadata=option("its colour"))
    handles: tuple[str, ...] = field(default=(), metadata=option("of a pot", default="none"))
    lid: Path | None = field(default=None, metadata=option("of it", default="as the pot"))
    is_raw: bool = field(default=False, metadata=option("leave it", "--raw"))
    with_feet: bool = field(default=True, metadata=option("no feet", "--flat"))


@pytest.fixture
def parser():
    parser = argparse.ArgumentParser(prog="fire")
    add_options(parser, Kiln)
    return parser


def parsed(parser, *arguments: str) -> Kiln:
    return from_options(Kiln, vars(parser.parse_args(["mud", "--folder", "runs", *arguments])))


def test_options_not_given_keep_their_defaults(parser):
    assert parsed(parser) == Kiln(Path("runs"), "mud")


def test_options_become_fields_of_their_types(parser):
    arguments = "--hot 0.25 --num-pots 7 --glaze red --handles one --handles two --lid l --raw --flat"
    assert parsed(parser, *arguments.split()) == Kiln(
        Path("runs"), "mud", 0.25, 7, "red", ["one", "two"], Path("l"), is_raw=True, with_feet=False
    )


@pytest.mark.parametrize("arguments", ["mud", "--folder runs", "mud --folder runs --glaze green"])
def test_what_is_required_or_chosen_from_is_checked(parser, arguments):
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args(arguments.split())


def test_help_has_the_default_or_the_words_for_it():
    helps = [help_of(row) for row in fields(Kiln)]
    assert helps == [
        "to fire in",
        "what is fired",
        "of the kiln (0.5)",
        "to fire (3)",
        "its colour (blue)",
        "of a pot (none)",
        "of it (as the pot)",
        "leave it",
        "no feet",
    ]


def test_options_of_other_dataclasses_are_left_alone():
    assert from_options(Search, {"epochs": 3, "colour": "red"}) == Search(epochs=3)


@pytest.mark.parametrize("kind", KINDS)
def test_words_stand_for_a_default_only_where_the_field_has_no_value_to_show(kind):
    for row in fields(kind):
        if row.metadata["default"] is not None:
            assert row.default in (None, (), Path("repository"))
        elif isinstance(row.default, int | float | str) and not isinstance(row.default, bool):
            default = help_of(row).rpartition("(")[2].removesuffix(")")
            assert type(row.default)(default) == row.default


def test_words_for_the_default_budget_are_true():
    [macs] = [row for row in fields(ChannelPruning) if row.name == "macs"]
    assert float(macs.metadata["default"]) == ChannelPruning().macs
