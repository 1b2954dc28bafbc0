"""Proximal policy optimisation: collect, advantage, update.

`make_learner(env, ppo, network)` returns functions over one `LearnerState`, which is all that a resume needs.

`Learner.update(state)` is compiled, with the buffers of `state` donated: the state that goes in is gone afterwards, so
keep the one that comes back. The env is an argument of the compiled function, not a constant in it, and may be given:
`update(state, env)` trains on another bank of levels of the same shapes without compiling again. Do not `jit` it once
more, which would undo both; `update_in(env, state)` is the pure function beneath.

One update, in order:

1. Collect `rollout_steps` in every world, of an env that knows how far training has come (`contract.staged`). Only the
   actor is evaluated.
2. Judge the rollout, in minibatches of worlds of the shape that step 4 uses: log-probabilities of the actions,
   values, and values of the true successors before any reset, so that time-outs bootstrap (`successors`). With a GRU
   every sequence is replayed from the memory it began with.
3. Advantages and returns, for each channel of the reward, mixed for each term of the action (`mixing`).
4. Gradient steps: some epochs of minibatches of worlds, shuffled each epoch. The first epoch cuts the worlds as step 2
   did, which makes the probability ratio of the first minibatch exactly 1. The mirror image may be learned from too
   (`symmetry`). A policy that adapts learns in turns (`adaptation`, `turns`).
5. Merge the observations into the normaliser, which was frozen until here. It starts as the identity, so the first
   update sees raw observations (see `normaliser`).
"""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from ....envs.contract import Env, Observation, staged
from ...nets.config import NetworkConfig
from ...nets.stream import EncoderFactory, Flatten, shapes_of
from ..learner import Learner
from . import losses
from .acting import Parts, make_collector, make_parts, make_policy
from .adaptation import Student, pull
from .batch import minibatch_orders, prepare
from .config import PPOConfig
from .improve import add_advantage, improve
from .normaliser import identity, merge_both
from .rate import annealing
from .rollout import Rollout, collect, episode_metrics, start
from .state import Learned, LearnerState, collector_params, params_of
from .turns import history_latents, in_turn

SHIFTS = 3
"""Of a state's key; `update` splits it into those of 0 to 2."""


def make_learner(env: Env, ppo: PPOConfig, network: NetworkConfig, encoder: EncoderFactory = Flatten) -> Learner:
    """PPO on `env`. `encoder` makes the first part of actor and critic, one each, for the space each of them sees.

    Raises ValueError for an action space without a head and an observation space without an encoder.
    """
    parts = make_parts(env.spec, ppo, network, encoder)
    compiled_init = jax.jit(partial(init, parts))
    compiled_update = jax.jit(partial(update, parts), donate_argnums=1)
    return Learner(
        init=lambda key: compiled_init(env, key),
        shapes=lambda: jax.eval_shape(partial(init, parts, env), jax.random.key(0)),
        update=lambda state, source=env: compiled_update(source, state),
        update_in=partial(update, parts),
        policy=partial(make_policy, parts),
        params_of=params_of,
        source=lambda _: env,
        steps=ppo.worlds * ppo.rollout_steps,
        episodes=ppo.worlds,
    )


def init(parts: Parts, env: Env, key: Array) -> LearnerState:
    """Fresh weights, fresh worlds."""
    for_networks, for_worlds, key = jax.random.split(key, 3)
    actor, critic = parts.networks(for_networks)
    params, student = {"actor": nnx.state(actor), "critic": nnx.state(critic)}, None
    if parts.adaptation is not None:
        params["privileged"], history = map(nnx.state, parts.adaptation.encoders(jax.random.fold_in(for_networks, 1)))
        student = Student(history, parts.optimiser.init(history))
    spec, worlds = env.spec, parts.config.worlds
    env = staged(env, jnp.zeros(()))
    return LearnerState(
        params=params,
        optimiser=parts.optimiser.init(params),
        normaliser=Observation(
            policy=identity(shapes_of(spec.observation_space)),
            critic=spec.critic_space and identity(shapes_of(spec.critic_space)),
        ),
        worlds=start(env, make_policy(parts), for_worlds, worlds),
        critic_memory=parts.initial_memory(worlds),
        key=key,
        updates=jnp.zeros((), jnp.int32),
        rate=jnp.float32(parts.config.learning_rate) if parts.config.kl_target else None,
        student=student,
    )


def update(parts: Parts, env: Env, state: LearnerState) -> tuple[LearnerState, dict[str, Array]]:
    """Collect, advantage, update: one turn of PPO. Metrics are [] each."""
    config = parts.config
    key, collecting, shuffling = jax.random.split(state.key, 3)
    env = staged(env, state.updates.astype(jnp.float32) * (config.worlds * config.rollout_steps))

    params, steps = collector_params(parts, state), config.rollout_steps
    worlds, seen = collect(env, make_collector(parts), params, state.worlds, collecting, steps)

    orders = minibatch_orders(config, shuffling)
    learn = optimise if parts.adaptation is None else partial(in_turn, optimise, parts.adaptation)
    learned, metrics = learn(parts, state, seen, orders)

    normaliser = state.normaliser
    if config.normalise_observations:
        symmetric = parts.mirror if parts.config.symmetry == "none" else None  # the networks are: alike on both sides
        normaliser = merge_both(normaliser, seen.observation, symmetric)
    after = LearnerState(**learned._asdict(), normaliser=normaliser, worlds=worlds, key=key, updates=state.updates + 1)
    return after, episode_metrics(seen, env.spec) | metrics


def optimise(parts: Parts, state: LearnerState, seen: Rollout, orders: Array) -> tuple[Learned, dict[str, Array]]:
    """Advantages, then gradient steps of actor and critic."""
    config, pulled = parts.config, 0.0
    batch, critic_memory = add_advantage(parts, state.params, prepare(parts, state, seen), orders[0], state.updates)
    if parts.adaptation is not None:
        latent = history_latents(parts, parts.adaptation, state, seen)
        batch, pulled = replace(batch, latent=latent), pull(parts.adaptation, state.updates)
    left = annealing(config, state.updates)
    rate = config.learning_rate * left if state.rate is None else state.rate
    key = jax.random.fold_in(state.key, SHIFTS)
    params, optimiser, rate, metrics = improve(
        parts, rate, state.params, state.optimiser, batch, orders, left, pulled, key
    )
    metrics["learning_rate"] = rate
    metrics["explained_variance"] = losses.explained_variance(batch.value.sum(axis=-1), batch.returns.sum(axis=-1))
    return Learned(params, optimiser, critic_memory, None if state.rate is None else rate, state.student), metrics
