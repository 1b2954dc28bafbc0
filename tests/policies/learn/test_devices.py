"""On two devices, which a process of its own believes to have."""

import json
import os
import subprocess
import sys

import jax.numpy as jnp
import pytest
from gambol.policies.learn import devices
from gambol.policies.learn.config import RunConfig, TrainConfig

PROGRAM = """
import json, sys
import jax
import numpy as np
from gambol.envs.planar.env import PlanarConfig, make_planar
from gambol.policies.learn import devices
from gambol.policies.learn.config import RunConfig, TrainConfig
from gambol.policies.learn.flow.config import FlowLearning
from gambol.policies.learn.flow.data import steps
from gambol.policies.learn.flow.learner import make_learner
from gambol.policies.learn.run import begin, build, load_policy, loop, new_run
from gambol.policies.nets.flow.config import ExpertConfig, FlowConfig
from pathlib import Path

HEAD = FlowConfig(horizon=4, depth=1, heads=1, head_dim=4, prefix=ExpertConfig(8, 8), action=ExpertConfig(8, 8))
env = make_planar(PlanarConfig(size="s", levels=("kinetix/s/h6_unicycle_right",), action="continuous"))
size, draw = env.spec.observation_space.shape[0], np.random.default_rng(0)
data = steps({"state": draw.normal(size=(64, size))}, draw.normal(size=(64, 6)), np.repeat(np.arange(4), 16))
found = {}
for count, batch in ((1, 8), (2, 8), (2, 7)):
    flow = FlowLearning(head=HEAD, batch=batch, warm_up=1, held_out=0.25)
    run = RunConfig(total_steps=3 * batch, devices=count, tensorboard=False)
    config = TrainConfig("two", 0, env.config, flow=flow, run=run)
    learner = make_learner(env.spec, flow, 3, lambda: data)
    folder = new_run(config, Path(sys.argv[1]) / f"{count}-{batch}")
    try:
        result = loop(config, folder, env, learner, begin(config, folder, learner))
        again = begin(config, folder, learner).state
        norm = float(sum(abs(np.asarray(x)).sum() for x in jax.tree.leaves(learner.params_of(again))))
        found[f"{count}-{batch}"] = [result.metrics["loss"], result.metrics["held_out_loss"], norm]
    except ValueError as error:
        found[f"{count}-{batch}"] = str(error)
with devices.use(0):
    share = jax.jit(lambda x: devices.cut(x, "it"))(np.arange(8.0))
    found["on"] = [len(x.sharding.device_set) for x in (share, devices.everywhere(share))]
    found["shares"] = [shard.data.shape[0] for shard in share.addressable_shards]
print(json.dumps(found))
"""


def test_chunks_that_are_cut_over_two_devices_teach_the_same(tmp_path):
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    words = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["2-8"] == pytest.approx(found["1-8"], rel=1e-4)
    assert found["2-7"] == "flow.batch is 7: it must be a multiple of the devices, 2"
    assert found["on"] == [2, 2] and found["shares"] == [4, 4]


def test_one_device_needs_no_cutting():
    array = jnp.arange(3)
    with devices.use(1):
        assert devices.cut(array, "it") is array and devices.everywhere(array) is array


def test_more_devices_than_there_are_is_refused():
    with pytest.raises(ValueError, match=r"run\.devices is 99: JAX finds"):
        devices.use(99)
    with pytest.raises(ValueError, match=r"run\.devices is -1"):
        RunConfig(devices=-1)
    with pytest.raises(ValueError, match=r"run\.devices is 2: without flow, learning takes one device, as yet"):
        TrainConfig(run=RunConfig(devices=2))
