"""The last line of a run: how many rows there are, and how fast they came."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field

from models.duration import duration
from models.plural import how_many
from models.store.manifest import Manifest


@dataclass
class Summary:
    """Says what a run has come to.

    Attributes:
        out: where the rows are.
        manifest: of the model.
        num_before: rows that an earlier run had left.
        begun_s: when this one began.
    """

    out: str
    manifest: Manifest
    num_before: int
    begun_s: float = field(default_factory=time.monotonic)

    def write(self, num_rows: int, num_errors: int, num_hidden: int, *, as_json: bool) -> str:
        """Write it, for a user or for a program."""
        if as_json:
            counts = {"rows": num_rows, "errors": num_errors, "hidden": num_hidden}
            return json.dumps(
                {"out": self.out, "model": self.manifest.name, "version": self.manifest.version, **counts}
            )
        taken_s = max(1e-3, time.monotonic() - self.begun_s)
        per_s = (num_rows - self.num_before) / taken_s
        how = f"in {duration(taken_s)}, {per_s:.0f}/s" if per_s else "all there already"
        hidden = f"; left out: {how_many(num_hidden, 'hidden file')}" if num_hidden else ""
        return f"{self.out}: {how_many(num_rows, 'row')}, {num_errors:,} with an error ({how}){hidden}"
