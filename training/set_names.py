"""Which folders are sets, by their names: train, validation and test, as people call them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Literal

SetName = Literal["train", "validation", "test"]

SET_FOLDERS: dict[SetName, tuple[str, ...]] = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
KNOWN = "folders of sets are called {}, in any case".format(
    ", ".join(f"{' or '.join(names)} for {role}" for role, names in SET_FOLDERS.items())
)
_ROLES = {name: role for role, names in SET_FOLDERS.items() for name in names}
_SUFFIX = re.compile(r"[ _-]*(set|data|images|photos)$")
_BETWEEN_WORDS = re.compile(r"[ _-]+|(?<=[a-z])(?=\d)")


def role_of(name: str) -> SetName | None:
    """Return the set that a folder of this name is; None where it is none."""
    return _ROLES.get(_SUFFIX.sub("", name.strip().lower()))


def roles_of(names: Iterable[str]) -> dict[str, SetName]:
    """Return the set that each of some folders is which lie side by side; none of those that are no set.

    Names that have one more word in common are sets, too, where one is that of train: seg_train and seg_test, or
    train2017 and val2017. Alone, "bullet train" is none.
    """
    roles: dict[str, SetName] = {}
    alike: defaultdict[tuple[str, ...], dict[str, SetName]] = defaultdict(dict)
    for name in names:
        words = _BETWEEN_WORDS.split(name.strip().lower())
        if role := role_of(name):
            roles[name] = role
        elif len(found := [word for word in words if word in _ROLES]) == 1:
            alike[tuple(word for word in words if word not in _ROLES)][name] = _ROLES[found[0]]
    for some in alike.values():
        if "train" in some.values() and len(set(some.values())) > 1:
            roles.update(some)
    return roles
