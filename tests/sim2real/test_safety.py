"""The gate before the motors, under three million decisions on readings and targets that mean harm."""

from dataclasses import replace

import numpy as np
import pytest
from gambol.sim2real import safety
from gambol.sim2real.safety import Limits, Reading, Reason

J, DT = 3, 0.02
LIMITS = Limits(
    lower=np.array([-1.0, -0.5, -2.0]),
    upper=np.array([1.0, 1.5, -0.5]),
    torque=np.array([60.0, 90.0, 90.0]),
    rate=np.array([8.0, 8.0, 12.0]),
    speed=np.array([20.0, 20.0, 16.0]),
    kp=np.array([150.0, 150.0, 150.0]),
    kd=np.array([4.5, 4.5, 4.5]),
    damping=np.array([5.0, 5.0, 5.0]),
    height=0.2,
)
MIDDLE = (LIMITS.lower + LIMITS.upper) / 2
WRONG = np.array([np.nan, np.inf, -np.inf, 1e308, -1e308, 1e9, -1e9, 1e-320])


def calm(joints=MIDDLE, **changes) -> Reading:
    """A robot that stands still."""
    joints = np.asarray(joints, float)
    zero = np.zeros(joints.shape[:-1])
    down = np.broadcast_to([0.0, 0.0, -1.0], (*zero.shape, 3))
    return Reading(zero + 0.001, joints, 0 * joints, down, 0 * down, zero + 0.5)._replace(**changes)


def decide(reading=None, asked=MIDDLE, answered=True, state=None, limits=LIMITS):
    """One tick of one robot."""
    state = safety.start(limits, MIDDLE) if state is None else state
    return safety.decide(limits, state, reading or calm(), np.asarray(asked, float), np.bool_(answered), DT)


def test_what_is_safe_passes_as_it_is():
    asked = MIDDLE + np.array([0.1, -0.1, 0.05])
    state, decision = decide(asked=asked)
    np.testing.assert_array_equal(decision.target, asked)
    np.testing.assert_array_equal(decision.kp, LIMITS.kp)
    np.testing.assert_array_equal(decision.kd, LIMITS.kd)
    assert decision.reason == Reason.NONE and not decision.damped and not state.fault


@pytest.mark.parametrize(
    ("reading", "asked", "reason", "target"),
    [
        # 8 rad/s for 20 ms.
        (calm(), [0.5, 0.5, -1.25], Reason.RATE, [0.16, 0.5, -1.25]),
        # 60 N m at 150 N m/rad are 0.4 rad: from -0.5 no further than -0.1.
        (calm([-0.5, 0.5, -1.25]), MIDDLE, Reason.TORQUE, [-0.1, 0.5, -1.25]),
        # Damping of 4.5 N m s/rad at 12 rad/s pulls 54 N m already, so at 0.04 rad of the 60 N m are reached.
        (calm(rates=np.array([-12.0, 0, 0])), [0.1, 0.5, -1.25], Reason.TORQUE, [0.04, 0.5, -1.25]),
    ],
)
def test_what_is_too_much_is_made_less(reading, asked, reason, target):
    _, decision = decide(reading, asked)
    np.testing.assert_allclose(decision.target, target, atol=1e-12)
    assert decision.reason == reason


def test_targets_stay_in_the_range():
    state, joints = safety.start(LIMITS, LIMITS.upper), LIMITS.upper
    _, decision = decide(calm(joints), joints + 0.1, state=state)
    np.testing.assert_array_equal(decision.target, LIMITS.upper)
    assert decision.reason == Reason.LIMIT


