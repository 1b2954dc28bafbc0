"""Policies of chunks as bundles: three graphs, recorded questions, the server's answers."""

import json
import re
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.make import make_env
from gambol.envs.planar.env import PlanarConfig
from gambol.envs.track.config import TrackConfig
from gambol.policies.learn import shipped
from gambol.policies.learn.config import TrainConfig
from gambol.policies.learn.flow.acting import make_policy
from gambol.policies.learn.flow.config import FlowLearning
from gambol.policies.learn.flow.parts import ChunkParams, Scalings, make_parts
from gambol.policies.learn.flow.scaling import Scaling
from gambol.policies.learn.run import LoadedPolicy, new_run
from gambol.policies.nets.flow.config import ExpertConfig, FlowConfig
from gambol.policies.nets.stream import shapes_of
from gambol.policies.rtc.config import PlayConfig
from gambol.sim2real import bundle as bundles
from gambol.sim2real import log as logs
from gambol.sim2real.brain import Mode
from gambol.sim2real.bundle import read
from gambol.sim2real.chunks import asked
from gambol.sim2real.contract import parse
from gambol.sim2real.controller import run
from gambol.sim2real.export import export
from gambol.sim2real.faults.fault import AT, Fault
from gambol.sim2real.faults.stage import Stage
from gambol.sim2real.graphs import Meaning, plain_meaning
from gambol.sim2real.robots.imperfect import Imperfections
from gambol.sim2real.robots.lockstep import Lockstep
from gambol.sim2real.robots.simulated import Exchange, SimulatedRobot
from gambol.sim2real.safety import Reason
from gambol.sim2real.server.served import Served
from gambol.sim2real.sessions import open_session
from gambol.sim2real.thinking import Later, brain_of, graph
from gambol.sim2real.verify import ticks_of, verify

from .test_brain import ask

HEAD = FlowConfig(
    horizon=6, depth=2, heads=2, head_dim=4, prefix=ExpertConfig(8, 8), action=ExpertConfig(8, 8), steps=2
)
ENV = PlanarConfig(size="s", levels=("kinetix/s/h6_unicycle_right",), action="continuous")


