"""Whether the fields of a contract go together."""

from math import isfinite
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .contract import Chunk, Contract, Reflex, Tensor

SCHEMA_VERSION = "1.2"
PER_JOINT = (
    *("actuator_names", "joint2motor", "default_joint_pos", "joint_pos_limits", "joint_vel_limits"),
    *("torque_limits", "kp", "kd", "standing_joint_target", "folded_joint_target"),
)
"""Fields with one entry for each of `joint_names`."""
MOST_ATOL, MOST_READINGS_ATOL = 1e-3, 1.0
"""Of a self-test: with more it would prove nothing. Readings may turn the rounding of a quantised graph over."""


def check(contract: "Contract") -> None:
    """Raises ValueError, in one line that names the field, where they do not."""
    if contract.schema_version.split(".")[0] != SCHEMA_VERSION.split(".")[0]:
        raise ValueError(f"schema_version is {contract.schema_version}: this gambol reads {SCHEMA_VERSION}")
    for name in ("control_dt", "sim_dt"):
        value = getattr(contract, name)
        if not (value > 0 and isfinite(value)):
            raise ValueError(f"{name} is {value}: it must be a finite number above 0")
    _check_joints(contract)
    _check_action(contract)
    if contract.robot is not None and contract.safety is None:
        raise ValueError("safety is missing: a robot is never run without")
    _check_terms(contract)
    _check_selftest(contract)
    if contract.chunk is not None:
        _check_chunk(contract, contract.chunk)
        if contract.chunk.reflex is not None:
            _check_reflex(contract, contract.chunk.reflex)


def _check_joints(contract: "Contract") -> None:
    joints = len(contract.joint_names)
    if len(set(contract.joint_names)) != joints:
        raise ValueError("joint_names: a joint is named twice")
    for name in PER_JOINT:
        if len(getattr(contract, name)) != joints:
            raise ValueError(f"{name} has {len(getattr(contract, name))} entries: give {joints}, one per joint")
    if sorted(set(contract.joint2motor)) != sorted(contract.joint2motor):
        raise ValueError("joint2motor: two joints have the same motor")
    for name, pair in zip(contract.joint_names, contract.joint_pos_limits, strict=True):
        if len(pair) != 2 or not pair[0] < pair[1]:
            raise ValueError(f"joint_pos_limits of {name} are {list(pair)}: give the lower one first")
    for name in ("kp", "torque_limits", "joint_vel_limits"):
        if any(value <= 0 for value in getattr(contract, name)):
            raise ValueError(f"{name} must be above 0 for every joint")


def _check_action(contract: "Contract") -> None:
    action = contract.action
    if action.output not in (tensor.name for tensor in contract.graph.outputs):
        raise ValueError(f"action.output is {action.output!r}: the graph has no such output")
    if unknown := [joint for joint in action.joint_names if joint not in contract.joint_names]:
        raise ValueError(f"action.joint_names has {unknown[0]!r}, which is not in joint_names")
    sizes = {len(action.joint_names), len(action.scale), len(action.offset), len(action.clip)}
    if action.type == "joint_pos_target" and len(sizes) != 1:
        raise ValueError("action: joint_names, scale, offset and clip must have one entry per joint each")


def _check_terms(contract: "Contract") -> None:
    for array, terms in contract.obs.order.items():
        first = 0
        for term in terms:
            if tuple(term.slice) != (first, first + term.dim):
                raise ValueError(f"obs.order.{array}: {term.name} is at {list(term.slice)}, not at {first}")
            if len(term.scale) != term.dim or len(term.offset) != term.dim:
                raise ValueError(f"obs.order.{array}: {term.name} needs {term.dim} entries of scale and of offset")
            first += term.dim


def _check_selftest(contract: "Contract") -> None:
    selftest = contract.selftest
    for name, most in (("atol", MOST_ATOL), ("readings_atol", MOST_READINGS_ATOL)):
        if not 0 <= getattr(selftest, name) <= most:
            raise ValueError(f"selftest.{name} is {getattr(selftest, name):g}: it must be 0 to {most:g}")
    if contract.robot is not None and not selftest.raw:
        raise ValueError("selftest.raw is false: for a robot the readings must be there too")


def _check_chunk(contract: "Contract", chunk: "Chunk") -> None:
    """Of a policy of chunks."""
    shape = _named(contract.graph.outputs, contract.action.output).shape
    if len(shape) != 2 or shape[0] != chunk.horizon:
        raise ValueError(f"chunk.horizon is {chunk.horizon}: {contract.action.output} is {list(shape)}")
    horizon, size = shape
    if not 1 <= chunk.every <= horizon:
        raise ValueError(f"chunk.every is {chunk.every}: it must be 1 to {horizon}")
    least, most = (1, horizon - 1) if chunk.method == "settled" else (0, 0)
    if not least <= chunk.settled <= most:
        raise ValueError(f"chunk.settled is {chunk.settled}: for {chunk.method!r} it must be {least} to {most}")
    if chunk.steps < 1:
        raise ValueError(f"chunk.steps is {chunk.steps}: it must be at least 1")
    for name, entries in (("scale", chunk.scale), ("offset", chunk.offset), ("action.clip", contract.action.clip)):
        if len(entries) != size:
            raise ValueError(f"chunk: {name} has {len(entries)} entries: give {size}, one per entry of an action")
    _check_inputs("chunk", contract.graph.inputs, chunk, {"before": shape, "left": (), "delay": ()})
    if not all(0 <= entry < size for entry in chunk.relative):
        raise ValueError(f"chunk.relative is {list(chunk.relative)}: an action has entries 0 to {size - 1}")
    if chunk.relative:
        seen = _named(contract.graph.inputs, chunk.state, "chunk.state").shape
        if len(seen) != 1 or seen[0] <= max(chunk.relative):
            raise ValueError(f"chunk.state: {chunk.state} is {list(seen)}, too small for chunk.relative")
    if contract.graph.memory:
        raise ValueError("graph.memory: a policy of chunks keeps none")


def _check_reflex(contract: "Contract", reflex: "Reflex") -> None:
    """Of what corrects actions."""
    size = _named(contract.graph.outputs, contract.action.output).shape[1]
    _check_inputs("chunk.reflex", reflex.graph.inputs, reflex, {"planned": (size,), "age": ()})
    if [tensor.shape for tensor in reflex.graph.outputs] != [(size,)]:
        raise ValueError(f"chunk.reflex.graph.outputs must be one action, [{size}]")
    seen = contract.obs.input.values()
    for tensor in reflex.graph.inputs:
        if tensor.name not in (*seen, reflex.planned, reflex.age):
            raise ValueError(f"chunk.reflex.graph has an input {tensor.name!r}, which is not observed")


def _check_inputs(
    where: str, inputs: "tuple[Tensor, ...]", told: "Chunk | Reflex", shapes: dict[str, tuple[int, ...]]
) -> None:
    """That fields which name inputs name others each, of such shapes."""
    names = [getattr(told, field) for field in shapes]
    for field, name in zip(shapes, names, strict=True):
        tensor, wanted = _named(inputs, name, f"{where}.{field}"), "float32" if shapes[field] else "int32"
        if tensor.shape != shapes[field] or tensor.dtype != wanted or names.count(name) > 1:
            raise ValueError(f"{where}.{field} is {name!r}: it must be an input of its own, {wanted} {shapes[field]}")


def _named(tensors: "tuple[Tensor, ...]", name: str, field: str = "") -> "Tensor":
    found = next((tensor for tensor in tensors if tensor.name == name), None)
    if found is None:
        raise ValueError(f"{field} is {name!r}: the graph has no such input")
    return found
