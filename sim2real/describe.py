"""What an env says of its policies, in the words of a contract."""

from typing import Any, NamedTuple

import gymnasium
import jax
import numpy as np
from numpy.typing import NDArray

from ..envs.contract import Env, ObservationTerm
from ..envs.planar.env import PlanarEnv
from ..envs.track import reach, reward
from ..envs.track.env import TrackEnv
from ..envs.track.spec import MOST_ACTION, TARGET_MARGIN
from ..policies.nets.stream import shapes_of
from ..sim.legged import terrain
from ..sim.legged.terrain import TerrainConfig
from ..sim.legged.world import assemble
from .bundle import sha256
from .contract import Action, Arm, CommandRange, Gait, Observation, Robot, Safety, Term
from .fold import folded
from .graphs import Meaning, names_of, plain_meaning

MODEL = "robot.xml"
MOST_MOVE = 1.5
"""Drive targets, which run ahead of the joints, may move so many times as fast as the fastest joint."""
FOLD_MARGIN = 0.04
"""Folded legs keep so far from their limits, rad."""
MOST_TORQUE = 3.0
"""What a drive may be asked for, as a multiple of what it can give: a drive keeps to its limit by itself, and readings
are late and noisy: with 1, much that is meant well for a stiff arm would be changed."""
DAMPING = 2.0
"""After a fault the drives damp so many times as much as under the policy."""


class Described(NamedTuple):
    """Everything in a contract that the env alone decides."""

    meaning: Meaning
    observation: Observation
    action: Action
    sections: dict[str, Any]
    """Other fields of the contract, by name."""
    files: dict[str, bytes]
    """Of the bundle."""


def terms_of(terms: tuple[ObservationTerm, ...]) -> tuple[Term, ...]:
    """The terms of one array of the observation, with one scale and offset for each entry."""
    found, first = [], 0
    for term in terms:
        scale, offset = (tuple(float(x) for x in np.broadcast_to(v, term.size)) for v in (term.scale, term.offset))
        found.append(
            Term(
                name=term.name,
                dim=term.size,
                slice=(first, first + term.size),
                scale=scale,
                offset=offset,
                clip=None if term.clip is None else (float(term.clip[0]), float(term.clip[1])),
                history=term.history,
                unit=term.unit,
                frame=term.frame,
                names=term.names,
            )
        )
        first += term.size
    return tuple(found)


def observation_of(env: Env, input_name: str) -> Observation:
    """What the policy of an env sees."""
    like = shapes_of(env.spec.observation_space)
    names = names_of(like, input_name)
    arrays = names_of(like, "policy")
    known = env.spec.observation_terms
    order = {}
    for array, leaf in zip(arrays, jax.tree.leaves(like), strict=True):
        terms = terms_of(known.get(array, ()))
        order[array] = terms if _is_vector(terms, leaf) else ()
    return Observation(dict(zip(arrays, names, strict=True)), order, "baked", "frame_major", True)


def _is_vector(terms: tuple[Term, ...], leaf: Any) -> bool:
    """Whether an array is the vector of its terms, or a history of them."""
    return bool(terms) and leaf.shape[-1:] == (terms[-1].slice[1],) and len(leaf.shape) <= 2


def describe(env: Env, input_name: str, output_name: str) -> Described:
    """Of any env. Raises ValueError for a task or a robot that no contract can be made of."""
    if isinstance(env, TrackEnv):
        return describe_tracking(env, input_name, output_name)
    if not isinstance(env, PlanarEnv):
        raise ValueError(f"policies of task {env.spec.name!r} cannot be exported yet")
    space = env.spec.action_space
    size = space.shape[0] if space.shape else 1
    meaning = plain_meaning(size)
    if isinstance(space, gymnasium.spaces.Box):
        meaning = meaning._replace(lower=space.low, upper=space.high)
        clip = tuple((float(low), float(high)) for low, high in zip(space.low, space.high, strict=True))
    else:
        clip = ()
    action = Action(output_name, "raw", (), (), (), clip, "none")
    sections = {
        "task_id": env.spec.name,
        "sim_dt": env.spec.control_dt / env.config.frame_skip,
        "decimation": env.config.frame_skip,
        "commands": {},
        "robot": None,
        "gait": None,
        "arm": None,
        "safety": None,
        **{name: () for name in ("joint_names", "actuator_names", "joint2motor", "default_joint_pos")},
        **{name: () for name in ("joint_pos_limits", "joint_vel_limits", "torque_limits", "kp", "kd")},
        **{name: () for name in ("standing_joint_target", "folded_joint_target")},
    }
    return Described(meaning, observation_of(env, input_name), action, sections, {})


