"""Decide if a new version is served: only where it is not worse than the one that serves, on the same photos."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import ArtifactError
from models.measuring.intervals import in_points, in_words, what_they_tell
from models.store.artifact import Artifact
from models.store.repository import Repository
from models.this_python import this_python


@dataclass(frozen=True, slots=True)
class Verdict:
    """If a new version is to be served.

    Attributes:
        is_served: becomes the stable one.
        reason: one line for the user.
        instead_of: the version that is stable, which it was compared with; None where there is none.
    """

    is_served: bool
    reason: str
    instead_of: int | None = None

    def of_candidate(self) -> Verdict:
        """Have it served by nobody, however good it is, where another version serves."""
        if self.instead_of is None:
            return self
        return Verdict(False, f"it is a candidate, as was asked for; {self.reason}", self.instead_of)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, for the manifest of the new version."""
        return asdict(self)


def stable_to_compare(repository: Repository, name: str) -> Artifact | Verdict:
    """Load the version that serves, to compare a new one with; the verdict where there is none that works.

    Raises:
        CorruptArtifact: routing.json is broken.
    """
    if name not in repository.names():
        return Verdict(True, "it is the first version")
    version = repository.stable_version(name)
    try:
        return repository.load(name, version)
    except ArtifactError:
        return Verdict(True, f"version {version}, which was to be served, is broken", version)


def has_other_labels(name: str, version: int) -> Verdict:
    """Say no to a version with other labels than the one that is served."""
    reason = f"version {version}, which is served, has other labels, which those who ask for {name} may rely on"
    return Verdict(False, reason, version)


def judge(
    is_right: NDArray[np.bool_] | Sequence[bool],
    was_right: NDArray[np.bool_] | Sequence[bool],
    version: int,
    *,
    max_accuracy_drop: float = 0.0,
    image: str = "test image",
) -> Verdict:
    """Compare a new model with a version that serves, photo by photo.

    Whoever calls the server by name gets another version without asking for it: so that is never one that is right for
    fewer photos, even where these are too few to tell which is better. The person is told all figures.

    Args:
        is_right: whether the new model is, of each photo.
        was_right: whether the version is.
        version: that serves.
        max_accuracy_drop: points of top-1 accuracy that may be lost.
        image: what each photo is called.
    """
    now, before = np.asarray(is_right, np.bool_), np.asarray(was_right, np.bool_)
    num_images, num_right, num_before = len(now), int(now.sum()), int(before.sum())
    lost, won = int((before & ~now).sum()), int((now & ~before).sum())
    told = (
        f"{in_words(num_right, num_images, image)} right, and {100 * num_before / num_images:.1f} % by version "
        f"{version}, which was served: {in_points(lost, won, num_images)}, {won} right by this one alone and {lost} by "
        f"that one alone; {what_they_tell(lost, won, num_images)}"
    )
    is_not_worse = 100 * (num_before - num_right) <= (max_accuracy_drop + 1e-9) * num_images
    return Verdict(is_not_worse, told, version)


def about_serving(artifact: Artifact, repository: Repository) -> list[str]:
    """Return a line for the user on what is served now and why; none after a first version.

    Raises:
        CorruptArtifact: routing.json is broken.
    """
    published = artifact.manifest
    verdict = published.provenance.get("compared_with_stable", {"is_served": True, "instead_of": None})
    stable = repository.stable_version(published.name)
    if stable == published.version:
        return [f"it is served from now on: {verdict['reason']}"] if verdict["instead_of"] else []
    command = (
        f"{this_python()} -m models promote {published.reference} --repository {shlex.quote(str(repository.root))}"
    )
    if not verdict["is_served"]:
        return [f"it is not served: {verdict['reason']}", f"to have it served all the same, `{command}`"]
    return [f"it was published before, and version {stable} is stable: to have it served, `{command}`"]
