"""A policy of chunks as ONNX graphs, and recorded questions and answers of it.

The whole of it is one graph, which any method of going on from the chunk before is inside; its two parts are two more,
a reflex another. Noise is zero, so answers are the same every time.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from ..envs.contract import Env, Observation, PyTree
from ..policies.learn.flow.parts import ChunkParams, Parts, make_parts
from ..policies.learn.run import LoadedPolicy
from ..policies.nets.flow.tokens import STATE, arrays_of
from ..policies.policy import Policy
from ..policies.rtc.plan import plan
from . import record
from .contract import Chunk, Graph, Reflex, Tensor
from .graphs import OPSET, Meaning, convert, names_of, shifted
from .made import Made

ENCODE, DENOISE, REFLEX = "encode.onnx", "denoise.onnx", "reflex.onnx"
BEFORE, LEFT, DELAY = "prev_chunk", "prev_left", "inference_delay"
PLANNED, AGE, CORRECTED = "planned", "age", "corrected"
METHODS = ("naive", "guided", "identity", "hard", "settled")
"""Others keep or compare several chunks."""
TOLERANCE = 1e-4
Leaves = tuple[Array, ...]


def export(loaded: LoadedPolicy, like: PyTree, meaning: Meaning, file: str, names: tuple[str, str], seed: int) -> Made:
    """Of a policy that was learned by flow matching. `like` is the shapes of one observation, `names` those of the
    graph's input for it, where it is one array, and of its output.

    Raises ValueError for a way of playing that one question and one answer are not enough for.
    """
    flow = loaded.config.flow
    assert flow is not None
    if flow.play.method not in METHODS:
        wanted = ", ".join(METHODS)
        raise ValueError(f"flow.play.method is {flow.play.method!r}: policies that play {wanted} are exported")
    parts, params = make_parts(loaded.env.spec, flow), loaded.params
    seen = [
        Tensor(name, leaf.shape, leaf.dtype.name)
        for name, leaf in zip(names_of(like, names[0]), jax.tree.leaves(like), strict=True)
    ]
    answer = Tensor(names[1], (flow.horizon, parts.action), "float32")
    told = (Tensor(BEFORE, answer.shape, "float32"), Tensor(LEFT, (), "int32"), Tensor(DELAY, (), "int32"))
    inputs = (*seen, *told)
    ask = asked(parts, params, like, meaning)
    content = convert(ask, inputs, (answer,))
    encode, denoise, known = halves(parts, params, like, meaning)
    whole = Graph(file, inputs, (answer,), (), OPSET)
    asking = (*known, Tensor("chunk", answer.shape, "float32"), Tensor("time", (flow.horizon,), "float32"))
    one = Graph(ENCODE, tuple(seen), known, (), OPSET)
    two = Graph(DENOISE, asking, (Tensor("velocity", answer.shape, "float32"),), (), OPSET)
    scaling = params.scalings.action
    chunk = Chunk(
        horizon=flow.horizon,
        every=flow.play.every,
        method=flow.play.method,
        settled=flow.settled if flow.play.method == "settled" else 0,
        before=BEFORE,
        left=LEFT,
        delay=DELAY,
        encode=one,
        denoise=two,
        steps=flow.network.steps,
        scale=tuple(float(x) for x in scaling.span),
        offset=tuple(float(x) for x in scaling.centre + meaning.shift),
        relative=flow.relative,
        state=(STATE if len(seen) > 1 else names[0]) if flow.relative else "",
        reflex=reflex_of(seen, answer) if flow.reflex else None,
    )
    files = {
        ENCODE: convert(encode, one.inputs, one.outputs),
        DENOISE: convert(denoise, two.inputs, two.outputs),
    }
    ticks = recorded(loaded.env, parts, ask, whole, meaning, seed)
    if chunk.reflex:
        react, graph = reacting(parts, params, like, meaning), chunk.reflex.graph
        files[REFLEX] = convert(react, graph.inputs, graph.outputs)
        ticks |= reactions(react, graph, ticks, names[1])
    return Made(content, whole, ticks, TOLERANCE, chunk=chunk, parts=files)


def reader(like: PyTree, meaning: Meaning) -> Callable[[Leaves], dict[str, Array]]:
    """(leaves of what is seen) -> the arrays of it by name, as the policy knows them."""
    structure, names = jax.tree.structure(like), names_of(like, "obs")

    def read(leaves: Leaves) -> dict[str, Array]:
        return arrays_of(structure.unflatten(shifted(meaning, names, leaves, -1)))

    return read


def asked(parts: Parts, params: ChunkParams, like: PyTree, meaning: Meaning) -> Callable[..., Leaves]:
    """(leaves of what is seen, chunk before [B, H, A], how much of it is left [B], delay [B]) -> chunk [B, H, A]."""
    read, shift = reader(like, meaning), jnp.asarray(meaning.shift, jnp.float32)
    config, key = parts.config, jax.random.key(0)

    def function(*leaves: Array) -> Leaves:
        *seen, before, left, delay = leaves
        observation = read(tuple(seen))
        known = parts.to_learn(params.scalings, observation, before - shift)
        velocity, every = parts.velocity(params, observation), config.horizon - left[:, None]
        method, steps = config.play.method, config.network.steps
        found = plan(method, velocity, steps, key, known, left > 0, delay[:, None], every, temperature=0.0)
        actions = jnp.clip(parts.to_act(params.scalings, observation, found), parts.low, parts.high)
        return (actions + shift,)

    return function


def halves(
    parts: Parts, params: ChunkParams, like: PyTree, meaning: Meaning
) -> tuple[Callable[..., Leaves], Callable[..., Leaves], tuple[Tensor, ...]]:
    """What is seen -> what is known; that, a chunk [B, H, A] and times [B, H] -> its velocity; and what is known."""
    read = reader(like, meaning)

    def encoded(leaves: Leaves) -> PyTree:
        return parts.encode(params, read(leaves))

    def shapes(batch: int) -> PyTree:
        return jax.eval_shape(encoded, batched(like, batch))

    structure, pairs = jax.tree.structure(shapes(1)), zip(*map(jax.tree.leaves, (shapes(2), shapes(3))), strict=True)
    differ = [[m != n for m, n in zip(a.shape, b.shape, strict=True)] for a, b in pairs]
    axes = [each.index(True) if any(each) else None for each in differ]
    """Of the batch, which is not the first everywhere; what has none is the same for all that is seen."""
    nothing = tuple(jnp.zeros(leaf.shape, leaf.dtype) for leaf in batched(like, 1))
    same = [leaf for leaf, axis in zip(jax.tree.leaves(encoded(nothing)), axes, strict=True) if axis is None]

    def encode(*leaves: Array) -> Leaves:
        found = zip(jax.tree.leaves(encoded(leaves)), axes, strict=True)
        return tuple(jnp.moveaxis(leaf, axis, 0) for leaf, axis in found if axis is not None)

    def denoise(*leaves: Array) -> Leaves:
        *known, chunk, time = leaves
        moved, fixed = iter(known), iter(same)
        inner = [next(fixed) if axis is None else jnp.moveaxis(next(moved), 0, axis) for axis in axes]
        return (parts.ask(params, structure.unflatten(inner), chunk, time),)

    known = jax.eval_shape(encode, *batched(like, 1))
    return encode, denoise, tuple(Tensor(f"known_{i}", x.shape[1:], x.dtype.name) for i, x in enumerate(known))


def reflex_of(seen: list[Tensor], answer: Tensor) -> Reflex:
    """The graph of the reflex: of what is `seen` it takes the vectors."""
    vectors = [tensor for tensor in seen if vector(tensor)]
    inputs = (*vectors, Tensor(PLANNED, answer.shape[1:], "float32"), Tensor(AGE, (), "int32"))
    outputs = (Tensor(CORRECTED, answer.shape[1:], "float32"),)
    return Reflex(Graph(REFLEX, inputs, outputs, (), OPSET), PLANNED, AGE)


def reacting(parts: Parts, params: ChunkParams, like: PyTree, meaning: Meaning) -> Callable[..., Leaves]:
    """(vectors that are seen, action that was planned [B, A], its age [B]) -> action [B, A]."""
    read, shift, leaves = reader(like, meaning), jnp.asarray(meaning.shift, jnp.float32), jax.tree.leaves(like)

    def function(*arrays: Array) -> Leaves:
        *seen, planned, age = arrays
        given = iter(seen)
        observation = read(tuple(next(given) if vector(leaf) else jnp.zeros((1, *leaf.shape)) for leaf in leaves))
        return (parts.react(params, observation, planned - shift, age) + shift,)

    return function


def reactions(react: Callable[..., Leaves], graph: Graph, ticks: dict[str, NDArray], output: str) -> dict[str, NDArray]:
    """What the reflex makes of the recorded chunks, each at another age."""
    chunks = ticks[f"out.{output}"]
    rows = np.arange(len(chunks))
    age = (rows % chunks.shape[1]).astype(np.int32)
    told = {f"in.{PLANNED}": chunks[rows, age], f"in.{AGE}": age}
    (found,) = jax.jit(react)(*((ticks | told)[f"in.{tensor.name}"] for tensor in graph.inputs))
    return told | {f"out.{CORRECTED}": np.asarray(found)}


def vector(leaf: Any) -> bool:
    """Whether an array of one observation, or a tensor of a graph, is a vector of numbers."""
    return len(leaf.shape) == 1 and jnp.dtype(leaf.dtype) == jnp.float32


def batched(like: PyTree, batch: int) -> list[jax.ShapeDtypeStruct]:
    """Shapes of the leaves of so many observations."""
    return [jax.ShapeDtypeStruct((batch, *leaf.shape), leaf.dtype) for leaf in jax.tree.leaves(like)]


def recorded(
    env: Env, parts: Parts, ask: Callable[..., Leaves], graph: Graph, meaning: Meaning, seed: int
) -> dict[str, NDArray]:
    """Questions and answers, and what a robot read, as `record.record` names them: a new chunk every tick, most of them
    late, so that every input says all that it can."""
    policy = Policy(partial(no_chunk, parts), partial(act_anew, ask, meaning))
    ticks, chosen = record.lasting(env, policy, None, seed)
    questions = record.inputs_of(ticks, meaning, graph, chosen)
    (answers,) = jax.jit(ask)(*questions.values())
    found = {f"in.{name}": rows for name, rows in questions.items()} | {f"out.{graph.outputs[0].name}": answers}
    return jax.device_get(found) | {name: record.in_rows(rows, chosen) for name, rows in ticks["robot"].items()}


class Going(NamedTuple):
    """What `recorded` plays with."""

    before: Array
    """[W, H, A] as the graph takes it; so are the others, [W]."""
    left: Array
    delay: Array


def no_chunk(parts: Parts, worlds: int) -> Going:
    """Before the first."""
    nothing = jnp.zeros(worlds, jnp.int32)
    return Going(jnp.zeros((worlds, parts.config.horizon, parts.action)), nothing, nothing)


def act_anew(
    ask: Callable[..., Leaves], meaning: Meaning, params: PyTree, going: Going, observation: Observation, key: Array
) -> tuple[Array, Going]:
    """The first action of a chunk that is asked for in this tick, or of the one before while the new one is late."""
    horizon = going.before.shape[1]
    seen = jax.tree.leaves(observation.policy)
    (chunk,) = ask(*shifted(meaning, names_of(observation.policy, "obs"), seen, 1), *going)
    late = (jnp.arange(horizon) < going.delay[:, None])[..., None]
    chunk = jnp.where(late, going.before, chunk)
    rest = jnp.concatenate([chunk[:, 1:], chunk[:, -1:]], axis=1)
    next_delay = (going.delay + 1) % (horizon // 2 + 1)
    action = chunk[:, 0] - jnp.asarray(meaning.shift, jnp.float32)
    left = jnp.maximum(horizon - 1 - next_delay, next_delay)  # as many as a robot may have, not always all there are
    return action, Going(rest, left, next_delay)