@pytest.mark.parametrize(
    ("reading", "reason"),
    [
        (calm(age=np.array(0.061)), Reason.STALE),
        (calm(age=np.array(-0.001)), Reason.STALE),
        (calm([1.5, 0.5, -1.25]), Reason.OUT_OF_REACH),
        (calm(rates=np.array([0, 0, 16.1])), Reason.JOINT_SPEED),
        (calm(turning=np.array([5.0, 5.0, 5.0])), Reason.BASE_SPEED),
        (calm(height=np.array(0.19)), Reason.HEIGHT),
        (calm(gravity=np.array([np.sin(0.91), 0, -np.cos(0.91)])), Reason.TILT),
        (calm(gravity=np.array([0, 0, 9.81])), Reason.TILT),
        (calm(gravity=np.zeros(3)), Reason.TILT),
        (calm(age=np.array(np.nan)), Reason.NOT_FINITE),
        (calm([np.nan, 0.5, -1.25]), Reason.NOT_FINITE),
        (calm(rates=np.array([0, np.inf, 0])), Reason.NOT_FINITE),
        (calm(gravity=np.array([0, np.nan, -1])), Reason.NOT_FINITE),
        (calm(turning=np.array([np.nan, 0, 0])), Reason.NOT_FINITE),
        (calm(height=np.array(np.nan)), Reason.NOT_FINITE),
    ],
    ids=lambda value: value.name if isinstance(value, Reason) else "",
)
def test_a_fault_is_damped_in_the_same_tick_and_for_good(reading, reason):
    state, decision = decide(reading)
    later, after = decide(calm(), state=state)
    for told in (decision, after):
        assert told.damped and told.reason == reason
        np.testing.assert_array_equal(told.kp, 0)
        np.testing.assert_array_equal(told.kd, LIMITS.damping)
        assert np.isfinite(told.target).all()
    assert later.fault == reason


def test_an_unmeasured_height_is_not_looked_at():
    _, decision = decide(calm(height=np.array(np.nan)), limits=replace(LIMITS, height=0.0))
    assert decision.reason == Reason.NONE


def test_a_target_that_is_not_finite_is_a_fault_but_only_if_the_policy_answered():
    asked = np.array([0, np.nan, 0])
    assert decide(asked=asked)[1].reason == Reason.NOT_FINITE
    assert decide(asked=asked, answered=False)[1].reason == Reason.NONE


def test_a_late_policy_is_waited_for_twice():
    state, first = decide(asked=MIDDLE + 0.1)
    for _ in range(2):
        state, decision = decide(calm(), MIDDLE + 9.0, answered=False, state=state)
        np.testing.assert_array_equal(decision.target, first.target)
        assert decision.reason == Reason.NONE
    assert decide(answered=True, state=state)[0].misses == 0
    assert decide(answered=False, state=state)[1].reason == Reason.DEADLINE


def test_three_million_decisions_on_bad_input_hurt_nobody():
    """12,000 robots, 250 ticks. Each is well at first; a tenth of the ticks bring something wrong."""
    random, robots = np.random.default_rng(0), 12_000
    state = safety.start(LIMITS, random.uniform(LIMITS.lower, LIMITS.upper, (robots, J)))
    reasons, passed = np.zeros(len(Reason), int), 0
    was_damped, stuck, limits = np.zeros(robots, bool), np.zeros(robots, bool), replace(LIMITS, frozen=3)
    for tick in range(250):
        stuck = random.random(robots) < 0.02 if tick % 5 == 0 else stuck
        wild = random.choice([0.0] * 18 + [1.0, 5.0], (robots, 1))
        near = state.target + random.normal(0, 0.05, (robots, J))
        reading = calm(near + 0.1 * wild * random.normal(0, 1, (robots, J)))
        reading = reading._replace(
            rates=random.normal(0, 1, (robots, J)) * (1 + wild),
            gravity=reading.gravity + 0.1 * random.normal(0, 1, (robots, 3)),
            turning=np.where(stuck[:, None], np.nan_to_num(state.turning), random.normal(0, 0.5, (robots, 3))),
            age=random.uniform(0, 0.03, robots),
        )
        asked, answered = state.target + random.normal(0, 0.1, (robots, J)) * (1 + wild), random.random(robots) < 0.8
        hit = random.random(robots) < 0.02
        reading, asked, broken = spoiled(random, hit, reading, asked)
        before, (state, told) = state, safety.decide(limits, state, reading, asked, answered, DT)

        assert np.isfinite(told.target).all() and np.isfinite(told.kp).all() and np.isfinite(told.kd).all()
        assert (told.target >= LIMITS.lower).all() and (told.target <= LIMITS.upper).all()
        assert (told.damped >= was_damped).all(), "a fault holds"
        assert told.damped[broken & answered].all(), "damping in the tick of the fault"
        assert (told.kp[told.damped] == 0).all() and (told.kd[told.damped] == LIMITS.damping).all()
        well = ~told.damped
        pull = LIMITS.kp * (told.target - reading.joints)[well] - LIMITS.kd * reading.rates[well]
        assert (np.abs(pull) <= LIMITS.torque + 1e-6).all()
        free = well & answered & (told.reason == Reason.NONE)
        np.testing.assert_array_equal(told.target[free], asked[free])
        gentle = well & (told.reason <= Reason.RATE)
        moved = np.abs(told.target - before.target)[gentle]
        assert (moved <= LIMITS.rate * DT + 1e-9).all()
        reasons += np.bincount(told.reason, minlength=len(Reason))
        passed += free.sum()
        was_damped = told.damped
        state = renewed(state, told, random)
        was_damped = was_damped & (state.fault > 0)
    assert (reasons > 100).all(), dict(zip(Reason, reasons, strict=True))
    assert passed > 20_000


