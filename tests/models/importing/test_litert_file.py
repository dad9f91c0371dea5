"""A foreign file made to take uint8 pixels and give probabilities answers as by hand."""

import numpy as np
import pytest
import tflite_files
from foreign_files import LABELS, PIXELS, SIDE_PX, softmax, weights
from tflite_files import Tensor

from models.importing.litert_file import Wanted, as_classifier
from models.importing.pixel_range import AS_QUANTIZED, PixelRange
from models.importing.refused import ForeignModelRefused
from models.portable.description import packed, unpacked

BYTES = PixelRange("0..255")
HALF = PixelRange("-1..1")
IMAGE = (1, SIDE_PX, SIDE_PX, 3)


@pytest.mark.parametrize("name", ["-1..1", "0..1", "imagenet", "caffe"])
@pytest.mark.parametrize("channels", ["RGB", "BGR"])
def test_float_pixels_of_any_range_and_order(foreign, answers, by_hand, name, channels):
    given = PixelRange(name, channels)
    made = as_classifier(foreign(gain=0.01), Wanted(LABELS, given))
    expected = softmax(given.apply(PIXELS).reshape(4, -1) @ (0.01 * weights()).T)
    np.testing.assert_allclose(answers(made), expected, atol=1e-5)
    assert (made.precision, made.num_classes) == ("float32", 3)
    assert made.took == "float32 pictures of 8 x 8 px, 3 channels"
    assert made.gave == "3 outputs: probabilities of its softmax"


def test_every_tensor_has_a_name_of_its_own(tmp_path):
    tensors = [Tensor(IMAGE), Tensor((3, 192), data=weights()), Tensor((1, 3))]
    content = tflite_files.write(tmp_path / "a.tflite", tensors, [("FULLY_CONNECTED", [0, 1, -1], [2])]).read_bytes()
    model = unpacked(content)
    model.subgraphs[0].tensors[0].name = model.subgraphs[0].tensors[1].name = b"image"
    made = unpacked(as_classifier(packed(model), Wanted(LABELS, HALF)).content)
    names = [tensor.name.decode() for tensor in made.subgraphs[0].tensors]
    assert len(set(names)) == len(names)
    [pixels], [probabilities] = (getattr(made.subgraphs[0], ends).tolist() for ends in ("inputs", "outputs"))
    assert (names[pixels], names[probabilities]) == ("image", "probabilities")


def test_channels_may_come_first(foreign, answers, by_hand):
    made = as_classifier(foreign(channels_first=True), Wanted(LABELS, HALF))
    np.testing.assert_allclose(answers(made), by_hand(HALF.apply(PIXELS).transpose(0, 3, 1, 2)), atol=1e-5)
    assert made.took == "float32 pictures of 8 x 8 px, 3 channels, channels first"


def test_gray_pictures_are_made_of_three_channels(foreign, answers, by_hand):
    made = as_classifier(foreign(num_channels=1), Wanted(LABELS, HALF))
    np.testing.assert_allclose(answers(made), by_hand(HALF.apply(PIXELS, num_channels=1), 1), atol=1e-5)


@pytest.mark.parametrize(("kind", "zero_point"), [("UINT8", 128), ("INT8", 0)])
@pytest.mark.parametrize("given", [PixelRange(AS_QUANTIZED), PixelRange("-1..0.9921875")])
def test_integers_whose_range_the_bytes_have_are_taken_as_they_are(foreign, answers, by_hand, kind, zero_point, given):
    made = as_classifier(foreign(kind=kind, scale=1 / 128, zero_point=zero_point), Wanted(LABELS, given))
    np.testing.assert_allclose(answers(made), by_hand((PIXELS.astype(np.float32) - 128) / 128), atol=1e-5)
    assert made.took.endswith(f"scale 0.0078125, zero point {zero_point}")


