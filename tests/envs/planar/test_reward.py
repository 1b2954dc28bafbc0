from dataclasses import replace

import jax.numpy as jnp
import numpy as np
from gambol.envs.planar import reward


def test_outcomes_and_distances_are_the_published_ones(published):
    found = reward.outcome(published.level, published.touching)
    np.testing.assert_array_equal(found, published.answers["reward"])
    distance = reward.goal_distance(published.level, published.state.position)
    np.testing.assert_allclose(distance, published.answers["distance"], rtol=1e-6)


def test_death_wins_over_the_goal_and_red_may_touch_blue(published):
    bodies = published.touching.shape[0]
    roles = jnp.zeros(bodies, jnp.int32).at[4:7].set(jnp.array([reward.GREEN, reward.BLUE, reward.RED]))
    active = jnp.ones((bodies, 4), bool)
    level = replace(
        published.level,
        role=jnp.broadcast_to(roles[:, None], active.shape),
        scene=replace(published.level.scene, active=active),
    )
    goal, death, harmless = (4, 5), (4, 6), (5, 6)
    touching = np.zeros((bodies, bodies, 4), bool)
    for world, pairs in enumerate(([goal], [goal, death], [death], [harmless])):
        for pair in pairs:
            touching[*pair, world] = True
    np.testing.assert_array_equal(reward.outcome(level, jnp.asarray(touching)), [1, -1, -1, 0])
    np.testing.assert_array_equal(reward.outcome(level, jnp.asarray(touching.swapaxes(0, 1))), [1, -1, -1, 0])


def test_inactive_bodies_are_neither_reached_nor_measured(published):
    level = published.level
    gone = replace(level, scene=replace(level.scene, active=jnp.zeros_like(level.role, bool)))
    assert not reward.outcome(gone, jnp.ones_like(published.touching)).any()
    assert not reward.goal_distance(gone, published.state.position).any()


def test_approach_pays_per_metre_but_not_on_the_first_step():
    last = jnp.array([2.0, 2.0, reward.UNKNOWN])
    paid = reward.approach(last, jnp.array([1.5, 2.5, 0.0]), 0.2)
    np.testing.assert_allclose(paid, [0.1, -0.1, 0.0], rtol=1e-6)
