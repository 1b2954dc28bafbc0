import copy
from dataclasses import replace

import mujoco
import numpy as np
import pytest
from gambol.sim.legged.engines import mjx
from gambol.sim.legged.physics import ModelField
from gambol.sim.legged.world import World


def changed(world: World, change) -> World:
    model = copy.copy(world.model)
    change(model)
    return replace(world, model=model)


def test_it_runs_everywhere():
    assert not any(mjx.unavailable(platform) for platform in ("cpu", "gpu", "tpu"))


def test_the_worlds_model_stays_as_it_was(b1z1):
    before = b1z1.model.geom_contype.copy(), int(b1z1.model.opt.disableflags)
    mjx.Engine(b1z1)
    assert (b1z1.model.geom_contype == before[0]).all() and b1z1.model.opt.disableflags == before[1]


def test_what_it_cannot_step_is_refused_in_one_line(b1z1):
    def elliptic(model):
        model.opt.cone = mujoco.mjtCone.mjCONE_ELLIPTIC

    def flexible(model):
        model.sensor_type[0] = mujoco.mjtSensor.mjSENS_USER

    with pytest.raises(ValueError, match=r"^engine is 'mjx': [^\n]*elliptic[^\n]*engine 'batch'$"):
        mjx.Engine(changed(b1z1, elliptic))
    with pytest.raises(ValueError, match=r"^engine is 'mjx': [^\n]*engine 'batch'$"):
        mjx.Engine(changed(b1z1, flexible))


def test_a_field_that_mjx_fixes_is_refused(b1z1):
    field = ModelField("geom_condim", (np.array([0]),))
    with pytest.raises(ValueError, match=r"^engine is 'mjx': geom_condim cannot differ between worlds here: use "):
        mjx.Engine(b1z1, (field,))
