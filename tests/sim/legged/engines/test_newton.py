from functools import lru_cache

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from gambol.sim.legged.engines.newton import BLOCK, WORLDS, Rows, accelerate, solve

QUICK: dict[str, str | bool] = {"xla_backend_optimization_level": "0"}
"""Compiles in half the time."""
SCENE = """
<mujoco>
  <option cone="pyramidal" iterations="100" tolerance="1e-12"><flag warmstart="disable" island="disable"/></option>
  <worldbody>
    <geom type="plane" size="5 5 1"/>
    <body name="box" pos="0 0 0.095"><freejoint/><geom type="box" size="0.1 0.15 0.1" mass="2"/></body>
    <body pos="1 0 1">
      <joint name="upper" axis="0 1 0" frictionloss="0.4" armature="0.01"/>
      <geom type="capsule" size="0.03" fromto="0 0 0 0.4 0 0" mass="1"/>
      <body pos="0.4 0 0">
        <joint name="lower" axis="0 1 0" range="-0.1 0.1" limited="true"/>
        <geom type="capsule" size="0.03" fromto="0 0 0 0.3 0 0" mass="0.5"/>
      </body>
    </body>
    <body pos="2 0 1"><joint name="a" type="slide" frictionloss="40"/><geom size="0.1" mass="1"/></body>
    <body pos="3 0 1"><joint name="b" type="slide"/><geom size="0.1" mass="2"/></body>
  </worldbody>
  <equality><joint joint1="a" joint2="b"/></equality>
</mujoco>
"""


@pytest.mark.parametrize("size", [1, BLOCK, 2 * BLOCK + 3])
def test_solve(size):
    random = np.random.default_rng(size)
    root = random.normal(size=(3, size, size))
    matrix = root @ root.transpose(0, 2, 1) + 0.1 * np.eye(size)
    right = random.normal(size=(3, size))
    found = jax.jit(jax.vmap(solve))(jnp.asarray(matrix, jnp.float32), jnp.asarray(right, jnp.float32))
    np.testing.assert_allclose(found, np.linalg.solve(matrix, right[..., None])[..., 0], rtol=2e-3, atol=1e-3)


@pytest.fixture(scope="module")
def scenes():
    """Worlds with contacts, a limit, dry friction that sticks or slips and an equality, as MuJoCo solved them."""
    model = mujoco.MjModel.from_xml_string(SCENE)
    random = np.random.default_rng(0)
    found = []
    for _ in range(4):
        data = mujoco.MjData(model)
        data.qpos[7:9], data.qpos[9:] = (0.1, 0.15), (0.02, -0.01)
        data.qvel[:] = random.normal(0, 0.3, model.nv)
        data.qfrc_applied[:] = random.normal(0, 2, model.nv)
        mujoco.mj_forward(model, data)
        found.append(data)
    return model, found


def arguments(model: mujoco.MjModel, data: mujoco.MjData) -> tuple[np.ndarray, np.ndarray, Rows]:
    mass = np.zeros((model.nv, model.nv))
    mujoco.mj_fullM(model, data, mass)
    kind = data.efc_type
    equal = kind == mujoco.mjtConstraint.mjCNSTR_EQUALITY
    dry = kind == mujoco.mjtConstraint.mjCNSTR_FRICTION_DOF
    rows = Rows(
        data.efc_J.reshape(-1, model.nv),
        data.efc_aref,
        data.efc_D,
        lower=np.where(equal, -np.inf, np.where(dry, -data.efc_frictionloss, 0)),
        upper=np.where(dry, data.efc_frictionloss, np.inf),
    )
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), (mass, data.qfrc_smooth, rows))


@lru_cache
def solver(iterations: int):
    run = jax.vmap(lambda *x: accelerate(*x, iterations), axis_name=WORLDS)
    return jax.jit(run, compiler_options=QUICK)


def found(model, scenes, iterations):
    given = jax.tree.map(lambda *x: jnp.stack(x), *(arguments(model, data) for data in scenes))
    return solver(iterations)(*given)


def test_accelerations_and_forces_are_mujocos(scenes):
    model, data = scenes
    kinds = {int(kind) for one in data for kind in one.efc_type}
    assert len(kinds) == 4, "equality, dry friction, limit and contact must be there"
    dry = data[0].efc_type == mujoco.mjtConstraint.mjCNSTR_FRICTION_DOF
    share = np.array([abs(one.efc_force[dry]) / one.efc_frictionloss[dry] for one in data])
    assert (share < 0.99).any() and (share > 0.99).any(), "some must stick and some slip"
    acceleration, force = found(model, data, 20)
    for one, a, f in zip(data, acceleration, force, strict=True):
        np.testing.assert_allclose(a, one.qacc, atol=2e-3 * abs(one.qacc).max())
        np.testing.assert_allclose(f, one.efc_force, atol=2e-3 * abs(one.efc_force).max())


def test_a_world_gets_the_same_beside_others(scenes):
    """It is done when it has found its minimum, however long others take."""
    model, data = scenes
    others = [data[0]] * 4
    together, alone = found(model, data, 20)[0], found(model, others, 20)[0]
    np.testing.assert_array_equal(together[0], alone[0])


def test_gradients_are_those_of_the_function():
    """Of two masses that push each other and the first a wall, with dry friction."""
    rows = Rows(
        jacobian=jnp.array([[-1.0, 0], [1, -1], [0, 1]]),
        reference=jnp.array([1.0, 2, 0]),
        stiffness=jnp.array([5.0, 7, 9]),
        lower=jnp.array([0.0, 0, -0.5]),
        upper=jnp.array([jnp.inf, jnp.inf, 0.5]),
    )
    mass, force, way = jnp.array([[2.0, 0.5], [0.5, 1]]), jnp.array([3.0, -1]), jnp.array([0.6, -0.8])

    def total(force):
        found, pull = jax.vmap(lambda f: accelerate(mass, f, rows, 3), axis_name=WORLDS)(force[None])
        return (found**2).sum() + pull.sum()

    both = jax.jit(jax.value_and_grad(total), compiler_options=QUICK)
    risen = (both(force + 1e-2 * way)[0] - both(force - 1e-2 * way)[0]) / 2e-2
    assert both(force)[1] @ way == pytest.approx(float(risen), rel=1e-3)
