import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.policies.learn.ppo import losses

RNG = np.random.default_rng(0)


def test_gae_equals_the_definition_written_out():
    steps, worlds, gamma, lam = 9, 5, 0.9, 0.8
    reward, value, next_value = RNG.normal(size=(3, steps, worlds))
    terminated = RNG.random((steps, worlds)) < 0.2
    done = terminated | (RNG.random((steps, worlds)) < 0.2)
    assert (done & ~terminated).any() and terminated.any() and not done.all()

    wanted = np.zeros((steps, worlds))
    for w in range(worlds):
        for t in range(steps):
            weight = 1.0
            for k in range(t, steps):  # the sum over later surprises, up to the end of the episode
                successor = 0.0 if terminated[k, w] else next_value[k, w]
                wanted[t, w] += weight * (reward[k, w] + gamma * successor - value[k, w])
                weight *= gamma * lam
                if done[k, w]:
                    break

    next_value[terminated] = np.nan  # must not be looked at
    arrays = (jnp.asarray(x) for x in (reward, value, next_value, terminated, done))
    advantage, returns = losses.gae(*arrays, gamma=gamma, gae_lambda=lam)
    np.testing.assert_allclose(advantage, wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(returns, wanted + value, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "slope"),
    [
        (1.0, 2.0, -2.0, -2.0),
        (1.1, 2.0, -2.2, -2.0),
        (1.5, 2.0, -2.4, 0.0),  # good enough already
        (0.5, 2.0, -1.0, -2.0),  # a good action made rarer: still corrected
        (1.5, -2.0, 3.0, 2.0),  # a bad action made likelier: still corrected
        (0.5, -2.0, 1.6, 0.0),
    ],
)
def test_clipped_surrogate_and_its_slope(ratio, advantage, loss, slope):
    value, gradient = jax.value_and_grad(losses.clipped_surrogate)(jnp.array([ratio]), jnp.array([advantage]), 0.2)
    np.testing.assert_allclose(value, loss, rtol=1e-6)
    np.testing.assert_allclose(gradient, [slope], rtol=1e-6)


def test_terms_with_one_advantage_have_the_slope_of_the_whole_action():
    """At ratio 1, where a logarithm of a probability has the slope of the ratio."""
    advantage = jnp.asarray(RNG.normal(size=(5, 3, 1)), jnp.float32)

    def slope(terms):
        def policy_loss(log_ratios):
            ratio = jnp.exp(jnp.stack([part.sum(-1) for part in jnp.split(log_ratios, terms, axis=-1)], axis=-1))
            return losses.clipped_surrogate(ratio, jnp.broadcast_to(advantage, ratio.shape), 0.2)

        return jax.grad(policy_loss)(jnp.zeros((5, 3, 4)))

    np.testing.assert_allclose(slope((3,)), slope(()), rtol=1e-6)


@pytest.mark.parametrize(
    ("value", "clip", "loss", "slope"),
    [
        (0.1, 0.2, 0.5 * 0.9**2, -0.9),  # inside the band: the plain squared error to 1
        (0.6, 0.2, 0.5 * 0.8**2, 0.0),  # moved too far towards the return: nothing more to gain
        (-0.6, 0.2, 0.5 * 1.6**2, -1.6),  # moved away from it: pulled back in full
        (0.6, 0.0, 0.5 * 0.4**2, -0.4),  # no clipping
    ],
)
def test_clipped_value_loss_and_its_slope(value, clip, loss, slope):
    arguments = jnp.array([value]), jnp.array([0.0]), jnp.array([1.0])
    found, gradient = jax.value_and_grad(losses.clipped_value_loss)(*arguments, clip)
    np.testing.assert_allclose(found, loss, rtol=1e-5)
    np.testing.assert_allclose(gradient, [slope], rtol=1e-5)


def test_standardised_advantages_have_mean_zero_and_deviation_one():
    after = np.asarray(losses.standardise(jnp.asarray(RNG.normal(3, 5, (10, 20)))))
    np.testing.assert_allclose([after.mean(), after.std()], [0, 1], atol=1e-5)


def test_explained_variance_of_perfect_constant_and_wrong_values():
    returns = jnp.asarray(RNG.normal(size=(10, 20)))
    assert losses.explained_variance(returns, returns) == pytest.approx(1)
    assert losses.explained_variance(jnp.full_like(returns, 3.0), returns) == pytest.approx(0, abs=1e-5)
    assert losses.explained_variance(-returns, returns) == pytest.approx(-3, rel=1e-4)