def loaded(play: PlayConfig, env_config=ENV, span=0.5, relative=(1,), **flow) -> LoadedPolicy:
    """A policy with drawn weights."""
    config = TrainConfig("toy", 0, env_config, flow=FlowLearning(head=HEAD, play=play, relative=relative, **flow))
    env = make_env(env_config)
    parts = make_parts(env.spec, config.flow)

    def drawn(network):
        fresh = network.fresh(jax.random.key(0))
        return jax.tree.map(lambda w: w + 0.1 * jax.random.normal(jax.random.key(w.size), w.shape), fresh)

    seen = {name: Scaling(jnp.full(size, 0.1), jnp.full(size, 2.0)) for name, size in parts.vectors.items()}
    scalings = Scalings(seen, Scaling(jnp.full(parts.action, 0.2 * span), jnp.full(parts.action, span)))
    params = ChunkParams(drawn(parts.network), scalings, drawn(parts.reflex) if parts.reflex else None)
    return LoadedPolicy(config, env, make_policy(parts, play, 0.0), params, 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The bundle of one that plays guided."""
    return exported(loaded(PlayConfig("guided", every=2, delay=1)), tmp_path_factory.mktemp("chunks"))


@pytest.fixture(scope="module")
def robot_folder(tmp_path_factory):
    """The bundle of one that all but stands, on a robot, with a reflex."""
    more = {"relative": (), "settled": 2, "start": "before", "reflex": (8,)}
    policy = loaded(PlayConfig("settled", every=2, delay=1), TrackConfig(), span=0.05, **more)
    return exported(policy, tmp_path_factory.mktemp("robot"))


@pytest.fixture(scope="module")
def stands(robot_folder):
    """The same, read."""
    return read(robot_folder)


def exported(policy: LoadedPolicy, place):
    """The folder of its bundle."""
    new_run(policy.config, place / "run")
    shipped.write(place / "run" / shipped.FILE, policy.params, 1)
    export(place / "run", place / "bundle")
    return place / "bundle"


def test_it_proves_itself(folder):
    found = verify(folder)
    assert all(check.ok for check in found.values()), found
    assert {"selftest", "halves", "graph"} <= set(found)
    ticks = ticks_of(read(folder))
    assert set(ticks["in.prev_left"]) == {0, 3, 4, 5} and set(ticks["in.inference_delay"]) == {0, 1, 2, 3}


def test_a_part_that_is_of_another_policy_is_found(folder, tmp_path):
    whole = read(folder)
    told = json.loads(whole.files["contract.json"])
    told["chunk"]["scale"][2] *= 1.01
    bundles.write(tmp_path / "other", {**whole.files, "contract.json": (json.dumps(told, indent=1) + "\n").encode()})
    found = verify(tmp_path / "other")
    assert not found["halves"].ok and "off the recorded actions" in found["halves"].detail


def change(**fields):
    """One of the chunk section of a contract."""
    return lambda told: told["chunk"].update(fields)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (change(horizon=8), "chunk.horizon is 8: actions is [6, 12]"),
        (change(every=7), "chunk.every is 7: it must be 1 to 6"),
        (change(settled=0), "chunk.settled is 0: for 'settled' it must be 1 to 5"),
        (change(settled=6), "chunk.settled is 6"),
        (change(method="guided"), "chunk.settled is 2: for 'guided' it must be 0 to 0"),
        (change(steps=0), "chunk.steps is 0"),
        (change(scale=[1.0]), "chunk: scale has 1 entries: give 12"),
        (change(left="x"), "chunk.left is 'x': the graph has no such input"),
        (change(left="inference_delay"), "chunk.left is 'inference_delay': it must be an input of its own"),
        (change(before="obs"), "chunk.before is 'obs': it must be an input of its own, float32 (6, 12)"),
        (change(relative=[12]), "chunk.relative is [12]: an action has entries 0 to 11"),
        (change(relative=[0], state="x"), "chunk.state is 'x'"),
        (lambda told: told["chunk"]["reflex"].update(planned="x"), "chunk.reflex.planned is 'x'"),
        (lambda told: told["chunk"]["reflex"]["graph"]["inputs"][0].update(name="x"), "has an input 'x'"),
        (lambda told: told["action"].update(output="x"), "action.output is 'x': the graph has no such output"),
        (lambda told: told["selftest"].update(atol=1e9), "selftest.atol is 1e+09: it must be 0 to 0.001"),
        (lambda told: told["selftest"].update(raw=False), "selftest.raw is false"),
    ],
)
def test_a_contract_whose_fields_do_not_go_together_is_refused(stands, changed, words):
    told = json.loads(stands.files["contract.json"])
    changed(told)
    with pytest.raises(ValueError, match=re.escape(words)):
        parse(json.dumps(told).encode())


def test_another_meaning_of_actions_moves_all_that_holds_actions():
    policy = loaded(PlayConfig("guided", every=2, delay=1))
    like, parts = shapes_of(policy.env.spec.observation_space), make_parts(policy.env.spec, policy.config.flow)
    size, place = parts.action, slice(3, 3 + parts.action)
    shift = np.linspace(-0.4, 0.3, size).astype(np.float32)
    seen = jax.random.normal(jax.random.key(1), (4, *like.shape))
    before = jax.random.uniform(jax.random.key(2), (4, 6, size), minval=-0.3, maxval=0.3)
    told = jnp.array([0, 3, 5, 5]), jnp.array([0, 1, 0, 3])
    plain, limits = plain_meaning(size), policy.env.spec.action_space
    (wanted,) = jax.jit(asked(parts, policy.params, like, plain))(seen, before, *told)
    other = asked(parts, policy.params, like, Meaning(shift, limits.low, limits.high, {"obs": place}))
    (found,) = jax.jit(other)(seen.at[:, place].add(shift), before + shift, *told)
    np.testing.assert_allclose(found - shift, wanted, atol=1e-5)
    (unmoved,) = jax.jit(other)(seen, before + shift, *told)
    assert np.abs(unmoved - shift - wanted).max() > 1e-3


def test_it_plays_what_the_policy_plays(folder):
    """Ten ticks of the policy in JAX, and the same by asking the graph as a controller would."""
    policy = loaded(PlayConfig("guided", every=2, delay=1))
    whole = read(folder)
    session = open_session(whole.files["policy.onnx"])
    state, observation = jax.jit(policy.env.reset, static_argnums=1)(jax.random.key(3), 1)
    env_step = jax.jit(policy.env.step)
    plans, act = policy.policy.initial_memory(1), jax.jit(policy.policy.act)
    now, coming = None, None
    for tick in range(10):
        action, plans = act(policy.params, plans, observation, jax.random.key(0))
        if tick % 2 == 0:
            left = np.zeros((0, 6), np.float32) if now is None else now[2:]
            padded = np.concatenate([left, np.zeros((6 - len(left), 6), np.float32)])
            told = {"prev_chunk": padded[None], "prev_left": np.array([len(left)], np.int32)}
            told["inference_delay"] = np.array([1], np.int32)
            (coming,) = session.run(None, {"obs": np.asarray(observation.policy), **told})
            late = left[0] if len(left) else coming[0][0]
            now = np.concatenate([late[None], coming[0][1:]])
        np.testing.assert_allclose(np.asarray(action)[0], now[tick % 2], atol=1e-4)
        state, step = env_step(state, action)
        observation = step.observation


def test_the_server_goes_on_from_what_a_client_is_executing(folder):
    served = Served(read(folder), threads=1)
    ticks = ticks_of(read(folder))
    seen = {"obs": ticks["in.obs"][5]}
    fresh = served.answer([served.request(seen, served.start())])[0].actions
    assert fresh.shape == (6, 6) and served.metadata["chunk"]["method"] == "guided"
    row = int(np.flatnonzero(ticks["in.prev_left"] == 4)[0])
    message = {
        "obs": ticks["in.obs"][row],
        "prev_chunk": ticks["in.prev_chunk"][row][:4],
        "inference_delay": int(ticks["in.inference_delay"][row]),
    }
    answers = served.answer([served.request(m, served.start()) for m in (message, seen)])
    np.testing.assert_allclose(answers[0].actions, ticks["out.actions"][row], atol=1e-4)
    np.testing.assert_allclose(answers[1].actions, fresh, atol=1e-5)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"prev_chunk": np.zeros((3, 5)), "inference_delay": 0}, r"prev_chunk is float64 \[3, 5\]: it must be numbers"),
        ({"prev_chunk": np.zeros((7, 6)), "inference_delay": 0}, "at most 6"),
        ({"prev_chunk": np.full((2, 6), np.nan), "inference_delay": 0}, "prev_chunk is not finite"),
        ({"prev_chunk": np.zeros((2, 6)), "inference_delay": 3}, "inference_delay is 3: .* from 0 to 2"),
        ({"inference_delay": 1}, "prev_chunk is missing: send both"),
        ({"prev_chunk": np.zeros((2, 6))}, "inference_delay is missing"),
        ({"prev_chunk": np.full((2, 6), 1e39), "inference_delay": 1}, "prev_chunk is not finite"),
        ({"prev_chunk": np.zeros((2, 6)), "inference_delay": 1, "reset": True}, "reset forgets"),
        ({"prev_chunk": np.zeros((2, 6)), "inference_delay": 0.5}, "whole number"),
    ],
    ids=str,
)
def test_what_cannot_be_gone_on_from_is_refused(folder, message, words):
    served = Served(read(folder), threads=1)
    with pytest.raises(ValueError, match=words):
        served.request({"obs": np.zeros(served.inputs["obs"].shape, np.float32), **message}, served.start())


def test_a_way_of_playing_that_keeps_several_chunks_is_not_exported(tmp_path):
    policy = loaded(PlayConfig("ensemble"))
    new_run(policy.config, tmp_path / "run")
    shipped.write(tmp_path / "run" / shipped.FILE, policy.params, 1)
    with pytest.raises(ValueError, match=r"flow\.play\.method is 'ensemble': policies that play naive"):
        export(tmp_path / "run", tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_on_a_robot_it_proves_itself_from_raw_readings(robot_folder, stands):
    found = verify(robot_folder)
    assert all(check.ok for check in found.values()), found
    assert {"readings", "halves", "reflex", "robot"} <= set(found) and "deploy.yaml" not in stands.files
    assert set(ticks_of(stands)["in.inference_delay"]) == {0, 1, 2, 3}


@pytest.mark.parametrize("slow", [1, 3])
def test_a_robot_goes_on_while_the_next_chunk_is_made(stands, slow, tmp_path):
    contract, xml = stands.contract, stands.files["robot.xml"]
    real, asked = graph(stands.files["policy.onnx"], contract.graph), []

    def infer(inputs):
        asked.append({name: array[0] for name, array in inputs.items()})
        return real(inputs)

    mind, reactions = Later(infer, lambda: slow), []
    brain = brain_of(stands, mind)
    assert brain.react is not None

    def react(inputs):
        reactions.append(int(inputs["age"][0]))
        return calm(inputs)

    calm, brain = brain.react, replace(brain, react=react)
    link = Lockstep(contract, Exchange(SimulatedRobot(contract, xml, Imperfections(latency_ms=2.0), 0)))
    writer = logs.Writer((tmp_path / "a.log").open("xb", buffering=0), contract, stands.digest)
    walk = ask(Mode.POLICY, 0.3)
    summary = run(brain, mind, link, lambda seconds, mode: None if seconds > 3.0 else walk, writer, link)
    writer.close()
    assert not summary.stops and summary.modes["policy"] > 40
    length = max(2, slow)  # of a block
    assert len(asked) == len(summary.inference) and abs(len(asked) - summary.modes["policy"] / length) <= 2
    assert [int(x["prev_left"]) for x in asked[:3]] == [0, 6 - length, 6 - length]
    expected = min(slow, 2, 6 - length)  # settled: no more than it learned to bridge
    assert [int(x["inference_delay"]) for x in asked[:5]] == [0, *[expected] * 4]
    assert summary.late_chunks == (len(asked) - 1 if slow > expected else 0)  # the first joins nothing
    assert len(reactions) == summary.modes["policy"] - slow and set(reactions) == set(range(slow, slow + length))
    assert logs.replay(replace(brain, infer=real), logs.read(tmp_path / "a.log", contract)) == []


def test_a_reflex_that_is_of_another_policy_is_found(robot_folder, stands, tmp_path):
    ticks = ticks_of(stands)
    ticks["out.corrected"] = ticks["out.corrected"] + 1e-2
    bundles.write(tmp_path / "other", {**stands.files, "selftest.npz": bundles.pack(ticks)})
    found = verify(tmp_path / "other")
    assert not found["reflex"].ok and "off the recorded actions" in found["reflex"].detail


def test_a_contract_with_a_reflex_is_not_obeyed_without(stands):
    with pytest.raises(ValueError, match="a contract with a reflex needs its graph"):
        replace(brain_of(stands, lambda inputs: inputs), react=None)


def test_a_robot_whose_answers_take_longer_than_a_chunk_lasts_is_stopped(stands):
    contract, xml = stands.contract, stands.files["robot.xml"]
    mind = Later(graph(stands.files["policy.onnx"], contract.graph), lambda: 10)
    brain = brain_of(stands, mind)
    link = Lockstep(contract, Exchange(SimulatedRobot(contract, xml, Imperfections(), 0)))
    walk = ask(Mode.POLICY, 0.3)
    (stop,) = run(brain, mind, link, lambda seconds, mode: None if seconds > 3.0 else walk, None, link).stops
    assert stop.reason == Reason.DEADLINE and 2.0 < stop.time < 2.3


def test_slow_chunks_are_waited_for_by_nobody(stands):
    """The same fault keeps the loop of a policy of single actions; here answers take two ticks more."""
    fault = Fault("every inference 30 ms late", "either", slow=0.03)
    stage, told = Stage(stands, fault, 0), []
    real = graph(stands.files["policy.onnx"], stands.contract.graph)

    def infer(inputs):
        told.append((stage.now(), int(inputs["inference_delay"][0])))
        return real(inputs)

    mind = Later(stage.infer(infer), stage.ticks)
    summary = run(brain_of(stands, mind), mind, stage, stage.operator, None, stage)
    assert summary.missed == 0 and summary.late_chunks > 0
    assert {delay for when, delay in told if when < AT} == {0, 1}
    assert {delay for when, delay in told if when > AT + 0.2} == {2}  # no more than it learned to bridge


def test_a_reflex_that_says_not_a_number_is_damped(stands):
    """Its answer alone is wrong: chunks are as they were."""
    fault = Fault("reflex says not a number", "damps", policy=lambda action: action * np.nan)
    stage = Stage(stands, fault, 0)
    mind = Later(graph(stands.files["policy.onnx"], stands.contract.graph), stage.ticks)
    brain = brain_of(stands, mind)
    assert brain.react is not None
    brain = replace(brain, react=stage.wrong(brain.react, "corrected"))
    (stop,) = run(brain, mind, stage, stage.operator, None, stage).stops
    assert stop.reason == Reason.NOT_FINITE and AT <= stop.time < AT + 0.1 and not stage.complaints
