import copy
import json

import cv2
import numpy as np
import pytest
from gambol.policies.judge import report as reports
from gambol.policies.judge.chart import BAR, draw_chart
from gambol.policies.judge.compare import compare, comparison_markdown, verdict
from gambol.policies.judge.rollout import Evaluation
from gambol.policies.judge.statistics import bootstrap, wilson


def make(rates, attempts=20, suite="kinetix/m", policy="us", **changes):
    solved = np.array([np.arange(attempts) < round(rate * attempts) for rate in rates])
    names = tuple(f"level_{i}" for i in range(len(rates)))
    values = {
        "return": solved * 2.0 - 1,
        "length": np.full(solved.shape, 7.0),
        "distance": np.full(solved.shape, np.nan),
    }
    fields = dict(levels=names, solved=solved, ending=solved.astype(int), values=values, steps=256, seed=4, seconds=1.5)
    evaluation = Evaluation(**(fields | changes))
    hashes = {name: f"{name}-hash" for name in names}
    return reports.build(
        evaluation, suite=suite, policy=policy, hashes=hashes, protocol={"frame_skip": 2}, run="runs/x/1", checkpoint=9
    )


@pytest.fixture(scope="module")
def report():
    return make([0.0, 0.5, 1.0])


def test_rates_and_intervals_are_those_of_statistics(report):
    solved = np.array([np.arange(20) < n for n in (0, 10, 20)])
    over_levels, same = bootstrap(solved), bootstrap(solved, new_levels=False)
    assert report["metrics"]["solve_rate"] == {"mean": 0.5, "lo": over_levels.lo, "hi": over_levels.hi, "n": 60}
    assert report["solve_rate_same_levels"] == {"mean": 0.5, "lo": same.lo, "hi": same.hi, "n": 60}
    middle = wilson(10, 20)
    assert report["groups"]["level_1"] == {"solve_rate": {"mean": 0.5, "lo": middle.lo, "hi": middle.hi, "n": 20}}
    assert report["levels"]["level_1"]["endings"] == {"unfinished": 10, "terminated": 10, "truncated": 0}
    assert report["levels"]["level_1"]["hash"] == "level_1-hash"
    assert report["metrics"]["return"]["mean"] == pytest.approx(0.0)


def test_one_level_alone_has_wilsons_interval():
    entry = make([1.0], attempts=100)["metrics"]["solve_rate"]
    assert (entry["mean"], entry["lo"]) == (1.0, wilson(100, 100).lo)


def test_what_is_not_finite_is_null_and_said(report):
    assert report["metrics"]["distance"] == {"mean": None, "lo": None, "hi": None, "n": 60}
    assert report["levels"]["level_0"]["distance"] is None


def test_the_summary_is_the_agreed_json(report):
    assert set(reports.summary(report)) == {"suite", "policy", "metrics", "groups", "seconds"}


def test_written_and_read_again(report, tmp_path):
    paths = reports.write(report, tmp_path / "eval", "kinetix-m", {"random": make([0.0, 0.1, 0.2], policy="random")})
    assert [p.name for p in paths] == ["kinetix-m.json", "kinetix-m.md", "kinetix-m.png"]
    assert sorted(p.name for p in (tmp_path / "eval").iterdir()) == sorted(p.name for p in paths)
    assert reports.read(paths[0]) == report
    page = paths[1].read_text()
    assert "| level_1 | 10/20 | 0.50 | 0.30 to 0.70 | 0.00 | 7.00 |" in page
    assert "Baseline random: 0.10" in page and "runs/x/1, checkpoint 9" in page
    assert cv2.imread(str(paths[2])).shape[1] == 1200


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not a JSON report"),
        ("[]", "schema is null, not int"),
        ('{"schema": 1}', "suite is null, not str"),
        (b"\xff", "not a JSON report"),
        ("[" * 100_000, "not a JSON report"),
    ],
)
def test_a_file_that_is_no_report_is_refused_by_name(text, reason, tmp_path):
    path = tmp_path / "bad.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=rf"bad\.json: {reason}"):
        reports.read(path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"schema": 2}, "schema is 2"),
        ({"levels": {"x": {"hash": ""}}}, r"levels\.x lacks"),
        ({"groups": {}}, r"groups\.level_0\.solve_rate lacks"),
        ({"metrics": {"solve_rate": 0.5}}, r"metrics\.solve_rate lacks"),
    ],
)
def test_a_report_of_another_kind_is_refused(report, change, reason, tmp_path):
    path = tmp_path / "new.json"
    path.write_text(json.dumps(report | change))
    with pytest.raises(ValueError, match=reason):
        reports.read(path)


