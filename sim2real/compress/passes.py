"""Changes to ONNX graphs. Each takes a model and returns another; linear layers are products with constant weights."""

import itertools
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..extras import need
from ..sessions import nodes_of
from . import blocks
from .blocks import Blocks

DOMAIN = "com.microsoft"
LEAST = 1e-5
"""Of smoothing factors and of what they are made of (Xiao et al. 2023, SmoothQuant, code)."""


class Linear(NamedTuple):
    """A linear layer: y = x W (+ b)."""

    node: Any
    weight: NDArray
    """[K, N]"""


def linears(model: Any) -> list[Linear]:
    """Of a model, in order: products whose second input is constant weights; see `plain`."""
    helper, found = need("onnx").numpy_helper, []
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in nodes_of(model.graph):
        if node.op_type == "MatMul" and node.input[1] in constants and node.domain in ("", "ai.onnx"):
            weight = helper.to_array(constants[node.input[1]])
            if weight.ndim == 2 and weight.dtype == np.float32:
                found.append(Linear(node, weight))
    return found


def plain(model: Any) -> Any:
    """The same function with every product by constant weights a `MatMul` whose second input they are: what quantises
    such nodes passes over others without a word. Raises ValueError for a `Gemm` that scales its input."""
    model, onnx = _folded(_copy(model)), need("onnx")
    constants = {tensor.name for tensor in model.graph.initializer}
    for node in [node for node in model.graph.node if node.op_type in ("MatMul", "Gemm")]:
        left, right = (name in constants for name in node.input[:2])
        if left == right or any(len(_shape(model, name)) != 2 for name in node.input[:2] if name in constants):
            continue
        turns = [bool(_attribute(node, name, 0)) for name in ("transA", "transB")]
        if node.op_type == "Gemm" and (_attribute(node, "alpha", 1.0) != 1.0 or turns[1 - right]):
            raise ValueError(f"node {node.name!r} scales or transposes its input: it cannot be a MatMul")
        added = node.input[2] if len(node.input) > 2 and _attribute(node, "beta", 1.0) else ""
        product = f"{node.output[0]}/product" if added else node.output[0]
        name, seen = node.input[int(right)], node.input[int(left)]
        turned = turns[1] if right else not turns[0]  # weights on the left: y = W x is (x' W')'
        weights = _turned(model, name) if turned else name
        if right:
            made = [onnx.helper.make_node("MatMul", [seen, weights], [product])]
        else:
            steps = [f"{node.output[0]}/{step}" for step in ("rows", "rows_out")]
            made = [
                onnx.helper.make_node("Transpose", [seen], [steps[0]], perm=[1, 0]),
                onnx.helper.make_node("MatMul", [steps[0], weights], [steps[1]]),
                onnx.helper.make_node("Transpose", [steps[1]], [product], perm=[1, 0]),
            ]
        if added:
            made.append(onnx.helper.make_node("Add", [product, added], list(node.output)))
        _replace(model, node, made)
    return _tidy(model)


def in_blocks(model: Any, bits: int, block: int, code: Callable[[NDArray, int, int], Blocks]) -> Any:
    """Each linear layer with weights of so few bits (`MatMulNBits` of ONNX Runtime). Raises ValueError where a layer is
    left over."""
    model, onnx = plain(model), need("onnx")
    wanted, coded = linears(model), {}
    for number, (node, weight) in enumerate(wanted):
        name = f"nbits{number}"
        if node.input[1] not in coded:  # some layers share their weights
            made = code(np.ascontiguousarray(weight.T), bits, block)
            parts = {"codes": blocks.pack(made.codes, bits), "scales": made.scales, "zeros": _zeros(made)}
            coded[node.input[1]] = [_constant(model, f"{name}/{part}", values) for part, values in parts.items()]
        inputs = [node.input[0], *coded[node.input[1]]]
        width, rows = weight.shape
        settings = {"K": width, "N": rows, "bits": bits, "block_size": block, "accuracy_level": 4}
        _replace(
            model,
            node,
            [onnx.helper.make_node("MatMulNBits", inputs, list(node.output), name, domain=DOMAIN, **settings)],
        )
    model = _with_domain(_tidy(model))
    return _counted(model, {"MatMulNBits": len(wanted)})


def in_int8(model: Any) -> Any:
    """Weights and, on the fly, inputs of linear layers in eight bits, by ONNX Runtime. Raises ValueError where a layer
    is left over."""
    need("onnxruntime")
    from onnxruntime.quantization import QuantType, quantize_dynamic

    onnx, model = need("onnx"), plain(model)
    wanted = len(linears(model))
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "int8.onnx"
        settings = {"op_types_to_quantize": ["MatMul"], "per_channel": True, "weight_type": QuantType.QInt8}
        quantize_dynamic(model, path, **settings, extra_options={"EnableSubgraph": True})
        made = onnx.load(path)
    return _counted(made, {"MatMulInteger": wanted})


