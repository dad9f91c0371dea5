"""Lets a graph that was converted for one picture at a time take any number."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from models.importing.editing import EditedGraph


def free_batch(graph: EditedGraph) -> None:
    """Free the first size of what is reshaped, squeezed and sliced, where it is written down as 1."""
    computed = graph.depends_on_input()
    for index in computed:
        if graph.shape(index)[:1] == (1,):
            graph.set_shape(index, graph.shape(index))
    for operator in graph.operators:
        name, source = graph.operator_name(operator), int(operator.inputs[0])
        if source not in computed:
            continue
        match name:
            case "RESHAPE":
                _free_reshape(graph, operator)
            case "SQUEEZE" if operator.builtinOptions is None or not _listed(operator.builtinOptions.squeezeDims):
                sides = [place for place, size in enumerate(graph.shape(source)) if size == 1 and place]
                options = schema.SqueezeOptionsT(sides)
                again = graph.operator("SQUEEZE", [source], list(operator.outputs), options)
                operator.builtinOptionsType, operator.builtinOptions = again.builtinOptionsType, options
            case "SLICE":
                begin, size = (graph.data(int(index)) for index in operator.inputs[1:3])
                if begin is not None and size is not None and (begin[0], size[0]) == (0, 1):
                    all_of_it = np.concatenate([np.array([-1], size.dtype), size[1:]])
                    operator.inputs = [source, int(operator.inputs[1]), graph.constant("size", all_of_it)]
            case "STRIDED_SLICE" if not operator.builtinOptions.shrinkAxisMask & 1:
                begin, end = (graph.data(int(index)) for index in operator.inputs[1:3])
                if begin is not None and end is not None and (begin[0], end[0]) == (0, 1):
                    operator.builtinOptions.beginMask |= 1
                    operator.builtinOptions.endMask |= 1


def _free_reshape(graph: EditedGraph, operator: Any) -> None:
    shape = graph.shape(int(operator.outputs[0]))
    if not shape or 0 in shape:
        return
    free = np.array([-1, *shape[1:]], np.int32)
    operator.inputs = [int(operator.inputs[0]), graph.constant("shape", free)]
    operator.builtinOptionsType = schema.BuiltinOptions.ReshapeOptions
    operator.builtinOptions = schema.ReshapeOptionsT(free.tolist())


def _listed(values: Any) -> list[int]:
    return [] if values is None else [int(value) for value in values]
