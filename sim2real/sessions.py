"""Graphs in ONNX Runtime, and whether they may be run: whole, with finite numbers only, with known operators."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .contract import BATCH, Graph
from .extras import need

MOST_TENSOR = 64 * 2**20
"""Bytes of one tensor in a graph."""
DOMAINS = {"", "ai.onnx", "com.microsoft"}
"""Of operators: ONNX's own, and ONNX Runtime's quantised ones."""
TYPES = {"tensor(float)": "float32", "tensor(int32)": "int32", "tensor(int64)": "int64", "tensor(bool)": "bool"}
"""ONNX Runtime's names of types."""


class Refused(ValueError):
    """A check failed; the message says what is wrong."""


def check(content: bytes, graph: Graph) -> int:
    """Number of nodes of a file that is what the contract says of it. Raises Refused where it is not."""
    onnx = need("onnx")
    try:
        model = onnx.load_from_string(content)
        for tensor in onnx.external_data_helper._get_all_tensors(model):
            check_tensor(onnx, tensor)
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError, TypeError) as error:
        raise Refused(f"{graph.file}: {' '.join(str(error).split())}") from None
    except Exception as error:  # protobuf's own errors have no common type
        if type(error).__module__.partition(".")[0] != "google":
            raise
        raise Refused(f"{graph.file} is not an ONNX file") from None
    nodes = list(nodes_of(model.graph))
    if strange := sorted({node.domain for node in nodes} - DOMAINS):
        raise Refused(f"{graph.file} has operators of {strange[0]!r}")
    session = open_session(content)
    sides = (("input", graph.inputs, session.get_inputs()), ("output", graph.outputs, session.get_outputs()))
    for kind, told, real in sides:
        wanted = [(tensor.name, tensor.shape, tensor.dtype) for tensor in told]
        have = [(value.name, tuple(value.shape[1:]), TYPES.get(value.type, value.type)) for value in real]
        if wanted != have:
            raise Refused(f"{graph.file} has {kind}s {have}, the contract says {wanted}")
    return len(nodes)


def nodes_of(graph: Any) -> Iterator[Any]:
    """Those of a graph, and of the graphs of its loops."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            yield from nodes_of(attribute.g)
            for inner in attribute.graphs:
                yield from nodes_of(inner)


def check_tensor(onnx: Any, tensor: Any) -> None:
    """Raises ValueError for a tensor that is elsewhere, too large or not finite."""
    if tensor.external_data or tensor.data_location == onnx.TensorProto.EXTERNAL:
        raise ValueError(f"tensor {tensor.name!r} lies in a file of its own")
    if np.prod([max(n, 1) for n in tensor.dims], dtype=float) * 8 > MOST_TENSOR:
        raise ValueError(f"tensor {tensor.name!r} is too large: {list(tensor.dims)}")
    values = onnx.numpy_helper.to_array(tensor)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(f"tensor {tensor.name!r} is not finite")


def open_session(content: bytes, threads: int = 1, alone: bool = False) -> Any:
    """The graph in ONNX Runtime, on so many cores; for one row `alone` it is leaner. Raises Refused where it cannot be
    run."""
    onnxruntime = need("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    if alone:
        options.add_free_dimension_override_by_name(BATCH, 1)
    with refusing("the graph"):
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """Turns an error of ONNX Runtime into Refused."""
    try:
        yield
    except Exception as error:  # its errors have no common type but this
        if "onnxruntime" not in type(error).__module__:
            raise
        raise Refused(f"ONNX Runtime refuses {what}: {' '.join(str(error).split())[:200]}") from None
