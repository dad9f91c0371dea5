"""Chooses which images are learned from, which are chosen by and which are measured: as given, else drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from models.plural import how_many
from training.dataset import DatasetError, HeldOut, Split, three_sets
from training.draw import draw, once_each
from training.set_names import SET_FOLDERS, SetName

Mask = npt.NDArray[np.bool_]


@dataclass(slots=True)
class Sets:
    """The three sets of a data set, and how they came to be.

    Attributes:
        train: to learn from.
        validation: to choose by.
        test: to measure on.
        held_out: how the test images were drawn; None where they have a folder.
        origin: how the sets came to be, a sentence.
        notes: what a person should know, a sentence each.
    """

    train: Split
    validation: Split
    test: Split
    held_out: HeldOut | None
    origin: str
    notes: list[str] = field(default_factory=list)


def choose_sets(images: Split, given: npt.NDArray[np.str_], held_out: HeldOut) -> Sets:
    """Make three sets so that no picture is in two of them; further copies of what is held out are in none.

    Args:
        images: all, with their groups of copies.
        given: of each, the set that its folder says.
        held_out: how sets without a folder are drawn.

    Raises:
        DatasetError: there is none to test on, or to choose by.
    """
    masks: dict[SetName, Mask] = {role: given == role for role in SET_FOLDERS if (given == role).any()}
    notes: list[str] = []
    if "validation" in masks and "test" not in masks:
        masks["test"] = masks.pop("validation")
        notes.append("the one folder beside train is the test set; validation images are drawn from train")
    if "test" in masks:
        sets = _without_copies(images, masks, held_out, notes)
        if sets:
            return sets
    drawn = draw(images.targets, images.groups, held_out.test_fraction, held_out.seed)
    if not len(drawn):
        raise DatasetError("no class has two different images, one to learn from and one to test on: add photos")
    rest = images.subset(np.setdiff1d(np.arange(len(images)), drawn))
    sets_drawn = three_sets(rest, images.subset(once_each(drawn, images.groups)), held_out)
    origin = f"test and validation images drawn by class, with seed {held_out.seed}"
    return Sets(*sets_drawn, held_out, origin, notes)


def _without_copies(images: Split, masks: Mapping[SetName, Mask], held_out: HeldOut, notes: list[str]) -> Sets | None:
    """Take from each given set what a later one has; None where a class would have nothing left to learn from."""

    def among(role: SetName, others: Mask) -> Mask:
        return masks.get(role, np.zeros(len(images), bool)) & np.isin(images.groups, images.groups[others])

    test = masks["test"]
    both = test | masks.get("validation", test)
    leaked = among("validation", test), among("train", both)
    train = masks["train"] & ~leaked[1]
    if copied := int(among("test", masks["train"]).sum()):
        notes.append(f"{copied} of {how_many(int(test.sum()), 'test image')} are in train, too")
    if len(np.unique(images.targets[train])) < len(np.unique(images.targets[masks["train"]])):
        notes.append("without copies a class has no image to learn from: the sets are drawn anew from all images")
        return None
    if copied:
        notes[-1] += ": what is in train is left out"
    train_split, test_split = images.subset(np.flatnonzero(train)), images.subset(np.flatnonzero(test))
    own = images.subset(np.flatnonzero(masks.get("validation", leaked[0]) & ~leaked[0]))
    if len(own):
        return Sets(train_split, own, test_split, None, "each set has a folder", notes)
    sets = three_sets(train_split, test_split, held_out)
    origin = f"the test set has a folder, validation images drawn by class with seed {held_out.seed}"
    return Sets(*sets, None, origin, notes)
