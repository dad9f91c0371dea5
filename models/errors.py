"""Errors for users: each has a stable code and explains itself in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar


class OpsinError(Exception):
    """Any error whose text may be shown to a user.

    ``str(error)`` is one clear sentence that names no path of the host; ``code`` is what a program matches on.
    """

    code: ClassVar[str] = "error"


class ImageError(OpsinError):
    """An upload cannot be turned into pixels."""

    code: ClassVar[str] = "invalid_image"


class UnsupportedImage(ImageError):
    """The bytes are no image, or an image of a format that is not accepted."""

    code: ClassVar[str] = "unsupported_image"


class ImageTooLarge(ImageError):
    """The image has more bytes or more pixels than the limit."""

    code: ClassVar[str] = "image_too_large"


class CorruptImage(ImageError):
    """The format is recognised, but the image is truncated or broken."""

    code: ClassVar[str] = "corrupt_image"


class EmptyImage(ImageError):
    """The upload has no bytes at all."""

    code: ClassVar[str] = "empty_image"


class ArtifactError(OpsinError):
    """An artifact cannot be written, read or used as asked."""

    code: ClassVar[str] = "invalid_artifact"


class CorruptArtifact(ArtifactError):
    """The files differ from those that were published: changed, missing or added, or with a malformed manifest."""

    code: ClassVar[str] = "corrupt_artifact"


class VersionExists(ArtifactError):
    """That version of the model is taken, and a published version never changes."""

    code: ClassVar[str] = "version_exists"


class ModelNotFound(ArtifactError):
    """The repository holds no model of that name."""

    code: ClassVar[str] = "model_not_found"


class VersionNotFound(ArtifactError):
    """The model is there, but not in that version."""

    code: ClassVar[str] = "version_not_found"


class VersionIsStable(ArtifactError):
    """The version is the one that is served, or the canary beside it."""

    code: ClassVar[str] = "version_is_stable"


class FormatMissing(ArtifactError):
    """The artifact has no file for that runtime; the code has the manifest's word, engine."""

    code: ClassVar[str] = "engine_missing"


class RuntimeMissing(OpsinError):
    """The library that would run the model is not installed."""

    code: ClassVar[str] = "runtime_missing"


class ModelFailed(OpsinError):
    """The model ran on an image and failed, or answered with something that is no probability."""

    code: ClassVar[str] = "engine_failed"


class RunFailed(OpsinError):
    """A loaded model could not compute probabilities; the next call may."""

    code: ClassVar[str] = "run_failed"


@contextmanager
def without_host_paths(failure: str) -> Iterator[None]:
    """Turn an OSError, whose text shows a path of the host, into an ArtifactError: "<failure>: <reason>"."""
    try:
        yield
    except OSError as error:
        raise ArtifactError(f"{failure}: {error.strerror or type(error).__name__}") from error
