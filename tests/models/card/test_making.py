"""How a version was made, in the order of its commands, without a path of the machine."""

from __future__ import annotations

import pytest
from card_artifacts import counted_manifest
from small_artifacts import small_manifest

from models.card.making import compared, compressed, steps_of, without_paths
from models.card.sentences import sentences


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("python -m training --data photos.zip", "python -m training --data photos.zip"),
        ("python -m training --data /home/ann/photos.zip", "python -m training --data photos.zip"),
        ("python -m training --data=/home/ann/photos.zip", "python -m training --data=photos.zip"),
        ("/opt/venv/bin/python -m training --data '/a b/c d.zip'", "python -m training --data 'c d.zip'"),
        ("python -m training --data ~/photos --out /", "python -m training --data photos --out '…'"),
        ("python -m training --data runs/photos 'it'\"'\"'s'", "python -m training --data runs/photos 'it'\"'\"'s'"),
        ("python 'never closed /home/ann", "(a command that cannot be shown without its paths)"),
    ],
)
def test_paths_of_the_machine_are_not_shown(command, shown):
    assert without_paths(command) == shown


def test_steps_stand_in_their_order_with_what_they_did():
    assert steps_of(counted_manifest()) == [
        {
            "kind": "trained",
            "what": "Trained",
            "command": "python -m training --data flowers.zip --name flowers",
            "created": None,
            "of": None,
        },
        {
            "kind": "quantized",
            "what": "Rounded to int8",
            "command": "python -m optimize quantize --workdir flowers",
            "created": "2026-11-29T19:09:10+00:00",
            "of": "flowers:1",
        },
    ]


def test_what_was_done_later_comes_last():
    added = {"command": "python -m optimize export --for gpu toy:1", "created": "2026-11-29", "to": "toy:1"}
    measured = {"command": "python -m optimize.measure_published toy:2", "created": "2026-11-30", "of": "toy:2"}
    provenance = {"command": "python -m training", "created": "2026-11-28", "added": [added], "measured": [measured]}
    assert [(step["what"], step["of"]) for step in steps_of(small_manifest(provenance=provenance))] == [
        ("Trained", None),
        ("A file for another device was added", "toy:1"),
        ("Its answers to the test pictures were counted by class", "toy:2"),
    ]


def test_settings_of_a_compression_are_told():
    settings = {"method": "channels", "macs": 0.5, "latency": None, "with_streams": True, "layer_sparsity": []}
    assert compressed(small_manifest(provenance={"compression": settings})) == (
        "macs 0.5, method channels, with streams yes"
    )
    assert compressed(small_manifest(provenance={"compression": None})) is None


def test_comparison_with_the_first_of_its_line_has_an_interval():
    assert sentences().against(compared(counted_manifest())) == [
        "Against flowers:1, with which its line of compressions began: -0.31 points of accuracy (-3.55 to +2.93) on "
        "300 validation pictures."
    ]
