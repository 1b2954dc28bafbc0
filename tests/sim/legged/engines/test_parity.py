"""All engines against MuJoCo's C code in double precision, stepped one world at a time."""

import copy
import importlib.util

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from gambol.sim.legged.physics import ModelField, Outcome, State, make, nominal, sensor
from gambol.sim.legged.standing import standing
from gambol.sim.legged.terrain import TerrainConfig
from gambol.sim.legged.world import World, build

ENGINES = ("batch", "mjx", "warp")
WORLDS, CALLS, STEPS = 4, 25, 2
QUICK: dict[str, str | bool] = {"xla_backend_optimization_level": "0"}
"""Compiles in half the time."""


def fields(world: World) -> tuple[ModelField, ...]:
    """Friction of the feet, mass and centre of the base, gains."""
    robot = world.robot
    first = np.zeros_like(robot.feet)
    return (
        ModelField("geom_friction", (robot.feet, first)),
        ModelField("body_mass", (np.array([robot.base]),)),
        ModelField("body_ipos", (np.full(3, robot.base), np.arange(3))),
        ModelField("actuator_gainprm", (robot.actuator, np.zeros_like(robot.actuator))),
        ModelField("actuator_biasprm", (robot.actuator, np.ones_like(robot.actuator))),
    )


class Rollout:
    """Some calls of an engine in one compiled scan."""

    def __init__(self, name: str, world: World):
        self.world = world
        self.engine = make(name, world, fields(world))
        self.nominal = [np.array(values) for values in nominal(self.engine, WORLDS)]
        run = jax.jit(self._run).lower(*self._arrays(still(world), targets(world), self.nominal))
        self.compiled = run.compile(compiler_options=QUICK)

    def __call__(self, state: State, controls: np.ndarray, values: list[np.ndarray]) -> tuple[State, Outcome]:
        """States after and outcomes of all calls, [CALLS, WORLDS, ...]."""
        return jax.device_get(self.compiled(*self._arrays(state, controls, values)))

    def _arrays(self, state, controls, values):
        return jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), (state, controls, tuple(values)))

    def _run(self, state, controls, values):
        def one(state, control):
            state, outcome = self.engine.step(state, control, values, STEPS)
            return state, (state, outcome)

        return jax.lax.scan(one, state, controls)[1]


def still(world: World, height: float = 0.0) -> State:
    """Robots in their default pose, their feet on the ground or above it (m)."""
    model, robot = world.model, world.robot
    data = mujoco.MjData(model)
    data.qpos[robot.qpos] = robot.default
    mujoco.mj_kinematics(model, data)
    base, sole = data.xpos[robot.base, 2], data.geom_xpos[robot.feet, 2].min() - model.geom_size[robot.feet[0], 0]
    qpos = np.tile(data.qpos, (WORLDS, 1))
    place = qpos[:, robot.base_qpos :]
    place[:, :2] = np.random.default_rng(2).uniform(-2, 2, (WORLDS, 2))
    place[:, 2] = base - sole + height + world.terrain.height(jnp.asarray(place[:, :2]))
    return State(qpos, np.zeros((WORLDS, model.nv)))


def targets(world: World, noise: float = 0.0) -> np.ndarray:
    """Controls [CALLS, WORLDS, U] around those that let the robot stand, rad."""
    controls = np.zeros((CALLS, WORLDS, world.model.nu))
    random = np.random.default_rng(0).normal(0, noise, (CALLS, WORLDS, len(world.robot.names)))
    controls[..., world.robot.actuator] = standing(world) + random * (world.robot.action_scale > 0)
    return controls


def by_mujoco(rollout: Rollout, state: State, controls: np.ndarray, values: list[np.ndarray]):
    """What `Rollout` returns, by plain `mj_step`."""
    found = []
    for w in range(WORLDS):
        model = copy.copy(rollout.world.model)
        for field, value in zip(rollout.engine.fields, values, strict=True):
            getattr(model, field.name)[field.index] = value[w]
        data = mujoco.MjData(model)
        data.qpos[:], data.qvel[:] = state.qpos[w], state.qvel[w]
        rows = []
        for control in controls[:, w]:
            data.ctrl[:] = control
            mujoco.mj_step(model, data, STEPS)
            rows.append([x.copy() for x in (data.qpos, data.qvel, data.sensordata, data.actuator_force)])
        found.append([np.array(column) for column in zip(*rows, strict=True)])
    qpos, qvel, sensors, torque = (np.stack(parts, 1) for parts in zip(*found, strict=True))
    return State(qpos, qvel), Outcome(sensors, torque, np.zeros(qpos.shape[:2], bool))


def engine_or_skip(name: str) -> str:
    if name == "warp" and importlib.util.find_spec("mujoco_warp") is None:
        pytest.skip("mujoco-warp is not installed")
    return name


@pytest.fixture(scope="module", autouse=True)
def quick_kernels():
    """Warp's compiler without its optimiser, which takes most of the time."""
    wp = pytest.importorskip("warp")
    before, wp.config.optimization_level = wp.config.optimization_level, 0
    yield
    wp.config.optimization_level = before


@pytest.fixture(scope="module", params=ENGINES)
def rollout(request, b1z1) -> Rollout:
    return Rollout(engine_or_skip(request.param), b1z1)


