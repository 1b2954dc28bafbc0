import json
import os
import random

import numpy as np
import pytest
from gambol.sim2real import bundle


@pytest.fixture
def small(tmp_path):
    """A folder of two files and a manifest; its contract is none."""
    bundle.write(tmp_path / "b", {"contract.json": b"{}\n", "a.bin": bytes(range(200))})
    return tmp_path / "b"


def test_what_is_written_is_read(walker_folder, walker):
    assert walker.contract.policy_name == "track-b1z1"
    assert {path.name for path in walker_folder.iterdir()} == {*walker.files, "manifest.json"}
    assert walker.digest == bundle.sha256((walker_folder / "manifest.json").read_bytes())


def test_every_single_edited_byte_is_found(copy):
    draw = random.Random(0)
    for path in sorted(copy.iterdir()):
        whole = path.read_bytes()
        for _ in range(25):
            place, other = draw.randrange(len(whole)), draw.randrange(1, 256)
            path.write_bytes(whole[:place] + bytes([whole[place] ^ other]) + whole[place + 1 :])
            with pytest.raises(ValueError):
                bundle.read(copy)
        path.write_bytes(whole)
    bundle.read(copy)


def test_a_byte_more_or_less_is_found(copy):
    for path in sorted(copy.iterdir()):
        whole = path.read_bytes()
        for content in (whole + b" ", whole[:-1], b""):
            path.write_bytes(content)
            with pytest.raises(ValueError):
                bundle.read(copy)
        path.write_bytes(whole)


def test_missing_and_unlisted_files(small):
    (small / "more.txt").write_text("x")
    with pytest.raises(ValueError, match=r"more.txt is not in manifest.json"):
        bundle.read(small)
    (small / "more.txt").unlink()
    (small / "a.bin").unlink()
    with pytest.raises(ValueError, match=r"a.bin is missing"):
        bundle.read(small)
    (small / "manifest.json").unlink()
    with pytest.raises(ValueError, match=r"it has no manifest.json"):
        bundle.read(small)
    with pytest.raises(ValueError, match="there is no such folder"):
        bundle.read(small / "nowhere")


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "sub/file", ".hidden", "", "manifest.json", "a\\b"])
def test_paths_do_not_leave_the_folder(small, name):
    with pytest.raises(ValueError, match="cannot be the name of a file"):
        bundle.manifest({name: b""})
    data = json.loads((small / "manifest.json").read_text())
    data["files"][name] = data["files"]["a.bin"]
    (small / "manifest.json").write_text(json.dumps(data, indent=1) + "\n")
    with pytest.raises(ValueError, match="files lie in the bundle itself, under plain names"):
        bundle.read(small)


def test_links_are_refused(small, tmp_path):
    (tmp_path / "elsewhere").write_bytes((small / "a.bin").read_bytes())
    (small / "a.bin").unlink()
    os.symlink(tmp_path / "elsewhere", small / "a.bin")
    with pytest.raises(ValueError, match=r"a.bin is not a plain file"):
        bundle.read(small)


def test_sizes_are_limited_before_anything_is_read(small, monkeypatch):
    monkeypatch.setattr(bundle, "MOST_BYTES", 100)
    with pytest.raises(ValueError, match=r"(a.bin is too large|manifest.json)"):
        bundle.read(small)


def test_writing_is_all_or_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(bundle.Path, "rename", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        bundle.write(tmp_path / "b", {"a": b"1"})
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    bundle.write(tmp_path / "b", {"a": b"1"})
    with pytest.raises(ValueError, match="exists: remove it"):
        bundle.write(tmp_path / "b", {"a": b"1"})


def test_arrays_without_pickle():
    arrays = {"x": np.arange(6.0).reshape(2, 3), "n": np.arange(3, dtype=np.int32), "b": np.array([True])}
    back = bundle.unpack(bundle.pack(arrays), "t.npz")
    assert back.keys() == arrays.keys() and all((back[k] == arrays[k]).all() for k in arrays)
    with pytest.raises(ValueError, match=r"t.npz: x holds something that is not a finite number"):
        bundle.unpack(bundle.pack({"x": np.array([1.0, np.nan])}), "t.npz")
    with pytest.raises(ValueError, match="not a file of plain arrays"):
        bundle.unpack(b"PK\x03\x04 nothing", "t.npz")


def test_pickles_and_bombs_are_refused():
    import io

    content = io.BytesIO()
    np.savez(content, x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="not a file of plain arrays"):
        bundle.unpack(content.getvalue(), "t.npz")
    content = io.BytesIO()
    np.savez_compressed(content, x=np.zeros(1_000_000))
    with pytest.raises(ValueError, match="an array is compressed"):
        bundle.unpack(content.getvalue(), "t.npz")
