"""Planar control: drive motors and thrusters so that green touches blue and does not touch red.

The task of Kinetix (Matthews et al. 2024, arXiv 2410.23208) on our engine, with its rules of reward and termination.
"""

import logging
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Literal, TypeVar, get_args, get_origin, get_type_hints

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...sim.planar import engine
from ...sim.planar.scene import CAPACITIES, Capacity, Physics, State
from ..contract import EnvSpec, Observation, Step
from . import actions, frames, observe, reward, suites
from .actions import ActionKind
from .level import Level
from .observe import ObservationKind

Engine = Literal["auto", "xla", "fused"]
T = TypeVar("T")


@dataclass(frozen=True)
class PlanarConfig:
    """The complete settings of the task."""

    task: Literal["planar"] = "planar"
    """Which task this is."""
    size: Literal["s", "m", "l"] = "m"
    """Capacity of a world; the levels must fit into it."""
    levels: tuple[str, ...] = ("kinetix/m",)
    """Suites, single levels, level files or folders of them; every episode draws one, all equally likely."""
    observation: ObservationKind = "flat"
    """One vector, sets of entities, or pictures."""
    frames: int = 1
    """Flat observations that are seen at once; above 1 the last action is seen too, and what is past is an array of its
    own."""
    action: ActionKind = "multi_discrete"
    """Motors and thrusters driven by real numbers, one at a time, or each of them off or in full."""
    frame_skip: int = 2
    """Physics steps (1/60 s) per action."""
    max_steps: int = 256
    """Actions after which an unfinished episode is truncated."""
    dense_reward_scale: float = 0.2
    """Reward per metre by which green comes closer to blue; 0 leaves only the outcome, +1 or -1."""
    action_noise: float = 0.0
    """Deviation of Gaussian disturbances of every entry of a continuous action, drawn anew in every step."""
    jax2d_quirks: bool = True
    """Keep the defects of the published simulator, on which published numbers rest."""
    engine: Engine = "auto"
    """What computes the physics: plain JAX, the fused kernel (much faster, needs Warp), or the kernel where it runs."""

    def __post_init__(self):
        for name, kind in get_type_hints(type(self)).items():
            choices, value = get_args(kind), getattr(self, name)
            if get_origin(kind) is Literal and value not in choices:
                raise ValueError(f"env.{name} is {value!r}: use {' or '.join(map(repr, choices))}")
        if self.frames > 1 and (self.observation != "flat" or self.action != "continuous"):
            raise ValueError(f"env.frames is {self.frames}: it needs env.observation: flat and env.action: continuous")
        for name in ("frames", "frame_skip", "max_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"env.{name} is {getattr(self, name)}: it must be at least 1")
        if not np.isfinite(self.dense_reward_scale):
            raise ValueError(f"env.dense_reward_scale is {self.dense_reward_scale}: it must be a finite number")
        if not (self.action_noise >= 0 and np.isfinite(self.action_noise)):
            raise ValueError(f"env.action_noise is {self.action_noise}: it must be 0 or more")
        if self.action_noise and self.action != "continuous":
            raise ValueError(f"env.action_noise is {self.action_noise}: it needs env.action: continuous")
        if not self.levels or isinstance(self.levels, str):
            raise ValueError(f"env.levels is {self.levels!r}: list at least one suite, level, file or folder")


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PlanarState:
    """W episodes under way."""

    world: State
    level: Array
    """[W] int32: index into the bank."""
    elapsed: Array
    """[W] int32: control steps since the episode began."""
    last_distance: Array
    """[W] m between green and blue after the last step; `reward.UNKNOWN` before the first."""
    touching: Array
    """[N, N, W] bool: contacts of the last physics step."""
    past: Array
    """[P, W], see `frames`."""
    key: Array
    """Typed PRNG key that fresh levels are drawn with."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PlanarEnv:
    """Planar control as `contract.Env`. The bank is a leaf: with another one, one compiled step plays other levels."""

    config: PlanarConfig = field(metadata={"static": True})
    level_names: tuple[str, ...] = field(metadata={"static": True})
    """Of the levels in the bank, in order."""
    engine: Literal["xla", "fused"] = field(metadata={"static": True})
    """What computes the physics, `auto` resolved."""
    bank: Level
    """L levels; every array ends in the axis [L]."""

    @property
    def capacity(self) -> Capacity:
        """The sizes of every world."""
        return CAPACITIES[self.config.size]

    @property
    def physics(self) -> Physics:
        """Constants of the engine."""
        return Physics(jax2d_quirks=self.config.jax2d_quirks)

    @property
    def spec(self) -> EnvSpec:
        """Spaces, terms and timing."""
        config, several = self.config, self.config.frames > 1
        space = observe.observation_space(config.observation, self.capacity)
        terms = observe.observation_terms(config.observation, self.capacity)
        return EnvSpec(
            name=f"planar-{config.size}",
            observation_space=frames.space(self.capacity, config.frames) if several else space,
            action_space=actions.action_space(config.action),
            observation_terms=frames.terms(terms["policy"], config.frames) if several else terms,
            action_terms=actions.action_terms(config.action),
            control_dt=config.frame_skip * self.physics.dt,
            max_steps=config.max_steps,
            metrics=("solved", "distance", "non_finite"),
            success="solved",
        )

    def reset(self, key: Array, worlds: int) -> tuple[PlanarState, Observation]:
        """Start `worlds` episodes on levels drawn from the bank."""
        if worlds < 1:
            raise ValueError(f"worlds is {worlds}: it must be at least 1")
        key, drawing = jax.random.split(key)
        return self.assign(key, self._draw(drawing, worlds))

    def assign(self, key: Array, levels: Array) -> tuple[PlanarState, Observation]:
        """Start one episode per entry of `levels` [W] int32, an index into the bank."""
        state = self._start(key, levels)
        return state, self._observe(state)

    def step(self, state: PlanarState, action: Array) -> tuple[PlanarState, Step]:
        """Advance every world by one control step; `action` is [W, ...] in the action space.

        Metrics: `solved` 1 where green reached blue in this step; `distance` between them in m; `non_finite` 1 where
        the simulation broke down. Such an episode is terminated, and its rewards and distance stay finite.
        """
        config, past = self.config, state.past
        if config.frames > 1:
            past = frames.remembered(past, self._observe(state).policy[frames.NOW], action)
        if config.action_noise:
            key, shaking = jax.random.split(state.key)
            state = replace(state, key=key)
            action = action + config.action_noise * jax.random.normal(shaking, action.shape)
        motor, thrust = actions.controls(config.action, action, take(self.bank, state.level))
        world, touching, outcome, distance = self.advance(state, motor, thrust)
        broken = ~_finite(world)
        distance = jnp.where(broken, 0.0, distance)
        shaping = reward.approach(state.last_distance, distance, config.dense_reward_scale)
        elapsed = state.elapsed + 1
        terminated = (outcome != 0) | broken
        truncated = (elapsed >= config.max_steps) & ~terminated
        last = PlanarState(world, state.level, elapsed, distance, touching, past, state.key)
        seen = self._observe(last)
        after, observation = self._restart(last, seen, terminated | truncated)
        return after, Step(
            observation=observation,
            reward=outcome + jnp.where(broken, 0.0, shaping),
            terminated=terminated,
            truncated=truncated,
            final_observation=seen,
            metrics={
                "solved": (outcome > 0).astype(jnp.float32),
                "distance": distance,
                "non_finite": broken.astype(jnp.float32),
            },
        )

    def _draw(self, key: Array, worlds: int) -> Array:
        return jax.random.randint(key, (worlds,), 0, self.bank.role.shape[-1], jnp.int32)

    def _observe(self, state: PlanarState) -> Observation:
        """Bodies in motion, put into the rows of their levels; those depend on the bank alone, so a scan keeps them."""
        kind = self.config.observation
        rows = jax.tree.map(lambda x: x[state.level], observe.prepare(kind, self.bank))
        seen = observe.look(kind, self.capacity, rows, state.world, state.touching)
        return Observation({frames.NOW: seen, frames.PAST: state.past.T} if self.config.frames > 1 else seen)

    def _start(self, key: Array, levels: Array) -> PlanarState:
        bodies = self.capacity.bodies
        return PlanarState(
            world=take(self.bank.state, levels),
            level=levels,
            elapsed=jnp.zeros_like(levels),
            last_distance=jnp.full(levels.shape, reward.UNKNOWN, jnp.float32),
            touching=jnp.zeros((bodies, bodies, *levels.shape), bool),
            past=jnp.zeros((frames.past_size(self.capacity, self.config.frames), *levels.shape)),
            key=key,
        )

    def advance(self, state: PlanarState, motor: Array, thrust: Array) -> tuple[State, Array, Array, Array]:
        """The physics of one control step; `motor` is [J, W] in [-1, 1] and `thrust` [T, W] in [0, 1].

        Returns world and touching [N, N, W] after the last physics step, outcome [W] and distance [W] in m of the first
        with an outcome. The steps behind an outcome are simulated all the same, as in Kinetix.
        """
        if self.engine == "fused":
            from ...sim.planar import fused

            # The kernel reads each world's level from the bank itself.
            table, skip = fused.pack(self.bank.scene, self.bank.role), self.config.frame_skip
            return fused.advance(self.capacity, table, state.level, state.world, motor, thrust, self.physics, skip)
        level = take(self.bank, state.level)

        def physics_step(_, carry):
            world, _, outcome, distance = carry
            world, touching = engine.step(level.scene, world, motor, thrust, self.physics)
            open_ = outcome == 0
            outcome = jnp.where(open_, reward.outcome(level, touching), outcome)
            distance = jnp.where(open_, reward.goal_distance(level, world.position), distance)
            return world, touching, outcome, distance

        nothing = jnp.zeros_like(state.last_distance)
        carry = (state.world, state.touching, nothing, nothing)
        return jax.lax.fori_loop(0, self.config.frame_skip, physics_step, carry)

    def _restart(self, last: PlanarState, seen: Observation, done: Array) -> tuple[PlanarState, Observation]:
        """Begin again, on a fresh draw, where `done` [W]; most steps of few worlds end no episode and draw nothing."""

        def again(last: PlanarState, seen: Observation) -> tuple[PlanarState, Observation]:
            key, drawing = jax.random.split(last.key)
            levels = jnp.where(done, self._draw(drawing, done.shape[0]), last.level)
            fresh = self._start(key, levels)
            # The key belongs to all worlds; every other array ends in the world axis.
            after = jax.tree.map(partial(jnp.where, done), replace(fresh, key=None), replace(last, key=None))
            after = replace(after, key=key)
            return after, self._observe(after)

        return jax.lax.cond(done.any(), again, lambda last, seen: (last, seen), last, seen)


def make_planar(config: PlanarConfig) -> PlanarEnv:
    """Read the levels of `config`. Raises ValueError, naming what is wrong, if one is missing, malformed or too big, or
    if the engine asked for does not run here."""
    engine = resolve(config.engine)
    names, bank = suites.load(config.levels, CAPACITIES[config.size], config.jax2d_quirks)
    return PlanarEnv(config, names, engine, bank)


def resolve(engine: Engine) -> Literal["xla", "fused"]:
    """The engine that computes where `engine` is asked for; `auto` falls back to `xla` with a warning.

    Raises ValueError if it is `fused` and that does not run on JAX's platform.
    """
    if engine == "xla":
        return "xla"
    from ...sim.planar import fused

    reason = fused.unavailable(jax.default_backend())
    if not reason:
        return "fused"
    if engine == "fused":
        raise ValueError(f"env.engine is 'fused': {reason}; use 'xla' or 'auto'")
    _say_slower(reason)
    return "xla"


@cache
def _say_slower(reason: str) -> None:
    """Warn, once in a process, that the slower engine computes."""
    logging.getLogger(__name__).warning("the planar engine is xla, the slower one: %s", reason)


def take(bank: T, levels: Array) -> T:
    """The levels of a bank at indices [W]: every array then ends in the world axis."""
    return jax.tree.map(lambda x: x[..., levels], bank)


def _finite(world: State) -> Array:
    """[W] bool: no number of the state is infinite or not a number."""
    checks = jax.tree.map(lambda x: jnp.isfinite(x).all(axis=tuple(range(x.ndim - 1))), world)
    return jax.tree.reduce(jnp.logical_and, checks)
