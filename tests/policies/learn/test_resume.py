"""`gambol train` as a real process on the real task: killed at random moments, resumed, the same to the last bit."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
from gambol.envs.contract import Observation
from gambol.policies.learn import checkpoint, log, run

UPDATES, STEPS = 30, 16
TINY = [
    *("demo", "--name", "tiny", "--env.max-steps", "8", "--network.actor", "16", "--network.critic", "16"),
    *("--ppo.worlds", "4", "--ppo.rollout-steps", "4", "--ppo.minibatches", "2", "--ppo.epochs", "2"),
    *("--run.total-steps", str(UPDATES * STEPS), "--run.checkpoint-every", "3", "--run.log-every", "1"),
]


@pytest.fixture(scope="module")
def gambol(tmp_path_factory):
    """Starts `gambol train ...` in a folder of its own; what is compiled is compiled once."""
    folder = tmp_path_factory.mktemp("work")
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), "JAX_PLATFORMS": "cpu"}

    def start(*arguments):
        command = [sys.executable, "-c", "from gambol.cli.main import main; raise SystemExit(main())", "train"]
        return subprocess.Popen(
            [*command, *arguments],
            cwd=folder,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    start.folder = folder
    return start


@pytest.fixture(scope="module")
def whole(gambol):
    """A run never interrupted: its folder and its last line of output."""
    process = gambol(*TINY, "--json")
    out, err = process.communicate()
    assert process.returncode == 0, err
    result = json.loads(out.splitlines()[-1])
    return gambol.folder / result["run"], result


def kill(process, out, row, pause):
    """SIGKILL `pause` seconds after the run under `out` has written more than `row` rows; returns the run."""
    rows = []
    while process.poll() is None and len(rows) <= row:
        time.sleep(0.002)
        rows = [line for file in out.glob("tiny/*/metrics.jsonl") for line in file.read_bytes().splitlines()]
    time.sleep(pause)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "the run ended before it could be killed"
    return next(out.glob("tiny/*"))


def test_killed_and_resumed_equals_never_interrupted(gambol, whole, tmp_path):
    folder, result = whole
    draw = random.Random(20261121)
    killed = kill(gambol(*TINY, "--run.out", tmp_path), tmp_path, draw.randrange(UPDATES // 2), draw.uniform(0, 0.05))
    kill(gambol("--resume", killed), tmp_path, draw.randrange(UPDATES // 2, UPDATES - 5), draw.uniform(0, 0.05))
    process = gambol("--resume", killed, "--json")
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert json.loads(out.splitlines()[-1])["steps"] == result["steps"] == UPDATES * STEPS

    one, other = (checkpoint._read_arrays(d / "checkpoints" / str(UPDATES * STEPS) / "state") for d in (folder, killed))
    assert one.keys() == other.keys() and any("actor" in name for name in one)
    assert all(one[name].tobytes() == other[name].tobytes() for name in one)
    told = [[row["step"] for row in log.read_rows(d / "metrics.jsonl")] for d in (folder, killed)]
    assert told[0] == told[1] == [STEPS * n for n in range(1, UPDATES + 1)]


def test_load_policy_acts(whole):
    folder, _ = whole
    loaded = run.load_policy(folder, "latest")
    assert loaded.step == UPDATES * STEPS and loaded.config.name == "tiny"
    spec, keys = loaded.env.spec, jax.random.split(jax.random.key(0))
    seen = Observation(jax.random.normal(keys[0], (3, *spec.observation_space.shape)))
    action, _ = loaded.policy.act(loaded.params, loaded.policy.initial_memory(3), seen, keys[1])
    assert np.asarray(action).shape == (3, *spec.action_space.shape) and np.isfinite(action).all()
