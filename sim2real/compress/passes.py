"""Changes to ONNX graphs. Each takes a model and returns another; linear layers are products with constant weights."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..extras import need
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
    """Of a model, in order: `MatMul` and `Gemm` with constant weights."""
    helper, found = need("onnx").numpy_helper, []
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type in ("MatMul", "Gemm") and node.input[1] in constants and node.domain in ("", "ai.onnx"):
            weight = helper.to_array(constants[node.input[1]])
            if weight.ndim == 2 and weight.dtype == np.float32:
                found.append(Linear(node, weight.T if _attribute(node, "transB", 0) else weight))
    return found


def without_gemm(model: Any) -> Any:
    """Each `Gemm` with constant weights as `MatMul` and `Add`: what quantises `MatMul` alone passes over `Gemm` without
    a word. Raises ValueError for one that scales or transposes its input."""
    model, onnx = _copy(model), need("onnx")
    for node, weight in linears(model):
        if node.op_type != "Gemm":
            continue
        if any(_attribute(node, name, 1.0) != 1.0 for name in ("alpha", "beta")) or _attribute(node, "transA", 0):
            raise ValueError(f"node {node.name!r} scales or transposes its input: it cannot be a MatMul")
        biased = len(node.input) > 2 and bool(node.input[2])
        product = f"{node.output[0]}/product" if biased else node.output[0]
        made = [onnx.helper.make_node("MatMul", [node.input[0], _constant(model, f"{product}/w", weight)], [product])]
        if biased:
            made.append(onnx.helper.make_node("Add", [product, node.input[2]], list(node.output)))
        _replace(model, node, made)
    return _tidy(model)


def in_blocks(model: Any, bits: int, block: int, code: Callable[[NDArray, int, int], Blocks]) -> Any:
    """Each linear layer with weights of so few bits (`MatMulNBits` of ONNX Runtime). Raises ValueError where a layer is
    left over."""
    model, onnx = without_gemm(model), need("onnx")
    wanted = linears(model)
    for number, (node, weight) in enumerate(wanted):
        made = code(np.ascontiguousarray(weight.T), bits, block)
        name = f"nbits{number}"
        inputs = [
            node.input[0],
            _constant(model, f"{name}/codes", blocks.pack(made.codes, bits)),
            _constant(model, f"{name}/scales", made.scales),
            _constant(model, f"{name}/zeros", _zeros(made)),
        ]
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

    onnx, model = need("onnx"), without_gemm(model)
    wanted = len(linears(model))
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "int8.onnx"
        quantize_dynamic(model, path, op_types_to_quantize=["MatMul"], per_channel=True, weight_type=QuantType.QInt8)
        made = onnx.load(path)
    return _counted(made, {"MatMulInteger": wanted})


def smoothed(model: Any, largest: Mapping[str, NDArray], alpha: float) -> Any:
    """The same function with outliers moved from inputs of linear layers to their weights (Xiao et al. 2023,
    SmoothQuant). `largest` [K] is what each input, by name, reaches."""
    model, onnx = without_gemm(model), need("onnx")
    by_input: dict[str, list[Linear]] = {}
    for linear in linears(model):
        by_input.setdefault(linear.node.input[0], []).append(linear)
    for name, sharing in by_input.items():
        weights = np.max([np.abs(linear.weight).max(1) for linear in sharing], 0)
        factor = np.maximum(largest[name], LEAST) ** alpha / np.maximum(weights, LEAST) ** (1 - alpha)
        factor = np.maximum(factor, LEAST).astype(np.float32)
        scaled = f"{name}/smoothed"
        shrink = onnx.helper.make_node("Mul", [name, _constant(model, f"{scaled}/by", 1 / factor)], [scaled])
        model.graph.node.insert(list(model.graph.node).index(sharing[0].node), shrink)
        for number, linear in enumerate(sharing):
            linear.node.input[0] = scaled
            linear.node.input[1] = _constant(model, f"{scaled}/w{number}", factor[:, None] * linear.weight)
    return _tidy(model)


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
    used = {name for node in model.graph.node for name in node.input}
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
        found = sum(node.op_type == kind for node in model.graph.node)
        if found != count or not count:
            raise ValueError(f"{found} of {count} linear layers became {kind}: the graph would be smaller in name only")
    if left := linears(model):
        raise ValueError(f"{len(left)} linear layers are as they were")
    return model
