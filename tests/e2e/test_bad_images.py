"""Images as no camera writes them, against the real server: each its own answer, and no neighbour's."""

from __future__ import annotations

import os
import random
import re
import signal

import pytest
from bad_images import ANSWERED, JPEG, PROGRESSIVE, REFUSED
from colours import FORM_TYPE, RED, label_of
from pictures import encode, gradient
from PIL import Image
from running_server import ROOT, wait_until

from models.pixels.preprocessing import ACCEPTED_FORMATS

pytestmark = pytest.mark.e2e

PARTS_A_REQUEST = 20
PATIENT = {"X-Request-Timeout-Ms": "60000"}  # on a machine that has other things to do
FORMATS = [*ACCEPTED_FORMATS, "progressive"]


def ask(served, upload, **headers):
    return served.request("POST", "/predict", upload, {**PATIENT, **headers}, timeout=90)


def form(uploads):
    head = b'--XYZ\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
    return b"".join(head + upload + b"\r\n" for upload in uploads) + b"--XYZ--\r\n"


def codes_of(served, uploads):
    """The codes of the errors of each image; None where it has an answer."""
    _, document = ask(served, form(uploads), **FORM_TYPE)
    return [each.get("error", {}).get("code") for each in document["predictions"]]


def encoded(image_format):
    noisy = Image.effect_noise((40, 40), 60).convert("RGB")
    return encode(noisy, "JPEG", progressive=True) if image_format == "progressive" else encode(noisy, image_format)


@pytest.mark.parametrize("case", REFUSED, ids=[case.what for case in REFUSED])
def test_image_that_is_refused_is_told_why(served, case):
    if "HEIC" in case.what and "HEIC" not in ACCEPTED_FORMATS:
        pytest.skip("pillow-heif is not installed: requirements/heif.txt")
    status, document = ask(served, case.make())
    assert (status, bool(re.search(case.message, document["error"]["message"]))) == (case.status, True), document


@pytest.mark.parametrize("case", ANSWERED, ids=[case.what for case in ANSWERED])
def test_image_that_is_merely_unusual_is_answered(served, case):
    status, document = ask(served, case.make(), **{"Content-Type": "image/png"})
    assert status == 200, document


def test_table_has_these_cases():
    table = (ROOT / "docs" / "robustness.md").read_text().partition("\n## Images\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.*?) \| (\d{3}) \|", table, re.MULTILINE)
    assert [(what, int(status)) for what, status in rows] == [(case.what, case.status) for case in REFUSED + ANSWERED]


@pytest.mark.parametrize("image_format", FORMATS)
def test_image_cut_at_every_twentieth_is_refused_each_time(served, image_format):
    upload = encoded(image_format)
    codes = codes_of(served, [upload[: len(upload) * part // 20] for part in range(1, 20)])
    assert set(codes) <= {"corrupt_image", "unsupported_image"}
    assert codes.count("corrupt_image") > 15


@pytest.mark.parametrize("image_format", FORMATS)
def test_flipped_bits_have_an_answer_or_an_error_with_a_name(served, image_format):
    draw, upload = random.Random(21), encoded(image_format)

    def flipped():
        changed = bytearray(upload)
        for _ in range(draw.randint(1, 8)):
            changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
        return bytes(changed)

    known = {None, "corrupt_image", "unsupported_image", "image_too_large"}
    assert set(codes_of(served, [flipped() for _ in range(PARTS_A_REQUEST)])) <= known
    assert label_of(ask(served, RED)) == "red"


def marked(side_px):
    """A picture that does something to the decoder of the stub server; see stub_server.py."""
    return encode(gradient(side_px, side_px), "GIF")


CRASHES, HANGS, TAKES_MEMORY = marked(66), marked(67), marked(68)


def test_decoder_that_crashes_costs_its_own_image_alone(served):
    before = set(served.children("opsin: decoder"))
    for _ in range(2):
        status, document = ask(served, CRASHES)
        assert (status, document["error"]["code"]) == (422, "corrupt_image")
        assert label_of(ask(served, RED)) == "red"
    wait_until(lambda: len(set(served.children("opsin: decoder")) - before) > 0)
    assert ask(served, marked(65))[0] == 200


def test_decoding_that_never_returns_ends_at_its_deadline(served):
    status, document = served.request("POST", "/predict", HANGS, {"X-Request-Timeout-Ms": "1000"})
    assert (status, document["error"]["code"]) == (504, "deadline_exceeded")
    assert ask(served, marked(65))[0] == 200


def test_decoding_that_takes_more_memory_than_it_may_is_refused(served):
    status, document = ask(served, TAKES_MEMORY)
    assert (status, document["error"]["code"]) == (413, "image_too_large")


def test_a_killed_decoder_is_replaced(served):
    before = served.children("opsin: decoder")
    assert len(before) == 4  # two for each worker
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    for _ in range(4):
        assert ask(served, marked(65))[0] == 200


def test_hostile_and_good_images_of_one_request_have_their_own_answers(served):
    codes = codes_of(served, [JPEG, CRASHES, RED, PROGRESSIVE, b"hello", JPEG])
    assert codes == [None, "corrupt_image", None, None, "unsupported_image", None]
