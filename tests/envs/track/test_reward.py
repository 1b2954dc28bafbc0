"""Every term on states made by hand, without physics, against the value worked out on paper."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.track import reward
from gambol.envs.track.config import RewardConfig
from gambol.envs.track.measure import Seen
from gambol.envs.track.reward import Moment
from gambol.sim.legged import rotation

DT, WORLDS, FEET = 0.02, 3, 4
TERMS = tuple(term.__name__ for term in reward.LEGS + reward.ARM)
GOOD = ("forward", "yaw", "gait", "ee_position", "ee_rotation")
ONES = replace(RewardConfig(), lowest=0.4, forward_widths=(0.25,), yaw_widths=(0.3,), **dict.fromkeys(TERMS, 1.0))


@pytest.fixture(scope="module")
def robot(env):
    return env.world.robot


@pytest.fixture(scope="module")
def calm(robot):
    """A moment in which three robots stand as they should, end effector at its goal."""
    joints = np.tile(robot.default, (WORLDS, 1)).astype(np.float32)
    zero, upright = np.zeros(WORLDS), np.tile([1.0, 0, 0, 0], (WORLDS, 1))
    seen = Seen(
        place=np.tile([0, 0, 0.5], (WORLDS, 1)),
        height=zero + 0.5,
        turn=upright,
        tilt=upright,
        roll=zero,
        pitch=zero,
        velocity=np.zeros((WORLDS, 3)),
        rate=np.zeros((WORLDS, 3)),
        gravity=np.tile([0, 0, -1.0], (WORLDS, 1)),
        joints=joints,
        joint_rates=0 * joints,
        torque=0 * joints,
        feet_force=np.full((WORLDS, FEET), 140.0),
        feet_height=np.zeros((WORLDS, FEET)),
        feet_velocity=np.zeros((WORLDS, FEET, 3)),
        bumper_force=np.zeros((WORLDS, len(robot.config.bumpers))),
        ee_place=np.zeros((WORLDS, 3)),
        ee_turn=upright,
    )
    return Moment(
        seen=seen,
        joint_rates=0 * joints,
        command=np.zeros((WORLDS, 2)),
        stance=np.ones((WORLDS, FEET), bool),
        swing=np.zeros((WORLDS, FEET)),
        ee_off=np.zeros((WORLDS, 3)),
        ee_turn_off=zero,
        action=np.zeros((WORLDS, 12)),
        last_action=np.zeros((WORLDS, 12)),
        fell=np.zeros(WORLDS, bool),
    )


@pytest.fixture(scope="module")
def score(robot, quick):
    """moment -> every term of it, unweighted, by name."""
    compiled = quick(lambda moment: reward.terms(ONES, robot, DT, moment))
    return lambda moment: {name: np.asarray(value) / DT for name, value in compiled(moment).items()}


def but(moment: Moment, seen=(), **changes) -> Moment:
    """A moment with some of its fields replaced, and some of what is seen in it."""
    return replace(moment, seen=replace(moment.seen, **dict(seen)), **changes)


def spread(shape: tuple[int, ...], **entries: tuple[float, ...]) -> np.ndarray:
    """Zeros [W, *shape] but for some entries, `_1_2=(a, b, c)` being [:, 1, 2] in the three worlds."""
    array = np.zeros((WORLDS, *shape))
    for name, values in entries.items():
        array[(slice(None), *map(int, name[1:].split("_")))] = values
    return array


def test_a_calm_moment_is_the_best_of_every_term(calm, score):
    for name, value in score(calm).items():
        np.testing.assert_allclose(value, float(name in GOOD), atol=1e-4, err_msg=name)


WALK = spread((3,), _0=(0.5, 0.25, 0.5), _1=(0, 0, -0.25), _2=(9, 9, 9))
SPIN = spread((3,), _2=(0.3, 0.6, 0.0))
"""Base rates, rad/s."""
FORCES = np.array([[140, 0, 0, 140], [140, 140, 0, 0], [1.4, 1.6, 1.4, 1.6]])
TROT = np.array([[True, False, False, True]] * 3)
RATES = spread((19,), _0=(1, 2, 0), _11=(0, -3, 0), _13=(7, 7, 7))
"""Of the joints, rad/s; 0 to 11 are of the legs, 13 is of the arm, as is the torque."""
TORQUES = spread((19,), _0=(10, -20, 5), _11=(4, 4, 0), _13=(30, 30, 30))
HEIGHTS = spread((4,), _1=(0.08, 0.06, 0.2), _2=(0.03, 0, 0))
SLIDING = spread((4, 3), _0_0=(0.3, 0, 5), _0_1=(0.4, 0, 5), _0_2=(9, 9, 9), _1_1=(9, -0.2, 0.1))
ACTION = spread((12,), _0=(1, 0, 0), _5=(0, 2, 3))
CASES = [
    ("forward", {"velocity": WALK}, {"command": spread((2,), _0=(0.5, 0.5, 0.5))}, np.exp([0, -1, -1])),
    ("forward", {"velocity": -WALK}, {"command": spread((2,), _0=(0.5, 0, 0))}, np.exp([-16, -1, -5])),
    ("yaw", {"rate": SPIN}, {"command": spread((2,), _1=(0.3, 0.3, -0.3))}, np.exp([0, -1, -1])),
    # Upside down, a turn to the left about the robot's own axis is one to the right.
    ("yaw", {"rate": SPIN, "gravity": spread((3,), _2=(1, 1, 1))}, {}, np.exp([-1, -4, 0])),
    ("ee_position", {}, {"ee_off": spread((3,), _0=(0.02, 0, 0), _2=(0, -0.1, 0))}, [0.59331, 0.18731, 1]),
    ("ee_rotation", {}, {"ee_turn_off": np.array([0.3, 0.6, 0])}, np.exp([-1, -2, 0])),
    ("gait", {"feet_force": FORCES}, {"stance": TROT}, [1, 0.5, 0.5]),
    ("gait", {"feet_force": 0 * FORCES}, {}, [0, 0, 0]),
    ("clearance", {"feet_height": HEIGHTS}, {"stance": TROT, "swing": 0.08 * ~TROT}, [0.05, 0.10, 0.08]),
    ("slip", {"feet_force": FORCES, "feet_velocity": SLIDING}, {}, [0.25, 0.04, 0.01]),
    ("height", {"height": np.array([0.3, 0.39, 0.6])}, {}, [0.1, 0.01, 0]),
    ("sway", {"roll": np.array([0.2, -0.3, 0]), "pitch": np.array([9, 9, 9])}, {}, [0.04, 0.09, 0]),
    ("tilt_rate", {"rate": spread((3,), _0=(1, 0, 2), _1=(-2, 0, 0), _2=(9, 9, 9))}, {}, [5, 0, 4]),
    ("bounce", {"velocity": spread((3,), _0=(9, 9, 9), _2=(0.5, -0.1, 0))}, {}, [0.25, 0.01, 0]),
    ("torque", {"torque": TORQUES}, {}, [116, 416, 25]),
    ("power", {"torque": TORQUES, "joint_rates": RATES}, {}, [10, 52, 0]),
    ("acceleration", {"joint_rates": DT * RATES}, {}, [1, 13, 0]),
    ("acceleration", {"joint_rates": 2 * DT * RATES}, {"joint_rates": DT * RATES}, [1, 13, 0]),
    ("action_rate", {}, {"action": ACTION, "last_action": spread((12,), _5=(0, 1, 3))}, [1, 1, 0]),
    ("collision", {"bumper_force": spread((9,), _0=(5, 0.05, 0.2), _8=(5, 0, 0))}, {}, [2, 0, 1]),
    ("fall", {}, {"fell": np.array([True, False, True])}, [1, 0, 1]),
]
"""Term, what is seen, what else there is, and the term's value in three worlds."""


