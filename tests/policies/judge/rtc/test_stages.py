"""The whole benchmark, as small as can be: what is there is not done again."""

from dataclasses import replace

import pytest
from gambol.policies.data.read import read
from gambol.policies.judge.rtc import stages
from gambol.policies.judge.rtc.config import TINY
from gambol.policies.judge.rtc.summary import summary
from gambol.policies.learn.ppo.config import PPOConfig
from gambol.policies.nets.config import NetworkConfig
from gambol.policies.nets.flow.mixer import MixerConfig

MIXER = MixerConfig(horizon=4, depth=1, channels=8, channel_mlp=8, token_mlp=4, steps=2)
BENCH = replace(
    TINY,
    ppo=PPOConfig(worlds=4, rollout_steps=8, epochs=1, minibatches=1),
    network=NetworkConfig((8,), (8,)),
    expert_steps=32,
    frames=2,
    flow=replace(TINY.flow, mixer=MIXER, batch=8),
    chunks=32,
    episodes=3,
    settled=1,
    methods=("naive", "settled"),
    delays=(0, 1),
    rollouts=4,
    max_steps=12,
)


def run(bench, folder, say):
    stages.play_levels(bench, bench.levels, folder, stages.begin(bench, folder), say)
    return stages.cells(folder)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder, said = tmp_path_factory.mktemp("rtc"), []
    return folder, run(BENCH, folder, said.append), said


def test_every_cell_is_there(done):
    folder, cells, said = done
    assert [(cell["method"], cell["delay"], cell["every"]) for cell in cells] == [
        *(("naive", 0, 1), ("naive", 1, 1)),
        *(("settled", 0, 1), ("settled", 1, 1)),
    ]
    assert all(len(cell["solved"]) == 4 and 0 <= cell["expert"] <= 1 for cell in cells)
    data = read(folder / "data" / "h6_unicycle_right")
    assert len(data.tasks) == 3 and list(data.observation()) == ["state"]  # what experts alone see is not learned from
    assert summary(cells)["delays"] == [0, 1]
    assert [line for line in said if line.startswith("training")] == [
        "training expert 0 of kinetix/s/h6_unicycle_right",
        "training policy 0 of kinetix/s/h6_unicycle_right",
        "training policy 0 of kinetix/s/h6_unicycle_right, naive",
        "training policy 0 of kinetix/s/h6_unicycle_right, settled",
    ]


def test_only_what_is_missing_is_done_again(done, monkeypatch):
    folder, cells, _ = done
    path = folder / stages.CELLS
    whole = path.read_text()
    path.write_text(whole[:-20])  # killed while it wrote
    said = []
    monkeypatch.setattr(stages, "collect", None)
    again = run(BENCH, folder, said.append)
    assert [line for line in said if "delay" in line] == [said[-1]] and "settled delay 1" in said[-1]
    assert again == cells and path.read_text() == whole


def test_another_benchmark_is_not_mixed_in(done):
    with pytest.raises(ValueError, match="other settings: choose another folder"):
        stages.begin(replace(BENCH, rollouts=5), done[0])
