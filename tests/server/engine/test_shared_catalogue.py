"""What is served, told across processes."""

from __future__ import annotations

import numpy as np
import pytest
from engines import MODEL, small_table

from models.pixels.preprocessing import PixelSpec
from models.store.calibration import Calibration
from models.store.reference import ModelReference
from server.engine.catalogue import Catalogue, RefusedModel, ServedModel
from server.engine.errors import EngineError
from server.engine.shared_catalogue import CatalogueReader, write_catalogue

FITTED = Calibration(num_images=7, temperature=0.8, unsure_below=0.25, scores=(0.0, 0.5, 1.0))
OTHER = ServedModel("Größe", 12, ("ä", "b"), PixelSpec(4, 6, fit="stretch"), FITTED)


@pytest.fixture
def table():
    table = small_table(num_engines=2)
    yield table
    table.close()


def test_nothing_is_served_at_first(table):
    assert CatalogueReader(table, 0).read() == Catalogue()


def test_reader_sees_each_change_of_its_engine_and_no_other(table):
    reader, other = CatalogueReader(table, 0), CatalogueReader(table, 1)
    for catalogue in (
        Catalogue((MODEL,)),
        Catalogue((OTHER, MODEL), (RefusedModel("x", 3, "it is broken"),), ModelReference("x")),
        Catalogue((MODEL,), default=ModelReference(MODEL.name, MODEL.version)),
        Catalogue(),
    ):
        write_catalogue(table, 0, catalogue)
        assert reader.read() == catalogue
        assert reader.read() is reader.read()
    assert other.read() == Catalogue()


def test_catalogue_that_is_written_over_while_it_is_read_is_read_again(table, monkeypatch):
    newest = Catalogue((OTHER, MODEL), (RefusedModel("x", 3, "it is broken"),))

    def view(engine, half):
        monkeypatch.undo()
        for catalogue in (Catalogue((OTHER,)), newest):  # the second takes the place of the one that is read
            write_catalogue(table, engine, catalogue)
        return table.catalogue(engine, half)

    reader = CatalogueReader(table, 0)
    write_catalogue(table, 0, Catalogue((MODEL,)))
    monkeypatch.setattr(table, "catalogue", view)
    assert reader.read() == newest


def test_writer_that_dies_leaves_what_stood_there(table):
    write_catalogue(table, 0, Catalogue((MODEL,)))
    table.catalogue(0, 0)[:1000] = b"x" * 1000  # half of the next one
    assert CatalogueReader(table, 0).read() == Catalogue((MODEL,))


def test_many_versions_of_a_thousand_long_labels_and_scores_fit(table):
    calibration = Calibration(num_images=1000, scores=tuple(np.sort(np.random.default_rng(0).random(1000)).tolist()))
    labels = tuple(f"class {index}, which some people call by a longer name: {'猫' * 20}" for index in range(1000))
    models = [ServedModel("imagenet", version, labels, MODEL.pixels, calibration) for version in range(1, 33)]
    write_catalogue(table, 0, Catalogue(tuple(models)))
    assert CatalogueReader(table, 0).read().models[-1].calibration == calibration


def test_too_many_labels_are_refused_and_change_nothing(table):
    write_catalogue(table, 0, Catalogue((MODEL,)))
    long = ServedModel("long", 1, ("x" * 100_000,) * 100, MODEL.pixels)
    with pytest.raises(EngineError, match="may have 8388608 bytes together"):
        write_catalogue(table, 0, Catalogue((long,)))
    assert CatalogueReader(table, 0).read() == Catalogue((MODEL,))
