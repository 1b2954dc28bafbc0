"""Pictures of one planar world for people: reports, videos, the README.

The whole 5 x 5 m world fits the picture, y up. Colour tells a body's role (grey neutral, green and blue must meet,
green must not touch red), darkness that it cannot move. A ring is a revolute joint and a cross a fixed one; rings and
nozzles carry the colour of the action entry that drives them, white where nothing does. The arc at a ring spans the
joint's limits, its needle shows where the joint is. Commands light up: an arrow turns around a driven ring, a flame
leaves a nozzle.
"""

from typing import Any, NamedTuple

import cv2
import jax
import numpy as np

from ...sim.planar.scene import WALLS, State
from .level import Level, in_world

WORLD = 5.0
"""m: side of the square between the walls."""
FRAME = 0.1
"""m of wall and ceiling that stay visible around it."""
FINER = 2
"""Drawn that many times larger, then averaged: smooth edges."""
SUBPIXEL = 4
"""Fractional bits of the coordinates given to OpenCV."""
FAR = 1e5
"""Pixels: what lies further away, or nowhere, is drawn there, out of sight."""

Colour = tuple[int, int, int]

SKY, GRID, INK, PASSIVE = (250, 250, 252), (233, 236, 241), (38, 44, 54), (255, 255, 255)
WALL = (64, 72, 85)
ROLES: tuple[Colour, ...] = ((176, 186, 199), (64, 186, 105), (66, 135, 245), (240, 97, 97))
"""Neutral, green goal, blue goal, red death."""
FIXED_ROLES: tuple[Colour, ...] = ((110, 121, 138), (38, 124, 68), (36, 82, 168), (172, 52, 56))
"""The same for bodies that cannot move."""
BINDINGS: tuple[Colour, ...] = ((255, 212, 59), (232, 83, 214), (56, 214, 232), (255, 150, 54))
"""By the action entry that drives a joint or thruster."""
FLAME: tuple[Colour, ...] = ((255, 140, 40), (255, 222, 110))
"""Outer and inner."""


def draw(
    level: Level,
    state: State,
    size: tuple[int, int] = (500, 500),
    caption: str = "",
    motor: Any = None,
    thrust: Any = None,
) -> np.ndarray:
    """The world `state` of `level` (neither has a world axis) as uint8 [H, W, 3] RGB, where `size` is (W, H).

    `motor` [J] in -1..1 and `thrust` [T] in 0..1 are the commands to show; `caption` is written on the floor.
    """
    if len(size) != 2 or min(size) < 16:
        raise ValueError(f"size is {size}: a picture is (width, height) of at least 16 pixels each")
    level, state = jax.tree.map(np.asarray, (level, state))
    if state.angle.ndim != 1:
        raise ValueError(f"state.angle has shape {state.angle.shape}: draw takes one world; index the world axis first")
    canvas = _blank(size)
    _bodies(canvas, level, state)
    _thrusters(canvas, level, state, np.zeros(level.thruster_binding.shape) if thrust is None else np.asarray(thrust))
    _joints(canvas, level, state, np.zeros(level.motor_binding.shape) if motor is None else np.asarray(motor))
    image = cv2.resize(canvas.image, size, interpolation=cv2.INTER_AREA)
    return _write(image, caption, canvas) if caption else image


class _Canvas(NamedTuple):
    """A picture in the making, and where the world lies in it."""

    image: np.ndarray
    scale: float
    """Pixels per metre."""
    origin: np.ndarray
    """[2] pixel of the world's origin."""

    def pixels(self, points: np.ndarray) -> np.ndarray:
        """World points [n, 2] as fixed-point pixels."""
        at = self.origin + np.asarray(points) * (self.scale, -self.scale)
        return np.round(np.clip(np.nan_to_num(at, nan=FAR), -FAR, FAR) * 2**SUBPIXEL).astype(np.int32)

    def length(self, metres: float) -> int:
        """A line width in whole pixels."""
        return max(1, round(metres * self.scale))

    def polygon(self, points: np.ndarray, fill: Colour, edge: Colour | None = None, width: float = 0.016) -> None:
        """A filled polygon, with an outline if `edge` is given."""
        cv2.fillPoly(self.image, [self.pixels(points)], fill, cv2.LINE_AA, SUBPIXEL)
        if edge is not None:
            self.line(points, edge, width, closed=True)

    def line(self, points: np.ndarray, colour: Colour, width: float = 0.016, closed: bool = False) -> None:
        """A line through points, `width` m thick."""
        cv2.polylines(self.image, [self.pixels(points)], closed, colour, self.length(width), cv2.LINE_AA, SUBPIXEL)

    def disc(self, centre: Any, radius: float, fill: Colour, edge: Colour | None = None) -> None:
        """A filled circle."""
        self.polygon(centre + radius * _ray(np.linspace(0, 2 * np.pi, 65)[:-1]), fill, edge)


