import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from gambol.policies.nets.flow.config import TINY
from gambol.policies.nets.flow.network import FlowNetwork
from gambol.policies.nets.flow.tokens import VECTOR, Tokens
from gymnasium.spaces import Box, Dict

SPACE = Dict(
    {
        "circles": Box(-1, 1, (3, 7), np.float32),
        "circle_mask": Box(0, 1, (3,), np.bool_),
        "indexes": Box(0, 3, (3, 2), np.int32),
        "front": Box(0, 255, (20, 33, 3), np.uint8),
        "state": Box(-1, 1, (5,), np.float32),
    }
)
SEEN = {
    "circles": jnp.ones((2, 3, 7)),
    "circle_mask": jnp.array([[True, False, True]] * 2),
    "indexes": jnp.zeros((2, 3, 2), jnp.int32),
    "front": jnp.full((2, 20, 33, 3), 255, jnp.uint8),
    "state": jnp.ones((2, 5)),
}


def test_sets_pictures_and_vectors_are_tokens():
    tokens, valid = Tokens(SPACE, 8, rngs=nnx.Rngs(0))(SEEN, 2)
    count = 3 + 2 * 3 + VECTOR
    assert tokens.shape == (2, count, 8) and valid.shape == (2, count)
    assert valid.sum(axis=1).tolist() == [count - 1] * 2
    half = {**SEEN, "front": jnp.ones((2, 20, 33, 3), jnp.float32)}
    np.testing.assert_allclose(Tokens(SPACE, 8, rngs=nnx.Rngs(0))(half, 2)[0], tokens, atol=1e-6)


def test_what_is_masked_is_not_seen():
    network = FlowNetwork(TINY, SPACE, 2, rngs=nnx.Rngs(0))
    known, _ = network.encode(SEEN)
    other, _ = network.encode({**SEEN, "circles": SEEN["circles"].at[:, 1].set(9.0)})
    there = np.asarray(known.valid[0])
    np.testing.assert_allclose(known.keys[:, :, there], other.keys[:, :, there], atol=1e-6)
    assert not np.allclose(known.keys[:, :, ~there], other.keys[:, :, ~there])


def test_a_space_without_tokens_is_refused():
    with pytest.raises(ValueError, match="nothing in it can be a token"):
        Tokens(Dict({"index": Box(0, 3, (3,), np.int32)}), 8, rngs=nnx.Rngs(0))
