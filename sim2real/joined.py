"""The parts of a function with one loop in it as one ONNX graph."""

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from .extras import need
from .looped import Cut, Shape, shape_of

Convert = Callable[[Callable[..., Any], Sequence[Shape], Sequence[str], Sequence[str]], Any]
"""(function, shapes, names of inputs, names of outputs) -> ONNX model."""


def joined(parts: Cut, convert: Convert, shapes: Sequence[Shape], inputs: Sequence[str], outputs: Sequence[str]) -> Any:
    """The parts as one model."""
    onnx, turn = need("onnx"), parts.turn
    helper, carries = onnx.helper, [shape_of(var) for var in turn.flat.carried]
    starts, ends, now, later = (names(kind, carries) for kind in ("start", "end", "now", "next"))
    shared, kept = names("shared", turn.shared), names("kept", parts.kept)
    given = [*carries, *map(shape_of, turn.shared), Shape(turn.table.shape[1:], np.float32)]
    if turn.choices:
        given.append(Shape((*turn.choices.shape[:2], turn.choices.table.shape[1]), np.float32))
    places, taken = (["places"], ["taken"]) if turn.choices else ([], [])
    first = convert(apart(parts.before), shapes, inputs, [*starts, *shared, *places, *kept])
    inner = convert(apart(turn), given, [*now, *shared, "row", *taken], later)
    last = convert(apart(parts.after), [*parts.kept, *carries], [*kept, *ends], outputs)
    for model, prefix in ((first, "before/"), (inner, "turn/"), (last, "after/")):
        onnx.compose.add_prefix(model, prefix, rename_inputs=False, rename_outputs=False, inplace=True)
    tables = {"rows": turn.table}
    rows = [helper.make_node("Gather", ["rows", "turn"], ["row"], "turn/row", axis=0)]
    wide = []
    if turn.choices:
        tables["choices"] = turn.choices.table
        wide = [helper.make_node("Cast", ["places"], ["places_"], "places", to=onnx.TensorProto.INT64)]
        rows += [
            helper.make_node("Max", ["turn", "places_"], ["place"], "turn/place"),
            helper.make_node("Gather", ["choices", "place"], ["taken"], "turn/taken", axis=0),
        ]
    more = helper.make_node("Identity", ["more"], ["more_"], "turn/more")
    kinds = {"turn": onnx.TensorProto.INT64, "more": onnx.TensorProto.BOOL, "more_": onnx.TensorProto.BOOL}
    number, go, go_on = (helper.make_tensor_value_info(name, kind, []) for name, kind in kinds.items())
    begin = [number, go, *(each for each in inner.graph.input if each.name in now)]
    body = helper.make_graph([*rows, *inner.graph.node, more], "turn", begin, [go_on, *inner.graph.output])
    loop = helper.make_node("Loop", ["turns", "", *starts], ends, "turns", body=body)
    count = onnx.numpy_helper.from_array(np.asarray(len(turn.table)), "turns")
    constants = [count, *(onnx.numpy_helper.from_array(table, name) for name, table in tables.items())]
    constants += [tensor for model in (first, inner, last) for tensor in model.graph.initializer]
    nodes = [*first.graph.node, *wide, loop, *last.graph.node]
    graph = helper.make_graph(nodes, first.graph.name, first.graph.input, last.graph.output, constants)
    model = helper.make_model(graph, opset_imports=first.opset_import)
    model.ir_version = first.ir_version
    return model


def apart(function: Callable[..., list[Array]]) -> Callable[..., list[Array]]:
    """With outcomes that are none of what is given, and all different: each has a name of its own in a graph."""

    def called(*arrays: Array) -> list[Array]:
        seen, found = {id(array) for array in arrays}, []
        for array in function(*arrays):
            found.append(jnp.copy(array) if id(array) in seen else array)
            seen.add(id(array))
        return found

    return called


def names(kind: str, values: Sequence[Any]) -> list[str]:
    """One for each."""
    return [f"{kind}_{i}" for i in range(len(values))]
