"""Environments small enough to learn in a second, with returns known in advance."""

from dataclasses import dataclass, field, replace
from typing import Literal

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
from gambol.envs.contract import ActionTerm, EnvSpec, Mirror, Observation, ObservationTerm, Reflection, Step
from jax import Array

CHOICES = (3, 2)
"""Of the multi-discrete variant."""


def box(*shape: int) -> gymnasium.spaces.Box:
    return gymnasium.spaces.Box(-np.inf, np.inf, shape, np.float32)


def make_spec(observation: int, action_space: gymnasium.Space, max_steps: int, critic: int = 0) -> EnvSpec:
    return EnvSpec(
        name="tiny",
        observation_space=box(observation),
        action_space=action_space,
        observation_terms={"policy": (ObservationTerm("all", observation),)},
        action_terms=(ActionTerm("all", 1),),
        control_dt=0.1,
        max_steps=max_steps,
        metrics=("solved",),
        success="solved",
        critic_space=box(critic) if critic else None,
    )


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TinyState:
    key: Array
    hidden: Array
    """[W] what the episode is about; also seen, uncopied, in the observation."""
    elapsed: Array
    """[W] int32."""


def finish(env, state: TinyState, reward: Array, terminated: Array, solved: Array) -> tuple[TinyState, Step]:
    """Count the step, time out, and start finished worlds again."""
    elapsed = state.elapsed + 1
    truncated = (elapsed >= env.spec.max_steps) & ~terminated
    done = terminated | truncated
    key, drawing = jax.random.split(state.key)
    final = TinyState(key, state.hidden, elapsed)
    hidden = jnp.where(done, env.draw(drawing, done.shape[0]), state.hidden)
    state = TinyState(key, hidden, jnp.where(done, 0, elapsed))
    return state, Step(
        observation=env.observe(state),
        reward=reward,
        terminated=terminated,
        truncated=truncated,
        final_observation=env.observe(final),
        metrics={"solved": solved.astype(jnp.float32)},
    )


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Reach:
    """Name the number you see. One step; reward 1 for naming it, less for being off (continuous) or 0 (discrete).

    `privileged` gives the critic one more number. `bonus` is a leaf: task data that may change between updates.
    """

    bonus: Array
    action: Literal["continuous", "discrete", "multi_discrete"] = field(default="continuous", metadata={"static": True})
    privileged: bool = field(default=False, metadata={"static": True})

    @property
    def spec(self) -> EnvSpec:
        spaces = {
            "continuous": box(1),
            "discrete": gymnasium.spaces.Discrete(CHOICES[0]),
            "multi_discrete": gymnasium.spaces.MultiDiscrete(CHOICES),
        }
        return make_spec(1, spaces[self.action], 1, critic=2 * self.privileged)

    def draw(self, key: Array, worlds: int) -> Array:
        if self.action == "continuous":
            return jax.random.uniform(key, (worlds,), minval=-1, maxval=1)
        return jax.random.randint(key, (worlds,), 0, 2).astype(jnp.float32)

    def observe(self, state: TinyState) -> Observation:
        seen = state.hidden[:, None]
        return Observation(seen, jnp.concatenate([seen, seen], axis=-1) if self.privileged else None)

    def reset(self, key: Array, worlds: int) -> tuple[TinyState, Observation]:
        key, drawing = jax.random.split(key)
        state = TinyState(key, self.draw(drawing, worlds), jnp.zeros(worlds, jnp.int32))
        return state, self.observe(state)

    def step(self, state: TinyState, action: Array) -> tuple[TinyState, Step]:
        if self.action == "continuous":
            reward = 1 - (action[:, 0] - state.hidden) ** 2
        else:
            guesses = action.reshape(action.shape[0], -1)
            reward = (guesses == state.hidden[:, None]).mean(axis=-1)
        reward = (reward + self.bonus).astype(jnp.float32)
        return finish(self, state, reward, jnp.ones_like(reward, bool), reward > 0.99)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Rising(Reach):
    """The same, and the bonus is the number of control steps of training: a curriculum."""

    def at(self, steps: Array) -> "Rising":
        return replace(self, bonus=steps)


