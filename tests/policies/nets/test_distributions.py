import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.policies.nets.distributions import categorical, distribution_for, gaussian, multi_categorical
from scipy import stats

RNG = np.random.default_rng(0)
DRAWS = 20_000


def test_gaussian_density_and_entropy_are_those_of_scipy():
    family = gaussian(3)
    parameters = RNG.normal(size=(5, 6)).astype(np.float32)
    action = RNG.normal(size=(5, 3)).astype(np.float32)
    normal = stats.norm(parameters[:, :3], np.exp(parameters[:, 3:]))
    np.testing.assert_allclose(family.log_prob(parameters, action), normal.logpdf(action).sum(-1), rtol=1e-5)
    np.testing.assert_allclose(family.entropy(parameters), normal.entropy().sum(-1), rtol=1e-5)


def test_gaussian_samples_have_the_mean_and_spread_asked_for():
    parameters = jnp.tile(jnp.array([1.0, -2.0, np.log(0.5), np.log(2.0)]), (DRAWS, 1))
    drawn = np.asarray(gaussian(2).sample(parameters, jax.random.key(0), 1.0))
    np.testing.assert_allclose(drawn.mean(0), [1, -2], atol=0.06)
    np.testing.assert_allclose(drawn.std(0), [0.5, 2], rtol=0.03)
    cooler = np.asarray(gaussian(2).sample(parameters, jax.random.key(0), 0.5))
    np.testing.assert_allclose(cooler.std(0), [0.25, 1], rtol=0.03)


def test_categorical_probability_and_entropy_are_those_of_scipy():
    logits = RNG.normal(size=(4,)).astype(np.float32)
    chances = np.exp(logits) / np.exp(logits).sum()
    wanted = stats.multinomial(1, chances)
    found = categorical(4).log_prob(jnp.tile(logits, (4, 1)), jnp.arange(4))
    np.testing.assert_allclose(found, [wanted.logpmf(np.eye(4)[i]) for i in range(4)], rtol=1e-5)
    np.testing.assert_allclose(categorical(4).entropy(logits), stats.entropy(chances), rtol=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_categorical_samples_come_as_often_as_they_should(temperature):
    logits = jnp.array([0.0, 1.0, -1.0])
    drawn = categorical(3).sample(jnp.tile(logits, (DRAWS, 1)), jax.random.key(1), temperature)
    np.testing.assert_allclose(np.bincount(drawn) / DRAWS, jax.nn.softmax(logits / temperature), atol=0.012)


def test_multi_categorical_is_independent_categoricals_side_by_side():
    logits = RNG.normal(size=(7, 5)).astype(np.float32)
    action = np.stack([RNG.integers(0, 3, 7), RNG.integers(0, 2, 7)], axis=-1)
    family, left, right = multi_categorical((3, 2)), categorical(3), categorical(2)
    log_prob = left.log_prob(logits[:, :3], action[:, 0]) + right.log_prob(logits[:, 3:], action[:, 1])
    np.testing.assert_allclose(family.log_prob(logits, action), log_prob, rtol=1e-6)
    np.testing.assert_allclose(family.entropy(logits), left.entropy(logits[:, :3]) + right.entropy(logits[:, 3:]))
    drawn = np.asarray(family.sample(jnp.zeros((DRAWS, 5)), jax.random.key(2), 1.0))
    joint = np.histogram2d(drawn[:, 0], drawn[:, 1], bins=(3, 2))[0] / DRAWS
    np.testing.assert_allclose(joint, np.full((3, 2), 1 / 6), atol=0.012)


@pytest.mark.parametrize("family", [gaussian(3), categorical(4), multi_categorical((3, 2, 4))])
def test_at_temperature_zero_a_sample_is_the_mode(family):
    parameters = jnp.asarray(RNG.normal(size=(6, family.outputs + family.free)), jnp.float32)
    mode = family.mode(parameters)
    np.testing.assert_array_equal(family.sample(parameters, jax.random.key(3), 0.0), mode)
    other = family.sample(parameters, jax.random.key(4), 1.0)
    assert (family.log_prob(parameters, mode) >= family.log_prob(parameters, other)).all()


@pytest.mark.parametrize(
    ("space", "outputs", "free"),
    [
        (gymnasium.spaces.Box(-1, 1, (6,)), 6, 6),
        (gymnasium.spaces.Discrete(11), 11, 0),
        (gymnasium.spaces.MultiDiscrete([3, 3, 3, 3, 2, 2]), 16, 0),
    ],
)
def test_the_family_fits_the_action_space(space, outputs, free):
    family = distribution_for(space)
    assert (family.outputs, family.free) == (outputs, free)
    action = family.sample(jnp.zeros((1, outputs + free)), jax.random.key(0), 0.0)[0]
    assert space.contains(np.asarray(action, space.dtype))
    assert jnp.issubdtype(action.dtype, jnp.floating) == isinstance(space, gymnasium.spaces.Box)


@pytest.mark.parametrize(
    "space",
    [
        gymnasium.spaces.Box(-1, 1, (2, 2)),
        gymnasium.spaces.Discrete(3, start=1),
        gymnasium.spaces.MultiDiscrete([[2, 2]]),
        gymnasium.spaces.MultiBinary(3),
    ],
)
def test_an_action_space_without_a_family_is_named(space):
    with pytest.raises(ValueError, match="use a flat Box"):
        distribution_for(space)


@pytest.mark.parametrize("family", [gaussian(3), categorical(4), multi_categorical((3, 2, 4))])
def test_divergence_is_the_mean_log_ratio(family):
    p, q = RNG.normal(size=(2, family.outputs + family.free)).astype(np.float32)
    drawn = family.sample(jnp.tile(p, (DRAWS, 1)), jax.random.key(3), 1.0)
    ratio = family.log_prob(p, drawn) - family.log_prob(q, drawn)
    assert family.kl(p, q) == pytest.approx(float(ratio.mean()), abs=4 * float(ratio.std()) / DRAWS**0.5)
    assert family.kl(p, p) == pytest.approx(0, abs=1e-6) and family.kl(p, q) > 0.1
