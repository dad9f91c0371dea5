"""Starts and stops the canary of a model, once it is known that it can be one."""

from __future__ import annotations

from models.errors import ArtifactError, VersionIsStable, without_host_paths
from models.store.artifact import Artifact
from models.store.canary import Canary, begin_canary, end_canary
from models.store.history import append, change_now
from models.store.repository import Repository
from models.store.routing import locked, set_stable


def start_canary(repository: Repository, name: str, canary: Canary, *, why: str = "") -> Artifact:
    """Give a version, once its files are verified, a share of the requests; another canary ends with it.

    Raises:
        ModelNotFound, VersionNotFound: it is not there.
        VersionIsStable: it is the stable one.
        ArtifactError: it is a shadow, and takes other pixels than the stable version.
        CorruptArtifact: it is not what was published; nothing changes.
    """
    artifact = repository.load(name, canary.version)
    folder = repository.root / name
    with without_host_paths(f"the canary of model {name!r} cannot be started"), locked(folder):
        repository.load(name, canary.version, verify=False)  # it may have been retired meanwhile
        stable = repository.stable_version(name)
        if canary.version == stable:
            raise VersionIsStable(f"version {stable} of model {name!r} is the stable one, which gets all requests")
        if canary.is_shadow:
            check_same_pixels(artifact, repository.load(name, stable, verify=False))
        begin_canary(folder, canary, stable=stable, why=why)
    return artifact


def stop_canary(repository: Repository, name: str, *, why: str = "") -> bool:
    """End the canary of a model; False: there was none, or no longer.

    Raises:
        ModelNotFound: there is no such model.
    """
    repository.versions(name)
    folder = repository.root / name
    with without_host_paths(f"the canary of model {name!r} cannot be stopped"), locked(folder):
        return end_canary(folder, "canary", stable=repository.stable_version(name), why=why)


def settle_canary(repository: Repository, name: str, canary: Canary, *, is_good: bool, why: str) -> bool:
    """Promote a canary, or roll it back; False, and nothing changes: it is another by now, or has ended.

    Raises:
        CorruptArtifact: it is good, but its files are not what was published.
    """
    folder = repository.root / name
    if is_good:
        repository.load(name, canary.version)
    with without_host_paths(f"the canary of model {name!r} cannot be settled"), locked(folder):
        if repository.canary(name) != canary:
            return False
        stable = repository.stable_version(name)
        if is_good:
            append(folder, change_now("promote", canary.version, stable=canary.version, before=stable, why=why))
            set_stable(folder, canary.version)
        else:
            end_canary(folder, "rollback", stable=stable, why=why)
        return True


def check_same_pixels(candidate: Artifact, stable: Artifact) -> None:
    """Raise ArtifactError unless both take the same pixels: a shadow is given those of the stable version."""
    if candidate.manifest.pixels != stable.manifest.pixels:
        raise ArtifactError(
            f"version {candidate.manifest.version} of model {stable.manifest.name!r} takes other pixels than version "
            f"{stable.manifest.version}, whose it would be given as a shadow: make it a canary, without --shadow"
        )
