"""A world that blew up can be looked at again."""

from dataclasses import replace

import jax
import numpy as np
from gambol.envs.track import blowup
from gambol.envs.track.blowup import Evidence
from gambol.sim.legged.physics import State, nominal


def test_the_step_that_blew_up_is_kept_written_and_done_again(env, step, but, played, still, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # MuJoCo writes its warnings into a file here.
    qvel = np.array(played.episode.physics.qvel)
    qvel[5, 8] = 1e6
    broken = but(played, physics=replace(played.episode.physics, qvel=qvel))
    calm, _ = step(played, still)
    assert int(calm.evidence.count) == int(played.evidence.count) == 0
    after, got = step(broken, still)
    assert got.metrics["blown_up"].sum() == int(after.evidence.count) == 1
    np.testing.assert_array_equal(after.evidence.physics.qvel[0], qvel[5])
    np.testing.assert_array_equal(after.evidence.physics.qpos[0], played.episode.physics.qpos[5])
    later, _ = step(after, still)
    for kept, now in zip(jax.tree.leaves(after.evidence), jax.tree.leaves(later.evidence), strict=True):
        np.testing.assert_array_equal(kept, now)

    path = tmp_path / "blowups" / "one.npz"
    env.save_evidence(later, path)
    moved, _ = blowup.replay(env.physics, path, env.config.decimation)
    assert moved.qpos.shape == (1, env.world.model.nq)
    assert not (np.isfinite(moved.qvel).all() and (np.abs(moved.qvel) < 1e3).all())
    with np.load(path) as file:
        assert {"qpos", "qvel", "control"} < set(file.files)


def test_a_step_that_went_well_is_done_again_to_the_bit(env, played, tmp_path):
    """What is written is all that a step needs."""
    qpos, qvel = (np.asarray(x)[7:8] for x in (played.episode.physics.qpos, played.episode.physics.qvel))
    control = np.random.default_rng(0).uniform(-1, 1, (1, env.world.model.nu)).astype(np.float32)
    values = tuple(0.9 * value for value in nominal(env.physics, 1))
    expected, felt = env.physics.step(State(qpos, qvel), control, values, 4)
    blowup.write(Evidence(State(qpos, qvel), control, values, np.int32(1)), tmp_path / "one.npz")
    moved, outcome = blowup.replay(env.physics, tmp_path / "one.npz", 4)
    np.testing.assert_array_equal(moved.qpos, expected.qpos)
    np.testing.assert_array_equal(outcome.sensors, felt.sensors)
