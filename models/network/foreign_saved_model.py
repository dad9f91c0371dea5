"""Takes the function that a foreign SavedModel serves out of it, without TensorFlow's loader, which runs more.

Only what the outputs need is looked at; every operator of it is on a list; variables are restored by the graph's own
operators, on a list of their own. What else is in the file, be it a function that writes files, is never loaded.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from models.importing.refused import ForeignModelRefused

MAX_BYTES = 1024**3
SERVE = "serving_default"
_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
_STRUCTURE = frozenset({"Const", "Identity", "IdentityN", "NoOp", "Placeholder", "VarHandleOp", "VariableV2"})
RESTORING = _CALLS | _STRUCTURE | {"RestoreV2", "AssignVariableOp", "Assign", "Pack", "Unpack"}
COMPUTING = _CALLS | _STRUCTURE | frozenset(Path(__file__).with_name("foreign_operators.txt").read_text().split())


def served_function(folder: Path, size_px: tuple[int, int] | None) -> Any:
    """Return the concrete function that a SavedModel serves, with its weights as constants.

    Args:
        folder: of the SavedModel.
        size_px: height and width of pictures, where the function takes any.

    Raises:
        ForeignModelRefused: it is broken, has an operator that is not accepted, or serves no function of one picture.
    """
    graph_def, signature, saver = read_signature(folder / "saved_model.pb")
    [taken] = [tensor.name for tensor in signature.inputs.values()]
    given = [tensor.name for _, tensor in sorted(signature.outputs.items())]
    library = {function.signature.name: function for function in graph_def.library.function}
    needed = needed_nodes(graph_def.node, given)
    called = check_operators(needed, library, COMPUTING)
    restoring = needed_nodes(graph_def.node, [saver.restore_op_name]) if saver.restore_op_name else []
    called |= check_operators(restoring, library, RESTORING)
    kept = tf.compat.v1.GraphDef(versions=graph_def.versions)
    kept.library.function.extend(library[name] for name in called)
    names = {node.name for node in [*needed, *restoring]}
    kept.node.extend(node for node in graph_def.node if node.name in names)
    rename_functions(kept)
    for node in needed:
        if node.op == "VarHandleOp":  # which TensorFlow's freezing looks for by this name
            reading = kept.node.add(op="ReadVariableOp", name=f"{node.name}/Read/ReadVariableOp", input=[node.name])
            reading.attr["dtype"].CopyFrom(node.attr["dtype"])
    shape = [size if size > 0 else None for size in _shape(signature)]
    if size_px and len(shape) == 4 and None in shape[1:3]:
        shape[1:3] = size_px
    with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph) as session:
        tf.graph_util.import_graph_def(kept, name="")
        if restoring:
            prefix = str(folder / "variables" / "variables")
            session.run(saver.restore_op_name, {saver.filename_tensor_name: prefix})
        outputs = [name.split(":")[0] for name in given]
        frozen = tf.compat.v1.graph_util.convert_variables_to_constants(session, kept, outputs)

    def imported(image: tf.Tensor) -> list[tf.Tensor]:
        found: list[tf.Tensor] = tf.graph_util.import_graph_def(frozen, {taken: image}, given, name="")
        return found

    picture = tf.TensorSpec([None, *shape[1:]], tf.float32, name="image")
    return tf.compat.v1.wrap_function(imported, [picture])


def read_signature(file: Path) -> tuple[Any, Any, Any]:
    """Read the graph, its serving signature and its saver.

    Raises:
        ForeignModelRefused: the file is broken, or serves no function of one picture.
    """
    if not file.is_file() or file.stat().st_size > MAX_BYTES:
        raise ForeignModelRefused(f"a SavedModel has a saved_model.pb of at most {MAX_BYTES:,} bytes")
    try:
        model = SavedModel.FromString(file.read_bytes())
    except Exception as error:  # of protobuf, whose classes differ between its implementations
        raise ForeignModelRefused("saved_model.pb is broken") from error
    graphs = [graph for graph in model.meta_graphs if "serve" in graph.meta_info_def.tags]
    signatures = graphs[0].signature_def if graphs else {}
    if SERVE not in signatures:
        raise ForeignModelRefused(f"it has no signature {SERVE!r}; it has {', '.join(sorted(signatures)) or 'none'}")
    signature = signatures[SERVE]
    if len(signature.inputs) != 1:
        names = ", ".join(sorted(signature.inputs))
        raise ForeignModelRefused(f"it takes {len(signature.inputs)} inputs ({names}); a classifier takes one picture")
    [taken] = signature.inputs.values()
    if taken.dtype != tf.float32.as_datatype_enum:
        kind = tf.dtypes.as_dtype(taken.dtype).name
        raise ForeignModelRefused(f"it takes {kind}; a classifier takes one picture, float32 [N, H, W, 3]")
    return graphs[0].graph_def, signature, graphs[0].saver_def


def needed_nodes(nodes: Iterable[Any], outputs: Iterable[str]) -> list[Any]:
    """Return the nodes that some outputs need."""
    by_name = {node.name: node for node in nodes}
    waiting, found = [_node_of(name) for name in outputs], {}
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        if name not in by_name:
            raise ForeignModelRefused(f"its graph refers to {name[:80]!r}, which is not there")
        found[name] = by_name[name]
        waiting += [_node_of(source) for source in by_name[name].input]
    return list(found.values())


def check_operators(nodes: Iterable[Any], library: dict[str, Any], accepted: frozenset[str]) -> set[str]:
    """Refuse all operators that are not accepted, also in the functions that are called.

    Returns:
        The names of these.

    Raises:
        ForeignModelRefused: there is one; the message names it.
    """
    waiting, seen = list(nodes), set[str]()
    while waiting:
        node = waiting.pop()
        called = [value.func.name for value in node.attr.values() if value.HasField("func")]
        called += [function.name for value in node.attr.values() for function in value.list.func]
        if node.op in library:
            called.append(node.op)
        elif node.op not in accepted:
            raise ForeignModelRefused(
                f"its operator {node.op!r} ({node.name[:80]}) is not accepted: a classifier computes, and neither runs "
                "code, nor reads or writes files, nor loops"
            )
        for name in called:
            if name not in library:
                raise ForeignModelRefused(f"its graph calls {name[:80]!r}, which is not there")
            if name not in seen:
                seen.add(name)
                waiting += library[name].node_def
    return seen


def rename_functions(graph_def: Any) -> None:
    """Give the functions of a graph names that no other of this process has."""
    names = {function.signature.name for function in graph_def.library.function}
    for function in graph_def.library.function:
        function.signature.name = f"foreign{function.signature.name}"
    for node in [*graph_def.node, *(node for function in graph_def.library.function for node in function.node_def)]:
        if node.op in names:
            node.op = f"foreign{node.op}"
        for value in node.attr.values():
            for called in [*([value.func] if value.HasField("func") else []), *value.list.func]:
                called.name = f"foreign{called.name}"


def _node_of(name: str) -> str:
    return name.removeprefix("^").split(":")[0]


def _shape(signature: Any) -> list[int]:
    [taken] = signature.inputs.values()
    return [dim.size for dim in taken.tensor_shape.dim]
