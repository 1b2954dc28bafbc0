"""On a tiny env: a student whose hidden layers were spoilt finds its way back to what the teacher does."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from gambol.policies.learn.distil import Actor, DistilConfig, distil
from gambol.policies.learn.ppo.acting import PolicyParams, make_parts
from gambol.policies.learn.ppo.config import PPOConfig
from gambol.policies.learn.ppo.normaliser import identity
from gambol.policies.nets.config import NetworkConfig
from gambol.policies.nets.stream import shapes_of

from .ppo.tiny_env import Reach

QUICK = DistilConfig(updates=40, worlds=64, steps=4, epochs=2, minibatches=4, learning_rate=1e-2)


def make_teacher(env, **network):
    parts = make_parts(env.spec, PPOConfig(), NetworkConfig(actor=(16, 16), critic=(4,), **network))
    actor = parts.networks(jax.random.key(0))[0]
    actor.head.kernel[...] = 100 * actor.head.kernel[...]  # else what is done hardly depends on what is seen
    statistics = identity(shapes_of(env.spec.observation_space))
    return Actor(parts, PolicyParams(nnx.state(actor), statistics))


def spoilt(teacher):
    actor = nnx.merge(teacher.parts.actor, teacher.params.actor, copy=True)
    for layer in actor.trunk.layers:
        layer.kernel[...] = layer.kernel[...] + 0.3 * jax.random.normal(jax.random.key(1), layer.kernel.shape)
    return teacher._replace(params=teacher.params._replace(actor=nnx.state(actor)))


@pytest.mark.parametrize(("action", "recurrent"), [("continuous", 4), ("multi_discrete", 0)])
def test_a_spoilt_student_learns_to_do_as_the_teacher_does(action, recurrent):
    env = Reach(jnp.zeros(()), action=action)
    teacher = make_teacher(env, recurrent=recurrent)
    student = spoilt(teacher)
    params, losses = distil(env, teacher, student, QUICK, seed=0)
    assert losses.shape == (40,) and losses[0] > 0.01 and losses[-5:].mean() < 0.05 * losses[0]
    before, after = (nnx.to_pure_dict(p.actor) for p in (student.params, params))
    assert (after["trunk"]["layers"][0]["kernel"] != before["trunk"]["layers"][0]["kernel"]).any()
    if recurrent:
        jax.tree.map(np.testing.assert_array_equal, after["core"], before["core"])
    again, _ = distil(env, teacher, student, QUICK, seed=0)
    jax.tree.map(np.testing.assert_array_equal, again, params)


def test_no_updates_leave_it_as_it_is():
    env = Reach(jnp.zeros(()))
    teacher = make_teacher(env)
    params, losses = distil(env, teacher, teacher, replace(QUICK, updates=0), seed=0)
    assert params is teacher.params and losses.shape == (0,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"updates": -1}, "distil.updates is -1"),
        ({"worlds": 0}, "distil.worlds is 0"),
        ({"minibatches": 7}, "distil.minibatches is 7: it must divide"),
        ({"learning_rate": float("nan")}, "distil.learning_rate is nan"),
    ],
)
def test_settings_that_cannot_work_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        DistilConfig(**change)
