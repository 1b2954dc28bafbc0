import json
import os
import shutil
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.policies.learn import checkpoint as ck


@pytest.fixture(scope="module")
def state():
    return {
        "key": jax.random.key(7),
        "keys": jax.random.split(jax.random.key(1, impl="rbg"), 3),
        "a/b.c['d']": jnp.arange(6.0).reshape(2, 3),
        "tuple": (jnp.int32(3), None, jnp.ones(2, bool)),
        "bf16": jnp.full(3, 1.5, jnp.bfloat16),
        "empty": jnp.zeros((4, 0)),
        "nan": jnp.array([jnp.nan, jnp.inf, -0.0]),
    }


@pytest.fixture
def folder(tmp_path, state):
    """Three checkpoints, of which the second scores best."""
    for step, score in ((10, 0.5), (20, 0.9), (30, None)):
        ck.save(tmp_path, step, {**state, "step": jnp.int32(step)}, {"score": score, "at": step})
    return tmp_path


@pytest.fixture
def like(state):
    return {**state, "step": jnp.int32(0)}


def same(one, other):
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    data = [[np.asarray(ck._key_data(x)) for x in pair] for pair in pairs]
    return all(a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes() for a, b in data)


def test_every_kind_of_leaf_comes_back_bit_for_bit(folder, like):
    found = ck.restore(folder, jax.eval_shape(lambda: like), 20)
    assert found.step == 20 and found.about == {"score": 0.9, "at": 20}
    assert same(found.state, {**like, "step": jnp.int32(20)})
    drawn = jax.random.normal(found.state["keys"][2], (2,))
    assert (drawn == jax.random.normal(like["keys"][2], (2,))).all()


def test_latest_and_best(folder, like):
    assert ck.restore(folder, like).step == 30
    assert ck.restore(folder, like, "best").step == 20
    assert ck.steps(folder) == [10, 20, 30] and ck.ranked(folder) == [20, 10, 30]
    with pytest.raises(ck.CheckpointError, match="no checkpoint 15: choose one of"):
        ck.restore(folder, like, 15)


def test_prune_keeps_the_newest_and_the_best(folder):
    (folder / ".40.writing").mkdir()
    ck.prune(folder, 1)
    assert sorted(os.listdir(folder)) == ["20", "30"]


def truncate(path):
    os.truncate(path, path.stat().st_size - 1)


def edit(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def biggest(checkpoint):
    return max((path for path in checkpoint.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)


HARM = [
    (truncate, lambda c: biggest(c / "state"), "bytes"),
    (edit, lambda c: biggest(c / "state"), "changed after it was written"),
    (os.remove, lambda c: biggest(c / "state"), "is missing"),
    (edit, lambda c: c / "about.json", "about.json was changed"),
    (os.remove, lambda c: c / "manifest.json", "manifest.json is missing"),
    (truncate, lambda c: c / "manifest.json", "manifest.json is not the JSON"),
    (lambda path: path.write_text("more"), lambda c: c / "state" / "extra", "extra is not in its manifest"),
    (
        lambda path: path.write_text('{"about.json": 5}'),
        lambda c: c / "manifest.json",
        "about.json is not in its manifest",
    ),
]


@pytest.mark.parametrize(("harm", "file", "why"), HARM)
def test_a_damaged_checkpoint_is_refused_by_name_and_the_one_before_it_used(folder, like, capsys, harm, file, why):
    victim = file(folder / "30")
    harm(victim)
    assert ck.restore(folder, like).step == 20
    warning = capsys.readouterr().err
    assert warning.count("\n") == 1
    assert str(folder / "30") in warning and victim.name in warning and why in warning
    with pytest.raises(ck.DamagedCheckpoint, match=why):
        ck.restore(folder, like, 30)


def test_nothing_valid_left(folder, like, tmp_path):
    for step in ck.steps(folder):
        edit(folder / str(step) / "about.json")
    with pytest.raises(ck.CheckpointError, match="has no valid checkpoint"):
        ck.restore(folder, like)
    with pytest.raises(ck.CheckpointError, match="has no checkpoint yet"):
        ck.restore(tmp_path / "nowhere", like)


def test_set_aside_moves_only_what_is_newer(folder):
    ck.set_aside(folder, 20)
    assert ck.steps(folder) == [10, 20] and (folder / "30.damaged").is_dir()


def test_another_shape_is_refused_by_name(folder, like):
    with pytest.raises(ck.CheckpointError, match=r"does not fit.*'step'.*int32\[\].*float32\[2\]"):
        ck.restore(folder, {**like, "step": jnp.zeros(2)})
    with pytest.raises(ck.CheckpointError, match=r"'other'\] is absent"):
        ck.restore(folder, {**like, "other": jnp.zeros(2)})


def test_a_full_disk_is_one_line_and_leaves_nothing(folder, like, monkeypatch):
    def full(path, arrays):
        path.mkdir()
        (path / "half").write_text("half")
        raise ValueError("RESOURCE_EXHAUSTED: Failed to write 9 bytes: No space left on device [os_error_code='28']")

    monkeypatch.setattr(ck, "_write_arrays", full)
    with pytest.raises(OSError, match=r"^disk full while writing checkpoint .*40: free some space") as caught:
        ck.save(folder, 40, like, {})
    assert "\n" not in str(caught.value)
    assert sorted(os.listdir(folder)) == ["10", "20", "30"]
    assert ck.restore(folder, like).step == 30


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 400 kB, where this machine lets us mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if mount is None or subprocess.run([mount, "-t", "tmpfs", "-o", "size=400k", "tmpfs", place]).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_disk_that_is_really_full(small_disk, capfd):
    state = {"x": jnp.asarray(np.random.default_rng(0).integers(0, 2**31, 40_000), jnp.int32)}
    ck.save(small_disk, 1, state, {})
    with pytest.raises(OSError, match="disk full while writing checkpoint"):
        for step in range(2, 5):
            ck.save(small_disk, step, state, {})
    assert not list(small_disk.glob(".*"))
    newest = ck.restore(small_disk, state)
    assert newest.step == ck.steps(small_disk)[-1] and same(newest.state, state)
    assert capfd.readouterr() == ("", "")


def test_orbax_is_not_imported_before_it_is_needed_and_says_nothing(folder, like, capfd):
    code = (
        "import sys, gambol.policies.learn.run; print({'orbax.checkpoint', 'wandb', 'tensorboardX'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"
    ck.restore(folder, like)
    ck.save(folder, 40, like, {})
    assert capfd.readouterr() == ("", "")
    manifest = json.loads((folder / "40" / "manifest.json").read_text())
    assert "about.json" in manifest and any(name.startswith("state/") for name in manifest)
