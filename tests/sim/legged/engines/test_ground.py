import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from gambol.sim.legged import terrain as terrains
from gambol.sim.legged.engines import ground, mjx
from gambol.sim.legged.terrain import TerrainConfig

FLAT = terrains.make(TerrainConfig())
ROUGH = terrains.make(TerrainConfig(kind="rough", size=4.0, margin=1.0))
SHAPES = """
<mujoco>
  <worldbody>
    <geom name="ground" type="plane" size="9 9 1" contype="1" conaffinity="0" friction="0.4 0.01 0.001" solmix="3"/>
    <body name="thing" pos="0 0 0.1" quat="{quat}"><freejoint/><geom name="thing" {geom} conaffinity="1" mass="1"/></body>
    <body pos="5 0 0.1"><freejoint/><geom name="apart" size="0.2" contype="2" conaffinity="2"/></body>
  </worldbody>
</mujoco>
"""


def shape(geom: str, quat: str = "0.9 0.3 -0.2 0.1") -> mujoco.MjModel:
    return mujoco.MjModel.from_xml_string(SHAPES.format(geom=geom, quat=quat))


def touched(model: mujoco.MjModel, terrain=FLAT):
    """Contacts that MuJoCo finds, and all that we look at, deepest first."""
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    probes, put = ground.probes(model), mjx.put(model)
    there = mjx.blank(put, probes.room).replace(
        geom_xpos=jnp.asarray(data.geom_xpos, jnp.float32),
        geom_xmat=jnp.asarray(data.geom_xmat.reshape(-1, 3, 3), jnp.float32),
    )
    found, overflow = ground.touch(put, there, terrain, probes)
    return sorted(data.contact, key=lambda contact: contact.dist), found, bool(overflow)


@pytest.mark.parametrize(
    "geom",
    ['type="sphere" size="0.12"', 'type="capsule" size="0.05 0.2"', 'type="box" size="0.2 0.1 0.15"'],
    ids=["sphere", "capsule", "box"],
)
def test_on_a_plane_contacts_are_mujocos(geom):
    contacts, found, overflow = touched(shape(geom))
    assert contacts and not overflow
    for i, contact in enumerate(contacts):
        assert found["dist"][i] == pytest.approx(contact.dist, abs=1e-6)
        np.testing.assert_allclose(found["pos"][i], contact.pos, atol=1e-6)
        np.testing.assert_allclose(found["frame"][i, 0], contact.frame[:3], atol=1e-6)
        assert np.linalg.det(found["frame"][i]) == pytest.approx(1)
        assert tuple(found["geom"][i]) == tuple(contact.geom)
    assert (found["dist"][len(contacts) :] > 0).all()


def test_a_cylinder_stands_and_lies_on_its_rims():
    radius, half = 0.12, 0.15
    for quat in ("1 0 0 0", "1 1 0 0"):
        contacts, found, _ = touched(shape(f'type="cylinder" size="{radius} {half}"', quat))
        assert float(found["dist"][0]) == pytest.approx(min(contact.dist for contact in contacts), abs=1e-6)


@pytest.mark.parametrize(
    "geom",
    [
        'friction="0.7 0.02 0.003" solref="0.03 0.8" solimp="0.8 0.9 0.01 0.4 3"',
        'friction="0.7 0.02 0.003" priority="1" solref="0.03 0.8"',
        'friction="0.7 0.02 0.003" priority="-1" solref="0.03 0.8"',
        'friction="0.2 0.02 0.003" solmix="0" solref="-900 -10"',
        'margin="0.03"',
    ],
    ids=["mixed", "priority", "yields", "direct", "margin"],
)
def test_friction_and_softness_are_mixed_as_in_mujoco(geom):
    contacts, found, _ = touched(shape(f'type="sphere" size="0.12" {geom}'))
    for name in ("friction", "includemargin", "solref", "solimp"):
        np.testing.assert_allclose(found[name][0], getattr(contacts[0], name), rtol=1e-5, err_msg=name)


def test_a_height_field_is_where_rays_meet_it():
    spec = mujoco.MjSpec()
    terrains.add(spec, ROUGH)
    model = spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    places = np.random.default_rng(0).uniform(-1.9, 1.9, (200, 2))
    geom, normals, wanted = np.zeros(1, np.int32), [], []
    for x, y in places:
        normal = np.zeros(3)
        gone = mujoco.mj_ray(model, data, np.array([x, y, 2.0]), np.array([0.0, 0, -1]), None, 1, -1, geom, normal)
        wanted.append(2 - gone)
        normals.append(normal)
    height, normal = ground.surface(ROUGH, jnp.asarray(places, jnp.float32))
    np.testing.assert_allclose(height, wanted, atol=1e-5)
    np.testing.assert_allclose(normal, normals, atol=1e-3)


def test_the_deepest_contacts_count_and_more_are_told():
    boxes = "".join(
        f'<geom type="box" size="0.1 0.1 0.1" pos="{x} 0 {-0.01 * (x + 1)}" conaffinity="1" mass="1"/>'
        for x in range(3)
    )
    text = SHAPES.format(geom='size="0.01"', quat="1 0 0 0").replace("<freejoint/>", "<freejoint/>" + boxes, 1)
    _, found, overflow = touched(mujoco.MjModel.from_xml_string(text))
    assert overflow, "three boxes stand on four corners each"
    assert len(found["dist"]) == ground.CONTACTS
    assert found["pos"][:, 0].min() > 0.8, "those of the highest box are left out"


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"^engine is 'mjx': geom thing cannot touch the ground: make it a sphere, "):
        ground.probes(shape('type="ellipsoid" size="0.1 0.2 0.3"'))
