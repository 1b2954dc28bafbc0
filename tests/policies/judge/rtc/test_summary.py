import pytest
from gambol.policies.judge.rtc.summary import lines, summary


def cell(level, seed, method, delay, solved, **more):
    rate = solved.count("1") / len(solved)
    about = {"level": level, "seed": seed, "method": method, "delay": delay, "solved": solved, "rate": rate}
    made = {"every": max(delay, 1), "expert": 0.9, "commits": ["c"]}
    return about | made | {"delta": 0.5, "jerk": 1.0, "jump": 2.0} | more


CELLS = [
    cell("b", 0, "naive", 0, "1110"),
    cell("a", 0, "naive", 0, "1111"),
    cell("a", 0, "naive", 4, "0000", delta=1.5),
    cell("b", 0, "naive", 4, "0100"),
    cell("a", 0, "settled", 0, "1111"),
    cell("b", 0, "settled", 0, "1111"),
    cell("a", 0, "settled", 4, "1111", commits=["b", "c"]),
    cell("b", 0, "settled", 4, "0111"),
]


def test_rates_differences_and_smoothness():
    found = summary(CELLS)
    assert found["experts"] == pytest.approx(0.9) and found["delays"] == [0, 4]
    naive, settled = found["methods"]["naive"], found["methods"]["settled"]
    assert naive["0"]["rate"] == 0.875 and naive["4"]["rate"] == 0.125 and naive["4"]["delta"] == 1.0
    assert settled["4"]["rate"] == 0.875 and settled["4"]["pairs"] == 2
    assert settled["4"]["better"]["mean"] == 0.75 and settled["4"]["better"]["lo"] > 0
    assert settled["0"]["better"]["lo"] <= 0 and "better" not in naive["4"]
    assert found["levels"]["b"] == {"naive": [0.75, 0.25], "settled": [1.0, 0.75], "experts": [0.9]}
    assert found["commits"] == ["b", "c"] and not found["blocks"]
    table = lines(found)
    assert len(table) == 4 and table[2].startswith("settled") and "87.5" in table[2]


def test_longer_blocks_are_apart():
    longer = [cell(level, 0, method, 0, "0001", every=4) for level in "ab" for method in ("naive", "settled")]
    found = summary(CELLS + longer)
    assert found["methods"] == summary(CELLS)["methods"] and list(found["blocks"]) == ["4"]
    settled = found["blocks"]["4"]["settled"]
    assert settled["0"]["rate"] == 0.25 and settled["0"]["better"]["mean"] == 0
    assert settled["4"] == found["methods"]["settled"]["4"]  # whose blocks are as long