def smoothed(model: Any, largest: Mapping[str, NDArray], alpha: float) -> Any:
    """The same function with outliers moved from inputs of linear layers to their weights (Xiao et al. 2023,
    SmoothQuant). `largest` [K] is what each input, by name, reaches."""
    model, onnx = plain(model), need("onnx")
    for number, layers in enumerate(_groups(linears(model))):
        inputs, weights = ({layer.node.input[i] for layer in layers} for i in (0, 1))
        most = np.max([np.abs(layer.weight).max(1) for layer in layers], 0)
        reach = np.max([largest[name] for name in inputs], 0)
        factor = np.maximum(reach, LEAST) ** alpha / np.maximum(most, LEAST) ** (1 - alpha)
        factor = np.maximum(factor, LEAST).astype(np.float32)
        by = _constant(model, f"smooth{number}/by", 1 / factor)
        scaled = {name: f"{name}/smooth" for name in sorted(inputs)}
        for name, after in scaled.items():
            first = min(i for i, node in enumerate(model.graph.node) if name in node.input)
            model.graph.node.insert(first, onnx.helper.make_node("Mul", [name, by], [after]))
        matrices = {layer.node.input[1]: layer.weight for layer in layers}
        grown = {name: _constant(model, f"{name}/smooth", factor[:, None] * matrices[name]) for name in sorted(weights)}
        for layer in layers:
            layer.node.input[0], layer.node.input[1] = scaled[layer.node.input[0]], grown[layer.node.input[1]]
    return _tidy(model)


def _groups(layers: list[Linear]) -> list[list[Linear]]:
    """Layers that share an input or weights, directly or by way of others."""
    groups: list[list[Linear]] = []
    for layer in layers:
        mine = set(layer.node.input[:2])
        joined = [group for group in groups if any(mine & set(other.node.input[:2]) for other in group)]
        groups = [group for group in groups if group not in joined] + [[*itertools.chain(*joined), layer]]
    return groups


def _folded(model: Any) -> Any:
    """With what is computed from constants alone computed."""
    onnx = need("onnx")
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in list(model.graph.node):
        if node.op_type in FOLDED and all(name in constants for name in node.input):
            found = onnx.reference.ReferenceEvaluator(node).run(None, {n: constants[n] for n in node.input})
            for name, values in zip(node.output, found, strict=True):
                constants[name] = np.asarray(values)
                _constant(model, name, constants[name])
            model.graph.node.remove(node)
    return model


FOLDED = ("Transpose", "Gather", "Mul", "Identity", "Reshape", "Cast", "Concat", "Unsqueeze")
"""Operators of which weights are made."""


def _shape(model: Any, name: str) -> list[int]:
    return next(list(tensor.dims) for tensor in model.graph.initializer if tensor.name == name)


def _turned(model: Any, name: str) -> str:
    """A constant's transpose, made once; its name."""
    other = f"{name}/turned"
    if all(tensor.name != other for tensor in model.graph.initializer):
        values = next(t for t in model.graph.initializer if t.name == name)
        _constant(model, other, need("onnx").numpy_helper.to_array(values).T)
    return other


def watched(model: Any) -> tuple[Any, list[str]]:
    """The model with the inputs of its linear layers as further outputs, and their names."""
    model, onnx = _copy(model), need("onnx")
    names = list(dict.fromkeys(linear.node.input[0] for linear in linears(model)))
    told = {value.name for value in (*model.graph.output, *model.graph.input)}
    for name in names:
        if name not in told:
            model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    return model, names


def _zeros(made: Blocks) -> NDArray:
    """Zero points as `MatMulNBits` reads them: packed where they are whole, else as they are."""
    whole = made.zeros.astype(np.uint8)
    if not np.array_equal(whole, made.zeros):
        return made.zeros
    each = 8 // made.bits
    filled = np.pad(whole, ((0, 0), (0, -whole.shape[1] % each)))
    return blocks.pack(filled, made.bits)


def _attribute(node: Any, name: str, default: Any) -> Any:
    onnx = need("onnx")
    return next((onnx.helper.get_attribute_value(a) for a in node.attribute if a.name == name), default)


def _copy(model: Any) -> Any:
    other = type(model)()
    other.CopyFrom(model)
    return other


def _constant(model: Any, name: str, values: NDArray) -> str:
    """Add a constant; its name."""
    model.graph.initializer.append(need("onnx").numpy_helper.from_array(np.ascontiguousarray(values), name))
    return name


def _replace(model: Any, node: Any, made: list[Any]) -> None:
    place = list(model.graph.node).index(node)
    model.graph.node.remove(node)
    for offset, one in enumerate(made):
        model.graph.node.insert(place + offset, one)


def _tidy(model: Any) -> Any:
    """Without constants that nobody uses."""
    used = {name for node in nodes_of(model.graph) for name in node.input}
    kept = [tensor for tensor in model.graph.initializer if tensor.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    return model


def _with_domain(model: Any) -> Any:
    if DOMAIN not in {entry.domain for entry in model.opset_import}:
        model.opset_import.append(need("onnx").helper.make_opsetid(DOMAIN, 1))
    return model


def _counted(model: Any, wanted: dict[str, int]) -> Any:
    """Raises ValueError unless the model has so many nodes of each kind, and no linear layer is left."""
    for kind, count in wanted.items():
        found = sum(node.op_type == kind for node in nodes_of(model.graph))
        if found != count or not count:
            raise ValueError(f"{found} of {count} linear layers became {kind}: the graph would be smaller in name only")
    if left := linears(model):
        raise ValueError(f"{len(left)} linear layers are as they were")
    return model
