"""What is written is read back, is laid out as LeRobot has it, and what is damaged is refused."""

import json
import shutil

import numpy as np
import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest
from gambol.policies.data.read import read
from gambol.policies.data.recording import Recording
from gambol.policies.data.stats import from_norm_stats, norm_stats, statistics
from gambol.policies.data.write import write

LENGTHS = [3, 1, 4]
EPISODE = np.repeat(np.arange(3), LENGTHS)


def picture(step):
    return np.full((8, 10, 3), 25 * step, np.uint8)


RECORDING = Recording(
    fps=30,
    arrays={
        "observation.state": np.arange(24, dtype=np.float32).reshape(8, 3),
        "observation.images.front": np.stack([picture(step) for step in range(8)]),
        "action": np.linspace(-1, 1, 16, dtype=np.float32).reshape(8, 2),
        "next.reward": np.arange(8, dtype=np.float32),
        "next.done": np.array([0, 0, 1, 1, 0, 0, 0, 1], bool),
    },
    episode=EPISODE,
    tasks=("reach", "wave", "reach"),
    names={"action": ("left", "right")},
    robot="toy",
)


@pytest.fixture
def folder(tmp_path):
    write(RECORDING, tmp_path / "set")
    return tmp_path / "set"


def same(one, other, pictures_off=0):
    assert (one.fps, one.tasks, one.names["action"], one.robot) == (
        other.fps,
        other.tasks,
        other.names["action"],
        other.robot,
    )
    np.testing.assert_array_equal(one.episode, other.episode)
    assert one.arrays.keys() == other.arrays.keys()
    for name, values in one.arrays.items():
        if values.ndim == 4 and pictures_off:
            assert np.abs(values.astype(int) - other.arrays[name]).max() <= pictures_off
        else:
            np.testing.assert_array_equal(values, other.arrays[name])
            assert values.dtype == other.arrays[name].dtype


def test_there_and_back(folder):
    same(RECORDING, read(folder))


def test_there_and_back_with_video(tmp_path):
    write(RECORDING, tmp_path / "set", video=True)
    same(RECORDING, read(tmp_path / "set"), pictures_off=4)
    assert (tmp_path / "set" / "videos" / "observation.images.front" / "chunk-000" / "file-000.mp4").is_file()
    assert "observation.images.front" not in parquet.read_schema(tmp_path / "set/data/chunk-000/file-000.parquet").names


def test_the_layout_is_that_of_lerobot(folder):
    info = json.loads((folder / "meta/info.json").read_text())
    assert (info["codebase_version"], info["total_episodes"], info["total_frames"], info["total_tasks"]) == (
        "v3.0",
        3,
        8,
        2,
    )
    assert info["features"]["action"] == {"dtype": "float32", "shape": [2], "names": ["left", "right"]}
    assert info["features"]["observation.images.front"]["dtype"] == "image"
    rows = parquet.read_table(folder / info["data_path"].format(chunk_index=0, file_index=0))
    assert rows["frame_index"].to_pylist() == [0, 1, 2, 0, 0, 1, 2, 3]
    assert rows["task_index"].to_pylist() == [0, 0, 0, 1, 0, 0, 0, 0]
    np.testing.assert_allclose(rows["timestamp"].to_numpy(), np.array([0, 1, 2, 0, 0, 1, 2, 3]) / 30, rtol=1e-6)
    assert str(rows.schema.field("action").type) == "fixed_size_list<element: float>[2]"
    episodes = parquet.read_table(folder / "meta/episodes/chunk-000/file-000.parquet")
    assert episodes["dataset_from_index"].to_pylist() == [0, 3, 4] and episodes["length"].to_pylist() == LENGTHS
    assert episodes["stats/action/max"].to_pylist()[2] == [pytest.approx(1 - 2 / 15), 1.0]
    tasks = parquet.read_table(folder / "meta/tasks.parquet").to_pydict()
    assert tasks == {"task_index": [0, 1], "__index_level_0__": ["reach", "wave"]}
    stats = json.loads((folder / "meta/stats.json").read_text())
    assert stats["observation.state"]["mean"] == pytest.approx([10.5, 11.5, 12.5])
    assert np.shape(stats["observation.images.front"]["mean"]) == (3, 1, 1)
    assert {"min", "max", "mean", "std", "count", "q01", "q10", "q50", "q90", "q99"} == set(stats["action"])


def test_many_files(tmp_path, monkeypatch):
    monkeypatch.setattr("gambol.policies.data.layout.DATA_MB", 1e-4)
    write(RECORDING, tmp_path / "set")
    assert len(list((tmp_path / "set" / "data").glob("*/*"))) == 3
    same(RECORDING, read(tmp_path / "set"))


