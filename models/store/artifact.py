"""Reads and verifies one version of a model: manifest.json and the files it lists."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from models.errors import CorruptArtifact, FormatMissing, without_host_paths
from models.store.fields import MANIFEST_FILE, folders_of
from models.store.folder_contents import scan_folder
from models.store.manifest import MAX_MANIFEST_BYTES, Manifest, decode
from models.store.model_files import FORMATS


@dataclass(frozen=True, slots=True)
class Artifact:
    """A version on disk; `path` is its folder."""

    path: Path
    manifest: Manifest

    @property
    def size_bytes(self) -> int:
        """Bytes of all listed files, without the manifest; ArtifactError if one is missing."""
        with without_host_paths(f"{_who(self.path)} cannot be measured"):
            return sum((self.path / file).stat().st_size for file in self.manifest.files)

    def model_path(self, model_format: str) -> Path:
        """Return the path of the model in a format of `FORMATS`.

        Raises:
            FormatMissing: the artifact lacks it; the message names those it has, and the command that adds it.
        """
        manifest = self.manifest
        if model_format not in manifest.formats:
            formats = ", ".join(f"{name} ({file.precision})" for name, file in manifest.formats.items())
            how = FORMATS[model_format].added_by.format(version=f"{manifest.name}:{manifest.version}")
            raise FormatMissing(
                f"model {manifest.name!r} version {manifest.version} has no file for the engine {model_format!r}; "
                f"it has {formats}. {how}"
            )
        return self.path / manifest.formats[model_format].file


def read_artifact(path: Path, *, verify: bool = True) -> Artifact:
    """Read the artifact in a folder, without writing anything.

    Args:
        path: the folder with manifest.json.
        verify: compare every file with its sha256. Without, only the manifest is read and checked.

    Raises:
        CorruptArtifact: a changed, missing or added file, a symbolic link, a manifest that is not as it was written.
        ArtifactError: the disk or a permission keeps it from being read.
    """
    who = _who(path)
    with without_host_paths(f"{who} cannot be read"):
        try:
            manifest = _read_manifest(path)
            if verify:
                _verify(path, manifest)
        except CorruptArtifact as error:
            raise CorruptArtifact(f"{who} is corrupt: {error}") from error
    return Artifact(path, manifest)


def _who(path: Path) -> str:
    is_in_repository = path.name.isdecimal() and path.parent.name
    return f"model {path.parent.name!r} version {path.name}" if is_in_repository else "the artifact"


def _read_manifest(path: Path) -> Manifest:
    file = path / MANIFEST_FILE
    try:
        status = file.lstat()
    except (FileNotFoundError, NotADirectoryError):
        raise CorruptArtifact(f"{MANIFEST_FILE} is missing") from None
    if not stat.S_ISREG(status.st_mode):
        raise CorruptArtifact(f"{MANIFEST_FILE} is not a regular file")
    with file.open("rb") as opened:
        return decode(opened.read(min(status.st_size, MAX_MANIFEST_BYTES) + 1))


def _verify(path: Path, manifest: Manifest) -> None:
    contents = scan_folder(path)
    listed = manifest.files.keys()
    _refuse(contents.special_files, "neither a file nor a folder (links are not followed)")
    _refuse(listed - contents.files, f"listed in {MANIFEST_FILE} but missing")
    _refuse(contents.files - listed - {MANIFEST_FILE}, f"there but not listed in {MANIFEST_FILE}")
    _refuse(contents.folders - folders_of(listed), f"a folder that holds nothing listed in {MANIFEST_FILE}")
    for file, digest in manifest.files.items():
        with (path / file).open("rb") as opened:
            if hashlib.file_digest(opened, "sha256").hexdigest() != digest:
                raise CorruptArtifact(f"{file} has changed since it was published (its sha256 differs)")


def _refuse(paths: Collection[str], fault: str) -> None:
    if paths:
        others = f" (and {len(paths) - 1} more)" if len(paths) > 1 else ""
        raise CorruptArtifact(f"{min(paths)!r} is {fault}{others}")