@pytest.fixture(scope="module")
def varied(rollout):
    """Two worlds in the air, one that stands, one that lands, no two models alike: arguments of a rollout."""
    random = np.random.default_rng(1)
    friction, mass, centre, gain, bias = rollout.nominal
    off = random.uniform(0.8, 1.2, gain.shape)
    values = [
        friction * random.uniform(0.3, 1.5, (WORLDS, 1)),
        mass + random.uniform(-2, 8, (WORLDS, 1)),
        centre + random.uniform(-0.05, 0.05, (WORLDS, 3)),
        gain * off,
        bias * off,
    ]
    state = still(rollout.world)
    height, speed = np.array([1.5, 1.5, -0.002, 0.06]), np.array([0.5, 0.5, 0, 0.2])[:, None]
    state.qpos[:, rollout.world.robot.base_qpos + 2] += height
    velocity = random.normal(0, 1, state.qvel.shape) * speed
    return State(state.qpos, velocity), targets(rollout.world, noise=0.1), values


@pytest.fixture(scope="module")
def both(rollout, varied):
    """The engine's rollout and MuJoCo's."""
    return rollout(*varied), by_mujoco(rollout, *varied)


def feet(world: World, what: str) -> np.ndarray:
    """Places of a sensor of all feet in `sensordata`, [F, size]."""
    return sensor(world.model, *(f"{foot}/{what}" for foot in world.robot.config.feet))


def test_in_the_air_all_is_the_same(rollout, both):
    (moved, felt), (moved_c, felt_c) = both
    air = np.s_[:, :2]
    np.testing.assert_allclose(moved.qpos[air], moved_c.qpos[air], atol=1e-4)
    np.testing.assert_allclose(moved.qvel[air], moved_c.qvel[air], atol=2e-3)
    np.testing.assert_allclose(felt.torque[air], felt_c.torque[air], atol=0.05)
    np.testing.assert_allclose(felt.sensors[air], felt_c.sensors[air], atol=2e-3)
    assert np.abs(moved_c.qpos[-1] - moved_c.qpos[0]).max() > 0.1
    assert (np.abs(felt_c.torque[air]) >= rollout.world.robot.torque).any(), "some drives must be at their limit"
    assert not felt.sensors[air][..., feet(rollout.world, "touch")].any()


def test_on_the_ground_all_means_the_same(rollout, both):
    (moved, felt), (moved_c, felt_c) = both
    ground = np.s_[:, 2:]
    np.testing.assert_allclose(moved.qpos[ground], moved_c.qpos[ground], atol=1e-2)
    place, speed, touch = (feet(rollout.world, what) for what in ("position", "velocity", "touch"))
    np.testing.assert_allclose(felt.sensors[ground][..., place], felt_c.sensors[ground][..., place], atol=1e-2)
    np.testing.assert_allclose(felt.sensors[ground][..., speed], felt_c.sensors[ground][..., speed], atol=0.1)
    force, force_c = felt.sensors[ground][..., touch], felt_c.sensors[ground][..., touch]
    assert ((force > 1.5) == (force_c > 1.5)).mean() > 0.98
    assert np.abs(force - force_c).mean() < 0.03 * force_c.mean()
    assert (force_c[-1, 0] > 1.5).all(), "the standing robot must stand"
    assert (force_c[:, 1].max(0) > 1.5).all(), "the falling robot must land"
    assert not felt.overflow.any()


def test_the_same_input_gives_the_same_bits(rollout, varied, both):
    """Also with other worlds in between: nothing stays in an engine."""
    rollout(still(rollout.world, 0.1), targets(rollout.world), rollout.nominal)
    again = rollout(*varied)
    jax.tree.map(np.testing.assert_array_equal, again, both[0])


def test_worlds_do_not_feel_each_other(rollout, varied, both):
    state, controls, values = varied
    other = State(state.qpos.copy(), state.qvel.copy())
    other.qvel[0] += 1
    driven = controls.copy()
    driven[:, 0] *= 0.5
    heavy = [value.copy() for value in values]
    heavy[1][0] += 30
    changed = rollout(other, driven, heavy)
    for new, old in zip(jax.tree.leaves(changed), jax.tree.leaves(both[0]), strict=True):
        np.testing.assert_array_equal(new[:, 1:], old[:, 1:])
    assert not np.allclose(changed[0].qpos[:, 0], both[0][0].qpos[:, 0], atol=1e-2)


def test_fields_act(rollout):
    """The second robot carries 40 kg more; the third and fourth slide, the last on slippery feet."""
    friction, mass, *rest = (value.copy() for value in rollout.nominal)
    mass[1] += 40
    friction[3] = 0.1
    state = still(rollout.world)
    robot = rollout.world.robot
    state.qvel[2:, robot.base_qvel] = 1.0
    moved, felt = rollout(state, targets(rollout.world), [friction, mass, *rest])
    height = moved.qpos[-1, :, robot.base_qpos + 2]
    assert height[1] < height[0] - 0.01
    x = felt.sensors[..., feet(rollout.world, "position")[:, 0]].mean(-1)
    slid = x[-1] - x[0]
    assert slid[3] > slid[2] + 0.02


@pytest.mark.parametrize("name", ENGINES)
def test_another_robot_lands_on_rough_ground(name, small):
    """MJX sees one triangle of the height field under each point, the others all of those nearby."""
    world = build(small, TerrainConfig(kind="rough", size=8.0, margin=1.0, amplitude=0.04))
    rollout = Rollout(engine_or_skip(name), world)
    given = still(world, 0.05), targets(world), rollout.nominal
    (moved, felt), (moved_c, felt_c) = rollout(*given), by_mujoco(rollout, *given)
    np.testing.assert_allclose(moved.qpos[-1, :, :3], moved_c.qpos[-1, :, :3], atol=1e-2)
    touch = feet(world, "touch")
    assert ((felt.sensors[..., touch] > 1.5) == (felt_c.sensors[..., touch] > 1.5)).mean() > 0.9
    assert (felt_c.sensors[-1][..., touch] > 1.5).any(1).all(), "all must have landed"
