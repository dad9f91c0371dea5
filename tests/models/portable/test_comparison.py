from pathlib import Path

import numpy as np
import pytest

from models.portable.comparison import compare
from models.portable.faults import IN_FULL, NOT_TURNED, Way
from models.portable.golden import golden_answers, one_by_one
from models.runtime.litert import LiteRTRuntime
from models.store.repository import Repository

REPO = Path(__file__).resolve().parents[3]
ARTIFACT = Repository(REPO / "models" / "zoo").load("cifar10", verify=False)
MODEL = ARTIFACT.model_path("litert")
SQUEEZED = "the whole picture is squeezed in"


@pytest.fixture(scope="module")
def golden():
    return golden_answers(MODEL, ARTIFACT.manifest.labels, ARTIFACT.manifest.pixels, precision="int8")


@pytest.fixture(scope="module")
def answer():
    runtime = LiteRTRuntime(MODEL, input_shape=(32, 32, 3), num_classes=10)
    yield lambda images: one_by_one(runtime, images)
    runtime.close()


def answers_by(way, golden, answer):
    return answer([way.pixels(picture.file, golden.pixels) for picture in golden.pictures])


def test_the_golden_answers_agree(golden, answer):
    found = compare(golden, golden.probabilities, answer)
    assert (found.difference, found.num_same_label, found.num_pictures, found.parts_at) == (0.0, 10, 10, None)


def test_what_arithmetic_rounds_agrees(golden, answer):
    rounded = golden.probabilities * np.float32(0.97) + np.float32(0.003)
    found = compare(golden, rounded, answer)
    assert found.parts_at is None
    assert 0.001 < found.difference < 0.05


@pytest.mark.parametrize(
    ("way", "parts_at"),
    [
        (Way(jpeg=IN_FULL), "decoding"),
        (Way(orientation=NOT_TURNED), "decoding"),
        (Way(transparency="transparent pixels are put on black"), "decoding"),
        (Way(colors="blue comes first (BGR)"), "decoding"),
        (Way(orientation=NOT_TURNED, transparency="transparency is dropped, and what it hid is shown"), "decoding"),
        (Way(place=SQUEEZED), "fitting"),
        (Way(scale="the nearest pixel is taken"), "fitting"),
        (Way(scale="the filter is linear and not antialiased"), "fitting"),
        (Way(place=SQUEEZED, scale="the nearest pixel is taken"), "fitting"),
        (Way(place=SQUEEZED, scale="the filter is linear and not antialiased"), "fitting"),
        (Way(place="only the middle 0.875 of the centre is kept"), "fitting"),
        (Way(range="pixels are scaled to 0..1 (or to -1..1, and cut at 0)"), "range"),
        (Way(range="pixels are scaled to -1..1 and rounded"), "range"),
        (Way(range="pixels are normalized by ImageNet's mean and deviation"), "range"),
        (Way(range="pixels are shifted to -128..127 (int8)"), "range"),
        (Way(orientation=NOT_TURNED, place=SQUEEZED), "decoding, fitting"),
        (Way(colors="blue comes first (BGR)", place=SQUEEZED, scale="the nearest pixel is taken"), "decoding, fitting"),
        (Way(place=SQUEEZED, range="pixels are shifted to -128..127 (int8)"), "fitting, range"),
    ],
    ids=lambda value: value if isinstance(value, str) else ", ".join(words for _, words in value.faults()),
)
def test_a_mistake_with_the_pictures_is_named(golden, answer, way, parts_at):
    found = compare(golden, answers_by(way, golden, answer), answer)
    assert (found.parts_at, found.reason) == (parts_at, ", and ".join(words for _, words in way.faults()))


def test_a_mistake_is_named_in_spite_of_other_rounding(golden, answer):
    right = answers_by(Way(scale="the nearest pixel is taken"), golden, answer)
    found = compare(golden, right * np.float32(0.97) + np.float32(0.003), answer)
    assert (found.parts_at, found.reason) == ("fitting", "the nearest pixel is taken")


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ([9, 8, 7, 6, 5, 4, 3, 2, 1, 0], "reverse order"),
        ([9, 0, 1, 2, 3, 4, 5, 6, 7, 8], "shifted by one"),
        ([1, 0, 2, 3, 4, 5, 6, 7, 8, 9], "output 0 is 'automobile', not 'airplane'"),
    ],
)
def test_another_order_of_labels_is_named(golden, answer, order, reason):
    found = compare(golden, golden.probabilities[:, order], answer)
    assert found.parts_at == "labels"
    assert reason in found.reason


def test_sorted_probabilities_are_named(golden, answer):
    found = compare(golden, -np.sort(-golden.probabilities), answer)
    assert (found.parts_at, found.reason.partition(";")[0]) == ("labels", "probabilities are sorted")


def softmax(values):
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda right: 100 * right, "percent"),
        (lambda right: np.rint(255 * right), "quantized"),
        (softmax, "a softmax is computed once more"),
        (lambda right: np.log(right + 1e-9) + 3, "the softmax is missing"),
        (lambda right: softmax(0.7 * np.log(right + 1e-9)), "by about 1.41 times the right temperature"),
    ],
)
def test_other_numbers_are_named(golden, answer, change, reason):
    found = compare(golden, change(golden.probabilities), answer)
    assert found.parts_at == "probabilities"
    assert reason in found.reason


def test_what_no_known_mistake_explains_is_said(golden, answer):
    random = softmax(np.random.default_rng(0).normal(size=(10, 10)) * 3)
    found = compare(golden, random, answer)
    assert (found.parts_at, found.reason[:26]) == ("unknown", "by none of the known mista")
