"""`gambol video` on a planar level, and up to where a legged world would be compiled; loading is a stand-in."""

import os
import subprocess
import sys
from types import SimpleNamespace

import av
import pytest
from gambol.cli import main as cli
from gambol.cli import video as command
from gambol.cli.acting import endless
from gambol.envs.planar.env import PlanarConfig, make_planar
from gambol.envs.track.config import TrackConfig
from gambol.policies.judge import gl
from gambol.policies.judge.baselines import random_policy
from gambol.policies.learn import run as runs
from gambol.policies.learn.config import TrainConfig


@pytest.fixture
def trained(monkeypatch):
    """Let every run have one and the same policy of a planar level; the list says what was asked for."""
    config = TrainConfig(name="toy", env=PlanarConfig(size="s", levels=("kinetix/s/h0_weak_thrust",)))
    env = make_planar(config.env)
    asked = []

    def load(folder, checkpoint, build, temperature):
        asked.append((str(folder), checkpoint, temperature))
        build(config)
        return SimpleNamespace(config=config, env=env, policy=random_policy(env.spec), params=None, step=640)

    monkeypatch.setattr(runs, "load_policy", load)
    monkeypatch.setattr(runs, "build", lambda config: asked.append(config.env.engine))
    return asked


def test_a_run_is_filmed_at_its_mode(trained, tmp_path, capsys):
    film = tmp_path / "films" / "a.mp4"
    argv = [str(tmp_path), "--seconds", "0.5", "--engine", "xla", "--checkpoint", "640", "-o", str(film)]
    assert command.main(argv) == 0
    assert trained == [(str(tmp_path), 640, 0.0), "xla"]
    assert capsys.readouterr().out == f"{film}\n"
    with av.open(film) as file:
        stream = file.streams.video[0]
        frames = sum(1 for _ in file.decode(stream))
        assert (stream.width, stream.height) == (480, 480)
        assert frames / float(stream.average_rate or 1) == pytest.approx(0.5, abs=0.05)


def test_without_a_name_the_film_lies_in_the_run(trained, tmp_path, capsys):
    assert command.main([str(tmp_path), "--seconds", "0.1"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'videos' / 'planar-s.mp4'}\n"
    assert (tmp_path / "videos" / "planar-s.mp4").stat().st_size > 0


def test_what_is_only_looked_at_does_not_run_out_of_time():
    assert endless(TrackConfig()).max_steps > 1e7
    assert endless(PlanarConfig()) == PlanarConfig()


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["noop", "--seconds", "0"], "--seconds is 0.0: it must be a finite number above 0"),
        (["noop", "--engine", "bullet"], "env.engine is 'bullet': use"),
        (["no/run"], "no/run is not a run: no such folder"),
        (["no/run", "--checkpoint", "first"], "--checkpoint is 'first': use best, latest or a step"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(argv, line, capsys):
    assert cli.main(["video", *argv]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"gambol: {line}") and err.count("\n") == 1


def test_missing_gl_is_told_before_anything_is_compiled(monkeypatch, capsys):
    monkeypatch.setattr(gl, "LIBRARIES", {"egl": ("libNotThere.so.1", "libegl1 libgl1")})
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    assert cli.main(["video", "noop", "--engine", "batch"]) == 2
    line = "libNotThere.so.1 is missing, which draws pictures; on Debian: apt-get install libegl1 libgl1"
    assert capsys.readouterr().err == f"gambol: {line}\n"


def test_a_gl_that_is_asked_for_and_missing_is_told_before_mujoco_is_imported():
    code = "import sys; from gambol.cli.main import main; sys.exit(main(['video', 'noop']))"
    environment = os.environ | {"MUJOCO_GL": "vulkan"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    line = "MUJOCO_GL is 'vulkan': use egl or osmesa, which need no screen, or unset it"
    assert (done.returncode, done.stderr) == (2, f"gambol: {line}\n")


def test_an_unknown_camera_is_told_before_anything_is_compiled(capsys):
    assert cli.main(["video", "noop", "--engine", "batch", "--camera", "left"]) == 2
    assert "camera is 'left': use one of side, behind" in capsys.readouterr().err
