"""The example pictures of a card."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import numpy as np
import pytest
from card_artifacts import counted_manifest
from html_reader import Reader
from small_artifacts import small_sources

from models.card.card import card_of
from models.card.examples import NUM_SHOWN, shown_examples, thumbnail_of
from models.cli import main
from models.errors import CorruptArtifact
from models.examples.index import FOLDER, RECORDS, Example, write_index
from models.store.examples import Examples
from models.store.repository import Repository

# Five daisies, then two roses; each thumbnail says which it is.
EXAMPLES = [Example("daisy", f"daisy/{number}.jpg", b"d" * number + b"!") for number in range(5)]
EXAMPLES += [Example("rose", f"rose/{number}.jpg", b"r" * number + b"!") for number in range(2)]
MAY_BE_SHOWN = Examples(7, "CC-BY 4.0 by Ada <ada>", may_be_shown=True)


@pytest.fixture
def publish(tmp_path):
    def publish(examples=MAY_BE_SHOWN):
        folder = tmp_path / "index"
        folder.mkdir()
        write_index(folder, EXAMPLES, np.ones((7, 2), np.float32))
        manifest = replace(counted_manifest(), examples=examples)
        return Repository(tmp_path / "models").publish(manifest, {**small_sources(tmp_path), FOLDER: folder})

    return publish


def test_first_pictures_of_each_class_are_shown(publish):
    artifact = publish()
    shown = shown_examples(artifact)
    assert [(each.number, each.label) for each in shown] == [
        (0, "daisy"),
        (1, "daisy"),
        (2, "daisy"),
        (5, "rose"),
        (6, "rose"),
    ]
    assert len([each for each in shown if each.label == "daisy"]) == NUM_SHOWN
    assert [thumbnail_of(artifact, each) for each in shown] == [b"!", b"d!", b"dd!", b"!", b"r!"]


@pytest.mark.parametrize("examples", [None, replace(MAY_BE_SHOWN, may_be_shown=False)])
def test_nothing_is_shown_where_the_manifest_does_not_allow_it(publish, examples):
    artifact = publish(examples)
    assert shown_examples(artifact) == []
    assert card_of(artifact)["examples"] is None


@pytest.mark.parametrize(
    "records", ["{", "[1]", '[{"label": "a"}]', '[{"label": "a", "source": "b", "thumbnail_bytes": -1}]']
)
def test_index_that_is_broken_is_told(publish, records):
    artifact = publish()
    (artifact.path / FOLDER / RECORDS).write_text(records)
    with pytest.raises(CorruptArtifact, match="the examples are broken"):
        shown_examples(artifact)


def test_page_without_a_server_has_the_pictures_in_it_and_their_licence(publish, tmp_path, capsys):
    publish()
    assert main(["card", "flowers", "--repository", str(tmp_path / "models")]) == 0
    page = capsys.readouterr().out
    sources = Reader(page).values("src")
    assert [base64.b64decode(each.partition(",")[2]) for each in sources] == [b"!", b"d!", b"dd!", b"!", b"r!"]
    assert "CC-BY 4.0 by Ada &lt;ada&gt;" in page
    assert main(["card", "flowers", "--json", "--repository", str(tmp_path / "models")]) == 0
    assert json.loads(capsys.readouterr().out)["examples"]["licence"] == MAY_BE_SHOWN.licence
