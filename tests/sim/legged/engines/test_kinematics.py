import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from gambol.sim.legged.engines.kinematics import kinematics, levels
from gambol.sim.legged.engines.mjx import put
from mujoco import mjx

TREE = """
<mujoco>
  <worldbody>
    <geom name="still" type="box" size="1 1 1" pos="3 0 0"/>
    <body name="cart" pos="0 0 1" quat="0.8 0.6 0 0">
      <joint type="slide" axis="1 0 0" ref="0.3"/>
      <joint type="hinge" axis="0 0.6 0.8" pos="0.1 0 0.2" ref="-0.2"/>
      <geom size="0.1" pos="0.1 0.2 0"/>
      <body name="ball" pos="0 0.4 0">
        <joint type="ball" pos="0 0 0.1"/>
        <geom type="capsule" size="0.1 0.2" quat="0.6 0 0.8 0"/>
        <body pos="0.2 0 0"><geom size="0.05"/><site name="fixed" pos="0 0 0.3" quat="0 1 0 0"/></body>
      </body>
      <body name="other" pos="0 -0.4 0"><joint type="hinge"/><geom size="0.1" pos="0 0 0.1"/></body>
    </body>
    <body name="free" pos="1 2 3"><freejoint/><geom type="box" size="0.1 0.2 0.3"/></body>
  </worldbody>
</mujoco>
"""


@pytest.fixture(scope="module")
def tree() -> mujoco.MjModel:
    """All kinds of joints, two on one body, a body without any, two trees."""
    return mujoco.MjModel.from_xml_string(TREE)


def test_bodies_of_a_level_have_their_parents_in_earlier_ones(tree):
    groups = levels(put(tree))
    assert sorted(np.concatenate(groups)) == list(range(1, tree.nbody))
    before = {0}
    for bodies in groups:
        assert {tree.body_parentid[body] for body in bodies} <= before
        before |= set(bodies)


@pytest.mark.parametrize("robot", [False, True], ids=["tree", "b1z1"])
def test_everything_is_where_mujoco_puts_it(robot, tree, b1z1):
    model = b1z1.model if robot else tree
    data = mujoco.MjData(model)
    mujoco.mj_integratePos(model, data.qpos, np.random.default_rng(0).normal(0, 1, model.nv), 1.0)
    mujoco.mj_kinematics(model, data)
    there = put(model)
    found = jax.jit(lambda qpos: kinematics(there, mjx.make_data(there).replace(qpos=qpos)))(jnp.asarray(data.qpos))
    for name in ("xpos", "xquat", "xipos", "geom_xpos", "site_xpos"):
        np.testing.assert_allclose(getattr(found, name), getattr(data, name), atol=2e-6, err_msg=name)
    for name in ("xmat", "ximat", "geom_xmat", "site_xmat"):
        wanted = getattr(data, name).reshape(-1, 3, 3)
        np.testing.assert_allclose(getattr(found, name), wanted, atol=2e-6, err_msg=name)
    turning = model.jnt_type != mujoco.mjtJoint.mjJNT_FREE
    np.testing.assert_allclose(found.xaxis[turning], data.xaxis[turning], atol=2e-6)
    np.testing.assert_allclose(found.xanchor, data.xanchor, atol=2e-6)
