"""The seam: engines by name, fields and sensors by place."""

import jax
import numpy as np
import pytest
from gambol.sim.legged import physics
from gambol.sim.legged.physics import ModelField


def test_auto_is_the_engine_of_this_machine(b1z1):
    made = physics.make("auto", b1z1)
    assert made.world is b1z1 and made.fields == ()
    if jax.default_backend() == "cpu":
        assert made.engine == physics.make("batch", b1z1).engine == "batch"


def test_an_unknown_engine_is_refused_in_one_line(b1z1):
    with pytest.raises(ValueError, match=r"^engine is 'bullet': use one of auto, batch, mjx, warp$"):
        physics.make("bullet", b1z1)


def test_nominal_values_are_the_models_own_for_every_world(b1z1):
    model, feet = b1z1.model, b1z1.robot.feet
    mass = ModelField("body_mass", (np.array([1, 2]),))
    friction = ModelField("geom_friction", (feet, 0 * feet))
    values = physics.nominal(physics.make("batch", b1z1, (mass, friction)), 3)
    np.testing.assert_array_equal(values[0], np.tile(np.float32(model.body_mass[1:3]), (3, 1)))
    np.testing.assert_array_equal(values[1], np.tile(np.float32(model.geom_friction[feet, 0]), (3, 1)))
    assert all(value.dtype == np.float32 for value in values)


def test_sensors_are_found_by_name(b1z1):
    model = b1z1.model
    for name in ("FL_foot/position", "imu_gyro"):
        (places,) = physics.sensor(model, name)
        np.testing.assert_array_equal(places, model.sensor(name).adr[0] + np.arange(3))
    both = physics.sensor(model, "RL_foot/touch", "FR_foot/touch")
    np.testing.assert_array_equal(both, [model.sensor("RL_foot/touch").adr, model.sensor("FR_foot/touch").adr])
    with pytest.raises(ValueError, match=r"^the model has no sensor 'FL_foot/smell'$"):
        physics.sensor(model, "FL_foot/touch", "FL_foot/smell")
