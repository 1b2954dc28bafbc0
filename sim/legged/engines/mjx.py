"""MJX, MuJoCo in JAX: for TPUs, and for gradients through physics.

What differs from the other engines:

- A robot touches the ground and nothing else: not itself, not what stands in the world. MJX computes every pair of
  shapes that might touch in every step, and the B1 with its arm has 122 such pairs besides those with the ground.
- Of the ground it feels at most 8 contacts at a time, the deepest ones; `Outcome.overflow` tells of more (`ground.py`).
- Kinematics and solver are Gambol's own (`kinematics.py`, `newton.py`); the rest of a step is MJX's.

Gradients in reverse mode pass through all of a step, contacts and sensors too.
"""

import copy

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from jax import Array
from mujoco import mjx

from ..physics import Fields, ModelField, Outcome, State
from ..world import World
from . import ground, newton
from .fields import filled
from .kinematics import kinematics

EDGES = 4
"""Rows of a contact: two directions of friction, each either way."""


def unavailable(platform: str) -> str:
    """Why this engine does not run on a JAX platform; empty if it does."""
    return ""


class Engine:
    """`Physics` by MJX. Deterministic. Raises ValueError for a model that it cannot step as MuJoCo does."""

    engine = "mjx"

    def __init__(self, world: World, fields: tuple[ModelField, ...] = ()):
        self.world, self.fields = world, fields
        self.probes = ground.probes(world.model)
        self.model = put(world.model)
        self.data = blank(self.model, self.probes.room)
        for field in fields:
            if not isinstance(getattr(self.model, field.name), Array):
                raise ValueError(f"engine is 'mjx': {field.name} cannot differ between worlds here: use engine 'batch'")

    def step(self, state: State, control: Array, values: Fields, steps: int) -> tuple[State, Outcome]:
        """See `Physics.step`."""
        varied = filled(lambda name: getattr(self.model, name), self.fields, values)
        every = jax.vmap(self._advance, in_axes=(0, 0, 0, None), axis_name=newton.WORLDS)

        def advance(state: State, left: Array) -> tuple[State, Outcome]:
            return every(varied, state, control, left == 0)

        state, outcomes = jax.lax.scan(advance, state, jnp.arange(steps), reverse=True)
        return state, jax.tree.map(lambda x: x[0], outcomes)

    def _advance(self, varied: dict[str, Array], state: State, control: Array, last: Array) -> tuple[State, Outcome]:
        """One physics step of one world. Sensors are computed in the `last` one only."""
        model = self.model.replace(**varied)
        data = self.data.replace(qpos=state.qpos, qvel=state.qvel, ctrl=control)
        data = kinematics(model, data)
        for stage in (mjx.com_pos, mjx.camlight, mjx.tendon, mjx.crb, mjx.tendon_armature):
            data = stage(model, data)
        contact, overflow = ground.touch(model, data, self.world.terrain, self.probes)
        data = data.tree_replace({f"_impl.contact.{name}": value for name, value in contact.items()})
        for stage in (mjx.make_constraint, mjx.transmission, mjx.fwd_velocity, mjx.fwd_actuation):
            data = stage(model, data)
        smooth = data.qfrc_passive - data.qfrc_bias + data.qfrc_actuator
        rows, mass = constraints(data), data._impl.M
        acceleration, pulls = newton.accelerate(mass, smooth, rows, self.world.model.opt.iterations)
        data = data.replace(qacc=acceleration).tree_replace({"_impl.efc_force": pulls})
        sensors = jax.lax.cond(last, lambda: felt(model, data), lambda: data.sensordata)
        implicit = mass - model.opt.timestep * mjx.deriv_smooth_vel(unlimited(model, data), data)
        data = mjx.euler(model, data.replace(qacc=newton.solve(implicit, smooth + pulls @ rows.jacobian)))
        return State(data.qpos, data.qvel), Outcome(sensors, data.actuator_force, overflow)


def unlimited(model: mjx.Model, data: mjx.Data) -> mjx.Model:
    """The model without the gains of actuators that are at a limit of their force: velocity does not change that."""
    low, high = model.actuator_forcerange.T
    inside = ~model.actuator_forcelimited | ((low < data.actuator_force) & (data.actuator_force < high))
    return model.replace(
        actuator_gainprm=model.actuator_gainprm * inside[:, None],
        actuator_biasprm=model.actuator_biasprm * inside[:, None],
    )


def felt(model: mjx.Model, data: mjx.Data) -> Array:
    """The sensors of one world."""
    for stage in (mjx.sensor_pos, mjx.sensor_vel, mjx.sensor_acc):
        data = stage(model, data)
    return data.sensordata


def put(model: mujoco.MjModel) -> mjx.Model:
    """A model for MJX, whose shapes touch nothing. Raises ValueError for what MJX, or this engine, does not know."""
    if model.opt.cone != mujoco.mjtCone.mjCONE_PYRAMIDAL:
        raise ValueError("engine is 'mjx': the model's option cone is elliptic: use pyramidal, or engine 'batch'")
    model = copy.copy(model)
    model.geom_contype[:] = model.geom_conaffinity[:] = 0
    model.opt.jacobian = mujoco.mjtJacobian.mjJAC_DENSE
    # Damping is in the acceleration already when MJX comes to integrate it.
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_EULERDAMP
    try:
        return mjx.put_model(model)
    except NotImplementedError as error:
        raise ValueError(f"engine is 'mjx': {' '.join(str(error).split())}: use engine 'batch'") from None


def blank(model: mjx.Model, contacts: int) -> mjx.Data:
    """Data of one world with room for some contacts with the ground."""
    data = mjx.make_data(model)
    own = data._impl
    first = own.ne + own.nf + own.nl
    return data.tree_replace(
        {
            "_impl.contact.dim": np.full(contacts, 3),
            "_impl.contact.efc_address": first + EDGES * np.arange(contacts),
            "_impl.contact.solreffriction": jnp.zeros((contacts, mujoco.mjNREF)),
        }
    )


def constraints(data: mjx.Data) -> newton.Rows:
    """The rows of one world: those of equalities pull either way, those of dry friction up to a bound, others push."""
    own = data._impl
    row = np.arange(len(own.efc_D))
    equal, dry = row < own.ne, (own.ne <= row) & (row < own.ne + own.nf)
    bound = own.efc_frictionloss
    return newton.Rows(
        own.efc_J,
        own.efc_aref,
        own.efc_D,
        lower=jnp.where(equal, -jnp.inf, jnp.where(dry, -bound, 0)),
        upper=jnp.where(dry, bound, jnp.inf),
    )
