"""A policy as an ONNX graph: observation and memory in, action and memory out, for any batch.

What a controller must not get wrong is inside: the normaliser, the mode of the distribution, the limits of actions, and
an action's meaning: an output of zero is the robot's default pose, as controllers expect, even where the policy learned
offsets from other drive targets (its `last_action` entries are shifted back likewise).
"""

import logging
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from ..envs.contract import Observation, PyTree
from ..policies.names import named
from ..policies.policy import Policy
from .contract import BATCH, Graph, Memory, Tensor
from .extras import need
from .inline import inlined
from .joined import joined
from .looped import cut
from .sessions import nodes_of

OPSET = 18
"""That of the exporters whose graphs existing controllers read."""


class Meaning(NamedTuple):
    """How actions of the graph differ from those of the policy."""

    shift: NDArray
    """[A] added to what the policy does; zeros where nothing differs."""
    lower: NDArray
    """[A] least action of the policy."""
    upper: NDArray
    """[A]"""
    last_action: Mapping[str, slice]
    """Where, in each array of the observation, the last action is seen."""


def plain_meaning(size: int) -> Meaning:
    """Nothing differs, nothing is limited."""
    return Meaning(np.zeros(size), np.full(size, -np.inf), np.full(size, np.inf), {})


def names_of(tree: PyTree, name: str) -> list[str]:
    """A name for every leaf: `name` if there is but one, else the keys that lead to it."""
    return [key or name for key, _ in named(tree)]


def shifted(meaning: Meaning, names: Sequence[str], leaves: Iterable[Any], sign: int) -> list[Any]:
    """Arrays of an observation, by name, with the last action in them in the meaning of the graph (`sign` 1) or in the
    policy's (-1)."""
    seen = dict(zip(names, leaves, strict=True))
    for name, place in meaning.last_action.items():
        by = np.zeros(seen[name].shape[-1], np.float32)
        by[place] = sign * meaning.shift
        seen[name] = seen[name] + by
    return list(seen.values())


def as_function(policy: Policy, params: PyTree, like: PyTree, meaning: Meaning) -> Callable[..., tuple[Array, ...]]:
    """(leaves of the observation, then of the memory) -> (action, leaves of the memory). `like` has the observation's
    structure."""
    structure, remembered = jax.tree.structure(like), jax.tree.structure(policy.initial_memory(1))
    names, moved = names_of(like, "obs"), bool(np.any(meaning.shift))
    limited = bool(np.isfinite(meaning.lower).all())

    def function(*leaves: Array) -> tuple[Array, ...]:
        observation = Observation(structure.unflatten(shifted(meaning, names, leaves[: len(names)], -1)))
        memory = remembered.unflatten(leaves[len(names) :])
        action, memory = policy.act(params, memory, observation, jax.random.key(0))
        if limited:
            action = jnp.clip(
                action, jnp.asarray(meaning.lower, action.dtype), jnp.asarray(meaning.upper, action.dtype)
            )
        if moved:
            action = action + jnp.asarray(meaning.shift, action.dtype)
        return action, *jax.tree.leaves(memory)

    return function


def as_policy(session: Any, graph: Graph, meaning: Meaning, like: PyTree, one_by_one: bool = False) -> Policy:
    """The policy that a graph is, run by ONNX Runtime for all worlds at once, or for one after the other. `like` is the
    shapes of one observation; it has no parameters."""
    names = names_of(like, graph.inputs[0].name)
    remembered = [(pair, next(t for t in graph.inputs if t.name == pair.input)) for pair in graph.memory]
    outputs = [graph.outputs[0].name, *(pair.output for pair, _ in remembered)]
    told, shift = graph.outputs[0], jnp.asarray(meaning.shift, jnp.float32)
    moved = bool(np.any(meaning.shift))

    def run(*arrays: Array) -> list[NDArray]:
        given = dict(zip(inputs, map(np.asarray, arrays), strict=True))
        if not one_by_one:
            return session.run(outputs, given)
        rows = range(len(given[inputs[0]]))
        each = [session.run(outputs, {name: array[i : i + 1] for name, array in given.items()}) for i in rows]
        return [np.concatenate(parts) for parts in zip(*each, strict=True)]

    inputs = [*names, *(tensor.name for _, tensor in remembered)]

    def initial(worlds: int) -> PyTree:
        return [jnp.zeros((worlds, *tensor.shape), tensor.dtype) for _, tensor in remembered]

    def act(params: PyTree, memory: PyTree, observation: Observation, key: Array) -> tuple[Array, PyTree]:
        seen = shifted(meaning, names, jax.tree.leaves(observation.policy), 1)
        worlds = seen[0].shape[0]
        shapes = [jax.ShapeDtypeStruct((worlds, *told.shape), told.dtype)]
        shapes += [jax.ShapeDtypeStruct(array.shape, array.dtype) for array in memory]
        action, *memory = jax.pure_callback(run, shapes, *seen, *memory)
        return (action - shift if moved else action), memory

    return Policy(initial, act)


