"""The web page on which a policy is looked at: a scene that shows the world, handles and buttons that ask for things.

The scene tree, in names that a slash parts:

    world                moves against the robot, which so stays in the middle of the picture
    world/ground
    world/robot/<body>   with its geoms below it
    world/hand           axes at the end effector
    world/centre         the goal frame, with the goal's handle below it: world/centre/goal

Needs viser, an extra of the package: `view`.
"""

from importlib.util import find_spec
from math import degrees
from queue import SimpleQueue
from typing import Any, Literal, get_args

import jax.numpy as jnp
import mujoco
import numpy as np

from ...envs.track.env import TrackEnv
from . import shapes
from .scenery import dressed
from .tracking import Shown, Wish

GOAL = "/world/centre/goal"
HANDLE = 0.28
"""Length of the bars of the goal's handle, m."""
ROOM = 1.25
"""Sliders go this much further than the task's own commands."""
CAMERA, AIM, ANGLE = (1.7, -2.4, 1.2), (0.15, -0.1, 0.4), 0.75
"""Where a visitor stands at first and looks to, m from the ground under the robot, and how wide, rad from top to
bottom."""
TILE, LINE = (214, 219, 226), (176, 184, 196)


Click = Literal["pause", "step", "reset"]


def require_viser() -> None:
    """Raise ValueError if the package that serves the page is missing."""
    if find_spec("viser") is None:
        raise ValueError('the page needs the package viser: pip install "gambol[view]"')


