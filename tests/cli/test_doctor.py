import importlib.util
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import jax
import pytest
from gambol.cli import doctor


def test_json_is_the_last_line_and_training_is_possible(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "enable_compilation_cache", lambda: True)
    assert doctor.main(["--json"]) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report["ok"] is True
    assert f"platform {jax.default_backend()}" in report["checks"]["devices"]["detail"]
    assert report["checks"]["kinetix levels"]["detail"] == "kinetix/s 10, kinetix/m 24, kinetix/l 40"
    assert {"python", "jax", "gambol"} <= set(report["versions"])
    assert [name for name, check in report["checks"].items() if not check["ok"] and not check["fix"]] == []


def test_the_table_names_every_check_and_how_to_mend(capsys, monkeypatch):
    checks = {"disk": doctor.Check(True, "roomy"), "video": doctor.Check(False, "no encoder", "pip install av")}
    monkeypatch.setattr(doctor, "examine", lambda: checks)
    assert doctor.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["disk", "ok", "roomy"]
    assert lines[1].split() == ["video", "-", "no", "encoder"]
    assert lines[2].endswith("to mend: pip install av")


def test_without_a_device_training_is_not_possible(tmp_path):
    code = "import sys; from gambol.cli.doctor import main; sys.exit(main(['--json']))"
    environment = os.environ | {"JAX_PLATFORMS": "cuda", "CUDA_VISIBLE_DEVICES": "", "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["ok"] is False
    assert "unset JAX_PLATFORMS" in report["checks"]["devices"]["fix"]
    assert str(tmp_path) in report["checks"]["compilation cache"]["detail"]


def test_an_unused_card_gets_the_command_that_brings_cuda(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "NVIDIA_DRIVER", tmp_path)
    check = doctor.accelerator([])
    assert not check.ok and not check.required and "jax[cuda13]==" in check.fix


def test_a_missing_package_gets_the_command_that_brings_it():
    check = doctor.package("no_such_module", "", "some-package")
    assert check == doctor.Check(False, "some-package is not installed", f"{doctor.PIP} some-package")


def test_the_engines_are_those_that_run_here(monkeypatch):
    pytest.importorskip("warp")
    assert doctor.planar_engines([]).detail == f"xla, fused (Warp {doctor.versions()['warp-lang']})"
    # Nothing is to be mended on a platform that the engine is not made for.
    elsewhere = doctor.planar_engines([SimpleNamespace(platform="tpu")])
    assert elsewhere.ok and elsewhere.detail.startswith("xla; not fused: ") and "tpu" in elsewhere.detail


def test_without_warp_one_engine_is_left(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "warp" else found(name))
    check = doctor.planar_engines([])
    assert not check.ok and not check.required
    assert (check.detail, check.fix) == ("xla; not fused: warp-lang is not installed", f"{doctor.PIP} warp-lang")


def test_tracking_engines_and_what_keeps_one_from_running(monkeypatch):
    pytest.importorskip("mujoco_warp")
    assert doctor.tracking_engines([]) == doctor.Check(True, "batch, mjx, warp")
    elsewhere = doctor.tracking_engines([SimpleNamespace(platform="tpu")])
    assert elsewhere.ok and elsewhere.detail.startswith("mjx; not batch: ") and "not warp: " in elsewhere.detail
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "mujoco_warp" else found(name))
    check = doctor.tracking_engines([])
    assert not check.ok and not check.required
    assert (check.detail, check.fix) == (
        "batch, mjx; not warp: mujoco-warp is not installed",
        f"{doctor.PIP} mujoco-warp",
    )


def test_a_missing_graphics_library_gets_the_package_that_brings_it(monkeypatch):
    def absent(name):
        raise OSError(name)

    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.setattr("ctypes.CDLL", absent)
    check = doctor.pictures()
    assert not check.ok and not check.required
    assert "libEGL.so.1 is missing" in check.detail and check.fix == "apt-get install libegl1 libgl1"
    monkeypatch.setattr("ctypes.CDLL", lambda name: None)
    assert doctor.pictures() == doctor.Check(True, "MuJoCo draws by egl")


def test_an_unwritable_cache_is_reported(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    check = doctor.compilation_cache()
    assert not check.ok and str(tmp_path) in check.detail


def test_missing_levels_get_the_command_that_brings_them(monkeypatch):
    monkeypatch.setattr(doctor.suites, "published", lambda: ())
    check = doctor.kinetix_levels()
    assert not check.ok and "kinetix-env==3.0.2" in check.fix