@pytest.mark.parametrize(("kind", "zero_point", "low", "high"), [("UINT8", 100, 0, 255), ("INT8", -20, -128, 127)])
@pytest.mark.parametrize("channels_first", [False, True])
def test_integers_of_another_range_are_quantized_anew(
    foreign, answers, by_hand, kind, zero_point, low, high, channels_first
):
    content = foreign(kind=kind, scale=0.02, zero_point=zero_point, channels_first=channels_first)
    given = PixelRange("imagenet", "BGR")
    made = as_classifier(content, Wanted(LABELS, given))
    stored = np.clip(np.rint(given.apply(PIXELS) / 0.02) + zero_point, low, high)
    numbers = ((stored - zero_point) * 0.02).transpose(0, 3, 1, 2) if channels_first else (stored - zero_point) * 0.02
    np.testing.assert_allclose(answers(made), by_hand(numbers), atol=0.01)  # a step, where rounding differs


def test_integers_with_blue_first_keep_their_range(foreign, answers, by_hand):
    content = foreign(kind="UINT8", scale=1 / 128, zero_point=128)
    made = as_classifier(content, Wanted(LABELS, PixelRange(AS_QUANTIZED, "BGR")))
    np.testing.assert_allclose(answers(made), by_hand((PIXELS[..., ::-1].astype(np.float32) - 128) / 128), atol=1e-3)


def test_float_pixels_need_a_range(foreign):
    with pytest.raises(ForeignModelRefused, match=r"it takes float32, and pixels of a range: give --range -1\.\.1, 0"):
        as_classifier(foreign(), Wanted(LABELS, PixelRange(AS_QUANTIZED)))


def test_logits_get_a_softmax(foreign, answers, by_hand):
    made = as_classifier(foreign(ends=""), Wanted(LABELS, HALF))
    np.testing.assert_allclose(answers(made), by_hand(HALF.apply(PIXELS)), atol=1e-5)
    assert made.gave == "3 outputs: logits, behind which a softmax was put"


def test_logarithms_of_probabilities_get_one_too(foreign, answers, by_hand):
    made = as_classifier(foreign(ends="LOG_SOFTMAX"), Wanted(LABELS, HALF))
    np.testing.assert_allclose(answers(made), by_hand(HALF.apply(PIXELS)), atol=1e-5)
    assert made.gave == "3 outputs: logarithms of probabilities"


def test_probabilities_of_no_softmax_stay(tmp_path, answers, by_hand):
    tensors = [
        Tensor(IMAGE),
        Tensor((3, 192), data=weights()),
        *[Tensor((1, 3))] * 2,
        Tensor((1, 3), data=np.ones(3, "f4")),
    ]
    operators = [("FULLY_CONNECTED", [0, 1, -1], [2]), ("SOFTMAX", [2], [3]), ("MUL", [3, 4], [5])]
    content = tflite_files.write(tmp_path / "a.tflite", [*tensors, Tensor((1, 3))], operators).read_bytes()
    made = as_classifier(content, Wanted(LABELS, HALF))
    np.testing.assert_allclose(answers(made), by_hand(HALF.apply(PIXELS)), atol=1e-5)
    assert made.gave == "3 outputs: probabilities"


def test_one_sigmoid_is_of_the_second_of_two_labels(foreign, answers):
    made = as_classifier(foreign(ends="LOGISTIC", num_classes=1), Wanted(("cat", "dog"), HALF))
    logit = HALF.apply(PIXELS).reshape(4, -1) @ weights(1).T
    dog = 1 / (1 + np.exp(-logit))
    np.testing.assert_allclose(answers(made), np.hstack([1 - dog, dog]), atol=1e-5)


