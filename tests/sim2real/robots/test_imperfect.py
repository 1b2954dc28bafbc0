import numpy as np
import pytest
from gambol.sim2real.robots.imperfect import NOISE, Delay, Imperfections, noisy

IDEAL = Imperfections(noise=0, latency_ms=0, order_latency_ms=0, jitter_ms=0, loss=0)


def test_messages_come_when_their_time_has_come():
    delay = Delay(10.0, IDEAL, np.random.default_rng(0))
    delay.put(1.0, b"a")
    delay.put(1.002, b"b")
    assert delay.due(1.009) == [] and delay.due(1.0101) == [b"a"] and delay.due(2.0) == [b"b"] and delay.due(3.0) == []


def test_jitter_lets_one_overtake_another():
    delay = Delay(5.0, Imperfections(jitter_ms=20.0), np.random.default_rng(1))
    for i in range(100):
        delay.put(i / 1e3, bytes([i]))
    order = [content[0] for content in delay.due(1.0)]
    assert sorted(order) == list(range(100)) and order != sorted(order)


def test_so_many_are_lost():
    delay = Delay(0.0, Imperfections(loss=0.3, jitter_ms=0), np.random.default_rng(2))
    for _ in range(10_000):
        delay.put(0.0, b"x")
    assert len(delay.due(1.0)) == pytest.approx(7000, abs=200)


def test_noise_is_as_wide_as_it_says():
    clean = {"turn": np.array([1.0, 0, 0, 0]), "rate": np.zeros(3), "joints": np.ones(19), "joint_rates": np.zeros(19)}
    draw = np.random.default_rng(3)
    found = [noisy(clean, 2.0, draw) for _ in range(2000)]
    for name in ("rate", "joints", "joint_rates"):
        off = np.array([values[name] - clean[name] for values in found])
        assert np.abs(off).max() <= 2 * NOISE[name] and off.std() == pytest.approx(
            2 * NOISE[name] / np.sqrt(3), rel=0.05
        )
    np.testing.assert_allclose([np.linalg.norm(values["turn"]) for values in found], 1)
    assert noisy(clean, 0.0, draw)["joints"].tolist() == clean["joints"].tolist()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": 1.0}, "loss is 1.0: it must be below 1"),
        ({"latency_ms": -1.0}, "latency_ms is -1.0"),
        ({"noise": np.nan}, "noise"),
    ],
)
def test_what_cannot_be_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Imperfections(**settings)
