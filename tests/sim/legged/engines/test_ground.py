import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from gambol.sim.legged import terrain as terrains
from gambol.sim.legged.engines import ground, mjx
from gambol.sim.legged.terrain import TerrainConfig

FLAT = terrains.make(TerrainConfig())
ROUGH = terrains.make(TerrainConfig(kind="rough", size=4.0, margin=1.0))
QUICK: dict[str, str | bool] = {"xla_backend_optimization_level": "0"}
"""Compiles in half the time."""
SCENE = """
<mujoco>
  <default><geom conaffinity="1" mass="1"/></default>
  <worldbody>
    <geom name="ground" type="plane" size="9 9 1" conaffinity="0" friction="0.4 0.01 0.001" solmix="3"/>
    {bodies}
    <body pos="5 0 0.1"><freejoint/><geom name="apart" size="0.2" contype="2" conaffinity="2"/></body>
  </worldbody>
</mujoco>
"""
TILTED = "0.9 0.3 -0.2 0.1"


def scene(*geoms: str, quat: str = TILTED) -> mujoco.MjModel:
    """Bodies in a row over the ground, each of some geoms."""
    bodies = [f'<body pos="{x} 0 0.1" quat="{quat}"><freejoint/>{geom}</body>' for x, geom in enumerate(geoms)]
    return mujoco.MjModel.from_xml_string(SCENE.format(bodies="".join(bodies)))


def touched(model: mujoco.MjModel, terrain=FLAT):
    """Contacts that MuJoCo finds, and all that we look at, deepest first."""
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    probes, put = ground.probes(model), mjx.put(model)
    there = mjx.blank(put, probes.room).replace(
        geom_xpos=jnp.asarray(data.geom_xpos, jnp.float32),
        geom_xmat=jnp.asarray(data.geom_xmat.reshape(-1, 3, 3), jnp.float32),
    )
    touch = jax.jit(lambda there: ground.touch(put, there, terrain, probes), compiler_options=QUICK)
    found, overflow = touch(there)
    return sorted(data.contact, key=lambda contact: contact.dist), found, bool(overflow)


def test_on_a_plane_contacts_are_mujocos():
    shapes = {"sphere": "0.12", "capsule": "0.05 0.2", "box": "0.2 0.1 0.15"}
    model = scene(*(f'<geom type="{kind}" size="{size}"/>' for kind, size in shapes.items()))
    contacts, found, overflow = touched(model)
    assert len({contact.geom[1] for contact in contacts}) == 3 and not overflow
    for i, contact in enumerate(contacts):
        assert found["dist"][i] == pytest.approx(contact.dist, abs=1e-6)
        np.testing.assert_allclose(found["pos"][i], contact.pos, atol=1e-6)
        np.testing.assert_allclose(found["frame"][i, 0], contact.frame[:3], atol=1e-6)
        assert np.linalg.det(found["frame"][i]) == pytest.approx(1)
        assert tuple(found["geom"][i]) == tuple(contact.geom)
    assert (found["dist"][len(contacts) :] > 0).all()


def test_a_cylinder_stands_and_lies_on_its_rims():
    for quat in ("1 0 0 0", "1 1 0 0"):
        contacts, found, _ = touched(scene('<geom type="cylinder" size="0.12 0.15"/>', quat=quat))
        assert float(found["dist"][0]) == pytest.approx(min(contact.dist for contact in contacts), abs=1e-6)


def test_friction_and_softness_are_mixed_as_in_mujoco():
    geoms = (
        'friction="0.7 0.02 0.003" solref="0.03 0.8" solimp="0.8 0.9 0.01 0.4 3"',
        'friction="0.7 0.02 0.003" solref="0.03 0.8" priority="1"',
        'friction="0.7 0.02 0.003" solref="0.03 0.8" priority="-1"',
        'friction="0.2 0.02 0.003" solref="-900 -10" solmix="0"',
        'margin="0.03"',
    )
    contacts, found, _ = touched(scene(*(f'<geom size="{0.12 + i / 100}" {geom}/>' for i, geom in enumerate(geoms))))
    assert len(contacts) == len(geoms)
    for i, contact in enumerate(contacts):
        for name in ("friction", "includemargin", "solref", "solimp"):
            np.testing.assert_allclose(
                found[name][i], getattr(contact, name), rtol=1e-5, err_msg=f"{contact.geom} {name}"
            )


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
    boxes = [f'<geom type="box" size="0.1 0.1 0.1" pos="0 0 {-0.01 * (x + 1)}"/>' for x in range(3)]
    _, found, overflow = touched(scene(*boxes, quat="1 0 0 0"))
    assert overflow, "three boxes stand on four corners each"
    assert len(found["dist"]) == ground.CONTACTS
    assert found["pos"][:, 0].min() > 0.8, "those of the highest box are left out"


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"^engine is 'mjx': geom egg cannot touch the ground: make it a sphere, "):
        ground.probes(scene('<geom name="egg" type="ellipsoid" size="0.1 0.2 0.3"/>'))
