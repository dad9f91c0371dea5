"""Writes the answers as a Parquet file, whose index comes last: of rows that were kept as JSON meanwhile."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import RuntimeMissing
from models.store.durable import replacing

if TYPE_CHECKING:
    import pyarrow

ROWS_AT_ONCE = 5000


def require_pyarrow() -> None:
    """Raise RuntimeMissing where the library is not installed."""
    if find_spec("pyarrow") is None:
        raise RuntimeMissing(
            "a .parquet file needs pyarrow, which is not installed: requirements/parquet.txt has it; .csv and .jsonl "
            "need nothing"
        )


def schema_of(columns: Mapping[str, type]) -> pyarrow.Schema:
    """Say in Arrow's words what columns hold."""
    import pyarrow

    types = {
        str: pyarrow.string(),
        float: pyarrow.float64(),
        bool: pyarrow.bool_(),
        int: pyarrow.int64(),
        list: pyarrow.list_(pyarrow.string()),
    }
    return pyarrow.schema([(name, types[kind]) for name, kind in columns.items()])


def publish_parquet(rows: Path, path: Path, *, columns: Mapping[str, type]) -> None:
    """Write a Parquet file of rows of JSON, a few thousand at a time.

    Args:
        rows: a JSON object a line.
        path: to write, whole or not at all.
        columns: their names, and what they hold.
    """
    import pyarrow
    import pyarrow.parquet

    schema = schema_of(columns)
    with (
        rows.open("rb") as lines,
        replacing(path) as temporary,
        pyarrow.parquet.ParquetWriter(temporary, schema) as writer,
    ):
        while block := list(islice(lines, ROWS_AT_ONCE)):
            writer.write_table(pyarrow.Table.from_pylist([json.loads(line) for line in block], schema=schema))
