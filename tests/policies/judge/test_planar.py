"""The judge on the real environment: two small levels, short episodes."""

import dataclasses

import av
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.planar import suites
from gambol.envs.planar.env import PlanarConfig
from gambol.envs.planar.level import level_hash, read_level, write_level
from gambol.policies.judge import show
from gambol.policies.judge.baselines import random_policy
from gambol.policies.judge.rollout import ENDINGS, Evaluation, attempt_keys, evaluate
from gambol.policies.judge.suite import for_suite, hashes, protocol, smallest_size

STEPS = 32
LOW = jnp.array([-1.0] * 4 + [0.0] * 2)
"""Of random actions: thrusters do not pull."""
FALLS, STAYS = "kinetix/s/h1_thrust_over_ball", "kinetix/s/h3_point_the_thruster"
"""Random actions end the first with a fall onto red before `STEPS`; the second takes longer."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("levels")
    for i, ref in enumerate(suites.find((FALLS, STAYS))):
        write_level(read_level(ref.path), place / f"{i}.json")
    return place


@pytest.fixture(scope="module")
def env(folder):
    return for_suite(PlanarConfig(size="s", observation="flat", action="continuous", max_steps=STEPS), str(folder))


@pytest.fixture(scope="module")
def policy(env):
    return random_policy(env.spec)


@pytest.fixture(scope="module")
def evaluation(env, policy):
    return evaluate(env, policy, None, attempts=1, seed=5)


def test_the_env_keeps_the_policys_side_and_takes_the_suites_levels(env, folder):
    assert env.level_names == (str(folder / "0.json"), str(folder / "1.json"))
    assert (env.config.action, env.config.max_steps) == ("continuous", STEPS)
    rules = {"frame_skip": 2, "max_steps": STEPS, "jax2d_quirks": True}
    assert protocol(env.config) == rules
    noisy = dataclasses.replace(env.config, action="continuous", action_noise=0.1)
    assert protocol(noisy) == rules | {"action_noise": 0.1}


def test_hashes_are_those_of_the_files_at_any_capacity(env, folder):
    files = [read_level(ref.path) for ref in suites.find((FALLS, STAYS))]
    assert list(hashes(env).values()) == [level_hash(level) for level in files]
    assert hashes(for_suite(PlanarConfig(size="m"), str(folder))) == hashes(env)


def test_sizes_are_inferred_and_too_large_suites_refused():
    assert [smallest_size(suite) for suite in ("kinetix/s", FALLS, "kinetix/m/arm_up", "kinetix/l")] == [*"ssml"]
    with pytest.raises(ValueError, match=r"kinetix/l/pr has levels of size l and the policy is of size m"):
        for_suite(PlanarConfig(size="m"), "kinetix/l/pr")
    with pytest.raises(ValueError, match="no level or suite 'kinetix/x'"):
        for_suite(PlanarConfig(), "kinetix/x")


def test_the_rollout_agrees_with_stepping_by_hand(env, evaluation):
    keys = attempt_keys(5, levels=2, attempts=1)
    state, _ = env.assign(jax.random.key(9), jnp.arange(2, dtype=jnp.int32))
    step, rewards, dones, distances = jax.jit(env.step), [], [], []
    for now in range(STEPS):
        draws = [jax.random.uniform(jax.random.fold_in(key, now), (1, 6), minval=LOW, maxval=1.0) for key in keys]
        state, result = step(state, jnp.concatenate(draws))
        rewards.append(result.reward)
        dones.append(result.terminated | result.truncated)
        distances.append(result.metrics["distance"])
    length = np.argmax(dones, axis=0) + 1
    assert length[0] < STEPS == length[1]
    for level in range(2):
        returned = np.sum(np.array(rewards)[: length[level], level])
        np.testing.assert_array_equal(evaluation.values["length"][level], length[level])
        np.testing.assert_allclose(evaluation.values["return"][level], returned, atol=1e-3)
        np.testing.assert_allclose(evaluation.values["distance"][level], distances[length[level] - 1][level], atol=1e-3)
    assert [ENDINGS[i] for i in evaluation.ending[:, 0]] == ["terminated", "truncated"]


def test_the_best_and_worst_levels_are_chosen_once_each():
    solved = np.array([[0, 0], [1, 1], [0, 1], [1, 1], [0, 0]], bool)
    five = Evaluation(tuple("abcde"), solved, solved, {}, 1, 0, 0.0)
    assert show.choose(five, each=2) == ([1, 3], [0, 4])
    assert show.choose(five) == ([1, 3, 2], [0, 4])
    one = dataclasses.replace(five, levels=("a",), solved=solved[:1])
    assert show.choose(one) == ([0], [])


def test_takes_repeat_attempts_of_the_evaluation(env, policy, evaluation):
    takes = show.play(env, policy, None, evaluation, [1, 0], np.array([0, 0]))
    assert [take.outcome for take in takes] == ["out of time", "failed"]
    for take, level in zip(takes, [1, 0], strict=True):
        assert take.length == evaluation.values["length"][level, 0]
        np.testing.assert_array_equal(take.states.position[0], env.bank.state.position[..., level])
        assert take.motor.shape == (1, STEPS) and take.thrust.shape == (1, STEPS)
        assert take.thrust.min() >= 0 and take.thrust.max() > 0


def test_films_hold_every_step_and_the_end(env, policy, evaluation, tmp_path):
    paths = show.show(env, policy, None, evaluation, tmp_path, "suite")
    assert [path.name for path in paths] == ["suite-best.mp4", "suite-worst.mp4"]
    with av.open(str(paths[0])) as file:
        (stream,) = file.streams.video
        pictures = [frame.to_ndarray(format="rgb24") for frame in file.decode(stream)]
    assert show.choose(evaluation) == ([0], [1])
    assert len(pictures) == int(evaluation.values["length"][0, 0]) + 24  # 0.8 s at 30 frames per second
    assert (stream.codec_context.name, float(stream.average_rate)) == ("h264", 30.0)
    assert np.abs(pictures[0].astype(int) - pictures[-1]).max() > 50
