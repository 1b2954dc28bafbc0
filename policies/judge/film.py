"""Films of one world under a policy: a legged robot and its goal as MuJoCo draws them, or a planar level."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from math import atan2, degrees
from typing import Any

import cv2
import jax
import mujoco
import numpy as np

from ...envs.contract import Env
from ...envs.planar.draw import draw
from ...envs.planar.env import PlanarEnv, PlanarState
from ...envs.track.env import TrackEnv, TrackState
from .offscreen import Offscreen
from .player import Player
from .scenery import scenery
from .suite import level_of
from .tracking import Shown, make_look

RATE = 25
"""Pictures per second, or as many as there are control steps."""
SIZE = (720, 480)
"""Width and height of a picture of a legged robot."""
PLANAR = (480, 480)
"""The same of a planar level."""
VIEWS = {"side": (120.0, -14.0, 2.4), "behind": (20.0, -22.0, 2.6), "facing": (200.0, -12.0, 2.4), "above": (0, -75, 3)}
"""Cameras that follow the robot: degrees from its heading, degrees of elevation, distance in m."""
FOLLOW = 0.15
"""Share of the way to the robot that such a camera goes between two pictures."""
JUMP = 1.0
"""A robot that is this far off, m, was put there: the camera jumps too."""
GOAL, HAND = 0.16, 0.09
"""Length of the axes drawn at the goal and at the end effector, m."""
INK = (30, 36, 44)

Paint = Callable[[Any, dict[str, Any]], np.ndarray]
"""(env state, metrics of the step that led to it) -> uint8 [H, W, 3]."""


def film(env: Env, player: Player, seed: int, seconds: float, paint: Paint) -> tuple[Iterator[np.ndarray], float]:
    """Pictures of a policy from the start of an episode on, and how many there are per second."""
    dt = env.spec.control_dt
    every = max(1, round(1 / (RATE * dt)))

    def pictures() -> Iterator[np.ndarray]:
        now = player.start(seed)
        for i in range(max(1, round(seconds / dt))):
            now, step = player.step(now)
            if i % every == 0:
                state, metrics = jax.device_get((now.state, step.metrics))
                yield paint(state, {name: float(value[0]) for name, value in metrics.items()})

    return pictures(), 1 / (every * dt)


@contextmanager
def painting(env: Env, camera: str = "side") -> Iterator[Paint]:
    """What draws the env's states. Raises ValueError for a camera that there is not, and where nothing can be drawn."""
    if isinstance(env, PlanarEnv):
        yield partial(paint_level, env)
    elif isinstance(env, TrackEnv):
        painter = TrackPainter(env, camera)
        try:
            yield painter.paint
        finally:
            painter.close()
    else:
        raise ValueError(f"nobody knows how to draw {env.spec.name}")


def paint_level(env: PlanarEnv, state: PlanarState, metrics: dict[str, Any]) -> np.ndarray:
    """The level that is played; see `Paint`."""
    index = int(state.level[0])
    world = jax.tree.map(lambda leaf: leaf[..., 0], state.world)
    return draw(jax.device_get(level_of(env, index)), world, PLANAR, env.level_names[index])