class Page:
    """A served page. Close it."""

    def __init__(self, env: TrackEnv, title: str, host: str = "127.0.0.1", port: int = 8080):
        """Takes the next free port if `port` is taken. Raises ValueError without viser."""
        require_viser()
        import viser

        self.robot, self.commands, self.reaches = env.world.robot, env.config.command, env.world.robot.has_arm
        self.model = dressed(env.world).compile()
        self.data = mujoco.MjData(self.model)
        self.clicks: SimpleQueue[Click] = SimpleQueue()
        """On buttons, to be taken up by whoever runs the world."""
        self.server = viser.ViserServer(host, port, title, verbose=False)
        self.server.gui.configure_theme(show_logo=False, show_share_button=False)
        camera = self.server.initial_camera
        camera.position, camera.look_at, camera.fov = CAMERA, AIM, ANGLE
        self.build_scene(env)
        self.build_controls(title)

    @property
    def port(self) -> int:
        """Where it is served."""
        return self.server.get_port()

    def build_scene(self, env: TrackEnv) -> None:
        """The nodes named above; their poses come with `show`."""
        scene, model = self.server.scene, self.model
        scene.set_up_direction("+z")
        self.world = scene.add_frame("/world", show_axes=False)
        if env.world.terrain.heights is None:
            scene.add_grid(
                "/world/ground",
                infinite_grid=True,
                cell_color=TILE,
                section_color=LINE,
                plane_color=(240, 242, 245),
                plane_opacity=1.0,
                fade_distance=30,
                shadow_opacity=0.3,
            )
        scene.add_frame("/world/robot", show_axes=False)
        self.bodies: dict[int, Any] = {}
        for geom in shapes.drawn(model):
            body = int(model.geom_bodyid[geom])
            name = f"/world/robot/{model.body(body).name or body}" if body else "/world"
            if body and body not in self.bodies:
                self.bodies[body] = scene.add_frame(name, show_axes=False)
            vertices, faces = shapes.mesh(model, geom)
            scene.add_mesh_simple(
                f"{name}/{model.geom(geom).name or geom}",
                vertices,
                faces,
                color=tuple(np.round(255 * model.geom_rgba[geom, :3]).astype(int).tolist()),
                flat_shading=shapes.sharp(model, geom),
                position=model.geom_pos[geom],
                wxyz=model.geom_quat[geom],
            )
        self.centre = scene.add_frame("/world/centre", show_axes=False)
        if self.reaches:
            self.hand = scene.add_frame("/world/hand", axes_length=0.09, axes_radius=0.004)
            self.goal = scene.add_transform_controls(GOAL, scale=HANDLE, line_width=3.0, depth_test=False, opacity=0.8)
            self.goal.on_update(self.take_over)

    def build_controls(self, title: str) -> None:
        """Buttons, sliders, and a line of text."""
        gui = self.server.gui
        gui.set_panel_label(title)
        self.buttons = {click: gui.add_button(click.capitalize()) for click in get_args(Click)}
        for click, button in self.buttons.items():
            button.on_click(lambda _, click=click: self.clicks.put(click))
        self.follow = gui.add_checkbox(
            "Follow the task", True, hint="The task draws goals and commands, as in training"
        )
        spans = {"forward, m/s": self.commands.forward, "turning, rad/s": self.commands.yaw}
        self.sliders = [
            gui.add_slider(label, round(ROOM * low, 2), round(ROOM * high, 2), 0.01, min(max(0.0, low), high))
            for label, (low, high) in spans.items()
        ]
        self.text = gui.add_markdown("")
        for slider in self.sliders:
            slider.on_update(self.take_over)

    async def take_over(self, event: Any) -> None:
        """A visitor moved a slider or the handle: what they show is asked for from now on, not what the task draws."""
        if event.client_id is not None:
            self.follow.value = False

    def wish(self) -> Wish:
        """What the page asks for."""
        place, turn = (self.goal.position, self.goal.wxyz) if self.reaches else (np.eye(3)[0], np.eye(4)[0])
        return Wish(
            free=jnp.asarray(self.follow.value),
            place=jnp.asarray(place, jnp.float32),
            turn=jnp.asarray(turn, jnp.float32),
            command=jnp.asarray([slider.value for slider in self.sliders], jnp.float32),
        )

    def show(self, shown: Shown) -> None:
        """Move everything to where it is; what the task draws moves handle and sliders."""
        model, data = self.model, self.data
        data.qpos[:] = shown.qpos
        mujoco.mj_kinematics(model, data)
        with self.server.atomic():
            self.world.position = (-float(shown.base[0]), -float(shown.base[1]), 0.0)
            for body, frame in self.bodies.items():
                frame.position, frame.wxyz = data.xpos[body], data.xquat[body]
            self.centre.position, self.centre.wxyz = shown.centre, shown.heading
            if self.reaches:
                site = data.site(self.robot.config.end_effector)
                turn = np.empty(4)
                mujoco.mju_mat2Quat(turn, site.xmat)
                self.hand.position, self.hand.wxyz = site.xpos, turn
            if self.follow.value:
                self.show_drawn(shown)

    def show_drawn(self, shown: Shown) -> None:
        """Handle and sliders where the task has goal and command."""
        if self.reaches:
            self.goal.position, self.goal.wxyz = shown.place, shown.turn
        for slider, value in zip(self.sliders, shown.command, strict=True):
            slider.value = round(float(value), 2)

    def tell(self, seconds: float, metrics: dict[str, float], falls: int, pace: float | None) -> None:
        """Put into words how it goes: simulated seconds, metrics of the last step, pace as a share of real time.

        Without a pace it is paused.
        """
        self.buttons["pause"].label = "Go on" if pace is None else "Pause"
        rows = [f"**{seconds:.1f} s**, " + ("paused" if pace is None else f"{pace:.2f} x real time")]
        rows.append(f"base {metrics['height']:.2f} m high, falls: {falls}")
        if self.reaches:
            rows.append(f"goal off {100 * metrics['ee_error']:.1f} cm, {degrees(metrics['ee_angle']):.1f} deg")
        rows.append(f"speed off {metrics['forward_error']:.2f} m/s, {metrics['yaw_error']:.2f} rad/s")
        self.text.content = "\n\n".join(rows)

    def close(self) -> None:
        """Stop serving."""
        self.server.stop()
