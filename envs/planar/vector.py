"""The planar task for code that speaks Gymnasium: NumPy arrays in and out, one world or many."""

from typing import Any

import gymnasium
import jax
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from jax import Array

from ..contract import PyTree, Step
from .env import PlanarConfig, PlanarEnv, PlanarState, make_planar, take

METADATA = {"render_modes": ["rgb_array"], "render_fps": 30}

start = jax.jit(PlanarEnv.reset, static_argnums=2)
advance = jax.jit(PlanarEnv.step)
"""Functions of the environment too, so that all of one configuration share what was compiled."""


class PlanarVectorEnv(VectorEnv):
    """Many worlds as a Gymnasium vector environment that starts finished worlds again in the same step.

    On the step that ends an episode `observation` is already the first of the next one; `info["final_obs"]` and
    `info["final_info"]` hold what the ended episode saw, as in `SyncVectorEnv`. `settings` are those of `PlanarConfig`;
    the published suite of `size` is played unless `levels` says otherwise.
    """

    metadata: dict[str, Any] = METADATA | {"autoreset_mode": AutoresetMode.SAME_STEP}

    def __init__(self, num_envs: int = 1, size: Any = "m", render_mode: str | None = None, **settings: Any):
        if num_envs < 1:
            raise ValueError(f"num_envs is {num_envs}: it must be at least 1")
        self.env, self.render_mode, self.num_envs = make(size, render_mode, settings), render_mode, num_envs
        spec = self.env.spec
        self.single_observation_space, self.single_action_space = spec.observation_space, spec.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._state: PlanarState | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        """Start all episodes. `seed` settles everything that follows; there are no `options`."""
        super().reset(seed=seed)
        check_options(options)
        self._state, observation = start(self.env, random_key(self.np_random), self.num_envs)
        return to_numpy(observation.policy), {}

    def step(self, actions: Any):
        """One control step of every world."""
        if self._state is None:
            raise ResetNeeded("call reset before step")
        actions = np.asarray(actions, self.action_space.dtype)
        if actions.shape != self.action_space.shape:
            raise ValueError(f"actions have shape {actions.shape}: it must be {self.action_space.shape}")
        self._state, step = advance(self.env, self._state, actions)
        observation, reward, terminated, truncated = to_numpy(
            (step.observation.policy, step.reward, step.terminated, step.truncated)
        )
        return observation, reward, terminated, truncated, infos(step)

    def render(self):
        """One picture per world, uint8 [H, W, 3]."""
        return None if self._state is None else tuple(picture(self.env, self._state, i) for i in range(self.num_envs))


class PlanarGymEnv(gymnasium.Env):
    """One world as a plain Gymnasium environment, which waits for `reset` when an episode has ended."""

    metadata: dict[str, Any] = METADATA

    def __init__(self, size: Any = "m", render_mode: str | None = None, **settings: Any):
        self.env, self.render_mode = make(size, render_mode, settings), render_mode
        self.observation_space, self.action_space = self.env.spec.observation_space, self.env.spec.action_space
        self._state: PlanarState | None = None
        self._over = True

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        """Start an episode on a level drawn by `seed`, or by the generator that the last seed left."""
        super().reset(seed=seed)
        check_options(options)
        self._state, observation = start(self.env, random_key(self.np_random), 1)
        self._over = False
        return first(observation.policy), {}

    def step(self, action: Any):
        """One control step."""
        if self._state is None or self._over:
            raise ResetNeeded("call reset before step, also after an episode has ended")
        after, step = advance(self.env, self._state, np.asarray(action, self.action_space.dtype)[None])
        self._over = bool(step.done[0])
        # What has begun again is for nobody to see; the picture stays as it was before the last step.
        self._state = self._state if self._over else after
        info = {name: float(value[0]) for name, value in step.metrics.items()}
        ended = bool(step.terminated[0]), bool(step.truncated[0])
        return first(step.final_observation.policy), float(step.reward[0]), *ended, info

    def render(self):
        """A picture of the world, uint8 [H, W, 3]; None before the first reset."""
        return None if self._state is None else picture(self.env, self._state, 0)


def make(size: Any, render_mode: str | None, settings: dict[str, Any]) -> PlanarEnv:
    """The task that keyword arguments of `gymnasium.make` describe. Raises ValueError for a wrong one."""
    if render_mode not in (None, *METADATA["render_modes"]):
        raise ValueError(f"render_mode is {render_mode!r}: use None or 'rgb_array'")
    levels = settings.get("levels", (f"kinetix/{size}",))
    # A list cannot be part of a configuration; a lone string is refused there.
    settings = settings | {"levels": levels if isinstance(levels, str) else tuple(levels)}
    return make_planar(PlanarConfig(size=size, **settings))


def infos(step: Step) -> dict[str, Any]:
    """What Gymnasium's vector environments tell besides: every array comes with a mask of the worlds it is about.

    Metrics of running worlds stand at the top; those of finished ones under "final_info", beside "final_obs".
    """
    done = np.array(step.done)
    metrics = {name: np.array(x, np.float64) for name, x in step.metrics.items()}
    info = {} if done.all() else masked(metrics, ~done)
    if done.any():
        seen, final_obs = to_numpy(step.final_observation.policy), np.full(len(done), None, object)
        for world in np.flatnonzero(done):
            final_obs[world] = jax.tree.map(lambda x, world=world: x[world].copy(), seen)
        info |= {"final_obs": final_obs, "_final_obs": done}
        info |= {"final_info": masked(metrics, done), "_final_info": done.copy()}
    return info


def masked(values: dict[str, np.ndarray], mask: np.ndarray) -> dict[str, np.ndarray]:
    """Values where `mask`, zero elsewhere, each followed by its mask."""
    pairs = ({name: np.where(mask, x, 0), f"_{name}": mask.copy()} for name, x in values.items())
    return {name: x for pair in pairs for name, x in pair.items()}


def picture(env: PlanarEnv, state: PlanarState, world: int) -> np.ndarray:
    """One world drawn for people."""
    from .draw import draw

    return draw(take(env.bank, state.level[world]), jax.tree.map(lambda x: x[..., world], state.world))


def check_options(options: dict[str, Any] | None) -> None:
    """Refuse what would be ignored."""
    if options:
        raise ValueError(f"reset has no option {', '.join(map(repr, options))}: leave options out")


def random_key(generator: np.random.Generator) -> Array:
    """A JAX key drawn from a NumPy generator."""
    return jax.random.key(int(generator.integers(2**32)))


def to_numpy(tree: PyTree) -> PyTree:
    """Arrays that belong to the caller."""
    return jax.tree.map(np.array, tree)


def first(tree: PyTree) -> PyTree:
    """The only world of a batch, as NumPy arrays."""
    return jax.tree.map(lambda x: np.array(x[0]), tree)
