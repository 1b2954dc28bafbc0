"""The learner learns what is in the data, and no more of the weights than it was told to."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.contract import EnvSpec, Observation
from gambol.policies.learn.flow.config import FlowLearning
from gambol.policies.learn.flow.data import steps
from gambol.policies.learn.flow.learner import Before, make_learner
from gambol.policies.nets.flow.config import TINY
from gambol.policies.nets.flow.loss import draw_settled
from gambol.policies.nets.flow.mixer import MixerConfig
from gambol.policies.rtc.config import PlayConfig
from gymnasium.spaces import Box, Dict

HORIZON, EPISODES, LENGTH = 4, 20, 25
HEAD = replace(TINY, horizon=HORIZON)
CONFIG = FlowLearning(
    head=HEAD,
    batch=64,
    learning_rate=5e-3,
    warm_up=5,
    average=0.9,
    held_out=0.1,
    held_out_every=5,
    play=PlayConfig(every=2),
)
SPEC = EnvSpec("two", Box(-np.inf, np.inf, (3,), np.float32), Box(-2.0, 2.0, (2,), np.float32), {}, (), 0.1, 50)


def recorded(scale=1.0, actions=2):
    """What is done is what is seen, mixed; the second action moves on with time."""
    noise = np.random.default_rng(0)
    seen = scale * noise.normal(size=(EPISODES * LENGTH, 3)).astype(np.float32)
    episode = np.repeat(np.arange(EPISODES), LENGTH)
    done = np.stack([seen[:, 0] / scale * 0.5, np.tanh(seen[:, 1] / scale)], axis=1)[:, :actions]
    return steps({"state": seen}, done, episode)


def learner(config=CONFIG, updates=60, spec=SPEC, data=recorded, **more):
    return make_learner(spec, config, updates, data, **more)


def trained(made, updates=60):
    state, losses = made.init(jax.random.key(0)), []
    for _ in range(updates):
        state, metrics = made.update(state)
        losses.append(jax.device_get(metrics))
    return state, losses


@pytest.fixture(scope="module")
def learned():
    made = learner(updates=300)
    return made, *trained(made, 300)


def test_it_does_what_was_done_for_what_is_seen(learned):
    made, state, losses = learned
    assert losses[-1]["held_out_loss"] < 0.6 * losses[0]["held_out_loss"]
    policy, params = made.policy(0.0), made.params_of(state)
    seen = jax.random.normal(jax.random.key(5), (64, 3))
    action, _ = policy.act(params, policy.initial_memory(64), Observation(seen), jax.random.key(1))
    wanted = jnp.stack([0.5 * seen[:, 0], jnp.tanh(seen[:, 1])], axis=1)
    off = jnp.sqrt(((action - wanted) ** 2).mean(axis=0)) / wanted.std(axis=0)
    assert (off < 0.4).all(), off


def test_a_reflex_knows_what_is_seen_now(learned):
    """The second action of a chunk cannot be known when it is planned, but when its time has come."""
    before = learned[0].params_of(learned[1])
    config = replace(CONFIG, start="before", reflex=(32,))
    made = learner(config, updates=150, before=lambda: Before(CONFIG, before))
    state, losses = trained(made, 150)
    after = made.params_of(state)
    assert losses[-1]["held_out_loss"] < 0.3 * losses[0]["held_out_loss"]
    for old, new in zip(jax.tree.leaves(before), jax.tree.leaves(after._replace(reflex=None)), strict=True):
        np.testing.assert_array_equal(old, new)

    def off(made, params):
        """Of both actions of a block, where only the first is planned with what is seen."""
        policy, found = made.policy(0.0), []
        memory = policy.initial_memory(64)
        for step in range(2):
            seen = jax.random.normal(jax.random.key(step), (64, 3))
            action, memory = policy.act(params, memory, Observation(seen), jax.random.key(1))
            wanted = jnp.stack([0.5 * seen[:, 0], jnp.tanh(seen[:, 1])], axis=1)
            found.append(float(jnp.sqrt(((action - wanted) ** 2).mean())))
        return found

    first, second = off(made, after)
    assert second < 0.2 < 0.5 < off(learned[0], before)[1]
    assert first < 0.2


def test_only_the_same_network_is_gone_on_from(learned):
    before, other = learned[0].params_of(learned[1]), replace(CONFIG, head=replace(HEAD, depth=3), start="RUN")
    with pytest.raises(ValueError, match=r"flow.start is 'RUN': head.* is \[2, .*\] there and \[3, .*\] here"):
        learner(other, before=lambda: Before(CONFIG, before)).init(jax.random.key(0))
    with pytest.raises(ValueError, match="that policy was not learned by flow matching"):
        learner(replace(CONFIG, start="RUN"), before=lambda: Before(None, {"actor": 1})).init(jax.random.key(0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"relative": (0,)}, r"flow.start is 'RUN': flow.relative is \(\) there and \(0,\) here: use that"),
        ({"scaling": "quantile"}, "flow.scaling is 'deviation' there and 'quantile' here"),
        ({"observation_scaling": "none"}, "flow.observation_scaling is 'deviation' there and 'none' here"),
        ({"settled": 2, "reflex": (8,)}, "it knows 0 settled actions at most, flow.settled is 2"),
    ],
)
def test_a_policy_is_gone_on_from_as_it_was_learned(learned, change, message):
    before = Before(CONFIG, learned[0].params_of(learned[1]))
    with pytest.raises(ValueError, match=message):
        learner(replace(CONFIG, start="RUN", **change), before=lambda: before).init(jax.random.key(0))


def test_what_is_frozen_must_be_there():
    with pytest.raises(ValueError, match=r"flow.frozen names 'tokenz': no weights begin so; there are .*head"):
        learner(replace(CONFIG, frozen=("head", "tokenz")))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reflex": (8,)}, "name in flow.start the policy that it corrects"),
        ({"reflex": (0,), "start": "run"}, "a layer has at least 1 unit"),
        ({"reflex": (8,), "start": "run", "lora": 2}, "flow.reflex is learned alone"),
    ],
)
def test_a_reflex_is_learned_alone_on_top_of_a_policy(change, message):
    with pytest.raises(ValueError, match=message):
        replace(CONFIG, **change)


def test_only_the_first_action_of_a_chunk_can_be_known(learned):
    """What is seen says nothing of later steps, so the flow must give their spread, not their mean."""
    made, state, _ = learned
    policy, params = made.policy(1.0), made.params_of(state)
    seen = jnp.zeros((256, 3))
    _, plans = policy.act(params, policy.initial_memory(256), Observation(seen), jax.random.key(1))
    spread = plans.actions[:, 0].std(axis=0)
    assert spread[0].mean() < 0.9 * spread[1:].mean()
    assert (spread[1:] > 0.5 * recorded().action.std(axis=0)).all()


def test_gradients_of_small_batches_are_as_good_as_one_of_a_large_one():
    made = learner(replace(CONFIG, batch=16, accumulate=4, held_out=0.0), updates=10)
    assert made.steps == 64
    _, losses = trained(made, 10)
    assert losses[-1]["loss"] < losses[0]["loss"]


def test_what_is_frozen_stays_and_what_is_added_learns():
    first = learner()
    base = first.params_of(first.init(jax.random.key(7)))
    made = learner(
        replace(CONFIG, lora=2, start="RUN", frozen=("tokens",), held_out=0.0),
        updates=3,
        before=lambda: Before(CONFIG, base),
    )
    state, _ = trained(made, 3)
    before, after = (jax.tree_util.tree_leaves_with_path(w) for w in (base.weights, state.trained.weights))
    same = {jax.tree_util.keystr(path): bool((a == b).all()) for (path, a), (_, b) in zip(before, after, strict=True)}
    kept = {name for name, equal in same.items() if equal}
    assert any("tokens" in name for name in kept) and any("queries" in name for name in kept)
    assert not any("act'" in name or "time_in" in name for name in kept if "head" in name and "transformer" not in name)
    lora = state.trained.lora
    assert len(lora) == 12 and all((part["up"] != 0).any() for part in lora.values())
    moved = made.params_of(state).weights["head"]["transformer"]["action"]["layers"]["queries"]
    assert not jnp.allclose(
        jax.tree.leaves(moved)[0],
        jax.tree.leaves(base.weights["head"]["transformer"]["action"]["layers"]["queries"])[0],
    )
    np.testing.assert_array_equal(state.scalings.action.span, base.scalings.action.span)


@pytest.mark.parametrize(("decay", "shares"), [(0.5, np.array([8, 4, 2, 1]) / 15), (1.0, np.full(4, 0.25))])
def test_fewer_settled_actions_are_likelier_or_all_alike(decay, shares):
    drawn = np.bincount(draw_settled(jax.random.key(0), 40_000, 3, decay), minlength=4) / 40_000
    np.testing.assert_allclose(drawn, shares, atol=0.01)


@pytest.mark.parametrize(
    "config",
    [
        replace(
            CONFIG,
            mixer=MixerConfig(horizon=HORIZON, depth=1, channels=16, channel_mlp=16, token_mlp=8),
            settled=2,
            relative=(1,),
            scaling="quantile",
            observation_scaling="none",
        ),
        replace(CONFIG, head=replace(HEAD, state=3, time="concat", compute="bfloat16", remat=True)),
    ],
    ids=["settled mixer, relative", "pi0"],
)
def test_every_way_of_learning_learns(config):
    made = learner(replace(config, held_out=0.0), updates=20)
    state, losses = trained(made, 20)
    assert np.mean([row["loss"] for row in losses[-5:]]) < losses[0]["loss"]
    policy = made.policy(1.0)
    action, _ = policy.act(
        made.params_of(state), policy.initial_memory(2), Observation(jnp.ones((2, 3))), jax.random.key(0)
    )
    assert action.shape == (2, 2) and (jnp.abs(action) <= 2).all()


def test_data_of_another_task_are_refused():
    with pytest.raises(ValueError, match="actions have 1 entries, those of the task 2"):
        learner(data=lambda: recorded(actions=1)).init(jax.random.key(0))
    wide = replace(SPEC, observation_space=Box(-1, 1, (4,), np.float32))
    with pytest.raises(ValueError, match=r"observation 'state' is \(3,\), the task shows \(4,\)"):
        learner(spec=wide).init(jax.random.key(0))
    state = learner().init(jax.random.key(0))
    other = learner(
        data=lambda: steps(
            {"state": recorded().observation["state"] + 100.0},
            np.asarray(recorded().action),
            np.repeat(np.arange(EPISODES), LENGTH),
        )
    )
    with pytest.raises(ValueError, match="spans off the statistics: measure them anew"):
        other.source(state)
    discrete = replace(SPEC, action_space=Dict({}))
    with pytest.raises(ValueError, match="needs a vector of real numbers"):
        learner(spec=discrete)


def test_nothing_of_the_data_is_needed_to_use_what_was_learned():
    def absent():
        raise AssertionError

    shapes, there = learner(data=absent).shapes(), learner().init(jax.random.key(0))
    assert jax.tree.map(lambda x: x.shape, shapes) == jax.tree.map(lambda x: x.shape, there)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch": 0}, "flow.batch is 0"),
        ({"learning_rate": 0.0}, "flow.learning_rate is 0.0"),
        ({"final_rate": 1.5}, "flow.final_rate is 1.5: it must be 0 or more and at most 1"),
        ({"scaling": "none"}, "flow.scaling is 'none'"),
        ({"relative": (1, 1)}, "list each entry"),
        ({"settled": HORIZON}, "flow.settled is 4: it must be below the horizon, 4"),
        ({"settled_decay": 0.0}, "flow.settled_decay is 0.0: it must be above 0 and at most 1"),
        ({"play": PlayConfig(every=4, delay=1)}, "must not go beyond the horizon, 4"),
        ({"play": PlayConfig("settled", every=2, delay=1)}, "needs 1 or more"),
        ({"lora": 2}, "name in flow.start"),
    ],
)
def test_settings_that_cannot_work_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(CONFIG, **change)