def spoiled(random, hit, reading, asked):
    """In the robots that are hit, one number of what is known is replaced by a wrong one. Also whether that must be a
    fault: not where it is tiny."""
    values = {**reading._asdict(), "asked": asked}
    names = list(values)
    which, broken = random.integers(len(names), size=len(hit)), np.zeros(len(hit), bool)
    for i, name in enumerate(names):
        rows = np.flatnonzero(hit & (which == i))
        wrong = random.choice(WRONG, len(rows))
        array = values[name] = np.array(values[name])
        place = (rows,) if array.ndim == 1 else (rows, random.integers(array.shape[-1], size=len(rows)))
        array[place] = wrong
        if name == "asked":
            broken[rows] = ~np.isfinite(wrong)
        elif name == "height":
            broken[rows] = ~(wrong > 0.2) | ~np.isfinite(wrong)
        elif name == "age":
            broken[rows] = ~(np.abs(wrong) < 0.06) | (wrong < 0)
        elif name != "gravity":
            broken[rows] = ~(np.abs(wrong) < 1)
        else:
            broken[rows] = ~np.isfinite(wrong)
    return Reading(**{name: values[name] for name in Reading._fields}), values["asked"], broken


def renewed(state, told, random):
    """A fifth of the robots that are damped are started anew."""
    again = told.damped & (random.random(len(told.damped)) < 0.2)
    fresh = safety.start(LIMITS, random.uniform(LIMITS.lower, LIMITS.upper, state.target.shape))
    pairs = zip(fresh, state, strict=True)
    return safety.State(*(np.where(again[:, None] if new.ndim == 2 else again, new, old) for new, old in pairs))


def test_a_gyroscope_that_says_the_same_too_often_is_broken():
    limits, state, turning = replace(LIMITS, frozen=3), None, np.array([0.1, 0.0, 0.0])
    reasons = []
    for tick in range(12):
        still = tick in (2, 3) or tick >= 6  # twice is nothing
        turning = turning if still else turning + 1e-9
        state, decision = decide(calm(turning=turning), state=state, limits=limits)
        reasons.append(decision.reason == Reason.FROZEN)
    assert reasons == [False] * 8 + [True] * 4
    state, decision = None, None
    for _ in range(12):
        state, decision = decide(calm(), state=state)
    assert decision.reason == Reason.NONE  # nobody asked for it


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"lower": LIMITS.upper}, "limits.lower must be below limits.upper"),
        ({"torque": np.array([1.0, np.nan, 1.0])}, "limits.torque must be 3 finite numbers"),
        ({"kp": np.zeros(3)}, "limits.kp must be above 0"),
        ({"kp": np.ones(2)}, "limits.kp must be 3 finite numbers"),
        ({"kd": -np.ones(3)}, "limits.kd must be 0 or above"),
        ({"tilt": 0.0}, "limits.tilt is 0.0"),
        ({"age": np.inf}, "limits.age is inf"),
        ({"misses": -1}, "limits.misses is -1: it may not be negative"),
    ],
)
def test_limits_that_cannot_be_kept_are_refused(changes, complaint):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as error:
        replace(LIMITS, **changes)
    assert str(error.value).startswith(complaint)


def test_a_gate_does_not_start_where_the_robot_is_not():
    with pytest.raises(ValueError, match="not finite"):
        safety.start(LIMITS, np.array([0.0, np.nan, 0.0]))
    np.testing.assert_array_equal(safety.start(LIMITS, np.array([9.0, 0.0, -1.0])).target, [1.0, 0.0, -1.0])
