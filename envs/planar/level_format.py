"""The published level format (the JSON files of Kinetix) as tables: which members each object has, and their ranges."""

from typing import NamedTuple

from ...sim.planar.scene import MAX_VERTICES, WALLS, Physics

MOTORS, THRUSTERS = 4, 2
"""Actions that drive motors and thrusters; several may be bound to one."""
MAX_COUNT = 64
"""Most polygons, circles, joints or thrusters of a file."""


class Field(NamedTuple):
    """What a value of the format may be."""

    kind: type
    """float, int or bool; a float may be written as an integer."""
    shape: tuple[int, ...] = ()
    least: float = -1e6
    most: float = 1e6


FLAG, INTEGER, REAL = Field(bool), Field(int), Field(float)
VECTOR = Field(float, (2,), -1e3, 1e3)
POSITIVE = Field(float, (), 0.0)
INVERSE = Field(float, (), 0.0, 1e12)

BODY = {
    "position": VECTOR,
    "rotation": REAL,
    "velocity": VECTOR,
    "angular_velocity": REAL,
    "inverse_mass": INVERSE,
    "inverse_inertia": INVERSE,
    "friction": POSITIVE,
    "restitution": POSITIVE,
    "collision_mode": Field(int, (), 0, 2),
    "active": FLAG,
    "n_vertices": Field(int, (), 0, MAX_VERTICES),
    "vertices": Field(float, (MAX_VERTICES, 2), -1e3, 1e3),
    "radius": Field(float, (), 0.0, 1e3),
    "role": Field(int, (), 0, 3),
    "density": POSITIVE,
    "highlighted": FLAG,
}
JOINT = {
    "a_index": INTEGER,
    "b_index": INTEGER,
    "a_relative_pos": VECTOR,
    "b_relative_pos": VECTOR,
    "global_position": VECTOR,
    "active": FLAG,
    "acc_impulse": Field(float, (2,)),
    "acc_r_impulse": REAL,
    "motor_speed": REAL,
    "motor_power": REAL,
    "motor_on": FLAG,
    "motor_has_joint_limits": FLAG,
    "min_rotation": REAL,
    "max_rotation": REAL,
    "is_fixed_joint": FLAG,
    "rotation": REAL,
    "motor_binding": INTEGER,
}
THRUSTER = {
    "object_index": INTEGER,
    "relative_position": VECTOR,
    "rotation": REAL,
    "power": REAL,
    "global_position": VECTOR,
    "active": FLAG,
    "thruster_binding": INTEGER,
}
MANIFOLD = {
    "normal": VECTOR,
    "penetration": REAL,
    "collision_point": VECTOR,
    "active": FLAG,
    "acc_impulse_normal": REAL,
    "acc_impulse_tangent": REAL,
    "restitution_velocity_target": REAL,
}
"""A contact of the last step that was simulated before the file was written. Checked, then dropped."""
MANIFOLDS = ("acc_rr_manifolds", "acc_cr_manifolds", "acc_cc_manifolds")
STATE = ("polygon", "circle", "joint", "thruster", "collision_matrix", *MANIFOLDS, "gravity")
SECTIONS = ("env_state", "env_params", "static_env_params")

COUNTS = {
    "num_polygons": Field(int, (), WALLS + 1, MAX_COUNT),
    "num_circles": Field(int, (), 1, MAX_COUNT),
    "num_joints": Field(int, (), 1, MAX_COUNT),
    "num_thrusters": Field(int, (), 1, MAX_COUNT),
}
"""In the order of `scene.Capacity`."""

PHYSICS = {
    "dt": Physics.dt,
    "slop": Physics.slop,
    "baumgarte_coefficient_joints_v": Physics.joint_baumgarte_velocity,
    "baumgarte_coefficient_joints_p": Physics.joint_baumgarte_position,
    "baumgarte_coefficient_fjoint_av": Physics.fixed_joint_baumgarte,
    "baumgarte_coefficient_rjoint_limit_av": Physics.joint_limit_baumgarte,
    "baumgarte_coefficient_collision": Physics.contact_baumgarte,
    "joint_stiffness": Physics.joint_stiffness,
    "clip_position": Physics.max_position,
    "clip_velocity": Physics.max_velocity,
    "clip_angular_velocity": Physics.max_angular_velocity,
    "base_motor_speed": Physics.motor_speed,
    "base_motor_power": Physics.motor_power,
    "base_thruster_power": Physics.thruster_power,
    "motor_decay_coefficient": Physics.motor_decay,
    "motor_joint_limit": Physics.motor_limit_margin,
    "base_friction": Physics.friction,
}
"""Constants of `env_params`. All worlds of a batch share them, so a file that differs is refused."""
STATIC_PHYSICS = {
    "max_polygon_vertices": MAX_VERTICES,
    "num_solver_iterations": Physics.iterations,
    "solver_batch_size": Physics.batch,
    "do_warm_starting": True,
    "num_static_fixated_polys": WALLS,
}
"""Likewise of `static_env_params`."""
TASK = {"max_timesteps": 256, "pixels_per_unit": 100, "dense_reward_scale": 0.1, "num_shape_roles": 4}
"""Settings of the task in `env_params`, which our config has instead: checked and dropped, and written as here."""
STATIC_TASK = {
    "screen_dim": {"0": 500, "1": 500},
    "downscale": 4,
    "frame_skip": 2,
    "max_shape_size": 2,
    "num_motor_bindings": MOTORS,
    "num_thruster_bindings": THRUSTERS,
}
"""Likewise of `static_env_params`."""
DEFAULTS = {"highlighted": False}
"""Members that a file may leave out, as in the published loader."""
MOTOR_AUTO = "motor_auto"
"""A member of `env_state` that only we write, as the published writer loses it: which joints run without an action."""