def _blank(size: tuple[int, int]) -> _Canvas:
    """An empty sky with a 1 m grid, framed by wall."""
    width, height = (FINER * s for s in size)
    scale = min(width, height) / (WORLD + 2 * FRAME)
    origin = np.array([width - WORLD * scale, height + WORLD * scale]) / 2
    canvas = _Canvas(np.full((height, width, 3), WALL, np.uint8), scale, origin)
    canvas.polygon(WORLD * np.array([(0, 0), (0, 1), (1, 1), (1, 0)]), SKY)
    for i in range(1, int(WORLD)):
        canvas.line(np.array([(i, 0), (i, WORLD)]), GRID, 0.01)
        canvas.line(np.array([(0, i), (WORLD, i)]), GRID, 0.01)
    return canvas


def _ray(angle: Any) -> np.ndarray:
    """Unit vectors [..., 2] at `angle` rad."""
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def _place(points: Any, at: Any, angle: float) -> np.ndarray:
    """Points [..., 2] of a frame at `at`, turned by `angle`, in the world."""
    points, x_axis = np.asarray(points), _ray(angle)
    return at + points[..., :1] * x_axis + points[..., 1:] * np.array([-x_axis[1], x_axis[0]])


def _darker(colour: Colour, by: float = 0.6) -> Colour:
    red, green, blue = (int(by * c) for c in colour)
    return red, green, blue


def _bodies(canvas: _Canvas, level: Level, state: State) -> None:
    """Polygons, then circles, each in its own order."""
    scene, polygons = level.scene, level.scene.vertices.shape[2]
    for i in np.flatnonzero(scene.active):
        role, at, angle = level.role[i], state.position[:, i], float(state.angle[i])
        fill = WALL if i < WALLS and role == 0 else (FIXED_ROLES if scene.inverse_mass[i] == 0 else ROLES)[role]
        if i < polygons:
            vertices = scene.vertices[:, : scene.vertex_count[i], i].T
            canvas.polygon(_place(vertices, at, angle), fill, _darker(fill))
        else:
            radius = float(scene.radius[i - polygons])
            canvas.disc(at, radius, fill, _darker(fill))
            canvas.line(np.array([at, at + radius * _ray(angle + np.pi / 2)]), _darker(fill))


def _thrusters(canvas: _Canvas, level: Level, state: State, thrust: np.ndarray) -> None:
    """A nozzle whose wide end points where the exhaust goes, against the push."""
    thrusters = level.scene.thrusters
    anchors = in_world(state, thrusters.body, thrusters.anchor).T
    for i in np.flatnonzero(thrusters.active):
        at, angle = anchors[i], float(state.angle[thrusters.body[i]] + thrusters.angle[i])
        power = float(np.clip(thrust[i], 0, 1))
        for colour, reach, width in zip(FLAME, (0.45, 0.26), (0.075, 0.045), strict=True):
            if power > 0:
                canvas.polygon(_place(_tongue(reach * power, width) - (0.05, 0.0), at, angle), colour)
        bell = [(-0.07, 0.09), (0.0, 0.05), (0.06, 0.05), (0.06, -0.05), (0.0, -0.05), (-0.07, -0.09)]
        canvas.polygon(_place(bell, at, angle), INK, INK)
        arrow = [(-0.045, 0.045), (0.045, 0.0), (-0.045, -0.045)]
        canvas.polygon(_place(arrow, at, angle), _bound(level.thruster_binding[i]))


