"""What protocols share that answer whole requests: all images of one have probabilities, or it fails."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import OpsinError
from server.classify import Output
from server.request_errors import RequestError
from server.whole_number import whole_number


def probabilities_of(output: Output) -> NDArray[np.float32]:
    """Stack what a model gave, float32 [N, C].

    Raises:
        OpsinError: the first error of an image, with its number where there are several.
    """
    rows: list[Any] = []
    for index, row in enumerate(output.rows):
        if not isinstance(row, OpsinError):
            rows.append(row)
            continue
        if len(output.rows) > 1:
            row.args = (f"image {index}: {row}",)
        raise row
    return np.stack(rows)


def version_of(text: str | None) -> int | None:
    """Read the version that a request names.

    Raises:
        RequestError: it is no version.
    """
    if text is None:
        return None
    try:
        return whole_number(text, 1, 2**63 - 1)
    except ValueError as error:
        raise RequestError(f"the version must be {error}, got {text[:40]!r}") from None
