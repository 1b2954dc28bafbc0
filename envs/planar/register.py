"""Gymnasium ids of the planar task. Light: neither JAX nor the task is imported until an environment is made."""

from gymnasium.envs.registration import register, registry


def register_envs() -> None:
    """Make `gambol/planar-s-v0`, `-m-v0` and `-l-v0` known to `gymnasium.make` and `gymnasium.make_vec`."""
    for size in "sml":
        name = f"gambol/planar-{size}-v0"
        if name not in registry:
            register(
                name,
                entry_point="gambol.envs.planar.vector:PlanarGymEnv",
                vector_entry_point="gambol.envs.planar.vector:PlanarVectorEnv",
                kwargs={"size": size},
            )
