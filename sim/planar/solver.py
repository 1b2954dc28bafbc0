"""Sequential impulses over all contact slots, in batches: Jacobi within a batch, Gauss-Seidel from batch to batch.

Bodies of a slot are constants of the capacity, so velocities are read by constant index and written back as one product
with a constant incidence matrix: no scatter, no sort, and a shape that every XLA back end compiles to dense code.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .contacts import Contacts, Slots, may_push, point_velocity, slots
from .joints import Motion
from .scene import Physics, Scene, State
from .vectors import cross, dot, nonzero

EXACT = jax.lax.Precision.HIGHEST
"""Impulses are summed in full float32 on every device."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Prepared:
    """What stays the same over the iterations of one step. K slots."""

    normal: Array
    """[2, K]."""
    tangent: Array
    """[2, K]: the normal turned clockwise."""
    point: Array
    """[2, K] m."""
    target: Array
    """[K] m/s: the normal velocity to reach (push-out minus rebound)."""
    friction: Array
    """[K] coefficient."""
    inverse_mass: tuple[Array, Array]
    """[K] of a and b."""
    inverse_inertia: tuple[Array, Array]
    """[K] of a and b."""
    live: Array
    """[K] bool: touching, separable, and one of the bodies can move."""
    batch: Array
    """[K] int32: the batch of its class in which a slot is solved."""


class Levers(NamedTuple):
    """How impulses at the contact points act; changes as joints shift bodies. All [K]."""

    normal_a: Array
    normal_b: Array
    tangent_a: Array
    tangent_b: Array
    normal_mass: Array
    tangent_mass: Array
    coupling: Array
    """Tangential velocity per unit of normal impulse."""


def prepare(scene: Scene, state: State, contacts: Contacts, physics: Physics) -> Prepared:
    """Everything about the contacts that the start of the step fixes."""
    table = slots(scene.capacity)
    a, b = table.a, table.b
    normal, point = contacts.normal, contacts.point
    approach = dot(point_velocity(state, b, point) - point_velocity(state, a, point), normal)
    rebound = approach * jnp.minimum(scene.restitution[a], scene.restitution[b])
    push_out = physics.contact_baumgarte / physics.dt * jnp.maximum(0.0, contacts.penetration - physics.slop)
    mass_a, mass_b = scene.inverse_mass[a], scene.inverse_mass[b]
    return Prepared(
        normal=normal,
        tangent=jnp.stack([normal[1], -normal[0]]),
        point=point,
        target=push_out - rebound,
        friction=physics.friction * jnp.sqrt(scene.friction[a] ** 2 + scene.friction[b] ** 2),
        inverse_mass=(mass_a, mass_b),
        inverse_inertia=(scene.inverse_inertia[a], scene.inverse_inertia[b]),
        live=contacts.touching & may_push(scene, a, b),
        batch=_batches(contacts.touching, table, physics),
    )


