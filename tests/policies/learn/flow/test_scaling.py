import jax.numpy as jnp
import numpy as np
import pytest
from gambol.policies.learn.flow.relative import absolute, relative
from gambol.policies.learn.flow.scaling import fits, measure, restored, scaled

RNG = np.random.default_rng(0)
ROWS = np.column_stack(
    [RNG.normal(3, 2, 5000), RNG.uniform(-1, 5, 5000), np.full(5000, 7.0), RNG.normal(0, 1e-5, 5000)]
)


def test_by_deviation_moving_dimensions_have_mean_0_and_deviation_1():
    found = np.asarray(scaled(measure(ROWS, "deviation"), jnp.asarray(ROWS, jnp.float32)))
    np.testing.assert_allclose(found[:, :2].mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(found[:, :2].std(0), 1, rtol=1e-3)


def test_by_quantile_the_middle_lies_between_minus_1_and_1():
    found = np.asarray(scaled(measure(ROWS, "quantile"), jnp.asarray(ROWS, jnp.float32)))
    np.testing.assert_allclose(np.quantile(found[:, :2], [0.01, 0.99], axis=0), [[-1, -1], [1, 1]], atol=0.01)


@pytest.mark.parametrize("kind", ["deviation", "quantile"])
def test_what_hardly_moves_is_not_blown_up_and_all_comes_back(kind):
    scaling = measure(ROWS, kind)
    found = scaled(scaling, jnp.asarray(ROWS, jnp.float32))
    assert np.abs(found[:, 2]).max() == 0 and np.abs(found[:, 3]).max() < 0.01 and scaling.span[2] == 1
    np.testing.assert_allclose(restored(scaling, found), ROWS, rtol=1e-5, atol=1e-6)


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(ValueError, match="scaling is 'minmax': use deviation or quantile"):
        measure(ROWS, "minmax")
    with pytest.raises(ValueError, match=r"action is \[1, 4\]: statistics need two rows"):
        measure(ROWS[:1], "deviation", "action")
    bad = ROWS.copy()
    bad[3, 1] = np.nan
    with pytest.raises(ValueError, match="action: entry 1 is not finite in 1 rows"):
        measure(bad, "quantile", "action")


def test_data_of_another_kind_are_refused():
    scaling = measure(ROWS, "deviation")
    fits(scaling, ROWS, "action")
    with pytest.raises(ValueError, match="action has 3 entries, the statistics 4"):
        fits(scaling, ROWS[:, :3], "action")
    with pytest.raises(ValueError, match=r"action: entry 0 lies .* spans off the statistics"):
        fits(scaling, ROWS * [57.3, 1, 1, 1], "action")  # degrees in place of radians


def test_relative_actions_come_back():
    keys = RNG.normal(size=(2, 5, 3)).astype(np.float32), RNG.normal(size=(2, 3)).astype(np.float32)
    actions, state, mask = jnp.asarray(keys[0]), jnp.asarray(keys[1]), jnp.array([True, False, True])
    told = relative(actions, state, mask)
    np.testing.assert_allclose(told[:, :, 1], actions[:, :, 1])
    np.testing.assert_allclose(told[1, 4, 0], keys[0][1, 4, 0] - keys[1][1, 0], rtol=1e-6)
    np.testing.assert_allclose(absolute(told, state, mask), actions, atol=1e-6)
