"""The fused engine against the JAX engine, and inside what JAX puts around it; see also `test_physics_properties`."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.sim.planar import fused
from gambol.sim.planar.scene import CAPACITIES, Physics

from benchmarks.planar_agreement import advance, compare, describe, scenes
from benchmarks.planar_scenes import random_controls

ROOT = Path(__file__).parents[3]
CAPACITY = CAPACITIES["l"]
pytestmark = pytest.mark.skipif(bool(fused.unavailable(jax.default_backend())), reason="the fused engine is missing")


def test_it_runs_on_cpu_and_cuda_and_says_why_not_elsewhere():
    wp = pytest.importorskip("warp")
    assert fused.unavailable("cpu") == ""
    assert (fused.unavailable("gpu") == "") == wp.is_cuda_available()
    assert fused.unavailable("tpu") == "Warp does not support tpu"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"motor": np.zeros((7, 3), np.float32)}, r"motor is float32\[7, 3\]: it must be float32\[6, 3\]"),
        ({"thrust": np.zeros((2, 3))}, r"thrust is float64\[2, 3\]: it must be float32\[2, 3\]"),
        ({"levels": np.zeros(4, np.int32)}, r"motor is float32\[6, 3\]: it must be float32\[6, 4\]"),
    ],
)
def test_arrays_of_another_size_are_refused(crowd, change, message):
    state = jax.tree.map(lambda x: x[..., :3], crowd.state)
    given = {"levels": np.arange(3, dtype=np.int32), "motor": np.zeros((6, 3), np.float32)}
    given |= {"thrust": np.zeros((2, 3), np.float32)} | change
    table = fused.pack(crowd.scene, crowd.role)
    with pytest.raises(ValueError, match=message):
        fused.advance(CAPACITY, table, state=state, physics=Physics(), steps=1, **given)


def test_a_level_beyond_the_table_is_the_last_one(act, crowd):
    last = crowd.role.shape[-1] - 1
    state = jax.tree.map(lambda x: x[..., [last]], crowd.state)
    table = fused.pack(crowd.scene, crowd.role)
    still = np.zeros((6, 1), np.float32), np.zeros((2, 1), np.float32)
    inside, beyond = (
        fused.advance(CAPACITY, table, np.array([level], np.int32), state, *still, Physics(), 1)
        for level in (last, last + 1000)
    )
    assert_same(inside, beyond)


@pytest.fixture(scope="module")
def agreements():
    """The script's comparison, shorter: all published levels and random ones, as 112 worlds."""
    made = {}

    def agreement(physics):
        if physics not in made:
            names, bank = scenes("kinetix", "l", physics.jax2d_quirks, randoms=38)
            made[physics] = compare(names, bank, physics, steps=48, every=6)
        return made[physics]

    return agreement


def test_one_step_agrees_with_the_jax_engine(agreements, physics):
    found = agreements(physics)
    assert not found.apart.any(), describe(found, *np.argwhere(found.apart)[0])
    assert found.tie.mean() < 0.01


def test_published_levels_have_no_ties(agreements, physics):
    found = agreements(physics)
    published = [name.startswith("kinetix/") for name in found.names]
    assert sum(published) == 74
    assert not found.tie[:, published].any()


def test_the_compared_states_have_contacts_outcomes_and_distances(agreements, physics):
    answers = [moment.answer for moment in agreements(physics).moments]
    assert np.mean([x.touching.any((0, 1)) for x in answers]) > 0.5
    assert {-1, 0, 1} == set(np.concatenate([x.outcome for x in answers]))
    assert np.mean([x.distance > 0 for x in answers]) > 0.5


@pytest.fixture(scope="module")
def act(crowd):
    """Steps `worlds` of the crowd with the fused engine."""
    motor, thrust = random_controls(np.random.default_rng(0), CAPACITY, crowd.role.shape[-1])

    def go(state, worlds, steps=1):
        levels, commands = worlds.astype(np.int32), (motor[:, worlds], thrust[:, worlds])
        return jax.tree.map(np.asarray, advance("fused", crowd, levels, state, *commands, Physics(), steps))

    return go


def every(crowd):
    return np.arange(crowd.role.shape[-1])


def assert_same(one, other):
    jax.tree.map(np.testing.assert_array_equal, one, other)


@pytest.mark.parametrize("count", [1, 3, 64, 1000])
def test_the_size_of_a_batch_does_not_matter(act, crowd, count):
    expected = act(crowd.state, every(crowd))
    worlds = np.arange(count) % crowd.role.shape[-1]
    got = act(jax.tree.map(lambda x: x[..., worlds], crowd.state), worlds)
    assert_same(got, jax.tree.map(lambda x: x[..., worlds], expected))


def test_two_steps_at_once_are_two_steps(act, crowd):
    """The first outcome counts, with the distance after its step; behind it the world goes on all the same."""
    state, came = crowd.state, set()
    for _ in range(20):
        first = act(state, every(crowd))
        second = act(first.state, every(crowd))
        both = act(state, every(crowd), steps=2)
        over = first.outcome != 0
        assert_same((both.state, both.touching), (second.state, second.touching))
        assert_same(both.outcome, np.where(over, first.outcome, second.outcome))
        assert_same(both.distance, np.where(over, first.distance, second.distance))
        assert (first.distance != second.distance).any()
        came |= set(zip(first.outcome, second.outcome, strict=True))
        state = second.state
    assert {(0, 0), (0, 1), (1, 0), (0, -1), (-1, 0)} <= came


def test_it_works_inside_jit_and_scan(act, crowd):
    motor, thrust = random_controls(np.random.default_rng(0), CAPACITY, crowd.role.shape[-1])
    bank = jax.tree.map(jnp.asarray, crowd)

    @jax.jit
    def ten(state):
        table, levels = fused.pack(bank.scene, bank.role), jnp.arange(crowd.role.shape[-1])

        def one(state, _):
            return fused.advance(CAPACITY, table, levels, state, motor, thrust, Physics(), 1)[0], None

        return jax.lax.scan(one, state, length=10)[0]

    state = crowd.state
    for _ in range(10):
        state = act(state, every(crowd)).state
    assert_same(jax.tree.map(np.asarray, ten(bank.state)), state)


SHARDED = """
import jax, numpy as np
from jax.sharding import Mesh, PartitionSpec
from gambol.sim.planar.scene import CAPACITIES, Physics
from benchmarks.planar_agreement import advance
from benchmarks.planar_scenes import random_controls, random_levels

bank = random_levels(8, CAPACITIES["l"])
worlds = np.arange(64, dtype=np.int32) % 8
inputs = (worlds, jax.tree.map(lambda x: x[..., worlds], bank.state))
inputs += random_controls(np.random.default_rng(0), CAPACITIES["l"], 64)
go = lambda *x: advance("fused", bank, *x, Physics())
whole = go(*inputs)
split = lambda tree: jax.tree.map(lambda x: PartitionSpec(*[None] * (x.ndim - 1), "w"), tree)
mesh = Mesh(jax.devices(), ("w",))
parts = jax.jit(jax.shard_map(go, mesh=mesh, in_specs=split(inputs), out_specs=split(whole), check_vma=False))(*inputs)
assert len(parts.outcome.sharding.device_set) == 2
jax.tree.map(np.testing.assert_array_equal, parts, whole)
print("equal")
"""


def test_it_works_inside_shard_map():
    flags = {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    done = subprocess.run(
        [sys.executable, "-c", SHARDED], cwd=ROOT, env=os.environ | flags, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.endswith("equal\n"), done.stderr
