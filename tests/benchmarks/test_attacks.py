"""What attacks send is what they say, and when an attack has been held."""

from __future__ import annotations

import dataclasses
import multiprocessing

import pytest
from waiting import wait_until

from benchmarks import attack_uploads
from benchmarks.attack_uploads import bomb, request_of, run_lengths, tiles, upload_without_end
from benchmarks.attacks import Figures
from models.errors import ImageTooLarge
from models.pixels.preprocessing import ImageLimits, PixelSpec, preprocess, read

SPEC, LIMITS = PixelSpec(24, 32), ImageLimits()
HELD = Figures(
    quiet_ms=[10.0] * 9,
    before=(100, 20),
    beside_ms=[100.0] * 9,
    num_lost=0,
    most=(500, 60),
    after=(110, 20),
    answers={200: 3, 503: 4},
)


@pytest.mark.parametrize(("make", "message"), [(bomb, "65535 x 65535 pixels"), (tiles, "decoding them takes about")])
def test_pictures_that_are_to_be_refused_are(make, message):
    with pytest.raises(ImageTooLarge, match=message):
        read(make(), SPEC, limits=LIMITS)


def test_bitmap_of_run_lengths_is_one_of_one_colour():
    assert (preprocess(run_lengths(), SPEC, limits=LIMITS) == 0).all()


@pytest.mark.parametrize(
    "change",
    [
        {"num_lost": 1},
        {"answers": {504: 1}},
        {"beside_ms": [101.0] * 9},
        {"after": (111, 20)},
        {"after": (100, 21)},
    ],
)
def test_attack_is_held_where_all_is_as_it_should_be(change):
    assert HELD.is_held
    assert not dataclasses.replace(HELD, **change).is_held


def test_row_has_all_figures():
    row = str(HELD).split(" | ")
    assert row[:-1] == ["10, 10", "100, 100", "10.0", "0 of 9", "0, 0, 0", "20, 60, 20", "3 x 200, 4 x 503"]


def test_uploads_are_sent_again_and_their_answers_counted(toy_server, monkeypatch):
    monkeypatch.setattr(attack_uploads, "PAUSE_S", 0.01)
    server = toy_server(lambda body: (503 if body == b"upload" else 500, {}, b"{}"))
    statuses = multiprocessing.Array("L", 1000)
    request = request_of([b"upload"])
    attacker = multiprocessing.Process(target=upload_without_end, args=(server.port, 3, request, statuses))
    attacker.start()
    wait_until(lambda: statuses[503] >= 9)
    attacker.kill()
    attacker.join()
    assert sum(statuses) == statuses[503]
