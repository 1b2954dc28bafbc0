import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from gambol.envs.contract import Reflection
from gambol.policies.nets.stream import Flatten, Stream
from gambol.policies.nets.symmetric import Symmetric, of_features
from gymnasium.spaces import Box, Dict

SEEN = Reflection((1, 0, 2, 3), (1, 1, -1, 1))
DONE = Reflection((1, 0, 2), (-1, -1, 1))
SPACE = Box(-1, 1, (4,))


def stream(hidden=(8, 6), free=0):
    rngs = nnx.Rngs(0)
    made = Stream(Flatten(SPACE, rngs), hidden, 3, gain=1.0, activation="elu", free=free, free_value=0.5, rngs=rngs)
    if free:
        made.free[...] = jnp.arange(3.0)
    return made


@pytest.mark.parametrize(("hidden", "free"), [((8, 6), 0), ((8,), 3), ((), 0)])
def test_the_image_of_what_it_says_is_what_it_says_of_the_image(hidden, free):
    """And it is the mean of both, computed here one after the other."""
    plain = stream(hidden, free)
    net = Symmetric(plain, SEEN, DONE)
    seen = jax.random.normal(jax.random.key(1), (5, 4))
    said, memory = net.step(seen, None)
    assert memory is None

    def back(numbers):
        return jnp.concatenate(
            [DONE(numbers[:, :3]), numbers[:, 3:][:, jnp.array(DONE.index)] if free else numbers[:, 3:]], 1
        )

    np.testing.assert_allclose(net.step(SEEN(seen), None)[0], back(said), atol=1e-6)
    mean = (plain.step(seen, None)[0] + back(plain.step(SEEN(seen), None)[0])) / 2
    np.testing.assert_allclose(said, mean, atol=1e-6)


def test_values_have_no_side():
    net = Symmetric(stream(), SEEN, None)
    seen = jax.random.normal(jax.random.key(1), (5, 4))
    np.testing.assert_allclose(net.step(SEEN(seen), None)[0], net.step(seen, None)[0], atol=1e-6)


def test_many_steps_are_as_one_by_one_and_gradients_come_from_both_sides():
    net = Symmetric(stream(), SEEN, DONE)
    seen = jax.random.normal(jax.random.key(1), (7, 5, 4))
    numbers, after, last = net.unroll(seen, jnp.zeros((7, 5), bool), None)
    assert after is None and last is None
    np.testing.assert_allclose(numbers[3], net.step(seen[3], None)[0], atol=1e-6)
    one = nnx.grad(lambda net: (net.step(seen[0], None)[0] ** 2).sum())(net)
    other = nnx.grad(lambda net: (net.step(SEEN(seen[0]), None)[0] ** 2).sum())(net)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), one, other)


def test_features_of_several_arrays_are_found_by_looking():
    space = Dict({"a": Box(-1, 1, (2,)), "b": Box(-1, 1, (3,))})
    encoder = Flatten(space, nnx.Rngs(0))
    like = {"a": np.zeros(2, "f4"), "b": np.zeros(3, "f4")}
    turns = {"a": Reflection((1, 0), (1, 1)), "b": Reflection((0, 1, 2), (1, -1, 1))}
    found = of_features(encoder, like, lambda seen: {name: turns[name](leaf) for name, leaf in seen.items()})
    assert found == Reflection((1, 0, 2, 3, 4), (1.0, 1.0, 1.0, -1.0, 1.0))


def test_an_encoder_that_mixes_is_refused():
    with pytest.raises(ValueError, match="puts what is seen side by side"):
        of_features(lambda seen: seen @ jnp.ones((4, 4)), np.zeros(4, "f4"), SEEN)