FLIP = Reflection((0,), (-1.0,))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Half(Reach):
    """The same, but only positive numbers are shown. In a mirror they would be negative."""

    @property
    def spec(self) -> EnvSpec:
        both = Reflection((1, 0), (-1.0, -1.0))
        return replace(super().spec, mirror=Mirror(FLIP, FLIP, both if self.privileged else None))

    def draw(self, key: Array, worlds: int) -> Array:
        return jnp.abs(super().draw(key, worlds))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Hands(Reach):
    """One hand names the number, the other names its negative, and each has a reward channel of its own."""

    @property
    def spec(self) -> EnvSpec:
        terms = ActionTerm("left", 1), ActionTerm("right", 1)
        return replace(make_spec(1, box(2), 1), action_terms=terms, reward_channels=("right", "left"))

    def step(self, state: TinyState, action: Array) -> tuple[TinyState, Step]:
        wanted = jnp.stack([state.hidden, -state.hidden], axis=-1)
        rewards = (0.5 - (action - wanted) ** 2)[:, ::-1]
        reward = rewards.sum(axis=-1)
        state, step = finish(self, state, reward, jnp.ones_like(reward, bool), reward > 0.99)
        return state, replace(step, rewards=rewards)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Recall:
    """A sign is shown at the first step; naming it at the fourth pays 1. Without memory, half is the most there is."""

    @property
    def spec(self) -> EnvSpec:
        return make_spec(2, gymnasium.spaces.Discrete(2), 10)

    def draw(self, key: Array, worlds: int) -> Array:
        return jax.random.bernoulli(key, 0.5, (worlds,)).astype(jnp.float32)

    def observe(self, state: TinyState) -> Observation:
        cue = jnp.where(state.elapsed == 0, 2 * state.hidden - 1, 0.0)
        return Observation(jnp.stack([cue, (state.elapsed == 3).astype(jnp.float32)], axis=-1))

    def reset(self, key: Array, worlds: int) -> tuple[TinyState, Observation]:
        key, drawing = jax.random.split(key)
        state = TinyState(key, self.draw(drawing, worlds), jnp.zeros(worlds, jnp.int32))
        return state, self.observe(state)

    def step(self, state: TinyState, action: Array) -> tuple[TinyState, Step]:
        asked = state.elapsed == 3
        right = asked & (action == state.hidden)
        return finish(self, state, right.astype(jnp.float32), asked, right)


FRAMES = 6


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Hint:
    """A number is shown at the first of six steps; naming it pays 1 at every step. The history still holds it later,
    and what is privileged is the number. Who has neither does best by saying 0, which pays 2/3."""

    @property
    def spec(self) -> EnvSpec:
        seen = gymnasium.spaces.Dict({"now": box(2), "history": box(FRAMES, 2)})
        known = gymnasium.spaces.Dict({"now": box(2), "privileged": box(1)})
        mirror = Mirror(Reflection((0, 1), (-1.0, 1.0)), FLIP, privileged=FLIP)
        return replace(make_spec(2, box(1), FRAMES), observation_space=seen, critic_space=known, mirror=mirror)

    def draw(self, key: Array, worlds: int) -> Array:
        return jax.random.uniform(key, (worlds,), minval=-1, maxval=1)

    def observe(self, state: TinyState) -> Observation:
        ages = jnp.arange(FRAMES)[::-1]
        then = jnp.maximum(state.elapsed[:, None] - ages, 0)
        frames = jnp.stack([jnp.where(then == 0, state.hidden[:, None], 0.0), then / FRAMES], axis=-1)
        now = frames[:, -1]
        return Observation({"now": now, "history": frames}, {"now": now, "privileged": state.hidden[:, None]})

    def reset(self, key: Array, worlds: int) -> tuple[TinyState, Observation]:
        key, drawing = jax.random.split(key)
        state = TinyState(key, self.draw(drawing, worlds), jnp.zeros(worlds, jnp.int32))
        return state, self.observe(state)

    def step(self, state: TinyState, action: Array) -> tuple[TinyState, Step]:
        reward = 1 - (action[:, 0] - state.hidden) ** 2
        return finish(self, state, reward, state.elapsed == FRAMES - 1, reward > 0.9)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Forever:
    """Reward 1 whatever is done, and only time-outs: the value everywhere is 1 / (1 - gamma)."""

    @property
    def spec(self) -> EnvSpec:
        return make_spec(1, box(1), 4)

    def draw(self, key: Array, worlds: int) -> Array:
        del key
        return jnp.ones(worlds)

    def observe(self, state: TinyState) -> Observation:
        return Observation(state.hidden[:, None])

    def reset(self, key: Array, worlds: int) -> tuple[TinyState, Observation]:
        state = TinyState(key, self.draw(key, worlds), jnp.zeros(worlds, jnp.int32))
        return state, self.observe(state)

    def step(self, state: TinyState, action: Array) -> tuple[TinyState, Step]:
        ones = jnp.ones(action.shape[0])
        return finish(self, state, ones, jnp.zeros_like(ones, bool), ones > 0)