class TrackPainter:
    """Draws a legged robot, what it is told, and its goal. Close it."""

    def __init__(self, env: TrackEnv, camera: str = "side", size: tuple[int, int] = SIZE):
        """`camera` is one of `VIEWS` or of the robot's own. Raises ValueError for another, and where there is no GL."""
        self.world = env.world
        self.look = make_look(env)
        model = scenery(env.world, *size)
        self.data = mujoco.MjData(model)
        self.camera = mujoco.MjvCamera()
        self.view = VIEWS.get(camera)
        if self.view is None:
            own = [model.camera(i).name for i in range(model.ncam)]
            if camera not in own:
                raise ValueError(f"camera is {camera!r}: use one of {', '.join([*VIEWS, *own])}")
            self.camera.type, self.camera.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, own.index(camera)
        self.screen = Offscreen(model, *size)
        self.aim: np.ndarray | None = None

    def paint(self, state: TrackState, metrics: dict[str, Any]) -> np.ndarray:
        """See `Paint`."""
        shown = self.look(state)
        self.data.qpos[:] = shown.qpos
        mujoco.mj_fwdPosition(self.screen.model, self.data)
        if self.view is not None:
            self.follow(shown, *self.view)
        self.screen.look(self.data, self.camera)
        self.mark(shown)
        return captioned(self.screen.picture(), caption(shown, metrics, self.world.robot.has_arm))

    def follow(self, shown: Shown, azimuth: float, elevation: float, distance: float) -> None:
        """Move the camera after the robot, and around it with its heading."""
        heading = 2 * atan2(shown.heading[3], shown.heading[0])
        aim = np.array([*shown.base, np.cos(heading), np.sin(heading)])
        cut = self.aim is None or np.linalg.norm(aim[:2] - self.aim[:2]) > JUMP
        self.aim = aim if self.aim is None or cut else self.aim + FOLLOW * (aim - self.aim)
        self.camera.lookat[:] = self.aim[:3]
        self.camera.azimuth = degrees(atan2(self.aim[4], self.aim[3])) + azimuth
        self.camera.elevation, self.camera.distance = elevation, distance

    def mark(self, shown: Shown) -> None:
        """Add to the scene: axes at the goal and at the end effector, an arrow for the speed told."""
        scene, robot = self.screen.scene, self.world.robot
        heading = matrix(shown.heading)
        if robot.has_arm:
            add_axes(scene, shown.centre + heading @ shown.place, heading @ matrix(shown.turn), GOAL)
            hand = self.data.site(robot.config.end_effector)
            add_axes(scene, hand.xpos, hand.xmat.reshape(3, 3), HAND)
        start = shown.base + heading @ (-0.15, 0, 0.35)
        if abs(shown.command[0]) > 1e-3:
            end = start + 0.6 * shown.command[0] * heading[:, 0]
            add_line(scene, mujoco.mjtGeom.mjGEOM_ARROW, start, end, 0.02, (0.1, 0.35, 0.9, 0.9))

    def close(self) -> None:
        """Give everything back."""
        self.screen.close()


def matrix(quaternion: np.ndarray) -> np.ndarray:
    """[3, 3] of a quaternion [4]."""
    flat = np.empty(9)
    mujoco.mju_quat2Mat(flat, np.asarray(quaternion, np.float64))
    return flat.reshape(3, 3)


def add_axes(scene: mujoco.MjvScene, place: np.ndarray, turn: np.ndarray, length: float) -> None:
    """Three bars from `place` [3] along the columns of `turn` [3, 3]: x red, y green, z blue."""
    for axis in range(3):
        colour = (*(0.9 * np.eye(3)[axis] + 0.05), 1.0)
        end = place + length * turn[:, axis]
        add_line(scene, mujoco.mjtGeom.mjGEOM_CAPSULE, place, end, 0.05 * length, colour)


def add_line(scene: mujoco.MjvScene, kind: int, start: np.ndarray, end: np.ndarray, width: float, colour) -> None:
    """A geom from one place to another, if the scene has room for it."""
    if scene.ngeom < scene.maxgeom:
        geom = scene.geoms[scene.ngeom]
        mujoco.mjv_initGeom(geom, kind, np.zeros(3), np.zeros(3), np.eye(3).ravel(), np.array(colour, np.float32))
        mujoco.mjv_connector(geom, kind, width, start, end)
        scene.ngeom += 1


def caption(shown: Shown, metrics: dict[str, Any], reaches: bool) -> str:
    """What is told and how far off it is."""
    forward, turning = shown.command
    parts = [
        f"told {forward:+.2f} m/s, off {metrics['forward_error']:.2f}",
        f"told {turning:+.2f} rad/s, off {metrics['yaw_error']:.2f}",
    ]
    if reaches:
        parts.append(f"goal off {100 * metrics['ee_error']:.1f} cm, {degrees(metrics['ee_angle']):.0f} deg")
    return "   ".join([*parts, "FELL"] if metrics["fell"] else parts)


def captioned(image: np.ndarray, text: str) -> np.ndarray:
    """The picture with a line of text on a light strip at its foot."""
    strip = np.full((28, image.shape[1], 3), 245, np.uint8)
    cv2.putText(strip, text, (10, 19), cv2.FONT_HERSHEY_SIMPLEX, 0.46, INK, 1, cv2.LINE_AA)
    return np.concatenate([image[: -len(strip)], strip])
