"""`python -m models card`: writes a version's card, as the page that a server shows or as its JSON."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path

from models.card.card import card_of
from models.card.examples import shown_examples, thumbnail_of
from models.card.page import render_card
from models.errors import without_host_paths
from models.store.durable import replace_file
from models.store.reference import ModelReference
from models.store.repository import Repository
from models.words import DEFAULT


def card(
    repository: Repository, target: ModelReference, out: Path | None, *, language: str = DEFAULT, as_json: bool
) -> int:
    """Write the card of a version, the stable one by default, to a file or to standard output; returns 0."""
    artifact = repository.load(target.name, target.version)
    manifest = artifact.manifest
    point = repository.operating_point(manifest.name, manifest.version, num_classes=len(manifest.labels))
    document = card_of(artifact, point, repository.purpose(manifest.name, manifest.version))
    pictures = {
        each.number: f"data:image/webp;base64,{b64encode(thumbnail_of(artifact, each)).decode()}"
        for each in shown_examples(artifact)
    }
    text = (
        json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        if as_json
        else render_card(document, language=language, picture_of=pictures.__getitem__)
    )
    if out is None:
        print(text, end="")
        return 0
    with without_host_paths(f"{out} cannot be written"):
        replace_file(out, text.encode())
    print(f"wrote the card of {manifest.reference} to {out}")
    return 0
