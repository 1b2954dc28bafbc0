import json

import cv2
import numpy as np
import pytest
from gambol.envs.track.config import TrackConfig
from gambol.policies.judge import report as reports
from gambol.policies.judge import track, track_report
from gambol.policies.judge.chart import BAR, MEAN
from gambol.policies.judge.compare import compare
from gambol.policies.judge.statistics import wilson
from gambol.policies.judge.suite import judged
from gambol.policies.judge.track_chart import draw_chart

EPISODES = 20


@pytest.fixture(scope="module")
def tracking():
    """Ten steps in every cell with the goal in the middle; every signal is 0.25 in half of the episodes, else 0.75."""
    shape = (EPISODES, len(track.CELLS))
    steps = np.zeros(shape)
    steps[:, track.cells(("middle",))] = 10
    values = np.where(np.arange(EPISODES) % 2, 0.25, 0.75)[:, None, None] * np.ones(len(track.SIGNALS))
    flags = np.zeros((EPISODES, len(track.FLAGS)), bool)
    flags[0] = True
    return track.Tracking(flags, steps, values * steps[..., None], values**2 * steps[..., None], 500, 7, 1.25)


@pytest.fixture(scope="module")
def report(tracking):
    config = judged(TrackConfig(), "track/rough")
    return track_report.build(
        tracking, config, suite="track/rough", policy="us", engine="batch", run="runs/x", checkpoint=9
    )


def test_the_figures_asked_for_are_there(report):
    assert list(report["metrics"]) == [
        *("survival", "vx_rmse", "yaw_rate_rmse", "ee_pos_hold_cm", "ee_pos_move_cm", "ee_ang_hold_deg"),
        *("ee_ang_move_deg", "torque_nm", "power_w", "foot_slip_mps", "blown_up", "overflow"),
    ]
    assert list(report["groups"]) == list(track.GROUPS)
    assert all(set(found) == {"mean", "lo", "hi", "n"} for found in report["metrics"].values())
    rate = wilson(EPISODES - 1, EPISODES)
    assert report["metrics"]["survival"] == {"mean": rate.mean, "lo": rate.lo, "hi": rate.hi, "n": EPISODES}
    assert report["metrics"]["ee_pos_hold_cm"]["mean"] == pytest.approx(50)
    assert report["metrics"]["vx_rmse"]["mean"] == pytest.approx(np.sqrt((0.25**2 + 0.75**2) / 2))
    assert report["groups"]["standing"]["ee_pos_hold_cm"] == report["metrics"]["ee_pos_hold_cm"]
    assert set(report["groups"]["walking/holding"]) == {*report["units"]} - {"ee_pos_move_cm", "ee_ang_move_deg"}
    assert report["groups"]["low"]["power_w"] == {"mean": None, "lo": None, "hi": None, "n": 0}
    assert report["shares"]["middle"] == 1 and report["shares"]["standing/moving"] == 0.25


def test_it_says_under_which_rules(report):
    assert report["protocol"] == {
        "sampled": False,
        "first_episode_only": True,
        "steps": 500,
        "control_dt": 0.02,
        "engine": "batch",
    }
    assert report["conditions"]["terrain"]["kind"] == "rough" and report["conditions"]["random"]["push"] == 0.5
    assert (report["seed"], report["episodes"], report["seconds"]) == (7, EPISODES, 1.25)
    assert "mujoco" in report["made_with"]["versions"]


def test_it_is_written_whole_and_read_again(report, tmp_path):
    paths = reports.save(report, tmp_path / "eval", "track-rough", track_report.markdown(report), draw_chart(report))
    assert [path.name for path in paths] == ["track-rough.json", "track-rough.md", "track-rough.png"]
    assert reports.read(paths[0]) == json.loads(json.dumps(report))
    assert set(reports.summary(report)) == {"suite", "policy", "metrics", "groups", "seconds"}


def test_the_page_shows_every_figure_and_every_group(report):
    page = track_report.markdown(report)
    rate = wilson(EPISODES - 1, EPISODES)
    assert f"| survival |  | 0.9500 | {rate.lo:.4f} to {rate.hi:.4f} |" in page
    assert "20 episodes of 10 s, engine batch: 95.00 % survived (" in page
    assert "runs/x, checkpoint 9" in page and "sampled False" in page
    assert "| low | 0 % | - | - | - | - | - | - |" in page
    lines = page.splitlines()
    (walking,) = (line for line in lines if line.startswith("| walking/moving"))
    assert walking.split(" | ")[4] == "" and walking.split(" | ")[5].startswith("50 (")
    head = next(line for line in lines if line.startswith("| steps"))
    assert "ee_pos_hold_cm, cm" in head and "torque" not in head


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (0.0123456, "0.0123"), (2.0, "2"), (99.94, "99.9"), (1234.5, "1,234")]
)
def test_figures_have_three_digits(value, text):
    assert track_report.figure(value) == text


def test_the_chart_has_a_bar_for_every_group_that_has_steps(report):
    image = cv2.imdecode(np.frombuffer(draw_chart(report), np.uint8), cv2.IMREAD_COLOR)
    ours, all_steps = ((image == tuple(bytes.fromhex(colour[1:]))[::-1]).all(-1).sum() for colour in (BAR, MEAN))
    # Every group has the same mean. Seven groups have bars in two panels of eight rows, five in four of six rows; a row
    # takes its share of the height and of 0.2 rows more.
    assert ours / all_steps == pytest.approx((14 / 8.2 + 20 / 6.2) / (2 / 8.2 + 4 / 6.2), rel=0.03)
    assert image.shape[1] == 1500


def test_such_reports_are_not_compared_by_levels(report):
    with pytest.raises(ValueError, match="suite track/rough has no levels"):
        compare(report, report)
