"""Copies files into a temporary folder, which one rename turns into a version."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from models.errors import ArtifactError, VersionExists, without_host_paths
from models.store.durable import (
    copy_file,
    make_folder,
    remove,
    remove_leftovers,
    sync_folder,
    temporary_sibling,
    write_file,
)
from models.store.fields import MANIFEST_FILE, folders_of
from models.store.folder_contents import scan_folder
from models.store.manifest import Manifest, encode

_NAME_TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)


@dataclass(frozen=True, slots=True)
class Staging:
    """Files on disk in a temporary `folder`, which `commit` turns into a version."""

    folder: Path
    manifest: Manifest

    def commit(self, version: int) -> Manifest:
        """Rename the folder to `version`; after VersionExists, call it again with another number.

        Returns:
            The written manifest, with the version and the files.
        """
        manifest = replace(self.manifest, version=version)
        target = self.folder.parent / str(version)
        if target.exists():
            raise _version_exists(manifest)
        remove(self.folder / MANIFEST_FILE)
        write_file(self.folder / MANIFEST_FILE, [encode(manifest)])
        sync_folder(self.folder)
        try:
            self.folder.rename(target)
        except OSError as error:
            if error.errno in _NAME_TAKEN:  # by another publisher, since the look above
                raise _version_exists(manifest) from error
            raise
        sync_folder(target.parent)
        return manifest


@contextmanager
def staged(parent: Path, manifest: Manifest, files: Mapping[str, Path]) -> Iterator[Staging]:
    """Copy `files` next to the versions in `parent`; the end of the block removes them unless committed.

    Raises:
        ArtifactError: the files do not make an artifact (raised before anything is written), or writing failed.
    """
    with without_host_paths(f"a version of model {manifest.name!r} cannot be written"):
        sources = _sources(files)
        try:
            encode(replace(manifest, files=dict.fromkeys(sources, "0" * 64)))  # refuses before anything is written
        except ValueError as error:
            raise ArtifactError(f"model {manifest.name!r} cannot be published: {error}") from error
        make_folder(parent)
        folder = temporary_sibling(parent)
        folder.mkdir()
        try:
            remove_leftovers(parent, now_s=folder.stat().st_mtime)
            folders = sorted(folders_of(sources))
            for name in folders:
                (folder / name).mkdir()
            digests = {path: copy_file(source, folder / path) for path, source in sources.items()}
            for name in reversed(folders):
                sync_folder(folder / name)
            yield Staging(folder, replace(manifest, files=digests))
        finally:
            remove(folder)


def _sources(files: Mapping[str, Path]) -> dict[str, Path]:
    sources: dict[str, Path] = {}
    for path, source in files.items():
        if source.is_dir():
            contents = scan_folder(source)
            if contents.special_files:
                special = f"{path}/{min(contents.special_files)}"
                raise ArtifactError(f"'{special}' cannot be published: it is no file and no folder")
            copies = {f"{path}/{file}": source / file for file in contents.files}
        elif source.is_file():
            copies = {path: source}
        else:
            raise ArtifactError(f"{path!r} cannot be published: there is no such file or folder to copy")
        if twice := copies.keys() & sources.keys():
            raise ArtifactError(f"{min(twice)!r} cannot be published: it is given twice")
        sources |= copies
    return sources


def _version_exists(manifest: Manifest) -> VersionExists:
    return VersionExists(f"model {manifest.name!r} has a version {manifest.version} already")
