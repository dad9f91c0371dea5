"""Finds, publishes and promotes versions of models on disk, which is the only truth.

<root>/<name>/<version>/      an artifact
<root>/<name>/routing.json    {"stable": <version>}, and maybe a canary; without it, the highest version is stable
<root>/<name>/history.jsonl   what was published, promoted, rolled back, retired and tried as a canary
<root>/<name>/operating_points.json    from which probability on answers of a version are accepted
<root>/<name>/purposes.json            what its publisher says of a version
<root>/repository.json        {"default": <name>}; where there is none, whoever serves it decides
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from models.errors import (
    OpsinError,
    VersionExists,
    VersionIsStable,
    VersionNotFound,
    without_host_paths,
)
from models.store.artifact import Artifact
from models.store.canary import end_canary
from models.store.durable import remove, sync_folder, temporary_sibling
from models.store.history import Action, append, change_now, read_history, stable_before
from models.store.manifest import Manifest
from models.store.operating_points import OperatingPoint, write_operating_point
from models.store.purposes import Purpose, write_purpose
from models.store.read_only import ReadOnlyRepository
from models.store.routing import locked, pin_stable, read_routing, set_stable
from models.store.staging import Staging, staged


class Repository(ReadOnlyRepository):
    """Models in a folder. It holds no state, so that any number of them, in any process, agree."""

    def publish(
        self,
        manifest: Manifest,
        files: Mapping[str, Path],
        *,
        in_place_of: int | None = None,
        becomes_stable: bool = True,
        why: str = "",
    ) -> Artifact:
        """Write the next version of a model, and make it the stable one.

        Several may publish at once: each gets its own version, and the highest ends as the stable one. A publisher
        that dies leaves the old stable version in place, and at most a complete version that nothing points to. The
        number of a version that was retired is not given again: a server may have it loaded still.

        Args:
            manifest: `version` and `files` are replaced by what is written.
            files: path in the artifact to its source, a file or a folder.
            in_place_of: a version of the model; unless that is the stable one by then, the stable one stays.
            becomes_stable: if False, the stable one stays; a first version is stable all the same.
            why: for the history.

        Raises:
            ArtifactError: a source is missing or cannot be published, or writing failed.
            CorruptArtifact: routing.json is broken; nothing was written.
            ModelNotFound: there is no model to have the version `in_place_of`.
        """
        folder = self.root / manifest.name
        with without_host_paths(f"a version of model {manifest.name!r} cannot be published"):
            read_routing(folder)
            # The lock, taken once the copying is done, keeps readers from seeing two publishers' steps interleaved.
            with staged(folder, manifest, files) as staging, locked(folder):
                stays = in_place_of is not None or (not becomes_stable and self._versions(manifest.name))
                before = self._stable_or_none(manifest.name)
                stable = self.stable_version(manifest.name) if stays else None
                if stable is not None:
                    pin_stable(folder, stable)  # without routing.json, the new version would be stable at once
                written = self._commit_next(staging)
                becomes_stable = stable is None or (stable == in_place_of and becomes_stable)
                after = written.version if becomes_stable or before is None else before
                append(folder, change_now("publish", written.version, stable=after, before=before, why=why))
                if becomes_stable:
                    set_stable(folder, written.version)
        return Artifact(folder / str(written.version), written)

    def promote(self, name: str, version: int, *, why: str = "") -> Artifact:
        """Make a version the stable one, and record why; servers that follow the repository switch to it.

        Raises:
            ModelNotFound, VersionNotFound: it is not there.
            CorruptArtifact: it is not what was published; the stable version stays as it is.
        """
        artifact = self.load(name, version)
        folder = self.root / name
        with without_host_paths(f"version {version} of model {name!r} cannot be promoted"), locked(folder):
            self._make_stable("promote", name, version, why)
        return artifact

    def rollback(self, name: str, *, why: str = "") -> Artifact:
        """Make the version stable again that was so before the one that is; a second time goes back further.

        Where a canary runs, that is what goes, and the stable version stays.

        Raises:
            ModelNotFound: there is no such model.
            VersionNotFound: the history tells of no version before, or that one was retired.
            CorruptArtifact: it is not what was published; the stable version stays as it is.
        """
        self.versions(name)
        folder = self.root / name
        with without_host_paths(f"model {name!r} cannot be rolled back"), locked(folder):
            stable = self.stable_version(name)
            if end_canary(folder, "rollback", stable=stable, why=why):
                return self.load(name, stable, verify=False)
            version = stable_before(read_history(folder), stable)
            if version is None:
                raise VersionNotFound(
                    f"the history of model {name!r} tells of none that was stable before {stable}: promote one"
                )
            artifact = self.load(name, version)
            self._make_stable("rollback", name, version, why)
        return artifact

    def retire(self, name: str, version: int, *, why: str = "") -> None:
        """Remove a version that is not the stable one; servers that serve it go on until they are told otherwise.

        Raises:
            ModelNotFound, VersionNotFound: it is not there.
            VersionIsStable: it is the stable one, or the canary.
        """
        self._check_there(name, version)
        folder = self.root / name
        with without_host_paths(f"version {version} of model {name!r} cannot be retired"), locked(folder):
            stable = self.stable_version(name)
            if stable == version:
                raise VersionIsStable(f"version {version} of model {name!r} is the stable one: promote another first")
            if (canary := self.canary(name)) is not None and canary.version == version:
                raise VersionIsStable(f"version {version} of model {name!r} is the canary: stop that first")
            pin_stable(folder, stable)  # without routing.json, it was that because it is the highest
            append(folder, change_now("retire", version, stable=stable, before=stable, why=why))
            write_operating_point(folder, version, None)
            remove((folder / str(version)).rename(temporary_sibling(folder)))
            sync_folder(folder)

    def set_operating_point(self, name: str, version: int, point: OperatingPoint | None, *, why: str = "") -> None:
        """Set it, or forget it, and record why; ModelNotFound or VersionNotFound where the version is not there."""
        self._check_there(name, version)
        folder, asked = self.root / name, point.asked if point else "none"
        with without_host_paths(f"the operating point of model {name!r} cannot be set"), locked(folder):
            stable, why = self.stable_version(name), f"{asked}: {why}" if why else asked
            append(folder, change_now("operating-point", version, stable=stable, before=stable, why=why))
            write_operating_point(folder, version, point)

    def set_purpose(self, name: str, version: int, purpose: Purpose | None, *, why: str = "") -> None:
        """Set it, or forget it, and record why; ModelNotFound or VersionNotFound where the version is not there."""
        self._check_there(name, version)
        folder = self.root / name
        with without_host_paths(f"the purpose of model {name!r} cannot be set"), locked(folder):
            stable = self.stable_version(name)
            append(folder, change_now("purpose", version, stable=stable, before=stable, why=why))
            write_purpose(folder, version, purpose)

    def _make_stable(self, action: Action, name: str, version: int, why: str) -> None:
        folder = self.root / name
        append(folder, change_now(action, version, stable=version, before=self._stable_or_none(name), why=why))
        set_stable(folder, version)

    def _stable_or_none(self, name: str) -> int | None:
        """Find the stable version; None where there is none, or where nobody can tell which."""
        with suppress(OpsinError):
            return self.stable_version(name)
        return None

    def _commit_next(self, staging: Staging) -> Manifest:
        name = staging.manifest.name
        version = max((change.version for change in read_history(self.root / name)), default=0)
        while True:
            version = max([version, *self._versions(name)]) + 1
            try:
                return staging.commit(version)
            except VersionExists:
                continue  # taken by a writer that our lock does not reach, or by something that is no version
