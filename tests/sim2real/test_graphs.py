import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import onnx
import onnxruntime
import pytest
from flax import nnx
from gambol.envs.contract import EnvSpec, Observation
from gambol.policies.learn.ppo.acting import PolicyParams, make_parts, make_policy
from gambol.policies.learn.ppo.config import PPOConfig
from gambol.policies.learn.ppo.normaliser import identity, merge
from gambol.policies.nets.config import AdaptationConfig, NetworkConfig
from gambol.policies.nets.stream import shapes_of
from gambol.sim2real import graphs

BOX = gymnasium.spaces.Box


def flat(size=7):
    return BOX(-np.inf, np.inf, (size,), np.float32)


def make_spec(seen, actions, critic=None):
    return EnvSpec("toy", seen, actions, {}, (), 0.02, 100, critic_space=critic)


HISTORY = gymnasium.spaces.Dict({"now": flat(5), "history": BOX(-np.inf, np.inf, (10, 5), np.float32)})
PRIVILEGED = gymnasium.spaces.Dict({"now": flat(5), "privileged": flat(4)})
CASES = {
    "flat": (make_spec(flat(), BOX(-1, 1, (3,))), NetworkConfig(actor=(16, 8), critic=(8,))),
    "recurrent": (make_spec(flat(), BOX(-1, 1, (3,))), NetworkConfig(actor=(16,), critic=(8,), recurrent=6)),
    "discrete": (make_spec(flat(), gymnasium.spaces.Discrete(5)), NetworkConfig(actor=(16,), critic=(8,))),
    "several": (make_spec(flat(), gymnasium.spaces.MultiDiscrete([3, 2])), NetworkConfig(actor=(16,), critic=(8,))),
    "adapting": (
        make_spec(HISTORY, BOX(-1, 1, (3,)), PRIVILEGED),
        NetworkConfig(actor=(16,), critic=(8,), adaptation=AdaptationConfig()),
    ),
}


def made(spec, network):
    """A policy with fresh weights and a normaliser that does something."""
    parts = make_parts(spec, PPOConfig(), network)
    like = shapes_of(spec.observation_space)
    draw = np.random.default_rng(0)
    seen = jax.tree.map(lambda leaf: jnp.asarray(2 + 3 * draw.normal(size=(4, 8, *leaf.shape)), leaf.dtype), like)
    statistics = merge(identity(like), seen)
    actor, _ = parts.networks(jax.random.key(1))
    history = nnx.state(parts.adaptation.encoders(jax.random.key(2))[1]) if parts.adaptation else None
    weights = jax.tree.map(lambda weight: 4 * weight, nnx.state(actor))  # fresh ones hardly do anything
    return make_policy(parts, 0.0), PolicyParams(weights, statistics, history), like


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("batch", [1, 5])
def test_the_graph_does_what_the_policy_does(case, batch):
    policy, params, like = made(*CASES[case])
    content, graph = graphs.export(policy, params, like, graphs.plain_meaning(3), "p.onnx", ("obs", "actions"))
    session = onnxruntime.InferenceSession(content)
    draw = np.random.default_rng(3)
    memory = policy.initial_memory(batch)
    kept = {tensor.name: np.zeros((batch, *tensor.shape), tensor.dtype) for tensor in graph.inputs}
    for _ in range(3):
        seen = jax.tree.map(lambda leaf: draw.normal(2, 3, size=(batch, *leaf.shape)).astype(leaf.dtype), like)
        wanted, memory = policy.act(params, memory, Observation(seen), jax.random.key(0))
        names = graphs.names_of(like, "obs")
        fed = kept | dict(zip(names, jax.tree.leaves(seen), strict=True))
        got = dict(zip((tensor.name for tensor in graph.outputs), session.run(None, fed), strict=True))
        np.testing.assert_allclose(got["actions"], wanted, atol=1e-5)
        kept |= {pair.input: got[pair.output] for pair in graph.memory}
    assert bool(graph.memory) == (case == "recurrent")
    for tensor in graph.inputs:
        assert kept[tensor.name].shape[1:] == tensor.shape


def test_the_meaning_of_actions_is_inside():
    policy, params, like = made(*CASES["flat"])
    shift = np.array([0.5, -1.0, 2.0])
    meaning = graphs.Meaning(shift, np.full(3, -0.02), np.full(3, 0.02), {"obs": slice(2, 5)})
    content, _ = graphs.export(policy, params, like, meaning, "p.onnx", ("obs", "actions"))
    session = onnxruntime.InferenceSession(content)
    seen = np.random.default_rng(4).normal(size=(6, 7)).astype(np.float32)
    wanted, _ = policy.act(params, None, Observation(jnp.asarray(seen)), jax.random.key(0))
    shown = seen.copy()
    shown[:, 2:5] += shift
    got = session.run(None, {"obs": shown})[0]
    np.testing.assert_allclose(got, np.clip(wanted, -0.02, 0.02) + shift, atol=1e-5)
    assert np.abs(np.asarray(wanted)).max() > 0.02  # the limits did something


def test_what_onnx_cannot_compute_is_said():
    def act(params, memory, observation, key):
        return jnp.linalg.eigh(observation.policy[:, :4].reshape(-1, 2, 2))[0], memory

    policy = made(*CASES["flat"])[0]._replace(act=act)
    with pytest.raises(ValueError, match="the policy computes what ONNX cannot"):
        graphs.export(policy, None, shapes_of(flat()), graphs.plain_meaning(2), "p.onnx", ("obs", "actions"))


def test_of_constants_that_are_the_same_one_is_left():
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    constants = {
        "a": values,
        "b": values.copy(),
        "c": values + 1,
        "d": values.reshape(3, 2),
        "e": values.view(np.int32),
    }
    tensors = [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()]
    node = onnx.helper.make_node("Concat", ["x", "a", "b", "c"], ["y"], axis=0)
    graph = onnx.helper.make_graph([node], "g", [], [], tensors)
    graphs.once(graph)
    assert [tensor.name for tensor in graph.initializer] == ["a", "c", "d", "e"]
    assert list(graph.node[0].input) == ["x", "a", "a", "c"]