def export(
    policy: Policy, params: PyTree, like: PyTree, meaning: Meaning, file: str, names: tuple[str, str]
) -> tuple[bytes, Graph]:
    """The graph of a policy at temperature 0, and its description. `like` is the shapes of one observation, `names`
    those of the input and the output of a graph with one of each.

    Raises ValueError without the packages of the extra `export`, and where the policy computes what ONNX cannot.
    """
    function = as_function(policy, params, like, meaning)
    memory = jax.eval_shape(lambda: policy.initial_memory(1))
    remembered = names_of(memory, "memory")
    leaves = zip(names_of(like, names[0]), jax.tree.leaves(like), strict=True)
    seen = [Tensor(name, leaf.shape, leaf.dtype.name) for name, leaf in leaves]
    leaves = zip(remembered, jax.tree.leaves(memory), strict=True)
    kept = [Tensor(f"{name}_in", leaf.shape[1:], leaf.dtype.name) for name, leaf in leaves]
    inputs = (*seen, *kept)
    shapes = [jax.ShapeDtypeStruct((1, *tensor.shape), tensor.dtype) for tensor in inputs]
    action, *_ = jax.eval_shape(function, *shapes)
    outputs = (
        Tensor(names[1], action.shape[1:], action.dtype.name),
        *(Tensor(f"{name}_out", tensor.shape, tensor.dtype) for name, tensor in zip(remembered, kept, strict=True)),
    )
    pairs = tuple(Memory(f"{name}_in", f"{name}_out") for name in remembered)
    return convert(function, inputs, outputs), Graph(file, inputs, outputs, pairs, OPSET)


def convert(function: Callable[..., Any], inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> bytes:
    """A JAX function in ONNX. Raises ValueError without the packages of the extra `export`, and for what cannot be
    converted."""
    onnx = need("onnx")
    for noisy in ("jax2onnx", "onnx_ir"):  # of every optional package of their own, and of shapes nobody asks for
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    to_onnx = need("jax2onnx").to_onnx
    batch = jax.export.symbolic_shape(BATCH)[0]
    shapes = [jax.ShapeDtypeStruct((batch, *tensor.shape), tensor.dtype) for tensor in inputs]
    closed = jax.make_jaxpr(function)(*shapes)  # here: where it is converted, some layers have no gradients
    names, found = [tensor.name for tensor in inputs], [tensor.name for tensor in outputs]

    def part(function: Callable[..., Any], shapes: Sequence[Any], inputs: Sequence[str], outputs: Sequence[str]) -> Any:
        settings = {"model_name": "policy", "opset": OPSET, "input_names": [*inputs], "output_names": [*outputs]}
        return to_onnx(function, [*shapes], **settings)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # its own
            if parts := cut(closed):
                model = joined(parts, part, shapes, names, found)
            else:
                model = part(lambda *leaves: tuple(inlined(closed, *leaves)), shapes, names, found)
    except NotImplementedError as error:  # how the converter says that it lacks an operation
        raise ValueError(f"the policy computes what ONNX cannot: {' '.join(str(error).split())}") from error
    once(model.graph)
    constant_shapes(model.graph)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def once(graph: Any) -> None:
    """Leave one of constants that are the same: a smaller graph stays in a processor's cache."""
    same: dict[tuple[Any, ...], str] = {}
    names = {}
    for tensor in list(graph.initializer):
        content = (tensor.data_type, *tensor.dims, bytes(tensor.raw_data)) if tensor.raw_data else (tensor.name,)
        names[tensor.name] = same.setdefault(content, tensor.name)
        if names[tensor.name] != tensor.name:
            graph.initializer.remove(tensor)
    for node in nodes_of(graph):
        node.input[:] = [names.get(name, name) for name in node.input]


def constant_shapes(graph: Any) -> None:
    """Say shapes that differ in the batch alone as constants with -1 for it: nothing is computed for them then."""
    onnx = need("onnx")
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    makers = {name: node for node in nodes_of(graph) for name in node.output}
    for node in [node for node in nodes_of(graph) if node.op_type == "Reshape"]:
        maker = makers.get(node.input[1])
        if maker is None or maker.op_type != "Concat":
            continue
        computed = [name for name in maker.input if name not in constants]
        if any(name not in makers or makers[name].op_type != "Unsqueeze" for name in computed):
            continue  # it may be more than one number
        sizes = [constants.get(name, np.array([-1])) for name in maker.input]
        shape = np.concatenate([np.ravel(each) for each in sizes]).astype(np.int64)
        if (shape < 0).sum() == 1:
            name = "shape_" + "_".join(map(str, shape))
            node.input[1] = name
            if name not in constants:
                constants[name] = shape
                graph.initializer.append(onnx.numpy_helper.from_array(shape, name))
    unused(graph)


def unused(graph: Any) -> None:
    """Leave out what nobody needs, in a graph and in those of its loops."""
    while True:
        needed = {name for node in nodes_of(graph) for name in node.input} | {value.name for value in graph.output}
        inner = [attribute.g for node in nodes_of(graph) for attribute in node.attribute if attribute.HasField("g")]
        needed |= {value.name for body in inner for value in body.output}
        idle = [(g, node) for g in (graph, *inner) for node in g.node if not needed & set(node.output)]
        for where, node in idle:
            where.node.remove(node)
        if not idle:
            break
    kept = [tensor for tensor in graph.initializer if tensor.name in needed]
    del graph.initializer[:]
    graph.initializer.extend(kept)
