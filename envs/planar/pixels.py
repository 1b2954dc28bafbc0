"""The pixel observation of Kinetix: what a policy that learns from pictures sees of each world.

A closed-form rasteriser: for every shape it decides at every pixel of the picture at once whether the shape covers it,
and paints the shapes over each other in a fixed order: floor, polygons, circles, joints, thrusters.

The conventions are those of kinetix-env 3.0.2 (`make_render_pixels_rl`), so that a policy trained on one sees the
same in the other: the first image axis is x, the second y (upwards); a pixel is sampled at its corner; walls and
ceiling are not drawn; a body is cut where it leaves a 2 m window around its centre; a circle has a black spoke; a joint
is one pixel, a thruster a square of four; no edges, no smoothing. Of 24 images recorded from it
(tests/envs/planar/golden) each agrees in at least 99.9 % of its pixels, half of them in all. What differs: the
thruster's flame is drawn from lines instead of a bitmap, a joint is drawn where it is now and not where the last solver
iteration saw it, and a triangle is a triangle.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...sim.planar.scene import WALLS, State
from ...sim.planar.vectors import cross, rotate
from .level import Level, in_world

PIXELS = 125
"""Width and height of the image."""
SCALE = 25.0
"""Pixels per metre."""
WINDOW = 50
"""Pixels: side of the square around a body's centre beyond which the body is not drawn."""
MARGIN = 2.0
"""m around the visible world in which windows may lie; pixel positions count from its corner."""
CANVAS = PIXELS + 2 * int(MARGIN * SCALE)

ROLES = np.array([[160, 160, 160], [0, 204, 0], [0, 102, 204], [255, 102, 102]], np.float32) / 255
"""Colour of a movable body by role."""
FIXED_ROLES = np.concatenate([np.full((1, 3), 80 / 255, np.float32), ROLES[1:] / 2])
"""Colour of an immovable body by role."""
BINDINGS = np.array([[255, 255, 255], [255, 255, 0], [255, 0, 255], [0, 255, 255], [255, 153, 51]], np.float32) / 255
"""Colour of a joint or thruster: 0 passive, then by the action entry that drives it."""
SPOKE = 1.0
"""Pixels: half the width of a circle's spoke."""
THRUSTER = 4.0
"""Pixels: side of the square a thruster is drawn in."""

_X: Any = np.arange(PIXELS, dtype=np.float32)[:, None] + MARGIN * SCALE
_Y: Any = _X.T


def pixels(level: Level, state: State) -> dict[str, Array]:
    """Pictures of a batch of worlds: `level` and `state` carry a trailing world axis [W].

    Returns `image` [W, 125, 125, 3] float32 in [0, 1] (axes: world, x, y upwards, RGB) and `global_info` [W, 1], the
    vertical gravity in units of 10 m/s^2.
    """
    image = jax.vmap(_image, in_axes=-1)(level, state)
    return {"image": image, "global_info": level.scene.gravity[1, :, None] / 10}


def upright(image: Array) -> Array:
    """Images [..., x, y, RGB] with the axes that files and screens use: [..., row from the top, column, RGB]."""
    return jnp.flip(jnp.swapaxes(image, -3, -2), axis=-3)


def _image(level: Level, state: State) -> Array:
    """The picture [125, 125, 3] of one world."""
    scene, polygons = level.scene, level.scene.vertices.shape[2]
    fixed = (scene.inverse_mass == 0)[:, None]
    colour = jnp.where(fixed, jnp.array(FIXED_ROLES)[level.role], jnp.array(ROLES)[level.role])
    corners, centre, radius = _corners(level, state), _pixel(state.position), scene.radius * SCALE
    image = _paint(jnp.ones((PIXELS, PIXELS, 3), jnp.float32), _in_polygon(corners[:, :, 0]), colour[0])
    for i in range(WALLS, scene.active.shape[0]):
        shown = scene.active[i] & _in_window(state.position[:, i])
        if i < polygons:
            image = _paint(image, shown & _in_polygon(corners[:, :, i]), colour[i])
        else:
            inside, spoke = _in_circle(centre[:, i], radius[i - polygons], state.angle[i])
            image = _paint(image, shown & inside, jnp.where(spoke[:, :, None], 0.0, colour[i]))
    return _with_glyphs(image, level, state)


