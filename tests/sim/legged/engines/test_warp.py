import copy
import importlib.util
from dataclasses import replace

import mujoco
import numpy as np
import pytest
from gambol.sim.legged.engines import warp
from gambol.sim.legged.physics import ModelField


def test_it_says_why_it_does_not_run(monkeypatch):
    wp = pytest.importorskip("warp")
    assert warp.unavailable("tpu") == "Warp does not support tpu"
    monkeypatch.setattr(wp, "is_cuda_available", lambda: False)
    assert warp.unavailable("gpu") == "Warp finds no NVIDIA driver"
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "mujoco_warp" else found(name))
    assert warp.unavailable("cpu") == "mujoco-warp is not installed"


def test_what_it_cannot_step_is_refused_in_one_line(b1z1):
    pytest.importorskip("mujoco_warp")
    assert warp.unavailable("cpu") == ""
    model = copy.copy(b1z1.model)
    model.opt.solver = mujoco.mjtSolver.mjSOL_PGS
    with pytest.raises(ValueError, match=r"^engine is 'warp': [^\n]*PGS[^\n]*engine 'batch'$"):
        warp.Engine(replace(b1z1, model=model))
    with pytest.raises(ValueError, match=r"^engine is 'warp': [^\n]*geom_condim[^\n]*engine 'batch'$"):
        warp.Engine(b1z1, (ModelField("geom_condim", (np.array([0]),)),))
