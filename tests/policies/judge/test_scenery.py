import numpy as np
import pytest
from gambol.policies.judge.scenery import scenery
from gambol.sim.legged.robot import RobotConfig
from gambol.sim.legged.terrain import TerrainConfig
from gambol.sim.legged.world import build


@pytest.mark.parametrize("kind", ["flat", "rough"])
def test_pictures_have_the_joints_of_the_world(kind):
    world = build(RobotConfig(), TerrainConfig(kind=kind, size=6.0, margin=1.0), timestep=0.004)
    model = scenery(world, 320, 200)
    own = world.model
    assert (model.nq, model.nv) == (own.nq, own.nv)
    names = [[m.joint(i).name for i in range(m.njnt)] for m in (model, own)]
    assert names[0] == names[1] and np.array_equal(model.jnt_qposadr, own.jnt_qposadr)
    assert (model.vis.global_.offwidth, model.vis.global_.offheight) == (320, 200)
    assert model.nlight == own.nlight + 1 and model.body(model.light_bodyid[0]).name == "trunk"
    if kind == "rough":
        assert np.array_equal(model.hfield_data, own.hfield_data)
        assert np.array_equal(model.geom("ground").pos, own.geom("ground").pos)
    else:
        assert model.geom("ground").size[0] == pytest.approx(50)