@pytest.mark.parametrize(
    ("suite", "stem"),
    [("kinetix/m", "kinetix-m"), ("kinetix/m/arm_up", "kinetix-m-arm_up"), ("/a b/c.json", "a-b-c.json")],
)
def test_suites_become_file_names(suite, stem):
    assert reports.stem(suite) == stem


@pytest.mark.parametrize("levels", [1, 74])
def test_charts_grow_with_the_levels_and_show_their_rates(levels):
    image = cv2.imdecode(np.frombuffer(draw_chart(make([0.5] * levels), {}), np.uint8), cv2.IMREAD_COLOR)
    inches = image.shape[0] / 150
    assert inches == pytest.approx(1.9 + 0.24 * levels, abs=0.02)
    colour = tuple(bytes.fromhex(BAR[1:]))[::-1]
    half = (image == colour).all(-1).sum()
    longer = cv2.imdecode(np.frombuffer(draw_chart(make([1.0] * levels), {}), np.uint8), cv2.IMREAD_COLOR)
    assert half > 0 and (longer == colour).all(-1).sum() / half == pytest.approx(2, abs=0.15)


def test_a_better_run_is_found_better(report):
    other = make([0.5, 0.9, 1.0], policy="them", attempts=40)
    comparison = compare(report, other)
    assert comparison["difference"]["mean"] == pytest.approx(0.3)
    assert comparison["difference_same_levels"]["lo"] > 0 and comparison["difference_same_levels"]["p"] < 0.01
    assert verdict(comparison) == "b solves these levels more often than a"
    assert verdict(compare(other, report)) == "a solves these levels more often than b"
    page = comparison_markdown(comparison)
    rows = [line for line in page.splitlines() if line.startswith("| level_")]
    assert [row.split()[1] for row in rows] == ["level_0", "level_1", "level_2"] and rows[0].endswith("| +0.50 |")
    json.dumps(comparison, allow_nan=False)


def test_a_run_against_itself_shows_nothing(report):
    comparison = compare(report, report)
    assert comparison["difference_same_levels"]["mean"] == 0 and comparison["difference_same_levels"]["p"] > 0.5
    assert "no difference" in verdict(comparison)


def test_levels_are_paired_by_name_whatever_their_order():
    a, b = make([0.0, 0.5, 1.0]), make([0.0, 0.5, 1.0])
    b["levels"] = dict(reversed(b["levels"].items()))
    difference = compare(a, b)["difference"]
    # Only level_1 can differ between resamples, by one draw of twenty against another.
    assert max(abs(difference["lo"]), difference["hi"]) < 0.25


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        (("suite",), "kinetix/s", "suite is kinetix/m in a and kinetix/s in b"),
        (("levels", "level_1", "hash"), "changed", "level level_1 is level_1-hash in a and changed in b"),
        (("levels", "level_9"), {"hash": "x"}, "level level_9 is missing in a"),
        (("protocol", "steps"), 128, "protocol.steps is 256 in a and 128 in b"),
        (("protocol", "frame_skip"), 1, "protocol.frame_skip is 2 in a and 1 in b"),
    ],
)
def test_reports_of_different_tasks_are_not_compared(report, where, value, message):
    other = copy.deepcopy(report)
    place = other
    for key in where[:-1]:
        place = place[key]
    place[where[-1]] = value
    with pytest.raises(ValueError, match=message):
        compare(report, other)