def test_integer_probabilities_become_as_fine_as_the_logits_allow(tmp_path, answers, by_hand):
    tensors = [
        Tensor(IMAGE),
        Tensor((3, 192), data=weights()),
        Tensor((1, 3)),
        Tensor((1, 3), "INT8", scale=0.05, zero_points=(3,)),
        Tensor((1, 3), "INT8", scale=1 / 256, zero_points=(-128,)),
        Tensor((1, 1, 1, 3), "INT8", scale=1 / 256, zero_points=(-128,)),
        Tensor((4,), "INT32", np.array([1, 1, 1, 3], np.int32)),
    ]
    operators = [("FULLY_CONNECTED", [0, 1, -1], [2]), ("QUANTIZE", [2], [3]), ("SOFTMAX", [3], [4])]
    operators.append(("RESHAPE", [4, 6], [5]))
    content = tflite_files.write(tmp_path / "a.tflite", tensors, operators, outputs=[5]).read_bytes()
    made = as_classifier(content, Wanted(LABELS, HALF))
    logits = np.rint(HALF.apply(PIXELS).reshape(4, -1) @ weights().T / 0.05) * 0.05
    np.testing.assert_allclose(answers(made), softmax(logits), atol=1e-5)


def test_a_background_that_no_label_names_is_cut_off(foreign, answers):
    made = as_classifier(foreign(num_classes=4), Wanted(LABELS, HALF, has_background=True))
    logits = HALF.apply(PIXELS).reshape(4, -1) @ weights(4).T
    np.testing.assert_allclose(answers(made), softmax(logits[:, 1:]), atol=1e-5)
    assert made.gave == "4 outputs, the first of a background, which was cut off: probabilities of its softmax"


def test_a_label_of_a_background_that_no_output_has_is_left_out(foreign):
    made = as_classifier(foreign(), Wanted(("background", *LABELS), HALF))
    assert (made.drops_label, made.num_classes) == (True, 3)


def test_thousand_labels_and_one_output_more_are_imagenets(foreign):
    labels = tuple(f"label {number}" for number in range(1000))
    assert as_classifier(foreign(num_classes=1001), Wanted(labels, HALF)).num_classes == 1000


@pytest.mark.parametrize(("num_labels", "has_background"), [(2, False), (4, False), (3, True)])
def test_another_number_of_labels_is_refused(foreign, num_labels, has_background):
    labels = tuple(f"label {number}" for number in range(num_labels))
    with pytest.raises(ForeignModelRefused, match=rf"of which none has a number for each of {num_labels} labels; a"):
        as_classifier(foreign(), Wanted(labels, HALF, has_background=has_background))


def test_sigmoids_of_many_labels_are_refused(foreign):
    with pytest.raises(ForeignModelRefused, match=r"it gives each of 3 labels a probability of its own \(sigmoid\)"):
        as_classifier(foreign(ends="LOGISTIC"), Wanted(LABELS, HALF))


def test_one_number_without_a_sigmoid_is_refused(foreign):
    with pytest.raises(ForeignModelRefused, match="one number for two labels, which must come from a sigmoid"):
        as_classifier(foreign(ends="", num_classes=1), Wanted(("cat", "dog"), HALF))


def test_numbers_from_0_to_1_that_do_not_sum_to_1_are_refused(foreign, tmp_path):
    tensors = [
        Tensor(IMAGE),
        Tensor((3, 192), data=weights()),
        *[Tensor((1, 3))] * 2,
        Tensor((1, 3), data=np.ones(3, "f4")),
    ]
    operators = [("FULLY_CONNECTED", [0, 1, -1], [2]), ("LOGISTIC", [2], [3]), ("MUL", [3, 4], [5])]
    content = tflite_files.write(tmp_path / "a.tflite", [*tensors, Tensor((1, 3))], operators).read_bytes()
    with pytest.raises(ForeignModelRefused, match="numbers from 0 to 1 that do not sum to 1"):
        as_classifier(content, Wanted(LABELS, HALF))


def test_of_several_outputs_the_one_that_fits_is_taken(tmp_path, answers, by_hand):
    tensors = [Tensor(IMAGE), Tensor((3, 192), data=weights()), Tensor((1, 3)), Tensor((1, 3)), Tensor(IMAGE)]
    operators = [("FULLY_CONNECTED", [0, 1, -1], [2]), ("SOFTMAX", [2], [3]), ("LOGISTIC", [0], [4])]
    content = tflite_files.write(tmp_path / "a.tflite", tensors, operators, outputs=[4, 3]).read_bytes()
    made = as_classifier(content, Wanted(LABELS, HALF))
    np.testing.assert_allclose(answers(made), by_hand(HALF.apply(PIXELS)), atol=1e-5)
    content = tflite_files.write(tmp_path / "a.tflite", tensors, operators, outputs=[2, 3]).read_bytes()
    with pytest.raises(ForeignModelRefused, match="2 of which have a number for each of 3 labels"):
        as_classifier(content, Wanted(LABELS, HALF))


