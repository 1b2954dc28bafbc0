"""Triangles against the bounds and volumes that MuJoCo itself computes."""

import mujoco
import numpy as np
import pytest
from gambol.policies.judge import shapes
from gambol.sim.legged.robot import RobotConfig
from gambol.sim.legged.terrain import TerrainConfig
from gambol.sim.legged.world import build

trimesh = pytest.importorskip("trimesh", reason="trimesh comes with viser")

MODEL = mujoco.MjModel.from_xml_string("""
<mujoco>
  <asset>
    <mesh name="wedge" vertex="0 0 0  0.3 0 0  0 0.2 0  0 0 0.1"/>
    <hfield name="hill" nrow="2" ncol="3" size="0.6 0.4 0.2 0.1" elevation="0 0 0  0 0.5 1"/>
  </asset>
  <worldbody>
    <geom name="box" type="box" size="0.1 0.2 0.3"/>
    <geom name="sphere" type="sphere" size="0.2"/>
    <geom name="ellipsoid" type="ellipsoid" size="0.1 0.2 0.3"/>
    <geom name="cylinder" type="cylinder" size="0.1 0.3"/>
    <geom name="capsule" type="capsule" size="0.1 0.3"/>
    <geom name="wedge" type="mesh" mesh="wedge"/>
    <geom name="hill" type="hfield" hfield="hill"/>
    <geom name="plane" type="plane" size="1 1 1"/>
    <geom name="hidden" type="sphere" size="0.2" group="3"/>
    <geom name="clear" type="sphere" size="0.2" rgba="1 1 1 0"/>
  </worldbody>
</mujoco>
""")
VOLUMES = {
    "box": 8 * 0.1 * 0.2 * 0.3,
    "sphere": 4 / 3 * np.pi * 0.2**3,
    "ellipsoid": 4 / 3 * np.pi * 0.1 * 0.2 * 0.3,
    "cylinder": np.pi * 0.1**2 * 0.6,
    "capsule": np.pi * 0.1**2 * 0.6 + 4 / 3 * np.pi * 0.1**3,
    "wedge": 0.3 * 0.2 * 0.1 / 6,
}


@pytest.mark.parametrize("name", [*VOLUMES, "hill"])
def test_shapes_fill_the_box_that_mujoco_puts_around_them(name):
    geom = MODEL.geom(name).id
    vertices, faces = shapes.mesh(MODEL, geom)
    assert faces.min() == 0 and faces.max() == len(vertices) - 1
    if name == "hill":  # MuJoCo's box includes the solid below the surface
        assert vertices.min(0) == pytest.approx([-0.6, -0.4, 0]) and vertices.max(0) == pytest.approx([0.6, 0.4, 0.2])
        return
    centre, half = MODEL.geom_aabb[geom].reshape(2, 3)
    assert vertices.min(0) == pytest.approx(centre - half, abs=2e-3)
    assert vertices.max(0) == pytest.approx(centre + half, abs=2e-3)


@pytest.mark.parametrize(("name", "volume"), VOLUMES.items())
def test_shapes_are_closed_and_face_outward(name, volume):
    made = trimesh.Trimesh(*shapes.mesh(MODEL, MODEL.geom(name).id))
    assert made.is_watertight
    assert made.volume == pytest.approx(volume, rel=0.03)  # a round shape loses a little to its corners


def test_what_is_drawn():
    assert [MODEL.geom(geom).name for geom in shapes.drawn(MODEL)] == [*VOLUMES, "hill"]
    with pytest.raises(ValueError, match="'plane' is of kind mjGEOM_PLANE"):
        shapes.mesh(MODEL, MODEL.geom("plane").id)


def test_the_ground_lies_where_the_task_has_it():
    world = build(RobotConfig(), TerrainConfig(kind="rough", size=4.0, margin=1.0))
    ground = world.model.geom("ground")
    vertices, faces = shapes.mesh(world.model, ground.id)
    heights = np.asarray(world.terrain.height(vertices[:, :2]))
    assert vertices[:, 2] + ground.pos[2] == pytest.approx(heights, abs=1e-5)
    a, b, c = vertices[faces].swapaxes(0, 1)
    assert (np.cross(b - a, c - a)[:, 2] > 0).all()
