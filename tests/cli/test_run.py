"""`gambol run` and `gambol replay` on a bundle, the robot in a process of its own."""

import json

import pytest
from gambol.cli import main as cli

SCRIPT = """
moments:
  - {at: 0.0, mode: stand}
  - {at: 2.2}
  - {at: 4.0, forward: 0.3}
"""


def test_a_bundle_drives_a_robot_and_its_log_can_be_replayed(walker_folder, tmp_path, capsys):
    (tmp_path / "s.yaml").write_text(SCRIPT)
    log = tmp_path / "ticks.log"
    code = cli.main(["run", str(walker_folder), "--script", str(tmp_path / "s.yaml"), "--log", str(log), "--json"])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["ticks"] > 150 and told["modes"]["stand"] >= 50 and told["lost"] == 0
    assert code == 0 and told["ok"] and not told["stops"]
    assert cli.main(["replay", str(log), "--bundle", str(walker_folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"ok": True, "ticks": told["ticks"], "different": 0}
    content = bytearray(log.read_bytes())
    content[-4000] ^= 1
    log.write_bytes(content)
    assert cli.main(["replay", str(log), "--bundle", str(walker_folder)]) == 1
    assert "comes out differently" in capsys.readouterr().out
    assert cli.main(["run", str(walker_folder), "--log", str(log)]) == 2
    assert "ticks.log: File exists" in capsys.readouterr().err


def test_a_bundle_that_cannot_be_proved_is_not_run(walker_folder, tmp_path, capsys):
    broken = tmp_path / "broken"
    broken.mkdir()
    for path in walker_folder.iterdir():
        (broken / path.name).write_bytes(path.read_bytes())
    with (broken / "policy.onnx").open("ab") as file:
        file.write(b"x")
    assert cli.main(["run", str(broken)]) == 1
    assert "is refused: files: policy.onnx" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--robot", "spot"], "--robot is 'spot': use mujoco, mujoco-dds, udp://HOST:PORT"),
        (["--robot", "udp://no.such.host.invalid"], "--robot is 'udp://no.such.host.invalid': "),
        (["--script", "no.yaml"], "no.yaml: No such file"),
        (["--imperfections.loss", "2"], "loss is 2.0: it must be below 1"),
        (["--operator", "gamepad"], "plug one in"),
    ],
)
def test_wrong_use_is_told_in_one_line(walker_folder, capsys, words, message):
    assert cli.main(["run", str(walker_folder), *words]) == 2
    assert message in capsys.readouterr().err


def test_a_robot_that_is_not_there_is_no_success(walker_folder, tmp_path, capsys):
    (tmp_path / "s.yaml").write_text("moments: [{at: 0.0, mode: stand}, {at: 0.2}]")
    words = ["--robot", "udp://127.0.0.1:9", "--script", str(tmp_path / "s.yaml"), "--json"]
    assert cli.main(["run", str(walker_folder), *words]) == 1
    *_, said, told = capsys.readouterr().out.splitlines()
    assert said == "nothing was heard of --robot udp://127.0.0.1:9: is it on, and is that its address?"
    assert not json.loads(told)["ok"] and json.loads(told)["heard"] == 0
