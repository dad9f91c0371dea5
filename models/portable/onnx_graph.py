"""An ONNX model in memory that is changed: nodes put before, behind and between, and the batch of any size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

BATCH = "N"


class OnnxGraph:
    """The one graph of an `onnx.ModelProto`, whose nodes stand in the order in which they run.

    Attributes:
        model: the message.
        nodes: its nodes; `packed` writes them back.
        constants: its initializers, by name.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.nodes: list[Any] = list(model.graph.node)
        self.constants: dict[str, Any] = {each.name: each for each in model.graph.initializer}
        # Shapes of what is computed are of the batch that the model was converted for; they are told anew.
        del model.graph.value_info[:]

    @property
    def image(self) -> Any:
        """The input; the first of those that no initializer belongs to."""
        return next(each for each in self.model.graph.input if each.name not in self.constants)

    def array(self, name: str) -> Any:
        """Return a constant's numbers as an array; None for what is computed."""
        from onnx import numpy_helper  # which takes a while, and is optional

        found = self.constants.get(name)
        return None if found is None else numpy_helper.to_array(found)

    def constant(self, name: str, values: npt.NDArray[Any]) -> str:
        """Add a constant; returns its name, which is made one that is free."""
        from onnx import numpy_helper

        name = self.free_name(name)
        self.constants[name] = numpy_helper.from_array(values, name)
        return name

    def node(self, operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> Any:
        """Make a node of one output, to be put among `nodes`."""
        from onnx import helper

        return helper.make_node(operator, list(inputs), [output], **attributes)

    def free_name(self, name: str) -> str:
        """Return a name that no tensor has, which begins with this one."""
        taken = set(self.constants) | {output for node in self.nodes for output in node.output}
        taken |= {each.name for each in self.model.graph.input}
        return next(each for each in _numbered(name) if each not in taken)

    def maker(self, tensor: str) -> Any:
        """Return the node that computes a tensor; None for inputs and constants."""
        return next((node for node in self.nodes if tensor in node.output), None)

    def readers(self, tensor: str) -> list[Any]:
        """List the nodes that read a tensor."""
        return [node for node in self.nodes if tensor in node.input]

    def read_instead(self, tensor: str, other: str) -> None:
        """Have all nodes read another tensor in a tensor's place."""
        for node in self.readers(tensor):
            node.input[:] = [other if name == tensor else name for name in node.input]

    def rename(self, tensor: str, name: str) -> None:
        """Give a computed tensor another name."""
        self.read_instead(tensor, name)
        for node in self.nodes:
            node.output[:] = [name if each == tensor else each for each in node.output]

    def set_input(self, name: str, kind: int, shape: Sequence[int]) -> None:
        """Have the model take one tensor, [N, *shape]."""
        from onnx import helper

        del self.model.graph.input[:]
        self.model.graph.input.append(helper.make_tensor_value_info(name, kind, [BATCH, *shape]))

    def set_outputs(self, outputs: Sequence[tuple[str, Sequence[int | str]]]) -> None:
        """Have the model give these float32 tensors alone, [N, *shape] each; what only others need is dropped."""
        from onnx import TensorProto, helper

        del self.model.graph.output[:]
        for name, shape in outputs:
            described = helper.make_tensor_value_info(name, TensorProto.FLOAT, [BATCH, *shape])
            self.model.graph.output.append(described)
        self.drop_unused()

    def drop_unused(self) -> None:
        """Drop nodes and constants that no output needs."""
        needed, kept = {each.name for each in self.model.graph.output}, []
        for node in reversed(self.nodes):
            if needed & set(node.output):
                kept.append(node)
                needed |= set(node.input)
        self.nodes = kept[::-1]
        self.constants = {name: each for name, each in self.constants.items() if name in needed}

    def depends_on(self, tensor: str) -> set[str]:
        """List the tensors that are computed from a tensor, itself among them."""
        found = {tensor}
        for node in self.nodes:
            if found & set(node.input):
                found |= set(node.output)
        return found

    def free_batch(self) -> None:
        """Let a graph that was converted for one picture take any number, which reshapes have written down as 1."""
        computed = self.depends_on(self.image.name)
        for node in self.nodes:
            if node.op_type != "Reshape" or node.input[0] not in computed:
                continue
            shape = self.array(node.input[1])
            if shape is None or shape.ndim != 1 or not len(shape) or shape[0] != 1:
                continue
            # Of -1 there may be one; where another side is left open, the batch is what the tensor has (0).
            free = [0 if -1 in shape[1:] else -1, *shape[1:].tolist()]
            node.input[1] = self.constant("shape", np.array(free, np.int64))

    def packed(self) -> bytes:
        """Return the bytes of the model."""
        graph = self.model.graph
        for field, values in ((graph.node, self.nodes), (graph.initializer, list(self.constants.values()))):
            copies = [type(each).FromString(each.SerializeToString()) for each in values]
            del field[:]
            field.extend(copies)
        self.nodes = list(graph.node)
        self.constants = {each.name: each for each in graph.initializer}
        content: bytes = self.model.SerializeToString()
        return content


def attributes_of(node: Any) -> dict[str, Any]:
    """Return a node's attributes, numbers and lists of numbers as such."""
    from onnx import helper

    return {each.name: helper.get_attribute_value(each) for each in node.attribute}


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 1
    while True:
        yield f"{name}/{number}"
        number += 1
