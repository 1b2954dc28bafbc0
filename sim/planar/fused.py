"""The fused engine: an env step of every world as one Warp kernel, each world one thread, on CPU and CUDA.

It does what `frame_skip` calls of `engine.step` do, to float tolerance, and works inside `jit`, `scan` and `shard_map`.
Warp is imported on first use.
"""

import hashlib
import importlib.util
from dataclasses import fields
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .kernels.table import Table, pack
from .scene import Capacity, Physics, State, contact_slots

__all__ = ["Table", "advance", "pack", "unavailable"]

PLATFORMS = ("cpu", "gpu", "cuda")


def unavailable(platform: str) -> str:
    """Why this engine does not run on a JAX platform ("cpu", "gpu", "tpu"); empty if it does."""
    if platform not in PLATFORMS:
        return f"Warp does not support {platform}"
    if importlib.util.find_spec("warp") is None:
        return "warp-lang is not installed"
    if platform != "cpu":
        import warp as wp

        if not wp.is_cuda_available():
            return "Warp finds no NVIDIA driver"
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
        physics: compiled into the kernel.
        steps: physics steps under the same controls.

    Returns:
        The next state; touching [N, N, W] bool at the start of the last physics step, as from `engine.step`; outcome
        [W] float32 of the first physics step that has one: -1 where green touches red, else 1 where green touches blue;
        distance [W] in m after that step, else after the last: summed over pairs of a green and a blue body.

    Raises ValueError for an array that does not fit the capacity or is no float32 (`levels`: int32), and for a capacity
    of too many bodies.
    """
    given = _checked(capacity, levels.shape[-1], levels=levels, motor=motor, thrust=thrust, **vars(state))
    given["levels"] = jnp.clip(levels, 0, table.reals.shape[0] - 1)
    inputs = (table.reals, table.codes, *given.values())
    outputs = [jax.ShapeDtypeStruct(given[f.name].shape, jnp.float32) for f in fields(State)]
    outputs.append(jax.ShapeDtypeStruct((capacity.bodies, levels.shape[0]), jnp.int32))
    outputs += [jax.ShapeDtypeStruct(levels.shape, jnp.float32)] * 2
    call = _on_cpu if jax.default_backend() == "cpu" else _on_cuda
    *moved, rows, outcome, distance = call(capacity, physics, steps, inputs, outputs)
    touching = (rows[:, None] >> np.arange(capacity.bodies)[:, None]) & 1 == 1
    return State(*moved), touching, outcome, distance


def _checked(capacity: Capacity, worlds: int, **arrays: Array) -> dict[str, Array]:
    """`arrays` in the order of the kernel's arguments: it reads memory as it is, so every size must be right."""
    n, k = capacity.bodies, contact_slots(capacity)
    shapes = {
        "levels": (),
        "motor": (capacity.joints,),
        "thrust": (capacity.thrusters,),
        "position": (2, n),
        "angle": (n,),
        "velocity": (2, n),
        "angular_velocity": (n,),
        "contact_impulse": (2, k),
        "joint_impulse": (3, capacity.joints),
    }
    for name, shape in shapes.items():
        wanted, kind = (*shape, worlds), jnp.dtype(jnp.int32 if name == "levels" else jnp.float32)
        found = arrays[name]
        if found.shape != wanted or found.dtype != kind:
            raise ValueError(f"{name} is {found.dtype}{list(found.shape)}: it must be {kind}{list(wanted)}")
    return {name: arrays[name] for name in shapes}


def _on_cpu(capacity: Capacity, physics: Physics, steps: int, inputs, outputs):
    from .kernels import cpu, step

    shapes = [x.shape for x in (*inputs, *outputs)]
    key = hashlib.sha256(repr((capacity, physics, steps, shapes)).encode()).hexdigest()[:16]
    name = f"gambol_planar_{key}"
    cpu.register(name, step.make(capacity, physics), [steps], shapes, len(outputs), inputs[2].shape[0])
    return jax.ffi.ffi_call(name, outputs)(*inputs)


def _on_cuda(capacity: Capacity, physics: Physics, steps: int, inputs, outputs):
    call, names = _cuda_call(capacity, physics, inputs[2].shape[0], len(outputs))
    return call(0, steps, *inputs, output_dims={name: x.shape for name, x in zip(names, outputs, strict=True)})


@lru_cache
def _cuda_call(capacity: Capacity, physics: Physics, worlds: int, outputs: int):
    import warp as wp

    from .kernels import step

    kernel = step.make(capacity, physics)
    names = [argument.label for argument in kernel.adj.args[-outputs:]]
    return wp.jax_kernel(kernel, num_outputs=outputs, launch_dims=worlds), names