def _with_glyphs(image: Array, level: Level, state: State) -> Array:
    """The image with joints and thrusters on top."""
    joints, thrusters = level.scene.joints, level.scene.thrusters
    at = jnp.round(_pixel(in_world(state, joints.a, joints.anchor_a)))
    colour = jnp.array(BINDINGS)[jnp.where(joints.motor_on & ~joints.fixed, level.motor_binding + 1, 0)]
    for i in range(at.shape[1]):
        image = _paint(image, joints.active[i] & (at[0, i] == _X) & (at[1, i] == _Y), colour[i])

    at = jnp.round(_pixel(in_world(state, thrusters.body, thrusters.anchor)))
    angle = thrusters.angle + state.angle[thrusters.body]
    colour = jnp.array(BINDINGS)[level.thruster_binding + 1]
    for i in range(at.shape[1]):
        covered, flame, shade = _thruster(at[:, i], angle[i])
        tint = shade[:, :, None] * jnp.where(flame[:, :, None], colour[i], 1.0)
        image = _paint(image, thrusters.active[i] & covered, tint)
    return image


def _paint(image: Array, covered: Array, colour: Array) -> Array:
    """`image` [x, y, 3] with `colour` ([3] or one per pixel) where `covered` [x, y]."""
    return jnp.where(covered[:, :, None], colour, image)


def _pixel(point: Array) -> Array:
    """Canvas position in pixels of world points in m."""
    return (point + MARGIN) * SCALE


def _corners(level: Level, state: State) -> Array:
    """Corners of the polygons [2, 4, P] in pixels; a triangle's fourth is its first."""
    scene, count = level.scene, level.scene.vertices.shape[2]
    slot = np.arange(scene.vertices.shape[1])[None, :, None]
    vertices = jnp.where(slot < scene.vertex_count, scene.vertices, scene.vertices[:, :1])
    return _pixel(state.position[:, None, :count] + rotate(vertices, state.angle[:count]))


def _in_window(position: Array) -> Array:
    """Pixels that may show a body at `position` [2] m. A window that leaves the canvas is moved back into it."""
    half = WINDOW / SCALE / 2
    start = jnp.clip(_pixel(position - half).astype(jnp.int32), 0, CANVAS - WINDOW)
    x, y = _X - start[0], _Y - start[1]
    return (x >= 0) & (x < WINDOW) & (y >= 0) & (y < WINDOW)


def _in_polygon(corners: Array) -> Array:
    """Pixels inside the convex polygon with clockwise `corners` [2, 4] in pixels: to the right of every edge."""
    edges = jnp.roll(corners, -1, axis=1) - corners
    inside = jnp.ones((PIXELS, PIXELS), bool)
    for i in range(corners.shape[1]):
        inside &= edges[0, i] * (_Y - corners[1, i]) <= edges[1, i] * (_X - corners[0, i])
    return inside


def _in_circle(centre: Array, radius: Array, angle: Array) -> tuple[Array, Array]:
    """Pixels within a disc, and those on the half-line from its centre that shows how far it has turned."""
    offset = jnp.stack(jnp.broadcast_arrays(_X - centre[0], _Y - centre[1]))
    outwards = jnp.stack([-jnp.sin(angle), jnp.cos(angle)])
    along = outwards[0] * offset[0] + outwards[1] * offset[1]
    inside = jnp.sqrt(offset[0] ** 2 + offset[1] ** 2) <= radius
    return inside, (jnp.abs(cross(outwards, offset)) < SPOKE) & (along >= 0)


def _thruster(at: Array, angle: Array) -> tuple[Array, Array, Array]:
    """Pixels of a thruster at pixel `at` [2] that pushes along `angle`; which of them are its flame; their brightness.

    The glyph fills a unit square whose x axis is the push: a tapering flame in three tones, then a dark nozzle with a
    black rim. The figures below are fractions of the square.
    """
    x, y = rotate(jnp.stack(jnp.broadcast_arrays(_X - at[0], _Y - at[1])), -angle) / THRUSTER
    in_square = (jnp.abs(x) <= 0.5) & (jnp.abs(y) <= 0.5)
    width, reach = jnp.abs(y), x + 0.5
    flame = x < 1 / 16
    nozzle = 0.54 - 0.45 * x
    covered = in_square & (width <= jnp.where(flame, 0.08 + 0.6 * reach, nozzle))
    tones = jnp.where(width <= reach - 0.38, 1.0, jnp.where(width <= 0.4 * reach, 196 / 255, 132 / 255))
    within_rim = (x >= 0.1) & (x <= 0.42) & (width <= nozzle - 0.08)
    return covered, flame, jnp.where(flame, tones, jnp.where(within_rim, 93 / 255, 0.0))
