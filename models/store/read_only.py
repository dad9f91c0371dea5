"""Reads the versions of models in a folder: any number of readers, in any process, agree."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from models.errors import (
    CorruptArtifact,
    ModelNotFound,
    VersionNotFound,
    without_host_paths,
)
from models.plural import listed, short
from models.store.artifact import Artifact, read_artifact
from models.store.canary import Canary, read_canary
from models.store.default_model import REPOSITORY_FILE, read_default
from models.store.fields import MAX_VERSION, VERSION, is_name
from models.store.folder_contents import folders_in
from models.store.history import Change, read_history
from models.store.operating_points import OperatingPoint, read_operating_point
from models.store.purposes import Purpose, read_purpose
from models.store.routing import ROUTING_FILE, read_routing


class ReadOnlyRepository:
    """Models in a folder that may be on a read-only file system. It holds no state."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def names(self) -> list[str]:
        """List the models that have a version or cannot be read, sorted; none without the folder.

        Raises:
            ArtifactError: the repository cannot be read.
        """
        with without_host_paths("the repository cannot be read"):
            folders = [name for name in folders_in(self.root) if is_name(name)]
        names = []
        for name in folders:
            has_versions = True  # also where they cannot be read: `versions` raises the reason
            with suppress(OSError):
                has_versions = bool(self._versions(name))
            if has_versions:
                names.append(name)
        return sorted(names)

    def default_name(self) -> str | None:
        """Find the model that repository.json names as the default; None without that file.

        Raises:
            CorruptArtifact: repository.json is broken, or names a model that is not there.
        """
        with without_host_paths(f"{REPOSITORY_FILE} of the repository cannot be read"):
            name = read_default(self.root)
        if name is not None and name not in (names := self.names()):
            raise CorruptArtifact(
                f"{REPOSITORY_FILE} says that model {name!r} is the default, "
                f"but the repository holds {listed(names) or 'none'}"
            )
        return name

    def versions(self, name: str) -> list[int]:
        """List the versions of a model, ascending, at least one.

        Raises:
            ModelNotFound: there is no such model; the message names those there are.
            ArtifactError: the model cannot be read.
        """
        with without_host_paths(f"model {short(name)} cannot be read"):
            versions = self._versions(name) if is_name(name) else []
        if not versions:
            names = listed(self.names())
            raise ModelNotFound(f"there is no model {short(name)}; the repository holds {names or 'none'}")
        return versions

    def stable_version(self, name: str) -> int:
        """Find the version that is served by default.

        Raises:
            ModelNotFound: there is no such model.
            CorruptArtifact: routing.json is broken, or names a version that is not there.
        """
        self.versions(name)
        with without_host_paths(f"the routing of model {name!r} cannot be read"):
            routing = read_routing(self.root / name)
        versions = self.versions(name)  # after routing.json: a publisher makes the version first
        stable: int = versions[-1] if routing is None else routing["stable"]
        if stable not in versions:
            raise CorruptArtifact(
                f"the routing of model {name!r} is corrupt: {ROUTING_FILE} says that version {stable} is stable, "
                f"but the model has {listed(versions)}"
            )
        return stable

    def canary(self, name: str) -> Canary | None:
        """Find the version that gets a share of the requests beside the stable one; None where there is none.

        Raises:
            ModelNotFound: there is no such model.
            CorruptArtifact: routing.json is broken.
        """
        self.versions(name)
        with without_host_paths(f"the routing of model {name!r} cannot be read"):
            return read_canary(self.root / name)

    def load(self, name: str, version: int | None = None, *, verify: bool = True) -> Artifact:
        """Read a version, the stable one by default, and verify its files unless told not to.

        Raises:
            ModelNotFound: there is no such model; the message names those there are.
            VersionNotFound: the model has no such version; the message names those it has.
            CorruptArtifact: the files differ from those that were published.
        """
        if version is None:
            version = self.stable_version(name)
        self._check_there(name, version)
        artifact = read_artifact(self.root / name / str(version), verify=verify)
        manifest = artifact.manifest
        if (manifest.name, manifest.version) != (name, version):
            raise CorruptArtifact(
                f"model {name!r} version {version} is corrupt: "
                f"its manifest is that of model {manifest.name!r} version {manifest.version}"
            )
        return artifact

    def operating_point(self, name: str, version: int, *, num_classes: int) -> OperatingPoint | None:
        """Read from which probability on answers of a version are accepted; CorruptArtifact where nobody can tell."""
        with without_host_paths(f"the operating points of model {name!r} cannot be read"):
            return read_operating_point(self.root / name, version, num_classes)

    def purpose(self, name: str, version: int) -> Purpose | None:
        """Read what the publisher of a version says of it; CorruptArtifact where nobody can tell."""
        with without_host_paths(f"the purposes of model {name!r} cannot be read"):
            return read_purpose(self.root / name, version)

    def history(self, name: str) -> list[Change]:
        """Read what was done to a model, the oldest first.

        Raises:
            ModelNotFound: there is no such model.
        """
        self.versions(name)
        with without_host_paths(f"the history of model {name!r} cannot be read"):
            return read_history(self.root / name)

    def _check_there(self, name: str, version: int) -> None:
        if version not in (versions := self.versions(name)):
            raise VersionNotFound(f"model {name!r} has no version {version}; it has {listed(versions)}")

    def _versions(self, name: str) -> list[int]:
        numbers = [int(entry) for entry in folders_in(self.root / name) if VERSION.fullmatch(entry)]
        return sorted(number for number in numbers if number <= MAX_VERSION)
