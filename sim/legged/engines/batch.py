"""MuJoCo's C code on every core (`mujoco.batch`), called from XLA without copies of its own."""

import ctypes
import threading
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from mujoco.batch import Batch

from ... import ffi
from ...machine import cores
from ..physics import Fields, ModelField, Outcome, State
from ..world import World

INPUTS = ("qpos", "qvel", "ctrl")
OUTPUTS = ("qpos", "qvel", "sensordata", "actuator_force")


def unavailable(platform: str) -> str:
    """Why this engine does not run on a JAX platform; empty if it does."""
    return "" if platform == "cpu" else f"mujoco.batch runs on the CPU, JAX uses {platform}: set JAX_PLATFORMS=cpu"


class Engine:
    """`Physics` by `mujoco.batch`. Deterministic, whatever the number of threads."""

    engine = "batch"

    def __init__(self, world: World, fields: tuple[ModelField, ...] = ()):
        self.world, self.fields = world, fields
        self.lock = threading.Lock()

    def step(self, state: State, control: Array, values: Fields, steps: int) -> tuple[State, Outcome]:
        """See `Physics.step`."""
        model, worlds = self.world.model, state.qpos.shape[0]
        inputs = [jnp.asarray(x, jnp.float32) for x in (state.qpos, state.qvel, control, *values)]
        sizes = (model.nq, model.nv, model.nsensordata, model.nu)
        outputs = [jax.ShapeDtypeStruct((worlds, size), jnp.float32) for size in sizes]
        name = f"gambol_batch_{id(self):x}_{worlds}_{steps}"
        if not ffi.known(name):
            shapes = [x.shape for x in (*inputs, *outputs)]
            ffi.register(name, partial(self._advance, self._batch(worlds), shapes, steps), len(inputs), len(outputs))
        qpos, qvel, sensors, torque = jax.ffi.ffi_call(name, outputs)(*inputs)
        return State(qpos, qvel), Outcome(sensors, torque, jnp.zeros(worlds, bool))

    def _batch(self, worlds: int) -> Batch:
        batch = Batch(self.world.model, nsim=worlds, nthread=cores())
        for name in {*INPUTS, *OUTPUTS}:
            batch.bind(name)
        for field in self.fields:
            batch.expand(field.name)
        return batch

    def _advance(self, batch: Batch, shapes: list[tuple[int, ...]], steps: int, addresses: list[int]) -> None:
        """One call from XLA: arrays at `addresses`, of `shapes`, inputs first."""
        arrays = [view(address, shape) for address, shape in zip(addresses, shapes, strict=True)]
        given, filled = arrays[: -len(OUTPUTS)], arrays[-len(OUTPUTS) :]
        with self.lock:
            for name, value in zip(INPUTS, given, strict=False):
                batch.bind(name)[:] = value
            for field, value in zip(self.fields, given[len(INPUTS) :], strict=True):
                batch.expand(field.name)[(slice(None), *field.index)] = value
            batch.step(nstep=steps)
            for name, value in zip(OUTPUTS, filled, strict=True):
                value[:] = batch.bind(name)


def view(address: int, shape: tuple[int, ...]) -> np.ndarray:
    """The float32 array of a shape that lies at an address."""
    return np.ctypeslib.as_array(ctypes.cast(address, ctypes.POINTER(ctypes.c_float)), shape)