def _tongue(reach: float, width: float) -> np.ndarray:
    """Outline [n, 2] of a flame along -x: round at its root, pointed at its tip."""
    along = np.linspace(0, 1, 17)
    half = width * (1 - along**2) * (1 + along)
    return np.stack([-reach * np.concatenate([along, along[::-1]]), np.concatenate([half, -half[::-1]])], axis=-1)


def _joints(canvas: _Canvas, level: Level, state: State, motor: np.ndarray) -> None:
    """Limits beneath, then driving arrows, then the joints themselves."""
    joints = level.scene.joints
    anchors = in_world(state, joints.a, joints.anchor_a).T
    revolute, fixed = (np.flatnonzero(joints.active & kind).tolist() for kind in (~joints.fixed, joints.fixed))
    for i in revolute:
        if joints.limited[i]:
            _limits(canvas, level, state, i, anchors[i])
    for i in revolute:
        if joints.motor_on[i] and motor[i] != 0:
            command = float(np.clip(motor[i], -1, 1) * np.sign(joints.motor_speed[i]))
            _spin(canvas, anchors[i], command, _bound(level.motor_binding[i]))
    for i in revolute:
        canvas.disc(anchors[i], 0.052, INK)
        canvas.disc(anchors[i], 0.038, _bound(level.motor_binding[i]) if joints.motor_on[i] else PASSIVE)
        canvas.disc(anchors[i], 0.015, INK)
    for i in fixed:
        for tilt in (np.pi / 4, -np.pi / 4):
            arm = 0.05 * _ray(state.angle[joints.a[i]] + tilt)
            canvas.line(np.array([anchors[i] - arm, anchors[i] + arm]), INK, 0.024)


def _bound(binding: Any) -> Colour:
    """Colour of a joint or thruster driven by action entry `binding`."""
    return BINDINGS[int(binding) % len(BINDINGS)]


def _limits(canvas: _Canvas, level: Level, state: State, i: int, at: np.ndarray) -> None:
    """The arc over which body b may swing about joint `i` at `at`, and b's own direction as a needle."""
    joints, radius = level.scene.joints, 0.13
    towards_b = state.position[:, joints.b[i]] - at
    heading = float(np.arctan2(towards_b[1], towards_b[0]))
    rest = heading - float(state.angle[joints.b[i]] - state.angle[joints.a[i]] - joints.rest_angle[i])
    lower, upper = rest + float(joints.lower[i]), rest + float(joints.upper[i])
    canvas.line(at + radius * _ray(np.linspace(lower, upper, 33)), INK, 0.01)
    for end in (lower, upper):
        canvas.line(np.array([at + 0.105 * _ray(end), at + 0.155 * _ray(end)]), INK, 0.01)
    canvas.line(np.array([at, at + radius * _ray(heading)]), INK, 0.01)


def _spin(canvas: _Canvas, at: np.ndarray, command: float, colour: Colour) -> None:
    """An arrow around the joint at `at`: anticlockwise for a positive command, longer for a stronger one."""
    radius, start = 0.083, np.pi / 2
    end = start + command * 1.5 * np.pi
    head = [(0.0, 0.034), (0.0, -0.034), (0.055 * np.sign(command), 0.0)]
    tip = _place(head, at + radius * _ray(end), end + np.pi / 2)
    for line, width in ((INK, 0.034), (colour, 0.018)):
        canvas.line(at + radius * _ray(np.linspace(start, end, 33)), line, width)
    canvas.polygon(tip, colour, INK, 0.01)


def _write(image: np.ndarray, caption: str, canvas: _Canvas) -> np.ndarray:
    """The finished picture with a line of text on the floor, from the left wall on, small enough to fit."""
    scale, (left, bottom) = canvas.scale / FINER, canvas.origin / FINER
    font, letters = cv2.FontFace("sans"), max(8, round(0.2 * scale))
    room = (WORLD - 0.2) * scale
    width = cv2.getTextSize(image.shape[1::-1], caption, (0, 0), font, letters)[2]
    letters = min(letters, int(letters * room / max(width, 1)))
    at = (round(left + 0.1 * scale), round(bottom - 0.2 * scale + 0.35 * letters))
    return cv2.putText(image, caption, at, PASSIVE, font, max(letters, 1))[1]