def describe_tracking(env: TrackEnv, input_name: str, output_name: str) -> Described:
    """Of whole-body tracking."""
    config, robot = env.config, env.world.robot
    if config.arm == "policy":
        raise ValueError("env.arm is 'policy': bundles are made for arms under their own controller; train with 'ik'")
    for name, low, high in zip(robot.names, robot.lower, robot.upper, strict=True):
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ValueError(f"joint {name!r} has no limits in {config.robot.model!r}: a robot needs them")
    legs = robot.legs
    scale, default = robot.action_scale[legs], robot.default[legs]
    shift = ((np.array(env.standing[legs]) - default) / scale).astype(np.float32)
    terms = env.terms
    ends = np.cumsum([term.size for term in terms])
    (at,) = [i for i, term in enumerate(terms) if term.name == "last_action"]
    place = slice(int(ends[at] - terms[at].size), int(ends[at]))
    observation = observation_of(env, input_name)
    meaning = Meaning(
        shift=shift,
        lower=np.full(len(shift), -MOST_ACTION),
        upper=np.full(len(shift), MOST_ACTION),
        last_action={name: place for name in observation.input.values()},
    )
    action = Action(
        output=output_name,
        type="joint_pos_target",
        joint_names=robot.names[legs],
        scale=numbers(scale),
        offset=numbers(default),
        clip=tuple((float(s) - MOST_ACTION, float(s) + MOST_ACTION) for s in shift),
        filter="none",
    )
    model = assemble(config.robot, terrain.make(TerrainConfig()), config.timestep).to_xml().encode()
    command, (kp, kd) = config.command, config.robot.gains
    sections = {
        "task_id": env.spec.name,
        "sim_dt": config.timestep,
        "decimation": config.decimation,
        "commands": {
            "velocity": CommandRange(
                names=("forward", "yaw"),
                lower=(command.forward[0], command.yaw[0]),
                upper=(command.forward[1], command.yaw[1]),
                unit=("m/s", "rad/s"),
                rate=(command.acceleration, command.yaw_acceleration),
            ),
        },
        "robot": Robot(
            name=config.robot.model.rpartition("/")[2].removesuffix(".xml"),
            mjcf=MODEL,
            mjcf_sha256=sha256(model),
            base=config.robot.base,
            feet=config.robot.feet,
            contact_force=reward.CONTACT,
            standing_height=config.robot.standing_height,
        ),
        "joint_names": robot.names,
        "actuator_names": tuple(env.world.model.actuator(int(i)).name for i in robot.actuator),
        "joint2motor": tuple(int(i) for i in robot.actuator),
        "default_joint_pos": numbers(robot.default),
        "joint_pos_limits": tuple(zip(numbers(robot.lower), numbers(robot.upper), strict=True)),
        "joint_vel_limits": numbers(config.robot.speeds),
        "torque_limits": numbers(robot.torque),
        "kp": numbers(kp),
        "kd": numbers(kd),
        "standing_joint_target": env.standing,
        "folded_joint_target": numbers(fold(env)),
        "gait": Gait(config.gait.frequency, config.gait.step_above, config.gait.rest_below),
        "arm": describe_arm(env) if robot.has_arm else None,
        "safety": Safety(
            max_tilt_rad=config.most_tilt + 0.1,
            max_action_delta=MOST_MOVE * config.control_dt * float(config.robot.speeds.max()),
            stale_ms=60.0,
            kp_scale_start=0.3,
            joint_margin=TARGET_MARGIN,
            max_joint_speed=1.5,
            max_torque=MOST_TORQUE,
            max_base_speed=8.0,
            min_height=0.0,
            damping=numbers(DAMPING * kd),
            max_misses=2,
            max_frozen=5,
        ),
    }
    if robot.has_arm:
        sections["commands"]["goal"] = goal_range(env)
    return Described(meaning, observation, action, sections, {MODEL: model})


def fold(env: TrackEnv) -> NDArray:
    """Drive targets that fold the legs, a margin inside their limits; all else stays as it stands."""
    robot, model = env.world.robot, env.world.model
    joints = np.array([model.joint(name).id for name in robot.names])
    feet = [model.site(name).id for name in env.config.robot.feet]
    angles = folded(model, joints, feet, robot.default, robot.lower + FOLD_MARGIN, robot.upper - FOLD_MARGIN)
    targets = np.array(env.standing)
    targets[robot.legs] = angles[robot.legs]
    return targets


def describe_arm(env: TrackEnv) -> Arm:
    """The arm's own controller."""
    config = env.config
    return Arm(
        joint_names=config.robot.arm_joints,
        base=config.robot.arm_base,
        end_effector=config.robot.end_effector,
        goal_height=config.goal.height,
        goal_roll=config.goal.roll,
        goal_lift=config.goal.lift,
        damping=reach.DAMPING,
        turning=reach.TURNING,
        most_turn=reach.MOST_TURN,
        solves=reach.SOLVES,
        foresight=reach.FORESIGHT,
        integral=reach.INTEGRAL,
        most_integral=reach.MOST_INTEGRAL,
        gravity=reach.GRAVITY,
    )


def goal_range(env: TrackEnv) -> CommandRange:
    """What may be asked of the end effector."""
    goal = env.config.goal
    ranges = (goal.radius, goal.pitch, goal.yaw, *[(-goal.turn, goal.turn)] * 3)
    lower, upper = zip(*ranges, strict=True)
    names = ("radius", "pitch", "yaw", "roll off", "pitch off", "yaw off")
    return CommandRange(names, lower, upper, ("m", *["rad"] * 5), (0.0,) * 6)


def numbers(values: NDArray) -> tuple[float, ...]:
    """In full precision."""
    return tuple(float(x) for x in values)
