"""The page docs/robots.md: its code runs, and its table of joints is the model's."""

import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "robots.md").read_text()


def test_the_code_of_the_page_runs(monkeypatch):
    monkeypatch.chdir(ROOT)
    own, picture = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names = {}
    exec(compile(own, "docs/robots.md", "exec"), names)
    np.testing.assert_array_equal(names["world"].robot.torque, [20, 24, 30] * 4)
    exec(compile(picture, "docs/robots.md", "exec"), names)
    assert names["picture"].nq == names["world"].model.nq == 26


def test_the_table_of_joints_is_the_models(b1z1):
    table = re.search(r"<!-- joints -->\n(.*?)<!-- /joints -->", PAGE, re.DOTALL)
    rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in table[1].splitlines()[2:]]
    robot, seen = b1z1.robot, set()
    for name, *numbers, default, _ in rows:
        joint = re.match("`(.+?)`", name)[1]
        angles = [float(angle) for angle in default.split("/")]
        for i in (i for i, own in enumerate(robot.names) if own == joint or own[3:] == joint):
            left = robot.names[i][1] == "L"
            angle = angles[0] if left else angles[-1]
            real = robot.lower[i], robot.upper[i], robot.torque[i]
            assert tuple(float(number) for number in numbers) == pytest.approx(real, abs=6e-4)
            assert angle == robot.default[i]
            seen.add(i)
    assert seen == set(range(len(robot.names)))
