import subprocess
import sys

import jax
import numpy as np
import pytest
from gambol.envs.planar import suites
from gambol.envs.planar.level import LevelError, read_level, stack, write_level
from gambol.sim.planar.scene import CAPACITIES

from benchmarks import rtc_levels

ARM = "kinetix/m/arm_up"


def test_names(tmp_path, monkeypatch):
    assert [ref.name for ref in suites.find(("kinetix/s",))][:3:2] == [
        "kinetix/s/h0_weak_thrust",
        "kinetix/s/h2_one_wheel_car",
    ]
    assert len(suites.find(("kinetix", "kinetix/m"))) == 74
    for name, hint in (("kinetix/m/arm_upp", ARM), ("kinetix/q", "kinetix/"), ("arm_up", ARM), ("zzz", "kinetix/s")):
        with pytest.raises(ValueError, match=f"{name}.*{hint}"):
            suites.find((name,))
    with pytest.raises(ValueError, match=r"no \.json file"):
        suites.find((str(tmp_path),))
    monkeypatch.setattr(suites, "published", tuple)
    with pytest.raises(ValueError, match=r"pip install --no-deps kinetix-env==3\.0\.2"):
        suites.find(("kinetix/m",))


def test_a_bank_holds_every_level_at_one_capacity(tmp_path):
    write_level(read_level(suites.find((ARM,))[0].path), tmp_path / "mine.json")
    names, bank = suites.load(("kinetix/s/h0_weak_thrust", str(tmp_path)), CAPACITIES["l"])
    assert names == ("kinetix/s/h0_weak_thrust", str(tmp_path / "mine.json"))
    assert bank.scene.vertices.shape == (2, 4, 12, 2)
    second = jax.tree.map(lambda leaf: leaf[..., 1], bank)
    jax.tree.map(np.testing.assert_array_equal, second, read_level(tmp_path / "mine.json", CAPACITIES["l"]))
    with pytest.raises(LevelError, match="more than the asked"):
        suites.load(("kinetix/m",), CAPACITIES["s"])
    with pytest.raises(ValueError, match="one capacity"):
        stack([read_level(ref.path) for ref in suites.find(("kinetix/s/h0_weak_thrust", ARM))])


def test_finding_levels_runs_no_code_of_the_wheel():
    code = (
        "import sys; from gambol.envs.planar import suites; suites.find(('kinetix',)); print('kinetix' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_levels_of_our_own_are_as_they_are_drawn(tmp_path):
    refs = suites.find(("gambol",))
    assert [ref.name for ref in refs] == [f"gambol/{name}" for name in sorted(rtc_levels.LEVELS)]
    assert suites.find(("gambol/catapult",)) == refs[1:2]
    with pytest.raises(ValueError, match="did you mean gambol/catcher"):
        suites.find(("gambol/cather",))
    for ref in refs:
        write_level(rtc_levels.LEVELS[ref.path.stem](), tmp_path / ref.path.name)
        drawn, kept = (read_level(folder / ref.path.name) for folder in (tmp_path, ref.path.parent))
        jax.tree.map(np.testing.assert_array_equal, drawn, kept)
        assert sorted(set(kept.role.tolist()) & {1, 2}) == [1, 2]