def batch_count(size: int, physics: Physics) -> int:
    """Batches into which a class of `size` slots is cut."""
    return -(-size // physics.batch)


def _batches(touching: Array, table: Slots, physics: Physics) -> Array:
    """Deal touching slots out over the batches of their class.

    Jax2D sorts a class by contact (none first, stable) and deals ranks round-robin; a running count gives the same
    batch. Both points of a polygon pair go with the first.
    """
    dealt = []
    for index, group in enumerate(table.classes):
        hit = touching[table.classes[0] if index == 1 else group].astype(jnp.int32)
        rank = hit.shape[0] - hit.sum(0) + jnp.cumsum(hit, axis=0) - 1
        dealt.append(rank % max(batch_count(hit.shape[0], physics), 1))
    return jnp.concatenate(dealt)


def incidence(body: np.ndarray, count: int) -> np.ndarray:
    """[N, K] float32: one where slot k acts on body n."""
    return np.eye(count, dtype=np.float32)[:, body]


def apply(
    scene: Scene, table: Slots, group: slice, motion: Motion, push: Array, spin_a: Array, spin_b: Array
) -> Motion:
    """Add linear impulses `push` [2, k] (their opposites on a) and angular ones [k] to the bodies of a class."""
    n = scene.inverse_mass.shape[0]
    act = np.concatenate([incidence(table.b[group], n), -incidence(table.a[group], n)], axis=1)
    # Slots first, so that the product is one plain matrix product, [N, 2 k] with [2 k, 3 W].
    given = jnp.concatenate([jnp.stack([*push, spin_b], axis=1), jnp.stack([*push, spin_a], axis=1)])
    total = jnp.tensordot(act, given, axes=1, precision=EXACT).swapaxes(0, 1)
    return Motion(
        motion.position,
        motion.velocity + total[:2] * scene.inverse_mass,
        motion.angular_velocity + total[2] * scene.inverse_inertia,
    )


def levers(scene: Scene, ready: Prepared, position: Array) -> Levers:
    """Lever arms and effective masses with the bodies at `position` [2, N]."""
    table = slots(scene.capacity)
    arm_a, arm_b = ready.point - position[:, table.a], ready.point - position[:, table.b]
    normal_a, normal_b = cross(arm_a, ready.normal), cross(arm_b, ready.normal)
    tangent_a, tangent_b = cross(arm_a, ready.tangent), cross(arm_b, ready.tangent)
    mass = ready.inverse_mass[0] + ready.inverse_mass[1]
    inertia_a, inertia_b = ready.inverse_inertia
    return Levers(
        normal_a,
        normal_b,
        tangent_a,
        tangent_b,
        1.0 / nonzero(mass + inertia_a * normal_a**2 + inertia_b * normal_b**2),
        1.0 / nonzero(mass + inertia_a * tangent_a**2 + inertia_b * tangent_b**2),
        inertia_a * normal_a * tangent_a + inertia_b * normal_b * tangent_b,
    )


def warm_start(scene: Scene, ready: Prepared, motion: Motion, impulse: Array) -> Motion:
    """Apply the accumulated impulses [2, K] of the last step once more."""
    arm = levers(scene, ready, motion.position)
    normal, tangent = jnp.where(ready.live, impulse, 0.0)
    push = normal * ready.normal + tangent * ready.tangent
    spin_a = normal * arm.normal_a + tangent * arm.tangent_a
    spin_b = normal * arm.normal_b + tangent * arm.tangent_b
    return apply(scene, slots(scene.capacity), slice(None), motion, push, spin_a, spin_b)


def solve(scene: Scene, ready: Prepared, motion: Motion, impulse: Array, physics: Physics) -> tuple[Motion, Array]:
    """One sweep over all contact classes. `impulse` [2, K] accumulates."""
    table = slots(scene.capacity)
    arm = levers(scene, ready, motion.position)
    solved = []
    for group in table.classes:
        size = group.stop - group.start
        here = _of_class((ready, arm), group, ready.live.ndim)
        held = impulse[:, group]
        for batch in range(batch_count(size, physics)):
            motion, held = _solve_batch(scene, table, group, here, batch, motion, held)
            if physics.jax2d_quirks:
                held = held * _kept(size, batch, physics).reshape((-1,) + (1,) * (held.ndim - 2))
        solved.append(held)
    return motion, jnp.concatenate(solved, axis=1)


def _of_class(tree, group: slice, rank: int):
    """The slots of one class from arrays [K, *W] (of `rank` axes) and [2, K, *W]."""
    return jax.tree.map(lambda x: x[:, group] if x.ndim > rank else x[group], tree)


def _kept(size: int, batch: int, physics: Physics) -> np.ndarray:
    """[k] float32: zero for the last slot of a class if the batch is padded (Jax2D's padding index -1 erases it)."""
    kept = np.ones(size, np.float32)
    ranks = batch + batch_count(size, physics) * np.arange(physics.batch)
    kept[-1] = 0.0 if (ranks >= size).any() else 1.0
    return kept


def _solve_batch(
    scene: Scene, table: Slots, group: slice, here: tuple[Prepared, Levers], batch: int, motion: Motion, held: Array
) -> tuple[Motion, Array]:
    """Normal impulse, then friction against the velocity that leaves, for one batch of a class at once."""
    ready, arm = here
    a, b = table.a[group], table.b[group]
    drift = motion.velocity[:, b] - motion.velocity[:, a]
    spin_a, spin_b = motion.angular_velocity[a], motion.angular_velocity[b]
    along_normal = dot(drift, ready.normal) + spin_b * arm.normal_b - spin_a * arm.normal_a
    along_tangent = dot(drift, ready.tangent) + spin_b * arm.tangent_b - spin_a * arm.tangent_a

    normal = jnp.maximum(held[0] + (ready.target - along_normal) * arm.normal_mass, 0.0)
    slide = along_tangent + (normal - held[0]) * arm.coupling
    grip = ready.friction * normal
    tangent = jnp.clip(held[1] - slide * arm.tangent_mass, -grip, grip)

    chosen = ready.live & (ready.batch == batch)
    held_next = jnp.where(chosen, jnp.stack([normal, tangent]), held)
    normal, tangent = held_next - held
    push = normal * ready.normal + tangent * ready.tangent
    torque_a = normal * arm.normal_a + tangent * arm.tangent_a
    torque_b = normal * arm.normal_b + tangent * arm.tangent_b
    return apply(scene, table, group, motion, push, torque_a, torque_b), held_next
