"""Keras' own networks (keras.applications), whose weights are files without a network: what they take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FIT = "crop:0.875"


@dataclass(frozen=True, slots=True)
class Application:
    """One network.

    Attributes:
        range: of its pixels, as its `preprocess_input` makes it.
        side_px: of its pictures.
    """

    range: str
    side_px: int = 224


def _alike(names: str, given: str, side_px: int = 224) -> dict[str, Application]:
    return dict.fromkeys(names.split(), Application(given, side_px))


_INSIDE = "0..255"  # the network scales pixels itself
APPLICATIONS: Mapping[str, Application] = {
    **_alike("MobileNet MobileNetV2 NASNetMobile ResNet50V2 ResNet101V2 ResNet152V2", "-1..1"),
    **_alike("InceptionResNetV2 InceptionV3 Xception", "-1..1", 299),
    **_alike("NASNetLarge", "-1..1", 331),
    **_alike("ResNet50 ResNet101 ResNet152 VGG16 VGG19", "caffe"),
    **_alike("DenseNet121 DenseNet169 DenseNet201", "imagenet"),
    **_alike("ConvNeXtTiny ConvNeXtSmall ConvNeXtBase ConvNeXtLarge ConvNeXtXLarge", _INSIDE),
    **_alike("MobileNetV3Small MobileNetV3Large EfficientNetB0 EfficientNetV2B0", _INSIDE),
    **_alike("EfficientNetB1 EfficientNetV2B1", _INSIDE, 240),
    **_alike("EfficientNetB2 EfficientNetV2B2", _INSIDE, 260),
    **_alike("EfficientNetB3 EfficientNetV2B3", _INSIDE, 300),
    **_alike("EfficientNetB4", _INSIDE, 380),
    **_alike("EfficientNetV2S", _INSIDE, 384),
    **_alike("EfficientNetB5", _INSIDE, 456),
    **_alike("EfficientNetV2M EfficientNetV2L", _INSIDE, 480),
    **_alike("EfficientNetB6", _INSIDE, 528),
    **_alike("EfficientNetB7", _INSIDE, 600),
}
