import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from gambol.policies.nets.flow.mixer import Mixer, MixerConfig, normalised

SMALL = MixerConfig(horizon=3, depth=1, channels=8, channel_mlp=16, token_mlp=4)


def test_it_has_as_many_weights_as_the_published_one():
    mixer = nnx.eval_shape(lambda: Mixer(MixerConfig(), 679, 6, rngs=nnx.Rngs(0)))
    assert sum(leaf.size for leaf in jax.tree.leaves(nnx.state(mixer))) == 3_072_006


def test_tokens_mix_and_each_is_told_its_own_time():
    mixer = Mixer(SMALL, 5, 2, rngs=nnx.Rngs(0))
    block = mixer.blocks[0]
    block.modulation.kernel[...] = 0.3 * jax.random.normal(jax.random.key(1), block.modulation.kernel.shape)
    seen, chunk = jax.random.normal(jax.random.key(3), (2, 5)), jax.random.normal(jax.random.key(2), (2, 3, 2))
    known, kernel = mixer.encode(seen), mixer.look.kernel[...]
    together = jnp.concatenate([chunk, jnp.broadcast_to(seen[:, None], (2, 3, 5))], axis=-1)
    np.testing.assert_allclose(chunk @ kernel[:2] + known[:, None], mixer.look(together), atol=1e-5)
    time = jnp.full((2, 3), 0.3)
    found = mixer.velocity(known, chunk, time)
    assert found.shape == (2, 3, 2)
    at_once = mixer.velocity(known, chunk, jnp.full((1, 1), 0.3), jnp.arange(3) < jnp.array([[1], [0]]))
    np.testing.assert_allclose(at_once, mixer.velocity(known, chunk, time.at[0, 0].set(1.0)), atol=1e-5)
    moved = np.abs(mixer.velocity(known, chunk, time.at[0, 1].set(0.9)) - found)
    assert (moved[0] > 1e-6).any(-1).all() and moved[1].max() < 1e-6
    assert np.abs(mixer.velocity(mixer.encode(seen + 1), chunk, time) - found).max() > 1e-3


def test_a_fresh_one_does_not_mix_yet():
    mixer = Mixer(SMALL, 5, 2, rngs=nnx.Rngs(0))
    known, chunk, time = jnp.ones((1, 8)), jax.random.normal(jax.random.key(2), (1, 3, 2)), jnp.full((1, 3), 0.3)
    moved = mixer.velocity(known, chunk.at[0, 1].add(1), time) - mixer.velocity(known, chunk, time)
    assert np.abs(moved[0, 1]).max() > 1e-3 and np.abs(moved[0, [0, 2]]).max() < 1e-6


def test_a_normalised_token_has_mean_0_and_deviation_1():
    found = np.asarray(normalised(jax.random.normal(jax.random.key(0), (3, 50)) * 4 + 2))
    np.testing.assert_allclose(found.mean(-1), 0, atol=1e-5)
    np.testing.assert_allclose(found.std(-1), 1, rtol=1e-4)


@pytest.mark.parametrize("change", [{"depth": 0}, {"channels": 7}, {"steps": 0}])
def test_settings_that_cannot_work_are_refused(change):
    with pytest.raises(ValueError, match=f"mixer.{next(iter(change))} is"):
        MixerConfig(**change)