def test_no_term_is_left_out_here():
    assert {name for name, *_ in CASES} | {"hip", "joint_limits"} == set(TERMS)


@pytest.mark.parametrize(("name", "seen", "rest", "expected"), CASES)
def test_a_term_has_the_value_on_paper(calm, score, name, seen, rest, expected):
    np.testing.assert_allclose(score(but(calm, seen, **rest))[name], expected, rtol=1e-4, atol=1e-5)


def test_hips_cost_the_square_of_their_distance_from_the_default(calm, score):
    joints = calm.seen.joints + spread((19,), _0=(0.1, 0, 0), _3=(-0.2, 0, 0), _4=(1, 1, 1), _13=(1, 1, 1))
    np.testing.assert_allclose(score(but(calm, {"joints": joints}))["hip"], [0.05, 0, 0], atol=1e-6)


def test_joints_may_use_all_but_the_ends_of_their_range(calm, score, robot):
    lower, upper = (x[:12].astype(np.float32) for x in (robot.lower, robot.upper))
    joints = calm.seen.joints.copy()
    joints[0, :12] = lower + 0.05 * (upper - lower)
    joints[1, 4], joints[1, 5] = upper[4], lower[5]
    joints[2, 0] = lower[0] - 0.1
    expected = [0, 0.05 * (upper - lower)[4:6].sum(), 0.1 + 0.05 * (upper - lower)[0]]
    np.testing.assert_allclose(score(but(calm, {"joints": joints}))["joint_limits"], expected, atol=1e-5)