def test_two_inputs_are_refused(tmp_path):
    tensors = [Tensor(IMAGE), Tensor(IMAGE), Tensor(IMAGE)]
    content = tflite_files.write(tmp_path / "a.tflite", tensors, [("MUL", [0, 1], [2])], inputs=[0, 1]).read_bytes()
    with pytest.raises(ForeignModelRefused, match=r"it takes 2 inputs .* a classifier takes one picture"):
        as_classifier(content, Wanted(LABELS, HALF))


@pytest.mark.parametrize("shape", [(1, 192), (1, 8, 8, 4), (2, 8, 8, 3), (1, 8, 8)])
def test_what_is_no_picture_is_refused(tmp_path, shape):
    tensors = [Tensor(shape), Tensor(shape)]
    content = tflite_files.write(tmp_path / "a.tflite", tensors, [("LOGISTIC", [0], [1])]).read_bytes()
    with pytest.raises(ForeignModelRefused, match=r"a classifier takes one picture, float32, uint8 or int8 \[N, H"):
        as_classifier(content, Wanted(LABELS, HALF))


def test_a_picture_of_any_size_needs_one(foreign, answers, by_hand):
    content = foreign(signature=(-1, -1, -1, 3))
    with pytest.raises(ForeignModelRefused, match=r"it takes pictures of any size, .*: give --size PX or HxW"):
        as_classifier(content, Wanted(LABELS, HALF))
    made = as_classifier(content, Wanted(LABELS, HALF, size_px=(8, 8)))
    np.testing.assert_allclose(answers(made), by_hand(HALF.apply(PIXELS)), atol=1e-5)
    with pytest.raises(ForeignModelRefused, match="it takes pictures of 8 x 8 px alone: leave --size out"):
        as_classifier(foreign(), Wanted(LABELS, HALF, size_px=(9, 9)))


def test_a_file_for_one_picture_takes_any_number(tmp_path, answers, by_hand):
    tensors = [
        Tensor(IMAGE),
        Tensor((2,), "INT32", np.array([1, 192], np.int32)),
        Tensor((1, 192)),
        Tensor((3, 192), data=weights()),
        Tensor((1, 3)),
        Tensor((2,), "INT32", np.array([0, 0], np.int32)),
        Tensor((2,), "INT32", np.array([1, 3], np.int32)),
        Tensor((1, 3)),
    ]
    operators = [("RESHAPE", [0, 1], [2]), ("FULLY_CONNECTED", [2, 3, -1], [4]), ("SLICE", [4, 5, 6], [7])]
    content = tflite_files.write(tmp_path / "a.tflite", tensors, operators).read_bytes()
    made = as_classifier(content, Wanted(LABELS, HALF))
    np.testing.assert_allclose(answers(made), by_hand(HALF.apply(PIXELS)), atol=1e-5)


def test_a_file_that_mixes_pictures_is_refused(tmp_path):
    tensors = [
        Tensor(IMAGE),
        Tensor((3, 192), data=weights()),
        Tensor((1, 3)),
        Tensor((1,), "INT32", np.array([0], np.int32)),
        Tensor((1, 3)),
    ]
    operators = [("FULLY_CONNECTED", [0, 1, -1], [2]), ("CUMSUM", [2, 3], [4])]
    content = tflite_files.write(tmp_path / "a.tflite", tensors, operators).read_bytes()
    with pytest.raises(ForeignModelRefused, match="it answers otherwise to a picture that is not alone"):
        as_classifier(content, Wanted(LABELS, HALF))
