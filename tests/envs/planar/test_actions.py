from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.planar import actions

KINDS = ("continuous", "discrete", "multi_discrete")


@pytest.fixture(scope="module")
def recorded(golden):
    return golden("actions")


@pytest.fixture(scope="module")
def level(recorded):
    fields = ("motor_binding", "motor_auto", "thruster_binding")
    return SimpleNamespace(**{name: jnp.asarray(recorded[name]).T for name in fields})


@pytest.mark.parametrize("kind", KINDS)
def test_controls_are_the_published_ones(recorded, level, kind):
    motor, thrust = actions.controls(kind, jnp.asarray(recorded[f"{kind}/action"]), level)
    told = np.concatenate([motor, thrust]).T
    np.testing.assert_array_equal(told, recorded[f"{kind}/told"])


def test_the_recording_has_motors_that_run_by_themselves(recorded):
    assert recorded["motor_auto"].any()
    assert (recorded["discrete/told"][:, :6][recorded["motor_auto"]] == 1).all()


def test_terms_name_what_the_entries_do():
    assert [(term.size, term.clip) for term in actions.action_terms("continuous")] == [(4, (-1, 1)), (2, (0, 1))]
    names = actions.action_terms("discrete")[0].names
    assert len(names) == actions.action_space("discrete").n
    assert names[:2] == ("motor_0_backwards", "motor_0_forwards")


def test_doing_nothing_drives_only_what_runs_by_itself(level):
    worlds = level.motor_auto.shape[1]
    nothing = actions.action_terms("discrete")[0].names.index("nothing")
    idle = {"continuous": jnp.zeros((worlds, 6)), "discrete": jnp.full(worlds, nothing)}
    idle["multi_discrete"] = jnp.zeros((worlds, 6), jnp.int32)
    for kind, action in idle.items():
        motor, thrust = actions.controls(kind, action, level)
        np.testing.assert_array_equal(motor, level.motor_auto)
        assert not thrust.any()


@pytest.mark.parametrize("kind", KINDS)
def test_the_recorded_actions_use_all_of_the_space(recorded, kind):
    space, used = actions.action_space(kind), recorded[f"{kind}/action"]
    if kind == "continuous":
        assert space.shape == used.shape[1:] and (used < -1).any() and (used > 1).any(), "nothing to clip"
    else:
        choices = [space.n] if kind == "discrete" else list(space.nvec)
        assert [len(np.unique(column)) for column in used.reshape(len(used), -1).T] == choices
