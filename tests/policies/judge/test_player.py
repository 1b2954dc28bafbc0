"""One world that counts, and a policy that remembers how often it was asked."""

import jax
import jax.numpy as jnp
import pytest
from gambol.envs.contract import EnvSpec, Observation, Step
from gambol.policies.judge.player import make_player
from gambol.policies.policy import Policy
from gymnasium.spaces import Box

BOX = Box(-9, 9, (1,))


class Counter:
    """The action is added to a count; an episode ends at 10, and starts at a draw in 0 to 1."""

    spec = EnvSpec("counter", BOX, BOX, {}, (), 0.1, 99)

    def reset(self, key, worlds):
        count = jax.random.uniform(key, (worlds, 1))
        return count, Observation(jnp.full((worlds, 1), 0.5))  # of a weak type

    def step(self, state, action):
        count = state + action
        over = count[:, 0] >= 10
        after = jnp.where(over[:, None], 0.0, count)
        metrics, never = {"count": count[:, 0]}, jnp.zeros_like(over)
        return after, Step(Observation(after), count[:, 0], over, never, Observation(count), metrics)


def remember(params, memory, observation, key):
    return params + memory, memory + 1


jax.tree_util.register_static(Counter)
POLICY = Policy(lambda worlds: jnp.zeros((worlds, 1)), remember)


@pytest.fixture(scope="module")
def player():
    return make_player(Counter(), POLICY, jnp.float32(2), lambda count, wish: count if wish is None else count * wish)


def test_memory_lasts_for_an_episode(player):
    now = player.start(0)
    first, counts = float(now.state[0, 0]), []
    for _ in range(5):
        now, step = player.step(now)
        counts.append(float(step.metrics["count"][0]) - first)
    # The policy adds 2, then 3, then 4, then 5, with which the episode is over; and 2 again.
    assert counts[:3] == pytest.approx([2, 5, 9]) and counts[3] + first == pytest.approx(14 + first)
    assert step.metrics["count"][0] == 2


def test_an_episode_is_its_seeds(player):
    starts = [float(player.start(seed).state[0, 0]) for seed in (0, 1, 0)]
    assert starts[0] == starts[2] != starts[1]


def test_a_wish_changes_the_state_before_the_step(player):
    now = player.start(3)
    before = float(now.state[0, 0])
    now, step = player.step(now, jnp.float32(3))
    assert step.metrics["count"][0] == pytest.approx(3 * before + 2)


def test_a_step_is_compiled_once():
    traced = []
    player = make_player(
        Counter(), Policy(POLICY.initial_memory, lambda *seen: traced.append(1) or remember(*seen)), 2.0
    )
    now = player.start(0)
    for _ in range(3):
        now, _ = player.step(now)
    assert len(traced) == 1
