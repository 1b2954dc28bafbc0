"""Against the recorded figures of both methods on random weights (docs: relative error, 32 weights a block)."""

import numpy as np
import pytest
from gambol.sim2real.compress import blocks

GAUSSIAN = np.random.default_rng(0).normal(size=(512, 512)).astype("f4")
HEAVY = np.random.default_rng(1).standard_t(4, size=(512, 512)).astype("f4")


def error(weights, made):
    return float(np.linalg.norm(blocks.weights_of(made) - weights) / np.linalg.norm(weights))


@pytest.mark.parametrize(
    ("code", "bits", "gaussian", "heavy"),
    [
        (blocks.nearest, 4, 0.0808, 0.0970),
        (blocks.search, 4, 0.0781, 0.0944),
        (blocks.hqq, 4, 0.0740, 0.0892),
        (blocks.nearest, 2, 0.4070, 0.4465),
        (blocks.search, 2, 0.3322, 0.3777),
        (blocks.hqq, 2, 0.3706, 0.4256),
    ],
)
def test_errors_are_those_on_record(code, bits, gaussian, heavy):
    assert error(GAUSSIAN, code(GAUSSIAN, bits, 32)) == pytest.approx(gaussian, rel=0.02)
    assert error(HEAVY, code(HEAVY, bits, 32)) == pytest.approx(heavy, rel=0.06)


def test_no_pair_of_ends_leaves_less_error_than_the_search():
    weights = GAUSSIAN[:2, :32]
    best = blocks.search(weights, 2, 32)
    for share in np.linspace(0.4, 1.0, 25):
        clipped = blocks.nearest(np.clip(weights, share * weights.min(), share * weights.max()), 2, 32)
        off = np.linalg.norm(blocks.weights_of(clipped) - weights, axis=1)
        assert (np.linalg.norm(blocks.weights_of(best) - weights, axis=1) <= off * 1.02).all()


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_packing_is_exact_and_lowest_bits_come_first(bits):
    codes = np.random.default_rng(2).integers(0, 2**bits, (3, 5, 16)).astype("u1")
    packed = blocks.pack(codes, bits)
    assert packed.dtype == np.uint8 and packed.shape == (3, 5, 2 * bits)
    np.testing.assert_array_equal(blocks.unpack(packed, bits), codes)
    if bits == 4:
        assert blocks.pack(np.array([1, 2]), 4).tolist() == [1 + 16 * 2]


@pytest.mark.parametrize("code", [blocks.nearest, blocks.search, blocks.hqq])
def test_odd_weights_come_through(code):
    weights = np.zeros((3, 40), "f4")
    weights[1] = 0.25
    weights[2, :3] = [-1, 0, 1]
    made = code(weights, 8, 16)
    assert made.codes.shape == (3, 3, 16) and np.isfinite(made.scales).all()
    np.testing.assert_allclose(blocks.weights_of(made), weights, atol=0.01)
