import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from gambol.policies.nets.config import NetworkConfig
from gambol.policies.nets.mlp import MLP
from gambol.policies.nets.recurrent import GRU, initial_memory
from gambol.policies.nets.stream import Flatten, Stream, shapes_of
from gambol.policies.policy import renew

ENTITIES = gymnasium.spaces.Dict(
    {
        "shapes": gymnasium.spaces.Box(-1, 1, (3, 2), np.float32),
        "mask": gymnasium.spaces.MultiBinary(3),
        "gravity": gymnasium.spaces.Box(-1, 1, (1,), np.float32),
    }
)


def flat(size: int) -> gymnasium.spaces.Box:
    return gymnasium.spaces.Box(-1, 1, (size,), np.float32)


def stream(**options) -> Stream:
    rngs = nnx.Rngs(0)
    return Stream(Flatten(flat(4), rngs), (8,), 2, gain=1.0, activation="tanh", rngs=rngs, **options)


def test_mlp_kernels_are_orthogonal_with_gain_root_two():
    for layer in MLP(6, (6, 3), "tanh", rngs=nnx.Rngs(0)).layers:
        kernel = np.asarray(layer.kernel[...])
        np.testing.assert_allclose(kernel.T @ kernel, 2 * np.eye(kernel.shape[1]), atol=1e-5)
        assert not layer.bias[...].any()


def test_mlp_is_the_plain_formula():
    net = MLP(3, (4, 2), "relu", rngs=nnx.Rngs(1))
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    y = x
    for layer in net.layers:
        y = np.maximum(y @ np.asarray(layer.kernel[...]) + np.asarray(layer.bias[...]), 0)
    np.testing.assert_allclose(net(x), y, rtol=1e-5)


def test_gru_is_the_plain_formula():
    cell = GRU(3, 4, rngs=nnx.Rngs(2))
    rng = np.random.default_rng(1)
    x, h = rng.normal(size=(5, 3)).astype(np.float32), rng.normal(size=(5, 4)).astype(np.float32)
    (wr, wz, wn), (ur, uz, un) = (
        np.split(np.asarray(layer.kernel[...]), 3, axis=1) for layer in (cell.from_input, cell.from_memory)
    )
    sigmoid = lambda value: 1 / (1 + np.exp(-value))  # noqa: E731
    reset, keep = sigmoid(x @ wr + h @ ur), sigmoid(x @ wz + h @ uz)
    wanted = (1 - keep) * np.tanh(x @ wn + reset * (h @ un)) + keep * h
    np.testing.assert_allclose(cell.step(x, h), wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("recurrent", [0, 5])
def test_unroll_equals_stepping_and_forgetting(recurrent):
    net = stream(recurrent=recurrent, free=2, free_value=0.3)
    rng = np.random.default_rng(2)
    observation = jnp.asarray(rng.normal(size=(6, 3, 4)), jnp.float32)
    done = jnp.asarray(rng.random((6, 3)) < 0.4)
    fresh = initial_memory(recurrent, 3)
    memory = None if fresh is None else fresh + 0.5
    numbers, after, last = net.unroll(observation, done, memory)
    for t in range(6):
        out, memory = net.step(observation[t], memory)
        np.testing.assert_allclose(numbers[t], out, atol=1e-6)
        if recurrent:
            np.testing.assert_allclose(after[t], memory, atol=1e-6)
        memory = renew(memory, fresh, done[t])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), last, memory)
    np.testing.assert_array_equal(numbers[..., 2:], np.full((6, 3, 2), 0.3, np.float32))


def test_flatten_takes_the_float_leaves_in_tree_order():
    encoder = Flatten(ENTITIES, nnx.Rngs(0))
    shapes = jnp.arange(12.0).reshape(2, 3, 2)
    observation = {"shapes": shapes, "mask": jnp.ones((2, 3), jnp.int8), "gravity": jnp.array([[-1.0], [-2.0]])}
    assert encoder.features == 7
    np.testing.assert_array_equal(encoder(observation), np.c_[[-1, -2], np.arange(12).reshape(2, 6)])
    assert jax.tree.structure(shapes_of(ENTITIES)) == jax.tree.structure(observation)


def test_an_observation_without_floats_needs_an_encoder():
    with pytest.raises(ValueError, match="inject an encoder"):
        Flatten(gymnasium.spaces.Box(0, 255, (8, 8, 3), np.uint8), nnx.Rngs(0))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"actor": (64, 0)}, r"network.actor is \[64, 0\]: every width must be at least 1"),
        ({"activation": "sine"}, "network.activation is 'sine': use one of tanh, relu, elu, swish, gelu"),
        ({"recurrent": -1}, "network.recurrent is -1"),
        ({"initial_log_std": float("nan")}, "network.initial_log_std is nan"),
    ],
)
def test_settings_that_cannot_work_are_named(setting, message):
    with pytest.raises(ValueError, match=message):
        NetworkConfig(**setting)
