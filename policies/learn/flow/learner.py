"""Learning chunks of actions from recorded steps by flow matching: draw chunks, descend, average the weights.

`make_learner(spec, config, updates, recorded)` gives the functions that the run loop drives. An update draws
`accumulate` batches of chunks (with replacement), descends their mean gradient once, and moves the average of the
weights, which is what acts. Some episodes are held out; the loss on chunks of them, drawn once, is looked at now and
then.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from ....envs.contract import EnvSpec
from ...names import named
from ...nets.flow.loss import draw_settled, flow_loss, task
from ..devices import cut
from ..learner import Learner
from .acting import make_policy
from .config import FlowLearning
from .data import Steps, chunks
from .optimiser import Trained, begin, make_optimiser, whole
from .parts import ChunkParams, Parts, Scalings, make_parts
from .reflex import reflex_loss
from .scaling import Scaling, fits, measure

SAMPLED = 20_000
"""Chunks that statistics are measured on, at most."""


class Recorded(NamedTuple):
    """What is learned from."""

    steps: Steps
    train: Array
    """[N] rows where chunks begin."""
    held_out: Array
    """[B] the same, of episodes that are not learned from; empty where there are none."""


class Before(NamedTuple):
    """A policy that is gone on from."""

    config: FlowLearning | None
    """None: it was not learned by flow matching."""
    params: Any


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class FlowState:
    """All that a resume needs."""

    trained: Any
    """`Trained`"""
    average: Any
    """Of `trained`, where one is kept."""
    optimiser: optax.OptState
    scalings: Scalings
    key: Array
    updates: Array
    """[] int32."""
    held_out: Array
    """[] the loss on what is held out, when it was last looked at."""


def make_learner(
    spec: EnvSpec,
    config: FlowLearning,
    updates: int,
    recorded: Callable[[], Steps],
    before: Callable[[], Before] | None = None,
) -> Learner:
    """A learner of so many `updates` for worlds like those of `spec`.

    `recorded` is called when training starts, not before: what has been learned needs no data. So is `before`, which
    gives the policy to go on from. Raises ValueError for what cannot work, and later where the data do not fit.
    """
    parts, optimiser = make_parts(spec, config), make_optimiser(config, updates)
    weights = [name for name, _ in named(jax.eval_shape(parts.network.fresh, jax.random.key(0)))]
    for beginning in config.frozen:
        if not any(name.startswith(beginning) for name in weights):
            raise ValueError(f"flow.frozen names {beginning!r}: no weights begin so; there are {_beginnings(weights)}")
    data = cache(lambda: split(parts, recorded()))
    compiled = jax.jit(partial(update, parts, optimiser), donate_argnums=1)
    fresh = jax.jit(partial(init, parts, optimiser))

    def source(state: FlowState) -> Recorded:
        check(parts, state.scalings, data())
        return data()

    def start(key: Array) -> FlowState:
        if before is None:
            return fresh(key, measured(parts, data()))
        found = before()
        same_network(parts, found)
        return fresh(key, found.params.scalings, found.params.weights)

    return Learner(
        init=start,
        shapes=lambda: jax.eval_shape(partial(init, parts, optimiser), jax.random.key(0), unmeasured(parts)),
        update=lambda state, source=None: compiled(data() if source is None else source, state),
        update_in=partial(update, parts, optimiser),
        policy=lambda temperature=1.0, play=config.play: make_policy(parts, play, temperature),
        params_of=params_of,
        source=source,
        steps=config.batch * config.accumulate,
    )


def same_network(parts: Parts, found: Before) -> None:
    """Raises ValueError if a policy to go on from has another network, or other actions."""
    config = parts.config
    start = f"flow.start is {config.start!r}"
    if found.config is None:
        raise ValueError(f"{start}: that policy was not learned by flow matching")
    for name in ("relative", "scaling", "observation_scaling"):  # its statistics are gone on with
        there, here = getattr(found.config, name), getattr(config, name)
        if there != here:
            raise ValueError(f"{start}: flow.{name} is {there!r} there and {here!r} here: use that")
    if config.reflex and config.settled > found.config.settled:
        known = f"{found.config.settled} settled actions at most, flow.settled is {config.settled}"
        raise ValueError(f"{start}: it knows {known}, and a reflex does not teach it more")
    here = dict(named(jax.eval_shape(parts.network.fresh, jax.random.key(0))))
    there = dict(named(found.params.weights))
    for name in sorted(here.keys() | there.keys()):
        shapes = [list(each[name].shape) if name in each else "missing" for each in (there, here)]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"{start}: {name} is {shapes[0]} there and {shapes[1]} here: use its flow.head, and its task"
            )


def _beginnings(names: list[str]) -> str:
    """What names of weights begin with, at most two words of each."""
    return ", ".join(dict.fromkeys(".".join(name.split(".")[:2]) for name in names))


def init(
    parts: Parts, optimiser: optax.GradientTransformation, key: Array, scalings: Scalings, weights: Any = None
) -> FlowState:
    """Before the first update; on from `weights` where there are some."""
    making, key = jax.random.split(key)
    weights = parts.network.fresh(making) if weights is None else weights
    trained: Any = begin(parts, making, weights)
    average = trained if parts.config.average else None
    zero = jnp.zeros((), jnp.int32)
    return FlowState(trained, average, optimiser.init(trained), scalings, key, zero, jnp.zeros(()))


def update(
    parts: Parts, optimiser: optax.GradientTransformation, data: Recorded, state: FlowState
) -> tuple[FlowState, dict[str, Array]]:
    """One step of the weights. Metrics are [] each."""
    config = parts.config
    key, *drawing = jax.random.split(state.key, 1 + config.accumulate)

    def one(total: tuple[Array, Any], key: Array) -> tuple[tuple[Array, Any], None]:
        drawn, asked = jax.random.split(key)
        starts = data.train[jax.random.randint(drawn, (config.batch,), 0, data.train.shape[0])]
        starts = cut(starts, "flow.batch")
        found = jax.value_and_grad(partial(loss, parts))(state.trained, state.scalings, data.steps, starts, asked)
        return jax.tree.map(lambda a, b: a + b / config.accumulate, total, found), None

    nothing = (jnp.zeros(()), jax.tree.map(jnp.zeros_like, state.trained))
    (mean, gradient), _ = jax.lax.scan(one, nothing, jnp.stack(drawing))
    change, descent = optimiser.update(gradient, state.optimiser, state.trained)
    trained: Any = optax.apply_updates(state.trained, change)
    average = state.average
    if average is not None:
        decay = jnp.minimum(config.average, (1.0 + state.updates) / (10.0 + state.updates))
        average = jax.tree.map(lambda a, b: a + (1 - decay) * (b - a), average, trained)
    held_out = state.held_out
    if data.held_out.shape[0]:
        look = partial(loss, parts, trained if average is None else average, state.scalings, data.steps, data.held_out)
        due = state.updates % config.held_out_every == 0
        held_out = jax.lax.cond(due, lambda: look(jax.random.key(0), False), lambda: held_out)
    metrics = {"loss": mean, "held_out_loss": held_out, "gradient_norm": optax.tree.norm(gradient)}
    return FlowState(trained, average, descent, state.scalings, key, state.updates + 1, held_out), metrics


def loss(
    parts: Parts, trained: Trained, scalings: Scalings, steps: Steps, starts: Array, key: Array, training: bool = True
) -> Array:
    """The flow-matching loss [] of chunks that begin at `starts` [B], or that of their reflex."""
    if parts.reflex:
        return reflex_loss(parts, trained, scalings, steps, starts, key)
    config, found = parts.config, chunks(steps, starts, parts.config.horizon)
    asking, settling, skipping = jax.random.split(key, 3)
    actions = parts.to_learn(scalings, found.observation, found.actions)
    counts = jnp.broadcast_to(found.counts[..., None], actions.shape)
    settled = draw_settled(settling, starts.shape[0], config.settled, config.settled_decay) if config.settled else None
    skip = {"skipping": skipping, "skipped": config.skipped} if training and config.skipped else {}
    velocity = parts.velocity(ChunkParams(whole(trained), scalings), found.observation, **skip)
    return flow_loss(velocity, task(asking, actions, counts, settled))


def params_of(state: FlowState) -> ChunkParams:
    """What the policy needs of the state."""
    trained: Trained = state.trained if state.average is None else state.average
    return ChunkParams(whole(trained), state.scalings, trained.reflex)


def split(parts: Parts, steps: Steps) -> Recorded:
    """Every so many episodes are held out. Raises ValueError for data that do not fit the env."""
    if steps.action.shape[1] != parts.action:
        raise ValueError(f"data: actions have {steps.action.shape[1]} entries, those of the task {parts.action}")
    for name, size in parts.vectors.items():
        have = steps.observation[name].shape[1:] if name in steps.observation else "none"
        if have != (size,):
            raise ValueError(f"data: observation {name!r} is {have}, the task shows ({size},)")
    last = np.asarray(steps.last)
    ends, episode = np.unique(last, return_inverse=True)
    share = parts.config.held_out
    every = min(max(2, round(1 / share)), len(ends)) if share and len(ends) > 1 else len(ends) + 1
    aside = episode % every == every - 1
    train, held_out = np.flatnonzero(~aside), np.flatnonzero(aside)
    if len(held_out):
        chosen = np.linspace(0, len(held_out) - 1, min(len(held_out), parts.config.batch)).astype(int)
        held_out = held_out[chosen]
    return Recorded(steps, jnp.asarray(train, jnp.int32), jnp.asarray(held_out, jnp.int32))


def measured(parts: Parts, data: Recorded) -> Scalings:
    """Statistics of what is learned from."""
    vectors, actions = rows(parts, data)
    config = parts.config
    seen = {
        name: measure(values, config.observation_scaling, f"observation {name!r}")
        for name, values in vectors.items()
        if config.observation_scaling != "none"
    }
    return Scalings(seen, measure(actions, config.scaling, "action"))


def check(parts: Parts, scalings: Scalings, data: Recorded) -> None:
    """Raises ValueError if statistics were not made for data like these."""
    vectors, actions = rows(parts, data)
    for name, values in vectors.items():
        fits(scalings.observation[name], values, f"observation {name!r}")
    fits(scalings.action, actions, "action")


def rows(parts: Parts, data: Recorded) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """What statistics are measured on: vectors [R, N] by name, and actions [R, A] that count, as they are learned."""
    starts = data.train[np.linspace(0, len(data.train) - 1, min(len(data.train), SAMPLED)).astype(int)]
    found = chunks(data.steps, starts, parts.config.horizon)
    unit = Scaling(jnp.zeros(parts.action), jnp.ones(parts.action))
    actions = parts.to_learn(Scalings({}, unit), found.observation, found.actions)
    return {name: np.asarray(found.observation[name]) for name in parts.vectors}, np.asarray(actions)[found.counts]


def unmeasured(parts: Parts) -> Scalings:
    """Shapes of the statistics."""

    def one(size: int) -> Scaling:
        return Scaling(jnp.zeros(size), jnp.ones(size))

    return Scalings({name: one(size) for name, size in parts.vectors.items()}, one(parts.action))
