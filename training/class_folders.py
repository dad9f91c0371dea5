"""Finds the sets and the classes in the folders of a tree, as people name and nest them."""

from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from models.files.file_tree import File, FileTree, parents
from models.files.hidden import is_hidden
from models.files.name_encodings import guess_encoding, is_encoded
from models.plural import how_many
from training.dataset import DatasetError
from training.no_classes import too_few_classes, what_else
from training.set_names import KNOWN, SetName, role_of, roles_of
from training.survey import MAX_NAMES, Kind

HIDDEN = Kind("file hidden, removed or made by a system", "files hidden, removed or made by a system")
IN_NO_CLASS = Kind("file in no class folder", "files in no class folder")


@dataclass(slots=True)
class ClassFolders:
    """What the folders of a tree say.

    Attributes:
        labels: the classes of the training set, by name.
        sets: of each set that has a folder, the files with the index of their class.
        left_out: paths of the files that belong to no class, by kind.
        notes: what a person should know of it, a sentence each.
    """

    labels: tuple[str, ...] = ()
    sets: dict[SetName, list[tuple[File, int]]] = field(default_factory=dict)
    left_out: dict[Kind, list[str]] = field(default_factory=lambda: defaultdict(list))
    notes: list[str] = field(default_factory=list)


def find_classes(tree: FileTree, name: str, *, min_classes: int = 2) -> ClassFolders:
    """Find `train/<class>/...` and its like, else `<class>/...`, below any folders that hold all of it.

    Args:
        tree: every file.
        name: of the data set, for messages.
        min_classes: that it must have.

    Raises:
        DatasetError: fewer classes, or sets that cannot be told; says what was found and what names are known.
    """
    folders = Folders(tree.folders)
    root, children = folders.root(), folders.children
    sets = folders.sets(root)
    if "train" not in sets:
        _refuse_sets_without_train(folders, root, sets, tree, name)
        sets = {"train": [root]}
    found = ClassFolders(sets={role: [] for role in sets})
    label_of = _labels([path for folders in sets.values() for folder in folders for path in children[folder]], found)
    found.labels = tuple(sorted({label_of[path] for folder in sets["train"] for path in children[folder]}))
    if len(found.labels) < min_classes:
        raise too_few_classes(name, found.labels, tree)
    classes = {
        path: (role, _target(label_of[path], role, found))
        for role, paths in sets.items()
        for folder in paths
        for path in children[folder]
    }
    for file in tree.files:
        folder = next((folder for folder in parents(file.path) if folder in classes), None)
        if is_hidden(file.path):
            found.left_out[HIDDEN].append(file.path)
        elif folder is None:
            found.left_out[IN_NO_CLASS].append(file.path)
        else:
            role, target = classes[folder]
            found.sets[role].append((file, target))
    found.notes += _nested(folders, sets["train"], tree)
    return found


class Folders:
    """The visible folders of a tree.

    Attributes:
        children: of a folder's path, the paths of the folders in it.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self.children: defaultdict[str, list[str]] = defaultdict(list)
        for path in sorted(paths):
            if not is_hidden(path):
                self.children[path.rpartition("/")[0]].append(path)

    def root(self) -> str:
        """Go down while one folder holds everything: archives are often packed so, with a README beside it."""
        root = ""
        while len(self.children[root]) == 1:
            (only,) = self.children[root]
            inner = self.children[only]
            is_train = role_of(_name(only)) == "train"
            if not inner or (is_train and not any(role_of(_name(path)) == "train" for path in inner)):
                break
            root = only
        return root

    def roles(self, root: str) -> dict[str, SetName]:
        """Find the folders in one that are sets by their name: their paths and which."""
        roles = roles_of([_name(child) for child in self.children[root]])
        return {child: roles[_name(child)] for child in self.children[root] if _name(child) in roles}

    def sets(self, root: str) -> dict[SetName, list[str]]:
        """Find the folders that are sets by their name, and hold class folders."""
        sets: dict[SetName, list[str]] = {}
        for path, role in self.roles(root).items():
            while len(inner := self.children[path]) == 1:  # training_set/training_set/, seg_train/seg_train/
                if _name(inner[0]) != _name(path) and role_of(_name(inner[0])) != role:
                    break
                (path,) = inner
            if self.children[path]:
                sets.setdefault(role, []).append(path)
        return sets


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _labels(paths: Iterable[str], found: ClassFolders) -> dict[str, str]:
    """Name the class of each folder; notes where names on disk are not UTF-8, and how they are read then."""
    raw = {path: os.fsencode(_name(path)) for path in paths}
    encoding = guess_encoding([name for name in raw.values() if not is_encoded([name], "utf-8")]).encoding
    if encoding != "utf-8":
        found.notes.append(f"names of folders that are not UTF-8 are read as {encoding}: rename them if that is wrong")
    texts = {path: name.decode("utf-8" if is_encoded([name], "utf-8") else encoding) for path, name in raw.items()}
    # macOS writes accents decomposed, others composed: one name.
    return {path: unicodedata.normalize("NFC", text) for path, text in texts.items()}


def plain(label: str) -> str:
    """Return a label without what people spell in more than one way: case and blanks."""
    return " ".join(label.casefold().split())


def _target(label: str, role: SetName, found: ClassFolders) -> int:
    """Return the index of a folder's class; notes where it is spelt in another way than others."""
    alike = [other for other in found.labels if plain(other) == plain(label)]
    if label not in alike and len(alike) != 1:
        raise DatasetError(
            f"{role} has classes that train has not: {label}; train has {', '.join(found.labels)}: rename the folder, "
            "put photos of it into train, too, or take it out"
        )
    if label not in alike:
        found.notes.append(f"{label!r} in {role} is taken for {alike[0]!r}: they differ in case or blanks only")
    elif len(alike) > 1 and role == "train":
        found.notes.append(
            f"{label!r} is a class of its own: case or blanks tell it from {how_many(len(alike) - 1, 'other')}"
        )
    return found.labels.index(label if label in alike else alike[0])


def _nested(folders: Folders, sets: Iterable[str], tree: FileTree) -> Iterator[str]:
    """Note folders in classes where no class has files beside them: they may be what is meant by classes."""
    classes = [path for folder in sets for path in folders.children[folder]]
    holding = {file.path.rpartition("/")[0] for file in tree.files if not is_hidden(file.path)}
    inner = [path for parent in classes for path in folders.children[parent]]
    if len(inner) > len(classes) and not holding.intersection(classes):
        shown = ", ".join(inner[:MAX_NAMES]) + (", ..." if len(inner) > MAX_NAMES else "")
        yield f"folders in a class count to it: {shown}; if these are the classes, move them up a level"


def _refuse_sets_without_train(
    folders: Folders, root: str, sets: Mapping[SetName, list[str]], tree: FileTree, name: str
) -> None:
    """Raise DatasetError where folders are sets by their names, or by having the classes of each other."""
    children, roles, paths = folders.children, folders.roles(root), folders.children[root]
    empty = [path for path in roles if not children[path]]
    if len(empty) > 1 and any(roles[path] == "train" for path in empty):
        raise DatasetError(
            f"{name}: {' and '.join(map(_name, empty))} must each hold a folder for each class, found none in them"
            f"{what_else(tree)}"
        )
    held_out = {_name(path) for folders in sets.values() for folder in folders for path in children[folder]}
    others = {_name(path) for folder in paths if folder not in roles for path in children[folder]}
    if sets and (held_out & others or len(roles) == len(paths)):
        raise DatasetError(f"{name} has no training set, found {', '.join(map(_name, paths))}: {KNOWN}")
