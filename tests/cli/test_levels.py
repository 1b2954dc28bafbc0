import json

import cv2
import pytest
from gambol.cli import levels
from gambol.cli.main import main
from gambol.envs.planar import suites

CAR = "kinetix/m/h1_car_left"


def run(capsys, *argv):
    code = levels.main(list(argv))
    return code, capsys.readouterr().out


def last_json(text):
    return json.loads(text.strip().splitlines()[-1])


@pytest.fixture
def folder(tmp_path):
    """One sound file and one that is cut off."""
    text = suites.find((CAR,))[0].path.read_text()
    (tmp_path / "good.json").write_text(text)
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "bad.json").write_text(text[:1000])
    return tmp_path


def test_list(capsys):
    code, text = run(capsys, "list", "kinetix/m", "--json")
    rows = last_json(text)["levels"]
    assert code == 0 and len(rows) == 24
    car = next(row for row in rows if row["name"] == CAR)
    assert car == {
        "name": CAR, "size": "m", "polygons": 2, "circles": 3, "moving": 5, "joints": 2, "motors": 2, "thrusters": 0,
        "green": 1, "blue": 1, "red": 1,
    }  # fmt: skip
    code, text = run(capsys, "list", CAR)
    assert code == 0 and CAR in text and "thrusters" in text


def test_list_without_a_name_is_every_suite(capsys):
    assert len(last_json(run(capsys, "list", "--json")[1])["levels"]) == 74


def test_show(capsys):
    code, text = run(capsys, "show", CAR, "--json")
    shown = last_json(text)
    assert code == 0
    assert [body["what"] for body in shown["bodies"][3:]] == ["ceiling", "quad", "quad", "disc", "disc", "disc"]
    assert [joint["between"] for joint in shown["joints"]] == [[4, 7], [4, 6]]
    assert shown["bodies"][4]["role"] == "green" and shown["bodies"][0]["mass"] is None
    code, text = run(capsys, "show", CAR)
    assert code == 0 and "revolute" in text and shown["hash"] in text and "thrusters" not in text


def test_draw(capsys, tmp_path):
    code, text = run(capsys, "draw", CAR, "-o", str(tmp_path / "car.png"))
    image = cv2.imread(str(tmp_path / "car.png"))
    assert code == 0 and "car.png" in text
    assert image.ndim == 3 and image.std() > 10
    with pytest.raises(ValueError, match=r"car\.jpg: name a file that ends in \.png"):
        run(capsys, "draw", CAR, "-o", str(tmp_path / "car.jpg"))
    assert [path.name for path in tmp_path.iterdir()] == ["car.png"]


def test_check(capsys, folder):
    code, text = run(capsys, "check", str(folder))
    assert code == 1
    assert f"ok   {folder / 'good.json'}" in text
    assert f"bad  {folder / 'inner' / 'bad.json'}: line 1 column" in text
    code, text = run(capsys, "check", str(folder), "--json")
    report = last_json(text)
    assert code == 1 and not report["ok"] and [file["ok"] for file in report["files"]] == [True, False]
    assert run(capsys, "check", str(folder / "good.json"), "kinetix/s")[0] == 0


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["show", "kinetix/m/h1_car_lef"], f"did you mean {CAR}?"),
        (["show", "kinetix/m"], "kinetix/m holds 24 levels: name one"),
        (["list", "nowhere"], "there is no level, suite, folder or .json file 'nowhere'"),
        (["show", "none.json"], "none.json: No such file or directory"),
        (["draw", CAR, "-o", "/nowhere/car.png"], "/nowhere/car.png: No such file or directory"),
        (["draw", CAR], "--output"),
        (["lst"], "Unrecognized options: lst; use one of list, show, draw, check"),
        (["list", "--jso"], "Unrecognized options: --jso; did you mean --json?"),
        ([], "Expected one of {list, show, draw, check}"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(argv, message, capsys):
    assert main(["levels", *argv]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
