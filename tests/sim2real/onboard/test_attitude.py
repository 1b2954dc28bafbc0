import numpy as np
from gambol.sim2real.onboard import estimate, rotation

DT = 0.02


def swinging(seconds=20.0, amplitude=0.3, frequency=1.0):
    """A base that pitches, [T, 4], and its rates [T, 3]: those that lead to the next attitude."""
    times = np.arange(0, seconds, DT)
    angles = amplitude * np.sin(2 * np.pi * frequency * times)
    turns = [rotation.from_euler(0.0, angle, 0.7) for angle in angles]
    rates = np.zeros((len(times), 3))
    rates[1:, 1] = np.diff(angles) / DT
    return np.array(turns), rates


def follow(turns, rates):
    found = [None]
    for turn, rate in zip(turns, rates, strict=True):
        found.append(estimate.attitude(found[-1], turn, rate, DT))
    return np.array(found[1:])


def off(a, b):
    """rad"""
    turns = [rotation.multiply(x, rotation.conjugate(y)) for x, y in zip(a, b, strict=True)]
    return np.array([np.linalg.norm(rotation.to_vector(turn)) for turn in turns])


def test_what_is_measured_without_noise_is_followed_exactly():
    turns, rates = swinging()
    np.testing.assert_allclose(off(follow(turns, rates), turns), 0, atol=1e-9)


def test_noise_becomes_a_third_and_nothing_lags():
    turns, rates = swinging()
    draw = np.random.default_rng(0)
    noisy = turns + 0.015 * draw.uniform(-1, 1, turns.shape)
    noisy /= np.linalg.norm(noisy, axis=1, keepdims=True)
    found = follow(noisy, rates + 0.1 * draw.uniform(-1, 1, rates.shape))
    assert off(found, turns)[50:].mean() < off(noisy, turns)[50:].mean() / 3


def test_a_gyroscope_with_an_offset_leads_astray_only_so_far():
    turns, rates = swinging()
    found = follow(turns, rates + np.array([0.0, 0.05, 0.0]))
    np.testing.assert_allclose(
        off(found, turns)[-100:].mean(), 0.05 * DT * (1 - estimate.TRUST) / estimate.TRUST, rtol=0.1
    )