def test_good_is_rewarded_and_bad_costs():
    weights = RewardConfig()
    for name in TERMS:
        assert (getattr(weights, name) >= 0) == (name in GOOD) or getattr(weights, name) == 0, name


def test_weights_and_the_step_multiply_a_term_and_zero_leaves_it_out(calm, robot):
    config = replace(RewardConfig(), **{**dict.fromkeys(TERMS, 0.0), "height": -10.0, "ee_rotation": 0.5})
    moment = but(calm, {"height": np.array([0.3, 0.39, 0.6])})
    terms = reward.terms(config, robot, DT, moment)
    assert reward.names(config, robot) == tuple(terms) == ("height", "ee_rotation")
    np.testing.assert_allclose(terms["height"], DT * -10 * np.array([config.lowest - 0.3, 0.01, 0]), atol=1e-6)
    np.testing.assert_allclose(terms["ee_rotation"], DT * 0.5)


def test_legs_answer_for_all_but_the_end_effector(robot):
    by_term = {name: np.array([i, 10.0 * i, -i]) for i, name in enumerate(TERMS)}
    channels = np.asarray(reward.channels(by_term))
    arm = by_term["ee_position"] + by_term["ee_rotation"]
    np.testing.assert_allclose(channels[:, 1], arm)
    np.testing.assert_allclose(channels.sum(-1), sum(by_term.values()))
    del by_term["slip"], by_term["ee_position"], by_term["ee_rotation"]
    channels = np.asarray(reward.channels(by_term))
    np.testing.assert_allclose(channels, np.stack([sum(by_term.values()), [0, 0, 0]], -1))


def test_a_robot_without_an_arm_has_no_terms_of_one(calm, robot):
    armless = replace(robot, config=replace(robot.config, arm_joints=(), default_pose=robot.config.default_pose[6:]))
    assert set(reward.names(ONES, armless)) == set(TERMS) - {"ee_position", "ee_rotation"}


def test_the_angle_between_rotations_is_that_of_the_turn_from_one_to_the_other():
    one = rotation.from_euler(jnp.array([0.3, 0.0]), jnp.array([-0.8, 0.0]), jnp.array([2.0, 0.0]))
    turn = rotation.from_vector(jnp.array([[0.0, 0.36, 0.48], [0.0, 3.0, 0.0]]))
    np.testing.assert_allclose(reward.angle(rotation.multiply(one, turn), one), [0.6, 3.0], rtol=1e-4)
    np.testing.assert_allclose(reward.angle(one, rotation.multiply(turn, -one)), [0.6, 3.0], rtol=1e-4)


def test_nearness_is_a_mean_over_wide_and_narrow_bells():
    off = jnp.array([[0.0, 0.0], [0.3, 0.4], [0.0, 0.1]])
    wide, narrow = np.exp(-np.array([0, 0.25, 0.01]) / 0.25), np.exp(-np.array([0, 0.25, 0.01]) / 0.01)
    np.testing.assert_allclose(reward.near(off, (0.5,)), wide, rtol=1e-5)
    np.testing.assert_allclose(reward.near(off, (0.5, 0.1)), (wide + narrow) / 2, rtol=1e-5)


def test_to_want_nothing_is_refused_in_one_line(robot):
    nothing = replace(RewardConfig(), **dict.fromkeys(TERMS, 0.0))
    with pytest.raises(ValueError, match=r"^env\.reward: every weight is 0"):
        reward.names(nothing, robot)
