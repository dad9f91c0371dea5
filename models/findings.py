"""Finds every version of a repository, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from models.errors import ArtifactError, ModelNotFound, VersionNotFound
from models.report import accuracy, architecture, percent, precision, size
from models.store.artifact import Artifact
from models.store.canary import Canary
from models.store.reference import ModelReference
from models.store.repository import Repository


@dataclass(frozen=True, slots=True)
class Finding:
    """The artifact of one version, or its fault; that of a model has no version, that of the repository no name."""

    name: str | None
    version: int | None
    is_stable: bool = False
    is_default: bool = False
    canary: Canary | None = None
    artifact: Artifact | None = None
    fault: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, without the artifact's fields where it cannot be read."""
        record: dict[str, Any] = {"name": self.name, "version": self.version, "is_stable": self.is_stable}
        record |= {"is_default": self.is_default, "error": self.fault}
        if self.canary is not None:
            record["canary"] = self.canary.to_dict()
        if self.artifact is None:
            return record
        manifest = self.artifact.manifest
        return record | {
            "architecture": dict(manifest.architecture),
            "precision": {name: file.precision for name, file in manifest.formats.items()},
            "num_classes": len(manifest.labels),
            "size_bytes": self.artifact.size_bytes,
            "accuracy": accuracy(manifest),
        }

    def row(self) -> tuple[str, ...]:
        """Return it in words, a column each."""
        stable = ("* default" if self.is_default else "*") if self.is_stable else str(self.canary or "")
        name = (self.name or "-", str(self.version), stable)
        if self.artifact is None:
            return (*name, "corrupt", "-", "-", "-")
        manifest = self.artifact.manifest
        sizes = size(self.artifact.size_bytes)
        return (*name, architecture(manifest), precision(manifest), sizes, percent(accuracy(manifest)))


def find_versions(repository: Repository, target: ModelReference | None, *, verify: bool) -> Iterator[Finding]:
    """Find the versions of a model, or of all; a fault is a finding, too.

    Raises:
        ModelNotFound, VersionNotFound: `target` is not there.
    """
    default = None
    if target is None:
        try:
            default = repository.default_name()
        except ArtifactError as error:
            yield Finding(None, None, fault=str(error))
    for name in repository.names() if target is None else [target.name]:
        versions, stable, canary = [], None, None
        try:
            versions = repository.versions(name)
            stable = repository.stable_version(name)
            canary = repository.canary(name)
        except ModelNotFound:
            raise
        except ArtifactError as error:
            yield Finding(name, None, fault=str(error))
        for version in versions if target is None or target.version is None else [target.version]:
            own = canary if canary is not None and canary.version == version else None
            finding = Finding(name, version, is_stable=version == stable, is_default=name == default, canary=own)
            try:
                artifact = repository.load(name, version, verify=verify)
                _ = artifact.size_bytes  # without `verify`, this is what notices a missing file
            except VersionNotFound:
                raise
            except ArtifactError as error:
                yield replace(finding, fault=str(error))
            else:
                yield replace(finding, artifact=artifact)
