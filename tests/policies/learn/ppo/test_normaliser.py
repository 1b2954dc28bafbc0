import jax.numpy as jnp
import numpy as np
from gambol.envs.contract import Observation
from gambol.policies.learn.ppo.normaliser import LEAST_STD, LIMIT, identity, merge, merge_both, normalise

RNG = np.random.default_rng(0)
MIXED = {"a": np.zeros((2, 3), np.float32), "index": np.zeros(2, np.int32), "z": np.zeros(1, np.float32)}


def batch(steps: int, worlds: int, shift: float) -> dict[str, np.ndarray]:
    lead = (steps, worlds)
    return {
        "a": RNG.normal(shift, 1 + shift, (*lead, 2, 3)).astype(np.float32),
        "index": RNG.integers(0, 9, (*lead, 2)).astype(np.int32),
        "z": RNG.normal(-shift, 3, (*lead, 1)).astype(np.float32),
    }


def test_merged_statistics_are_those_of_all_the_data():
    batches = [batch(4, 3, 0.0), batch(2, 5, 2.0), batch(7, 1, 100.0)]
    statistics = identity(MIXED)
    for seen in batches:
        statistics = merge(statistics, seen)
    assert statistics.count == 12 + 10 + 7
    for i, name in enumerate(("a", "z")):
        everything = np.concatenate([seen[name].reshape(-1, *seen[name].shape[2:]) for seen in batches]).astype(float)
        np.testing.assert_allclose(statistics.mean[i], everything.mean(0), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(statistics.variance[i], everything.var(0), rtol=1e-4)


def test_merging_does_not_drown_in_a_large_count():
    statistics = identity(np.zeros(1, np.float32))
    for shift in (1e3, 1e3 + 1, 1e3 - 1) * 20:
        statistics = merge(statistics, jnp.full((100, 100, 1), shift, jnp.float32))
    np.testing.assert_allclose(statistics.mean[0], 1e3, rtol=1e-5)
    np.testing.assert_allclose(statistics.variance[0], 2 / 3, rtol=1e-2)


def test_normalising_centres_scales_and_leaves_integers_alone():
    seen = batch(50, 40, 3.0)
    statistics = merge(identity(MIXED), seen)
    after = normalise(statistics, seen)
    np.testing.assert_allclose(np.mean(after["a"], axis=(0, 1)), 0, atol=1e-4)
    np.testing.assert_allclose(np.std(after["z"], axis=(0, 1)), 1, rtol=1e-3)
    np.testing.assert_array_equal(after["index"], seen["index"])


def test_the_start_is_the_identity():
    x = np.array([[0.5, -2.0]], np.float32)
    np.testing.assert_array_equal(normalise(identity(x[0]), x), x)


def test_entries_that_never_varied_are_not_blown_up():
    statistics = merge(identity(np.zeros(1, np.float32)), jnp.full((3, 3, 1), 5.0))
    assert normalise(statistics, jnp.array([[5.0]])) == 0
    np.testing.assert_allclose(normalise(statistics, jnp.array([[5.001]])), 0.001 / LEAST_STD, rtol=1e-2)
    assert normalise(statistics, jnp.array([[9.0]])) == LIMIT


def test_a_privileged_critic_has_statistics_of_its_own():
    seen = Observation(jnp.ones((2, 3, 1)), jnp.full((2, 3, 4), 7.0))
    both = merge_both(Observation(identity(seen.policy[0, 0]), identity(seen.critic[0, 0])), seen)
    assert both.policy.mean[0].tolist() == [1] and both.critic.mean[0].tolist() == [7] * 4
    plain = Observation(seen.policy)
    assert merge_both(Observation(identity(seen.policy[0, 0])), plain).critic is None


def test_a_history_is_normalised_like_what_is_now():
    seen = {"now": jnp.asarray(RNG.normal(5, 2, (9, 8, 3))), "history": jnp.asarray(RNG.normal(size=(9, 8, 4, 3)))}
    statistics = merge(identity({"now": jnp.zeros(3), "history": jnp.zeros((4, 3))}), seen)
    assert len(statistics.mean) == 1
    after, plain = normalise(statistics, seen), merge(identity(jnp.zeros(3)), seen["now"])
    np.testing.assert_array_equal(after["now"], normalise(plain, seen["now"]))
    np.testing.assert_array_equal(after["history"], normalise(plain, seen["history"]))
