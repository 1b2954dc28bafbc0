"""Where all parts of a robot are, for MJX.

It stands in for MJX's own kinematics: of those XLA on a CPU makes programs that compute the chain of bodies anew for
every number that depends on it, at 40 times the cost. Here the tree is computed level by level, each level once.
"""

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from jax import Array
from mujoco import mjx
from numpy.typing import NDArray

from .. import rotation

FREE, BALL, SLIDE, HINGE = (getattr(mujoco.mjtJoint, f"mjJNT_{kind}") for kind in ("FREE", "BALL", "SLIDE", "HINGE"))


def kinematics(model: mjx.Model, data: mjx.Data) -> mjx.Data:
    """Poses of all bodies, joints, geoms and sites of one world, from `data.qpos`. As `mjx.kinematics`, but that
    `data.qpos` stays as it is."""
    order, place, turn = [0], jnp.zeros((1, 3)), jnp.array([[1.0, 0.0, 0.0, 0.0]])
    joint_order: list[int] = []
    anchors, axes = [], []
    for bodies in levels(model):
        parents = np.array([order.index(parent) for parent in model.body_parentid[bodies]])
        at = place[parents] + rotation.rotate(turn[parents], model.body_pos[bodies])
        facing = rotation.multiply(turn[parents], model.body_quat[bodies])
        for nth in range(model.body_jntnum[bodies[0]]):
            joints = model.body_jntadr[bodies] + nth
            pivot, direction, at, facing = move(model, data.qpos, joints, at, facing)
            joint_order += list(joints)
            anchors.append(pivot)
            axes.append(direction)
        at, facing = jax.lax.optimization_barrier((at, facing))
        place, turn = jnp.concatenate([place, at]), jnp.concatenate([turn, facing])
        order += list(bodies)
    found, joints = np.argsort(order), np.argsort(joint_order)
    anchor, axis = jnp.concatenate(anchors)[joints], jnp.concatenate(axes)[joints]
    place, turn, anchor, axis = jax.lax.optimization_barrier((place[found], turn[found], anchor, axis))
    # All frames at once: XLA compiles that in a third of the time.
    body = np.concatenate([np.arange(model.nbody), np.arange(model.nbody), model.geom_bodyid, model.site_bodyid])
    own = jnp.zeros((model.nbody, 3)), jnp.broadcast_to(jnp.array([1.0, 0.0, 0.0, 0.0]), (model.nbody, 4))
    offset = jnp.concatenate([own[0], model.body_ipos, model.geom_pos, model.site_pos])
    rotated = jnp.concatenate([own[1], model.body_iquat, model.geom_quat, model.site_quat])
    where = place[body] + rotation.rotate(turn[body], offset)
    axes = rotation.to_matrix(rotation.multiply(turn[body], rotated))
    ends = np.cumsum([model.nbody, model.nbody, model.ngeom])
    (_, centre, geom, site), (xmat, principal, geom_axes, site_axes) = jnp.split(where, ends), jnp.split(axes, ends)
    return data.replace(
        xanchor=anchor,
        xaxis=axis,
        xpos=place,
        xquat=turn,
        xmat=xmat,
        xipos=centre,
        ximat=principal,
        geom_xpos=geom,
        geom_xmat=geom_axes,
        site_xpos=site,
        site_xmat=site_axes,
    )


def levels(model: mjx.Model) -> list[NDArray]:
    """Bodies in groups [N] of equal depth in the tree and equal kinds of joints; parents first, without the world."""
    depth = np.zeros(model.nbody, int)
    groups: dict[tuple[int, ...], list[int]] = {}
    for body in range(1, model.nbody):
        depth[body] = depth[model.body_parentid[body]] + 1
        kinds = model.jnt_type[model.jnt_bodyid == body]
        groups.setdefault((depth[body], *kinds), []).append(body)
    return [np.array(groups[key]) for key in sorted(groups)]


def move(
    model: mjx.Model, qpos: Array, joints: NDArray, place: Array, turn: Array
) -> tuple[Array, Array, Array, Array]:
    """Move N bodies at `place` [N, 3], turned by `turn` [N, 4], by one joint of each, all of one kind.

    Returns where the joints are and their axes before they move (world), then place and turn of the bodies.
    """
    kind, at = model.jnt_type[joints[0]], model.jnt_qposadr[joints]
    if kind == FREE:
        place = qpos[at[:, None] + np.arange(3)]
        up = jnp.broadcast_to(jnp.array([0.0, 0.0, 1.0]), place.shape)
        return place, up, place, unit(qpos[at[:, None] + np.arange(3, 7)])
    pivot = place + rotation.rotate(turn, model.jnt_pos[joints])
    axis = rotation.rotate(turn, model.jnt_axis[joints])
    if kind == SLIDE:
        return pivot, axis, place + axis * (qpos[at] - model.qpos0[at])[:, None], turn
    if kind == BALL:
        turned = unit(qpos[at[:, None] + np.arange(4)])
    else:
        half = (qpos[at] - model.qpos0[at])[:, None] / 2
        turned = jnp.concatenate([jnp.cos(half), jnp.sin(half) * model.jnt_axis[joints]], -1)
    turn = rotation.multiply(turn, turned)
    return pivot, axis, pivot - rotation.rotate(turn, model.jnt_pos[joints]), turn


def unit(quaternion: Array) -> Array:
    """Of length 1."""
    return quaternion / jnp.linalg.norm(quaternion, axis=-1, keepdims=True)
