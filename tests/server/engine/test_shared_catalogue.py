"""What is served, told across processes."""

from __future__ import annotations

import pytest
from engines import MODEL, small_lane

from models.pixels.preprocessing import PixelSpec
from models.store.reference import ModelReference
from server.engine.catalogue import Catalogue, RefusedModel, ServedModel
from server.engine.errors import EngineError
from server.engine.shared_catalogue import CatalogueReader, write_catalogue

OTHER = ServedModel("Größe", 12, ("ä", "b"), PixelSpec(4, 6, fit="stretch"))


@pytest.fixture
def lane():
    lane = small_lane(num_engines=2)
    yield lane
    lane.close()


def test_nothing_is_served_at_first(lane):
    assert CatalogueReader(lane, 0).read() == Catalogue()


def test_reader_sees_each_change_of_its_engine_and_no_other(lane):
    reader, other = CatalogueReader(lane, 0), CatalogueReader(lane, 1)
    for catalogue in (
        Catalogue((MODEL,)),
        Catalogue((OTHER, MODEL), (RefusedModel("x", 3, "it is broken"),), ModelReference("x")),
        Catalogue((MODEL,), default=ModelReference(MODEL.name, MODEL.version)),
        Catalogue(),
    ):
        write_catalogue(lane, 0, catalogue)
        assert reader.read() == catalogue
        assert reader.read() is reader.read()
    assert other.read() == Catalogue()


def test_writer_that_dies_leaves_what_stood_there(lane):
    write_catalogue(lane, 0, Catalogue((MODEL,)))
    lane.catalogue(0, 0)[:1000] = b"x" * 1000  # half of the next one
    assert CatalogueReader(lane, 0).read() == Catalogue((MODEL,))


def test_too_many_labels_are_refused_and_change_nothing(lane):
    write_catalogue(lane, 0, Catalogue((MODEL,)))
    long = ServedModel("long", 1, ("x" * 100_000,) * 100, MODEL.pixels)
    with pytest.raises(EngineError, match="may have 8388608 bytes together"):
        write_catalogue(lane, 0, Catalogue((long,)))
    assert CatalogueReader(lane, 0).read() == Catalogue((MODEL,))
