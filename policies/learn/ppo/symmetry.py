"""Left and right alike: what a rollout would have been in the mirrored world."""

from dataclasses import replace

import gymnasium
import jax

from ....envs.contract import EnvSpec, Mirror, Observation
from ...nets.config import NetworkConfig
from ...nets.stream import shapes_of
from .config import PPOConfig
from .rollout import Rollout


def mirror_for(spec: EnvSpec, ppo: PPOConfig, network: NetworkConfig) -> Mirror | None:
    """The mirror that the losses or the networks use; None where neither does. Raises ValueError if the task cannot be
    mirrored."""
    if ppo.symmetry == "none" and not network.symmetric:
        return None
    mirror, asked = spec.mirror, f"ppo.symmetry is {ppo.symmetry!r}"
    if network.symmetric:
        if ppo.symmetry != "none":
            raise ValueError(f"{asked}, but with network.symmetric nothing is left to learn from the mirror: use none")
        asked = "network.symmetric is true"
        if network.adaptation:
            raise ValueError(f"{asked}, but a latent has no mirror image: set network.adaptation to null")
    if mirror is None or not isinstance(spec.action_space, gymnasium.spaces.Box):
        raise ValueError(f"{asked}, but {spec.name} has no mirror for continuous actions: use none")
    if network.recurrent:
        raise ValueError(f"{asked}, but a memory has no mirror image: use none, or set network.recurrent to 0")
    critic = spec.critic_space and shapes_of(spec.critic_space)
    given = Observation(shapes_of(spec.observation_space), critic), shapes_of(spec.action_space)
    looks = jax.eval_shape(lambda seen, action: (mirrored(mirror, seen), mirror.action(action)), *given)
    for (path, real), look in zip(jax.tree_util.tree_leaves_with_path(given), jax.tree.leaves(looks), strict=True):
        if look.shape != real.shape:
            where = jax.tree_util.keystr(path[1:]) or ".action"
            raise ValueError(f"{spec.name}: the mirror makes {where} {look.shape}, it is {real.shape}: mend its index")
    return mirror


def mirrored(mirror: Mirror, seen: Observation) -> Observation:
    """What would have been seen. Leaves are [..., entries]."""
    return Observation(mirror.of_policy(seen.policy), mirror.of_critic(seen.critic))


def image(mirror: Mirror, rollout: Rollout) -> Rollout:
    """The rollout in the mirrored world, but for `final_observation`, which nothing asks for."""
    return replace(rollout, observation=mirrored(mirror, rollout.observation), action=mirror.action(rollout.action))
