"""Images that cost more than they should are ended, wherever they are; their neighbours notice nothing."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
import time
from contextlib import suppress

import numpy as np
import pytest
from pictures import encode, gradient
from waiting import SOON_S

from models.errors import CorruptImage, ImageError, ImageTooLarge
from models.pixels import decode_limits
from models.pixels.formats.encoded import Cost
from models.pixels.preprocessing import ACCEPTED_FORMATS, ReadImage, preprocess
from server.decoding import process
from server.decoding.decoder import Decoder
from server.engine.errors import DeadlineExceeded
from server.request_errors import Overloaded

GIF = encode(gradient(24, 32), "GIF")  # which no worker decodes itself


def decoded(decoder, upload, spec, *, timeout_s=SOON_S):
    out = np.zeros((spec.height_px, spec.width_px, 3), np.uint8)
    image = decoder.read(upload, spec)
    deadline = time.monotonic() + timeout_s
    with decoder.admitted([image], deadline) as admitted:
        admitted.decode(image, spec, deadline=deadline, out=out)
    return out


@pytest.fixture
def bad_first(monkeypatch, tmp_path):
    """Makes the first image that a process decodes behave badly; the second is decoded as ever."""
    has_begun = tmp_path / "has_begun"
    decode = process.decode

    def bad_first(action):
        def act(*args, **options):
            if not has_begun.exists():
                has_begun.touch()
                action()
            return decode(*args, **options)

        monkeypatch.setattr(process, "decode", act)

    return bad_first


def assert_decodes(decoder, spec):
    assert np.array_equal(decoded(decoder, GIF, spec), preprocess(GIF, spec))


def test_every_format_has_the_pixels_that_it_has_in_the_worker(decoder, spec, channel):
    decoder = decoder()
    for image_format in ACCEPTED_FORMATS:
        upload = encode(gradient(30, 40), image_format)
        assert np.array_equal(decoded(decoder, upload, spec), preprocess(upload, spec))
    assert channel.last_task == len(set(ACCEPTED_FORMATS) - {"JPEG", "PNG", "WEBP"})


def test_error_of_the_image_is_told_as_it_is(decoder, spec):
    decoder = decoder()
    with pytest.raises(CorruptImage, match=r"^the GIF image is truncated and cannot be decoded$"):
        decoded(decoder, GIF[:-100], spec)
    assert_decodes(decoder, spec)


def test_image_cannot_fill_the_log(decoder, spec, capfd):
    upload = bytearray(encode(gradient(200, 300).convert("1"), "TIFF", compression="group4"))
    upload[2000:2300] = bytes(range(150)) * 2
    decoder = decoder()
    with suppress(ImageError):
        decoded(decoder, bytes(upload), spec)
    assert_decodes(decoder, spec)
    assert "Fax4Decode" not in capfd.readouterr().err


def test_native_code_that_never_returns_ends_at_the_deadline(decoder, spec, bad_first):
    bad_first(ctypes.PyDLL(None).pause)  # which holds Python's lock meanwhile
    decoder = decoder()
    with pytest.raises(DeadlineExceeded, match="while its images were decoded"):
        decoded(decoder, GIF, spec, timeout_s=1.0)
    assert_decodes(decoder, spec)


def test_who_waits_behind_it_hears_in_time_that_there_is_no_time(decoder, spec, bad_first):
    bad_first(ctypes.PyDLL(None).pause)
    decoder = decoder()

    def end_at_its_deadline():
        with pytest.raises(DeadlineExceeded):
            decoded(decoder, GIF, spec, timeout_s=1.5)

    thread = threading.Thread(target=end_at_its_deadline)
    thread.start()
    while decoder.queue_of(decoder.read(GIF, spec)).is_idle:
        time.sleep(0.001)
    with pytest.raises(Overloaded, match="decoding takes longer than it did"):
        decoded(decoder, GIF, spec, timeout_s=1.0)
    assert thread.is_alive()
    thread.join()


def test_image_that_computes_longer_than_its_header_says_is_ended(decoder, spec, bad_first, monkeypatch):
    monkeypatch.setattr(decode_limits, "CPU_SPARE_S", 0.05)
    bad_first(lambda: sum(range(10**12)))
    decoder = decoder()
    with pytest.raises(ImageTooLarge, match="takes more than 0 s to decode, as its header did not say"):
        decoded(decoder, GIF, spec)
    monkeypatch.setattr(decode_limits, "CPU_SPARE_S", 60.0)
    assert_decodes(decoder, spec)


def test_image_that_takes_more_memory_than_one_may_is_too_large(decoder, spec, monkeypatch):
    fit_picture = process.decode.__globals__["fit_picture"]

    def greedy(*args, **options):
        np.ones(256 * 1024**2, np.uint8)
        return fit_picture(*args, **options)

    monkeypatch.setattr("models.pixels.preprocessing.fit_picture", greedy)
    decoder = decoder()
    with pytest.raises(ImageTooLarge, match="takes more memory to decode than there is"):
        decoded(decoder, GIF, spec)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT])
def test_image_that_crashes_its_decoder_is_corrupt(decoder, spec, bad_first, number):
    def crash():
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    bad_first(crash)
    decoder = decoder()
    with pytest.raises(CorruptImage, match="the GIF image is corrupt: it broke the decoder"):
        decoded(decoder, GIF, spec)
    assert_decodes(decoder, spec)


def test_image_whose_decoder_is_killed_by_somebody_is_decoded_by_the_next(decoder, spec, bad_first):
    bad_first(lambda: os.kill(os.getpid(), signal.SIGKILL))
    assert_decodes(decoder(), spec)


def test_what_is_more_than_can_be_decoded_in_time_is_refused_at_once(spec):
    decoder = Decoder(clock=lambda: 100.0)
    image = decoder.read(GIF, spec)
    image = ReadImage(image.encoded, Cost(4.0, image.cost.memory_bytes))
    with decoder.admitted([image, image], 110.0):  # nothing was in hand
        with pytest.raises(Overloaded, match="the images in hand take 4 s to decode") as refused:
            decoder.admitted([image, image, image, image], 110.0).__enter__()
        assert refused.value.retry_after_s == 5
    with decoder.admitted([image, image, image], 110.0):
        pass


def test_one_image_is_admitted_beside_a_request_of_many_that_cost_the_same(spec):
    decoder = Decoder(clock=lambda: 100.0)
    image = decoder.read(GIF, spec)
    image = ReadImage(image.encoded, Cost(4.0, image.cost.memory_bytes))
    with decoder.admitted([image] * 4, 200.0):
        with decoder.admitted([image], 110.0):
            pass
        with pytest.raises(Overloaded, match="the images in hand take 8 s to decode"):
            decoder.admitted([image] * 4, 110.0).__enter__()


def test_image_waits_as_one_of_all_those_of_its_request(spec, monkeypatch):
    decoder, sizes = Decoder(), []
    image = decoder.read(GIF, spec)
    queue = decoder.queue_of(image)
    acquire = queue.acquire
    monkeypatch.setattr(queue, "acquire", lambda *of, **how: sizes.append(how["request_size"]) or acquire(*of, **how))
    out = np.zeros((spec.height_px, spec.width_px, 3), np.uint8)
    with decoder.admitted([image, CorruptImage("broken"), image], later := time.monotonic() + SOON_S) as admitted:
        admitted.decode(image, spec, deadline=later, out=out)
    assert sizes == [3]


def test_small_images_wait_for_no_large_ones(spec, channel):
    decoder = Decoder([channel, channel])
    image = decoder.read(GIF, spec)
    small, large, huge = (
        decoder.queue_of(ReadImage(image.encoded, cost))
        for cost in (Cost(0.2, 2**20), Cost(0.4, 2**20), Cost(0.2, 2**28))
    )
    assert large is huge
    assert small is not large


def test_photos_wait_for_no_larger_ones(spec, channel):
    decoder = Decoder([channel])
    image = decoder.read(encode(gradient(24, 32), "JPEG"), spec)
    cheap, dear, large = (
        decoder.queue_of(ReadImage(image.encoded, cost))
        for cost in (Cost(0.02, 2**20), Cost(0.021, 2**20), Cost(0.02, 2**24))
    )
    assert dear is large
    assert cheap is not dear


def test_image_that_has_been_decoded_is_in_hand_no_more(decoder, spec):
    decoder = decoder()
    for _ in range(3):
        assert_decodes(decoder, spec)
    image = decoder.read(GIF, spec)
    assert decoder.queue_of(image).is_idle
