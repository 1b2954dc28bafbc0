"""The batch engine against a plain loop over MuJoCo's own data."""

import copy

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from gambol.sim.legged.engines import batch
from gambol.sim.legged.engines.batch import Engine
from gambol.sim.legged.physics import ModelField, State, nominal

CALLS, STEPS = 5, 4


def standing(world, worlds: int, seed: int = 0):
    """Robots about in their default pose, feet in the ground, moving anyhow: state and control."""
    model, robot = world.model, world.robot
    random = np.random.default_rng(seed)
    qpos = np.tile(model.qpos0, (worlds, 1))
    qpos[:, robot.qpos] = robot.default + random.uniform(-0.1, 0.1, (worlds, len(robot.names)))
    qpos[:, robot.base_qpos : robot.base_qpos + 3] = [0, 0, robot.config.standing_height - 0.01]
    qvel = 0.3 * random.normal(size=(worlds, model.nv))
    control = np.tile(np.arange(model.nu) * 0.0, (worlds, 1))
    control[:, robot.actuator] = robot.default + random.uniform(-0.2, 0.2, (worlds, len(robot.names)))
    return State(qpos.astype(np.float32), qvel.astype(np.float32)), control.astype(np.float32)


def by_loop(models, state: State, control):
    """The same by `mj_step`, one world after the other; state goes in and out in single precision, as the engine's."""
    ends = []
    for model, place, speed, targets in zip(models, state.qpos, state.qvel, control, strict=True):
        data = mujoco.MjData(model)
        data.ctrl = targets
        for _ in range(CALLS):
            data.qpos, data.qvel = place, speed
            for _ in range(STEPS):
                mujoco.mj_step(model, data)
            place, speed = data.qpos.astype(np.float32), data.qvel.astype(np.float32)
        ends.append((place, speed, data.sensordata.astype(np.float32), data.actuator_force.astype(np.float32)))
    return [np.array(values) for values in zip(*ends, strict=True)]


def by_engine(engine: Engine, state: State, control, values=()):
    """As many calls inside a scan."""

    def one(state, _):
        return engine.step(state, control, values, STEPS)

    after, felt = jax.lax.scan(one, state, length=CALLS)
    return after.qpos, after.qvel, felt.sensors[-1], felt.torque[-1], felt.overflow


def equal(ours, theirs) -> None:
    for own, expected in zip(ours, theirs, strict=False):
        np.testing.assert_allclose(own, expected, rtol=1e-5, atol=1e-5)


def test_robots_and_numbers_of_worlds_step_side_by_side_as_in_a_plain_loop(b1z1, quadruped):
    """Two robots, one of them by 3 and by 7 worlds, one engine twice: all in one compiled function."""
    one, other = Engine(b1z1), Engine(quadruped)
    cases = [
        (one, *standing(b1z1, 3)),
        (one, *standing(b1z1, 7, seed=1)),
        (other, *standing(quadruped, 5, seed=2)),
        (Engine(b1z1), *standing(b1z1, 3)),
    ]
    run = jax.jit(lambda inputs: [by_engine(case[0], *own) for case, own in zip(cases, inputs, strict=True)])
    results = run([case[1:] for case in cases])
    for (engine, state, control), ours in zip(cases, results, strict=True):
        theirs = by_loop([engine.world.model] * len(control), state, control)
        equal(ours, theirs)
        assert (np.abs(theirs[2]) > 1).any(), "no foot touched the ground"
        assert not ours[4].any()
    for ours, again in zip(results[0], results[3], strict=True):
        np.testing.assert_array_equal(ours, again)


def test_fields_differ_from_world_to_world(b1z1):
    model, robot = b1z1.model, b1z1.robot
    feet, first = robot.feet, robot.actuator[:2]
    fields = (
        ModelField("body_mass", (np.array([robot.base]),)),
        ModelField("geom_friction", (feet, 0 * feet)),
        ModelField("actuator_gainprm", (first, 0 * first)),
    )
    engine, count = Engine(b1z1, fields), 4
    state, control = standing(b1z1, count)
    values = [np.array(value) for value in nominal(engine, count)]
    values[0][1] += 8
    values[1][2] = 0.1
    values[2][3] *= 0.5
    models = [copy.copy(model) for _ in range(count)]
    for i, own in enumerate(models):
        own.body_mass[robot.base] = values[0][i, 0]
        own.geom_friction[feet, 0] = values[1][i]
        own.actuator_gainprm[first, 0] = values[2][i]
    run = jax.jit(lambda *given: by_engine(engine, *given))
    ours = run(state, control, tuple(values))
    equal(ours, by_loop(models, state, control))
    plain = run(state, control, nominal(engine, count))
    equal(plain, by_loop([model] * count, state, control))
    changed = (np.abs(ours[0] - plain[0]) > 1e-5).any(-1)
    np.testing.assert_array_equal(changed, [False, True, True, True])


def test_a_call_remembers_nothing_of_the_one_before(b1z1):
    engine = Engine(b1z1)
    run = jax.jit(lambda state, control: engine.step(state, control, (), STEPS))
    one, other = standing(b1z1, 3), standing(b1z1, 3, seed=9)
    before, between, after = run(*one), run(*other), run(*one)
    for x, y in zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True):
        np.testing.assert_array_equal(x, y)
    assert (np.asarray(between[0].qpos) != before[0].qpos).any()


def test_a_world_that_is_no_number_stays_so_and_harms_no_other(b1z1, tmp_path, monkeypatch):
    """MuJoCo would set it to its default pose, where nobody would notice."""
    monkeypatch.chdir(tmp_path)  # MuJoCo writes its warnings into a file here.
    engine = Engine(b1z1)
    run = jax.jit(lambda state, control: engine.step(state, control, (), STEPS)[0])
    state, control = standing(b1z1, 3)
    well = run(state, control)
    broken = run(State(jnp.asarray(state.qpos).at[1, 8].set(jnp.nan), state.qvel), control)
    assert not np.isfinite(broken.qpos[1]).all()
    np.testing.assert_array_equal(broken.qpos[::2], well.qpos[::2])
    np.testing.assert_array_equal(broken.qvel[::2], well.qvel[::2])


def test_it_runs_on_cpus_alone():
    assert batch.unavailable("cpu") == ""
    assert batch.unavailable("gpu") == "mujoco.batch runs on the CPU, JAX uses gpu: set JAX_PLATFORMS=cpu"


@pytest.mark.parametrize("steps", [1, 3])
def test_as_many_physics_steps_as_asked(b1z1, steps):
    engine = Engine(b1z1)
    state, control = standing(b1z1, 2)
    ours = engine.step(state, control, (), steps)[0].qpos
    data = mujoco.MjData(b1z1.model)
    data.qpos, data.qvel, data.ctrl = state.qpos[1], state.qvel[1], control[1]
    for _ in range(steps):
        mujoco.mj_step(b1z1.model, data)
    np.testing.assert_allclose(ours[1], data.qpos, atol=1e-6)
