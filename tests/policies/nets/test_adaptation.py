import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from gambol.policies.nets.adaptation import WINDOWS, HistoryEncoder, privileged_encoder, windows
from gambol.policies.nets.config import AdaptationConfig
from scipy.signal import correlate

CONFIG = AdaptationConfig(latent=5, privileged=(7,), frame=3)


def test_a_layer_over_windows_is_a_convolution():
    x = np.random.default_rng(0).normal(size=(2, 9)).astype(np.float32)
    kernel = np.random.default_rng(1).normal(size=(2, 4)).astype(np.float32)
    wanted = correlate(x, kernel, mode="valid")[0, ::2]
    found = np.einsum("ck,ckwr->wr", kernel, windows(jnp.stack([x, 2 * x], axis=-1), 4, 2))
    np.testing.assert_allclose(found, np.stack([wanted, 2 * wanted], axis=-1), rtol=1e-4)


def test_the_history_encoder_is_the_plain_formula():
    net = HistoryEncoder(10, 2, CONFIG, rngs=nnx.Rngs(0))
    x = np.random.default_rng(0).normal(size=(3, 10, 2)).astype(np.float32)

    def through(layer, x):
        return jax.nn.elu(x @ layer.kernel[...] + layer.bias[...])

    y = through(net.frame.layers[0], x)
    for layer, (size, stride, channels) in zip(net.windows, WINDOWS, strict=True):
        starts = range(0, y.shape[1] - size + 1, stride)
        y = through(
            layer,
            jnp.stack([jnp.swapaxes(y[:, start : start + size], 1, 2).reshape(3, -1) for start in starts], axis=1),
        )
        assert y.shape[2] == channels
    assert y.shape == (3, 3, 10)
    np.testing.assert_allclose(
        net(x), through(net.last.layers[0], jnp.swapaxes(y, 1, 2).reshape(3, -1)), rtol=1e-4, atol=1e-6
    )
    np.testing.assert_allclose(net(x[None]), net(x)[None], rtol=1e-6)


def test_the_privileged_encoder_bends_its_latent_too():
    net = privileged_encoder(4, CONFIG, nnx.Rngs(0))
    latent = net(1e3 * jax.random.normal(jax.random.key(0), (50, 4)))
    assert latent.shape == (50, 5) and latent.min() == -1  # the least that elu gives


def test_a_history_too_short_for_the_windows_is_refused():
    HistoryEncoder(6, 2, CONFIG, rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match="a history of 5 frames is too short"):
        HistoryEncoder(5, 2, CONFIG, rngs=nnx.Rngs(0))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"latent": 0}, "network.adaptation.latent is 0: it must be at least 1"),
        ({"privileged": (8, 0)}, r"network.adaptation.privileged is \(8, 0\): it must be widths"),
        ({"activation": "sine"}, "network.adaptation.activation is 'sine': it must be one of tanh"),
        ({"every": 1}, "network.adaptation.every is 1: it must be at least 2"),
        ({"weight": -1.0}, "network.adaptation.weight is -1.0: it must be 0"),
        ({"weight_start": 11, "weight_end": 10}, "network.adaptation.weight_start is 11: it must be an update up to"),
        ({"learning_rate": 0.0}, "network.adaptation.learning_rate is 0.0: it must be a finite number above 0"),
    ],
)
def test_settings_that_cannot_work_are_named(setting, message):
    with pytest.raises(ValueError, match=message):
        AdaptationConfig(**setting)