def older(folder):
    """The same as version 2.1 has it."""
    info = json.loads((folder / "meta/info.json").read_text())
    info |= {"codebase_version": "v2.1", "chunks_size": 2}
    info["data_path"] = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
    table = parquet.read_table(folder / "data/chunk-000/file-000.parquet")
    shutil.rmtree(folder / "data")
    shutil.rmtree(folder / "meta/episodes")
    lines, start = [], 0
    for number, length in enumerate(LENGTHS):
        path = folder / info["data_path"].format(episode_chunk=number // 2, episode_index=number)
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(table.slice(start, length), path)
        lines.append(json.dumps({"episode_index": number, "tasks": [RECORDING.tasks[number]], "length": length}))
        start += length
    (folder / "meta/episodes.jsonl").write_text("\n".join(lines))
    (folder / "meta/info.json").write_text(json.dumps(info))


def test_version_2_1_is_read(folder):
    older(folder)
    same(RECORDING, read(folder))


def test_words_are_left_out(folder):
    info = folder / "meta/info.json"
    text = json.loads(info.read_text())
    text["features"]["said"] = {"dtype": "string", "shape": [1], "names": None}
    info.write_text(json.dumps(text))
    same(RECORDING, read(folder))


def damage(folder, how):
    info = folder / "meta/info.json"
    data = folder / "data/chunk-000/file-000.parquet"
    match how:
        case "no info":
            info.unlink()
        case "cut":
            data.write_bytes(data.read_bytes()[:-20])
        case "gone":
            data.unlink()
        case "fewer":
            parquet.write_table(parquet.read_table(data).slice(0, 7), data)
        case "unfinished":
            shutil.rmtree(folder / "meta/episodes")
        case "outside":
            older(folder)
            text = json.loads(info.read_text())
            info.write_text(json.dumps(text | {"data_path": "../../episode_{episode_index:06d}.parquet"}))
        case "lacks":
            parquet.write_table(parquet.read_table(data).drop_columns("action"), data)
        case "version":
            info.write_text(info.read_text().replace("v3.0", "v9"))
        case "no picture":
            change_column(data, "observation.images.front", 3, {"bytes": b"xx", "path": None})
        case "empty":
            change_column(data, "action", 3, None)
        case "no length":
            episodes = folder / "meta/episodes/chunk-000/file-000.parquet"
            parquet.write_table(parquet.read_table(episodes).drop_columns("length"), episodes)
        case _:
            name, value = how
            text = json.loads(info.read_text())
            (text["features"] if name in text["features"] else text)[name] = value
            info.write_text(json.dumps(text))


def change_column(path, name, step, value):
    table = parquet.read_table(path)
    cells = table[name].to_pylist()
    cells[step] = value
    place, kind = table.column_names.index(name), table.schema.field(name).type
    parquet.write_table(table.set_column(place, name, arrow.array(cells, kind)), path)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("no info", "is no LeRobot dataset: there is no meta/info.json"),
        ("cut", "its writer may not have finished it"),
        ("gone", "cannot be read"),
        ("fewer", "are not those that meta/episodes tells of"),
        ("unfinished", "it was never finished"),
        ("outside", "names a file outside of itself"),
        ("lacks", "lacks action"),
        ("version", "is of version 'v9': this gambol reads v3.0 and v2.1"),
        ("no picture", "file-000.parquet, observation.images.front: a step holds no picture"),
        ("empty", "file-000.parquet, action: 1 of 8 steps are empty"),
        ("no length", "file-000.parquet lacks length"),
        (("fps", "fast"), "info.json: fps is 'fast': it must be a number"),
        (("features", []), r"info.json: features is \[\]: it must be named features"),
        (("action", {"dtype": "float32"}), "feature 'action' is .*: it needs a dtype and a shape"),
        (("action", {"dtype": "floaty", "shape": [2]}), "feature 'action' is .*: it needs a dtype and a shape"),
        (("action", {"dtype": "float32", "shape": [3]}), r"action: 16 numbers are no arrays of \(3,\)"),
    ],
)
def test_what_is_damaged_is_refused(folder, how, message):
    damage(folder, how)
    with pytest.raises(ValueError, match=message):
        read(folder)


def test_nothing_is_overwritten_or_left_half_written(folder, monkeypatch):
    with pytest.raises(ValueError, match="exists: remove it"):
        write(RECORDING, folder)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gambol.policies.data.write._save_json", full)
    with pytest.raises(OSError, match="No space"):
        write(RECORDING, folder.with_name("other"))
    assert [path.name for path in folder.parent.iterdir()] == ["set"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fps": 0}, "fps is 0"),
        ({"episode": EPISODE[::-1]}, "numbered from 0 in order"),
        ({"tasks": ("reach",)}, "numbered from 0 in order"),
        ({"arrays": {"action": np.zeros((7, 2))}}, "action has 7 steps, the episodes 8"),
        ({"arrays": {"x": np.zeros((8, 2, 2, 2))}}, r"x is float64\[2, 2, 2\]"),
        ({"arrays": {"a/b": np.zeros(8)}}, "'a/b' cannot name"),
    ],
)
def test_what_cannot_be_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Recording(**{**vars(RECORDING), **change})


def test_statistics_to_openpi_and_back():
    stats = {name: statistics(RECORDING.arrays[name]) for name in ("observation.state", "action")}
    there = norm_stats(stats)
    assert set(there["norm_stats"]) == {"state", "actions"}
    back = from_norm_stats(json.loads(json.dumps(there)))
    np.testing.assert_array_equal(back["action"]["q99"], stats["action"]["q99"])
