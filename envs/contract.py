"""The words every environment, learner, judge and exporter shares.

An `Env` is a batch of independent worlds stepped together by pure functions of a pytree, so it runs inside `jit`,
`scan` and `shard_map` whatever engine is beneath. Arrays that face a policy carry the world axis first: [W, ...].
"""

from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import gymnasium
import jax
import jax.numpy as jnp
from jax import Array

PyTree = Any


@dataclass(frozen=True)
class ObservationTerm:
    """A run of consecutive entries of an observation vector: what a policy sees, and how the number is made.

    The value seen is `clip((raw - offset) * scale + noise)`, delayed by `delay` control steps, stacked over `history`.
    """

    name: str
    size: int
    """Entries per history frame."""
    unit: str = "1"
    """SI unit of the raw value; "1" is dimensionless, "mixed" where `names` tells entry by entry."""
    frame: str = "world"
    """Frame the raw value is expressed in."""
    scale: float | tuple[float, ...] = 1.0
    """One for all entries, or one each; so is the offset."""
    offset: float | tuple[float, ...] = 0.0
    clip: tuple[float, float] | None = None
    noise: float = 0.0
    """Half-width of the uniform noise added after scaling; 0 is none."""
    delay: int = 0
    history: int = 1
    names: tuple[str, ...] = ()
    """One name per entry (joint names for joint terms), in order."""


@dataclass(frozen=True)
class ActionTerm:
    """A run of consecutive entries of an action: what the raw policy output means to the world.

    The command is `clip(raw * scale + offset)`, applied after `delay` control steps.
    """

    name: str
    size: int
    unit: str = "1"
    frame: str = "joint"
    scale: float | tuple[float, ...] = 1.0
    """One for all entries, or one each; so is the offset."""
    offset: float | tuple[float, ...] = 0.0
    clip: tuple[float, float] | None = None
    delay: int = 0
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reflection:
    """How a vector looks in a mirror: `sign * x[..., index]`. Raises ValueError if a second look does not undo it."""

    index: tuple[int, ...]
    """Which entry comes in the place of each."""
    sign: tuple[float, ...]
    """1 or -1 for each."""

    def __post_init__(self):
        if sorted(self.index) != list(range(len(self.sign))) or any(abs(sign) != 1 for sign in self.sign):
            raise ValueError("reflection: index must name every entry once, and sign hold 1 or -1 for each of them")
        for here, there in enumerate(self.index):
            if self.index[there] != here or self.sign[there] != self.sign[here]:
                raise ValueError(f"reflection: entry {here} is not itself after two reflections; mend index or sign")

    def __call__(self, x: Array) -> Array:
        """[..., entries] -> [..., entries]."""
        return jnp.asarray(self.sign, x.dtype) * x[..., jnp.asarray(self.index)]


@dataclass(frozen=True)
class Mirror:
    """The left-right symmetry of a task: what is seen and done in the mirrored world."""

    policy: Reflection
    """Of every vector in `Observation.policy`: a flat one, or what is seen "now" and each frame of its "history"."""
    action: Reflection
    critic: Reflection | None = None
    """Of `Observation.critic`, or of its "now". None: like `policy`."""
    privileged: Reflection | None = None
    """Of the "privileged" vector in `Observation.critic`, where there is one."""

    def of_policy(self, seen: PyTree) -> PyTree:
        """What the policy would have seen. Leaves are [..., entries]."""
        return jax.tree.map(self.policy, seen)

    def of_critic(self, seen: PyTree) -> PyTree:
        """What the critic would have seen; None where it sees what the policy sees."""
        like = self.critic or self.policy
        if isinstance(seen, dict):
            own = {"privileged": self.privileged} if self.privileged else {}
            return {name: own.get(name, like)(leaf) for name, leaf in seen.items()}
        return None if seen is None else like(seen)


@dataclass(frozen=True)
class EnvSpec:
    """What an environment looks like from outside."""

    name: str
    observation_space: gymnasium.Space
    """Of one world's `Observation.policy`: Box for flat vectors and pixels, Dict for entity sets."""
    action_space: gymnasium.Space
    """Of one world's action: Box, Discrete or MultiDiscrete."""
    observation_terms: dict[str, tuple[ObservationTerm, ...]]
    """Terms of each named array of the observation ("policy" for a flat one), in order."""
    action_terms: tuple[ActionTerm, ...]
    control_dt: float
    """Seconds between actions."""
    max_steps: int
    """Control steps after which an episode is truncated."""
    metrics: tuple[str, ...] = ()
    """Keys of `Step.metrics`."""
    step_metrics: tuple[str, ...] = ()
    """Those of `metrics` that tell of every step; the others are of an episode, and told by its last step."""
    success: str | None = None
    """The metric that tells, on the last step of an episode, whether the task was solved."""
    critic_space: gymnasium.Space | None = None
    """Of one world's `Observation.critic`; None where the critic sees what the policy sees."""
    reward_channels: tuple[str, ...] = ()
    """Names of the parts of the reward in `Step.rewards`, where it has parts. A channel that bears the name of an
    action term is what that term is answerable for."""
    mirror: Mirror | None = None
    """The reflection that leaves the task as it is, where there is one."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Observation:
    """What is seen at one instant. Leaves are [W, ...]."""

    policy: PyTree
    critic: PyTree = None
    """Privileged input of the critic in training; None: the critic sees `policy`."""

    @property
    def for_critic(self) -> PyTree:
        """The critic's input: the privileged one where the task has one."""
        return self.policy if self.critic is None else self.critic


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Step:
    """What one control step returns. A finished world has already started again from a fresh draw."""

    observation: Observation
    """After auto-reset."""
    reward: Array
    """[W] float32."""
    terminated: Array
    """[W] bool: the task ended; the value after it is zero."""
    truncated: Array
    """[W] bool: time ran out; bootstrap from `final_observation`."""
    final_observation: Observation
    """Before auto-reset: the true successor of the action in every world."""
    metrics: dict[str, Array] = field(default_factory=dict)
    """[W] arrays under the keys of `EnvSpec.metrics`, of the step before auto-reset."""
    rewards: Array | None = None
    """[W, C] float32: the parts of `reward`, of which it is the sum, in the order of `EnvSpec.reward_channels`."""

    @property
    def done(self) -> Array:
        """[W] bool: the episode ended, either way."""
        return self.terminated | self.truncated


@runtime_checkable
class Env(Protocol):
    """A batch of worlds. Implementations are frozen dataclasses registered as pytrees: task data (level banks,
    randomised models) are leaves and may change without a new compilation; everything that shapes a trace is static."""

    @property
    def spec(self) -> EnvSpec:
        """Spaces, terms and timing."""
        ...

    def reset(self, key: Array, worlds: int) -> tuple[PyTree, Observation]:
        """Start `worlds` episodes. `key` is a typed PRNG key; the state keeps its own."""
        ...

    def step(self, state: PyTree, action: Array) -> tuple[PyTree, Step]:
        """Advance every world by one control step. `action` is [W, ...] in the action space."""
        ...


@runtime_checkable
class StagedEnv(Env, Protocol):
    """An env that changes while a policy learns on it: a curriculum. Only its leaves may change."""

    def at(self, steps: Array) -> Env:
        """The env as it is after so many control steps of training, [] float32, summed over worlds."""
        ...


def staged(env: Env, steps: Array) -> Env:
    """The env after so many control steps of training, [] float32; itself where it has no `at` and never changes."""
    return env.at(steps) if isinstance(env, StagedEnv) else env
