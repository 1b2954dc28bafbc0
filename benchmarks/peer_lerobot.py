"""The peer's side of `benchmarks/lerobot_agreement.py`: lerobot, run by the Python of `make .venv-lerobot/.made`.

    .venv-lerobot/bin/python benchmarks/peer_lerobot.py read DATASET OUT.npz
    .venv-lerobot/bin/python benchmarks/peer_lerobot.py write DATASET IN.npz

Reading puts every step that `LeRobotDataset` gives into a file of arrays; writing makes a dataset of one.
"""

import importlib.metadata
import json
import sys
from pathlib import Path

import numpy as np
from lerobot.datasets.lerobot_dataset import LeRobotDataset

PICTURE = "observation.images.front"


def read(folder: Path, out: Path) -> None:
    """Pictures come as float [3, H, W] and go out as uint8 [H, W, 3]; tasks as text."""
    dataset = LeRobotDataset("gambol/check", root=folder)
    steps = [dataset[i] for i in range(len(dataset))]
    arrays = {name: np.stack([np.asarray(step[name]) for step in steps]) for name in steps[0] if name != "task"}
    for name in dataset.meta.camera_keys:
        arrays[name] = np.round(255 * arrays[name].transpose(0, 2, 3, 1)).astype(np.uint8)
    about = {"fps": dataset.fps, "robot": dataset.meta.robot_type, "task": [step["task"] for step in steps]}
    about |= {"episodes": dataset.num_episodes, "lerobot": importlib.metadata.version("lerobot")}
    np.savez(out, about=json.dumps(about), **arrays)


def write(folder: Path, source: Path) -> None:
    """Episodes, steps and tasks of the file; pictures as video."""
    with np.load(source) as file:
        arrays = dict(file)
    episode, tasks = arrays.pop("episode"), json.loads(str(arrays.pop("tasks")))
    features = {name: {"dtype": str(x.dtype), "shape": x.shape[1:], "names": None} for name, x in arrays.items()}
    features[PICTURE] |= {"dtype": "video", "names": ["height", "width", "channels"]}
    dataset = LeRobotDataset.create("gambol/check", 30, features, root=folder, robot_type="toy", use_videos=True)
    for i, number in enumerate(episode):
        dataset.add_frame({name: x[i] for name, x in arrays.items()} | {"task": tasks[number]})
        if i + 1 == len(episode) or episode[i + 1] != number:
            dataset.save_episode()
    dataset.finalize()


if __name__ == "__main__":
    {"read": read, "write": write}[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
