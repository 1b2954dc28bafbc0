import importlib.util
import json
import subprocess

import jax
from gambol.policies.judge.provenance import commit, device, provenance, record, versions


def git(folder, *words):
    """Run git in `folder` as a nameless author."""
    command = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def test_commit_says_whether_anything_but_results_differs(tmp_path):
    assert commit(tmp_path) == "unknown"
    git(tmp_path, "init")
    (tmp_path / "code.py").write_text("a = 1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    head = git(tmp_path, "rev-parse", "HEAD")
    assert commit(tmp_path) == head
    results = tmp_path / "benchmarks" / "results"
    results.mkdir(parents=True)
    (results / "speed.jsonl").write_text("{}\n")
    assert commit(tmp_path) == head
    (tmp_path / "code.py").write_text("a = 2\n")
    assert commit(tmp_path) == head + "+dirty"


def test_a_folder_inside_a_foreign_checkout_has_no_commit(tmp_path):
    git(tmp_path, "init")
    (tmp_path / "site-packages").mkdir()
    assert commit(tmp_path / "site-packages") == "unknown"


def test_rows_are_appended_with_their_provenance(tmp_path):
    first = record("speed", folder=tmp_path, ours=2.0)
    record("speed", folder=tmp_path, ours=3.0, device="another")
    rows = [json.loads(line) for line in (tmp_path / "speed.jsonl").read_text().splitlines()]
    assert rows[0] == first
    assert [row["ours"] for row in rows] == [2.0, 3.0]
    assert rows[1]["device"] == "another"
    assert set(provenance()) | {"what", "ours"} == set(first)


def test_this_process_is_described():
    assert versions()["jax"] == jax.__version__
    assert "warp-lang" in versions() or importlib.util.find_spec("warp") is None
    if jax.default_backend() != "cpu":
        assert jax.devices()[0].device_kind in device()
    else:
        assert device() not in ("", "cpu")
