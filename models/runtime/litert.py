"""Runs a model on the CPU by LiteRT and its XNNPACK kernels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from models.checks import at_least
from models.errors import CorruptArtifact, RunFailed
from models.explanation.explainable_file import ExplainableFile
from models.quiet_stderr import quiet_stderr
from models.runtime.tensors import Images, Probabilities, Signature, TensorType, copy_images


class LiteRTRuntime:
    """One LiteRT interpreter; the file's weights are mapped, not read.

    Its memory is laid out for one batch size at a time: a call with another number of images lays it out anew. `run`
    releases the GIL while it computes, and copies pixels and probabilities once each, in and out of that memory.
    """

    def __init__(
        self,
        path: Path,
        *,
        input_shape: tuple[int, int, int],
        num_classes: int,
        num_threads: int = 1,
        explainable: ExplainableFile | None = None,
    ) -> None:
        """Load a `.tflite` file.

        Args:
            path: of the file.
            input_shape: height, width and channels that it must take, as uint8.
            num_classes: of the float32 probabilities that it must give.
            num_threads: fixed for the interpreter's life.
            explainable: the same file, where `features` is wanted, too; it is copied.

        Raises:
            CorruptArtifact: the file cannot be loaded, or takes or gives something else.
        """
        at_least(1, num_threads=num_threads)
        self._signature = Signature(input_shape, num_classes)
        self._explainable = explainable
        source = {"model_path": str(path)} if explainable is None else {"model_content": explainable.content()}
        try:
            self._interpreter = Interpreter(**source, num_threads=num_threads)
            with quiet_stderr():
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError):
            raise CorruptArtifact(f"{path.name} cannot be loaded by LiteRT") from None
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        features = outputs[1:] if explainable else []
        outputs = outputs[:1] if explainable else outputs
        self._signature.check_model(path.name, inputs=_types_of(inputs), outputs=_types_of(outputs))
        [image], [probabilities] = inputs, outputs
        self._input, self._output = int(image["index"]), int(probabilities["index"])
        self._features = [int(tensor["index"]) for tensor in features]
        self._laid_out_for = int(image["shape"][0])

    def run(self, images: Images) -> Probabilities:
        """Classify N images, uint8 [H, W, 3] each, into float32 [N, C]; N may be any number >= 1.

        Raises:
            RunFailed: LiteRT reports an error, such as no memory for so many images; the next call may succeed.
        """
        self._signature.check_images(images)
        laid_out_for, self._laid_out_for = self._laid_out_for, 0  # unknown, should this call fail
        try:
            if laid_out_for != len(images):
                self._interpreter.resize_tensor_input(self._input, [len(images), *self._signature.input_shape])
                self._interpreter.allocate_tensors()
            self._fill(images)
            self._interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            raise RunFailed(f"LiteRT failed on {len(images)} images") from error
        probabilities: Probabilities = self._interpreter.get_tensor(self._output)
        self._laid_out_for = len(images)
        return probabilities

    def features(self, index: int) -> npt.NDArray[np.float32]:
        """Return the last feature maps of an image of the last run, float32 [height, width, channels]."""
        assert self._explainable is not None  # noqa: S101 - who asks has given it
        return self._explainable.head.features(self._interpreter.get_tensor(self._features[0])[index])

    def close(self) -> None:
        """Free the interpreter; a second call does nothing."""
        self.__dict__.pop("_interpreter", None)

    def _fill(self, images: Images) -> None:
        # The view on the interpreter's memory ends with this function: LiteRT refuses to run while there is one.
        copy_images(images, self._interpreter.tensor(self._input)())


def _types_of(tensors: list[dict[str, Any]]) -> list[TensorType]:
    return [
        TensorType(np.dtype(tensor["dtype"]).name, tuple(int(size) for size in tensor["shape_signature"]))
        for tensor in tensors
    ]
