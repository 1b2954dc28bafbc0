"""The seam between tasks and physics engines: W copies of one world, state in and out as arrays.

An engine is an object like `Physics`. It holds what never changes (the compiled model); everything else is an argument,
so a step works inside `jit` and `scan`. Where worlds differ in their model (friction, mass, gains) the places that
differ are named once, as `ModelField`s, and their values are given with every step.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from jax import Array
from numpy.typing import NDArray

from .world import World

Fields = tuple[Array, ...]
"""For each `ModelField` of an engine its values, [W, ...]."""


@dataclass(frozen=True, eq=False)
class ModelField:
    """Places in a field of the model that differ from world to world."""

    name: str
    """Of the field in MuJoCo's model, like `body_mass`."""
    index: tuple[NDArray, ...]
    """Places in it, as for NumPy's indexing; the arrays have the shape of one world's values."""

    def nominal(self, model: mujoco.MjModel) -> NDArray:
        """The model's own values at those places."""
        return getattr(model, self.name)[self.index].astype(np.float32)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class State:
    """Where W worlds stand. All that physics need to go on."""

    qpos: Array
    """[W, nq] m, quaternions w-x-y-z, rad."""
    qvel: Array
    """[W, nv] m/s (world frame), rad/s (base frame), joints rad/s."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Outcome:
    """What is felt in a step. Values are those at the start of its last physics step."""

    sensors: Array
    """[W, S] MuJoCo's `sensordata`."""
    torque: Array
    """[W, U] of the actuators, N m."""
    overflow: Array
    """[W] bool: contacts were dropped for lack of room."""


class Physics(Protocol):
    """An engine. `engine` names it; `world` is what it steps; `fields` what may differ between worlds."""

    engine: str
    world: World
    fields: tuple[ModelField, ...]

    def step(self, state: State, control: Array, values: Fields, steps: int) -> tuple[State, Outcome]:
        """Advance all worlds by some physics steps under the same `control` [W, U] (drive targets, rad).

        `values` are those of the engine's `fields`, [W, ...] each.
        """
        ...


def nominal(physics: Physics, worlds: int) -> Fields:
    """The model's own values of the engine's fields, for every world."""
    own = (field.nominal(physics.world.model) for field in physics.fields)
    return tuple(jnp.broadcast_to(jnp.asarray(values), (worlds, *values.shape)) for values in own)


def sensor(model: mujoco.MjModel, *names: str) -> NDArray:
    """Places of some sensors in `sensordata`: [len(names), size] for sensors of one size.

    Raises ValueError for a sensor that the model lacks.
    """
    places = []
    for name in names:
        found = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_SENSOR, name)
        if found < 0:
            raise ValueError(f"the model has no sensor {name!r}")
        first = model.sensor_adr[found]
        places.append(np.arange(first, first + model.sensor_dim[found]))
    return np.array(places)


def make(engine: str, world: World, fields: tuple[ModelField, ...] = ()) -> Physics:
    """The engine of a name: "batch" (MuJoCo's own C code on every core), "mjx" (JAX: TPU, gradients), "warp" (NVIDIA).

    "auto" picks batch on CPU, warp on NVIDIA where it runs, mjx elsewhere. Raises ValueError for an engine that does
    not run here.
    """
    platform = jax.default_backend()
    missing = unavailable(platform)
    if engine == "auto":
        order = ("batch",) if platform == "cpu" else ("warp", "mjx")
        engine = next(name for name in order if not missing[name])
    if engine not in missing:
        raise ValueError(f"engine is {engine!r}: use one of auto, {', '.join(missing)}")
    if missing[engine]:
        raise ValueError(f"engine is {engine!r}: {missing[engine]}")
    return _engines()[engine].Engine(world, fields)


def unavailable(platform: str) -> dict[str, str]:
    """Of each engine why it does not run on a JAX platform; empty where it does."""
    return {name: engine.unavailable(platform) for name, engine in _engines().items()}


def _engines() -> dict[str, Any]:
    """By name. They import what they are made of."""
    from .engines import batch, mjx, warp

    return {"batch": batch, "mjx": mjx, "warp": warp}
