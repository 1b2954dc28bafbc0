"""Meshes for pictures: there with the package, no harm without."""

import mujoco
import numpy as np
import pytest
from gambol.sim.legged import meshes, terrain
from gambol.sim.legged.robot import LEGS, RobotConfig
from gambol.sim.legged.terrain import TerrainConfig
from gambol.sim.legged.world import assemble

SOLID = "\n".join(
    [f"v {x} {y} {z}" for x in (0, 0.1) for y in (0, 0.1) for z in (0, 0.1)]
    + [f"f {face}" for face in ("1 2 4 3", "5 7 8 6", "1 5 6 2", "3 4 8 7", "1 3 7 5", "2 6 8 4")]
)


@pytest.fixture
def spec():
    return assemble(RobotConfig(), terrain.make(TerrainConfig()))


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of the expected layout whose meshes are all the same box, and that must not be imported."""
    for _, file, *_ in meshes.parts():
        path = tmp_path / "meshes_for_a_test" / "assets" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SOLID)
    (tmp_path / "meshes_for_a_test" / "__init__.py").write_text("raise ImportError('it needs a whole simulator')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(meshes, "PACKAGE", "meshes_for_a_test")


def shown(model):
    """Names of the bodies with a geom that MuJoCo draws unasked."""
    return {model.body(body).name for body, group in zip(model.geom_bodyid, model.geom_group, strict=True) if group < 3}


def test_without_the_package_primitives_are_shown(spec, monkeypatch):
    monkeypatch.setattr(meshes, "PACKAGE", "no_such_package")
    before = spec.compile()
    assert not meshes.dress(spec)
    assert spec.to_xml() == assemble(RobotConfig(), terrain.make(TerrainConfig())).to_xml()
    assert {"trunk", "FR_calf", "z1_link06", "z1_mover"} < shown(before)


def test_meshes_take_the_place_of_primitives_and_weigh_nothing(spec, package):
    plain = spec.compile()
    assert meshes.dress(spec)
    model = spec.compile()
    mesh = model.geom_type == mujoco.mjtGeom.mjGEOM_MESH
    assert mesh.sum() == len(meshes.parts()) == 4 + 3 * 4 + 6
    assert model.nmesh == len({file for _, file, *_ in meshes.parts()}) == 14
    assert not model.geom_contype[mesh].any()
    assert not model.geom_conaffinity[mesh].any()
    bodies = [model.body(body).name for body in model.geom_bodyid[~mesh & (model.geom_group < 3)]]
    assert bodies == ["world"], "the ground alone is still drawn as a primitive"
    assert shown(model) >= {"trunk", "z1_mover", *(f"{leg}_{part}" for leg in LEGS for part in ("hip", "calf"))}
    for name in ("body_mass", "body_inertia", "body_ipos", "qpos0", "dof_armature"):
        np.testing.assert_array_equal(getattr(model, name), getattr(plain, name))


def test_another_robot_is_left_as_it_is(small, package):
    spec = assemble(small, terrain.make(TerrainConfig()))
    assert not meshes.dress(spec)
    assert spec.compile().nmesh == 0


@pytest.mark.skipif(meshes.folder() is None, reason="robosuite-models is not installed")
def test_the_real_meshes_lie_on_the_primitives(spec, b1z1):
    assert meshes.dress(spec)
    model = spec.compile()
    data = mujoco.MjData(model)
    data.qpos[b1z1.robot.qpos] = b1z1.robot.default
    mujoco.mj_kinematics(model, data)

    def corners(name):
        """Least and greatest corner of a mesh, by the first geom that shows it."""
        geom = np.flatnonzero((model.geom_dataid == model.mesh(name).id) & (model.geom_type == 7))[0]
        first, count = model.mesh(name).vertadr[0], model.mesh(name).vertnum[0]
        points = model.mesh_vert[first : first + count] @ data.geom_xmat[geom].reshape(3, 3).T + data.geom_xpos[geom]
        return points.min(0), points.max(0)

    low, high = corners("mesh/trunk")
    box = data.geom("trunk").xpos + np.array([[-1], [1]]) * model.geom("trunk").size
    np.testing.assert_allclose((low[1:], high[1:]), box[:, 1:], atol=0.06)
    assert corners("mesh/calf")[0][2] == pytest.approx(data.geom("FL_foot").xpos[2] - 0.04, abs=0.02)
    np.testing.assert_allclose(corners("mesh/z1_GripperStator")[1][0], data.site("ee").xpos[0], atol=0.03)
    np.testing.assert_allclose(corners("mesh/z1_Link00")[0][2], data.site("arm_base").xpos[2], atol=0.01)
