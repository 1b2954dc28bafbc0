"""The fused engine: an env step of every world as one Warp kernel, each world one thread, on CPU and CUDA.

It does what `frame_skip` calls of `engine.step` do, to float tolerance, and works inside `jit`, `scan` and `shard_map`.
Warp is imported on first use.
"""

import hashlib
import importlib.util
from dataclasses import replace
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .kernels.table import Table, pack
from .scene import Capacity, Physics, State

__all__ = ["Table", "advance", "pack", "unavailable"]

PLATFORMS = ("cpu", "gpu", "cuda")


def unavailable(platform: str) -> str:
    """Why this engine does not run on a JAX platform ("cpu", "gpu", "tpu"); empty if it does."""
    if platform not in PLATFORMS:
        return f"Warp does not support {platform}"
    if importlib.util.find_spec("warp") is None:
        return "warp-lang is not installed"
    return ""


def advance(
    capacity: Capacity,
    table: Table,
    levels: Array,
    state: State,
    motor: Array,
    thrust: Array,
    physics: Physics,
    steps: int,
) -> tuple[State, Array, Array, Array]:
    """Advance W worlds by `steps` physics steps of `physics.dt` s.

    Args:
        capacity: the sizes of every world.
        table: of L levels, from `pack`.
        levels: [W] int32: which level each world plays.
        state: arrays end in [W].
        motor: [J, W] in [-1, 1], share of each joint's motor speed.
        thrust: [T, W] in [0, 1], share of each thruster's force.
        physics, steps: compiled into the kernel.

    Returns:
        The next state; touching [N, N, W] bool at the start of the last physics step, as from `engine.step`; outcome
        [W] float32 of the first physics step that has one: -1 where green touches red, else 1 where green touches blue;
        distance [W] in m after that step, else after the last: summed over pairs of a green and a blue body.
    """
    inputs = (table.reals, table.codes, levels, motor, thrust, *_leaves(state))
    worlds = levels.shape[0]
    outputs = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in _leaves(state)]
    outputs.append(jax.ShapeDtypeStruct((capacity.bodies, worlds), jnp.int32))
    outputs += [jax.ShapeDtypeStruct((worlds,), jnp.float32)] * 2
    call = _on_cpu if jax.default_backend() == "cpu" else _on_cuda
    *moved, rows, outcome, distance = call(capacity, physics, steps, inputs, outputs)
    touching = (rows[:, None] >> np.arange(capacity.bodies)[:, None]) & 1 == 1
    return replace(state, **dict(zip(_names(), moved, strict=True))), touching, outcome, distance


def _names() -> tuple[str, ...]:
    return ("position", "angle", "velocity", "angular_velocity", "contact_impulse", "joint_impulse")


def _leaves(state: State) -> list[Array]:
    return [getattr(state, name) for name in _names()]


def _on_cpu(capacity: Capacity, physics: Physics, steps: int, inputs, outputs):
    from .kernels import cpu, step

    shapes = [x.shape for x in (*inputs, *outputs)]
    key = hashlib.sha256(repr((capacity, physics, steps, shapes)).encode()).hexdigest()[:16]
    name = f"gambol_planar_{key}"
    cpu.register(name, step.make(capacity, physics, steps), shapes, len(outputs), inputs[2].shape[0])
    return jax.ffi.ffi_call(name, outputs)(*inputs)


def _on_cuda(capacity: Capacity, physics: Physics, steps: int, inputs, outputs):
    call, names = _cuda_call(capacity, physics, steps, inputs[2].shape[0], len(outputs))
    return call(0, *inputs, output_dims={name: x.shape for name, x in zip(names, outputs, strict=True)})


@lru_cache
def _cuda_call(capacity: Capacity, physics: Physics, steps: int, worlds: int, outputs: int):
    import warp as wp

    from .kernels import step

    kernel = step.make(capacity, physics, steps)
    names = [argument.label for argument in kernel.adj.args[-outputs:]]
    return wp.jax_kernel(kernel, num_outputs=outputs, launch_dims=worlds), names
