"""Passes an engine's catalogue to the HTTP workers, through the slot table, whenever it changes.

There is room for two: the writer fills the one that is not in force and then, by one number, puts it in force; a reader
that sees another number after reading than before reads once more. So an engine that is killed while it writes leaves
what stood there before, and its successor begins with that.
"""

from __future__ import annotations

from server.engine.catalogue import Catalogue
from server.engine.errors import EngineError
from server.engine.slot_table import CATALOGUE_BYTES, SlotTable


def write_catalogue(table: SlotTable, engine: int, catalogue: Catalogue) -> None:
    """Replace an engine's catalogue in the slot table.

    Raises:
        EngineError: the labels and calibrations of all models together are too long.
    """
    content = catalogue.to_json()
    if len(content) > CATALOGUE_BYTES:
        raise EngineError(f"labels and calibrations of the models served may have {CATALOGUE_BYTES} bytes together")
    sequence = int(table.catalogue_sequence[engine]) + 1
    table.catalogue(engine, sequence % 2)[: len(content)] = content
    table.catalogue_size[engine, sequence % 2] = len(content)
    table.fence()
    table.catalogue_sequence[engine] = sequence


class CatalogueReader:
    """Reads an engine's catalogue, anew only when it has changed. Any number of threads may call `read`."""

    def __init__(self, table: SlotTable, engine: int) -> None:
        self._table, self._engine = table, engine
        self._known: tuple[int, Catalogue] = (0, Catalogue())

    def read(self) -> Catalogue:
        """Read the engine's catalogue; it is empty before the first model is loaded."""
        while True:
            sequence = self._table.numbers.catalogue_sequence[self._engine]
            known, catalogue = self._known
            if sequence == known:
                return catalogue
            self._table.fence()
            size = int(self._table.catalogue_size[self._engine, sequence % 2])
            content = bytes(self._table.catalogue(self._engine, sequence % 2)[:size])
            self._table.fence()
            if sequence == self._table.numbers.catalogue_sequence[self._engine]:
                self._known = (sequence, Catalogue.from_json(content))
