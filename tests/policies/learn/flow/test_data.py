import jax.numpy as jnp
import numpy as np
import pytest
from gambol.policies.learn.flow.data import chunks, steps

EPISODE = np.array([4, 4, 4, 2, 2, 9])
ACTION = np.arange(6.0)[:, None] * [1, 10]
SEEN = {"now": np.arange(6, dtype=np.float32)[:, None], "picture": np.zeros((6, 2, 2, 3), np.uint8)}


def test_chunks_end_with_their_episode():
    found = chunks(steps(SEEN, ACTION, EPISODE), jnp.array([1, 3, 5, 0]), 3)
    np.testing.assert_array_equal(found.actions[:, :, 0], [[1, 2, 2], [3, 4, 4], [5, 5, 5], [0, 1, 2]])
    np.testing.assert_array_equal(found.counts, [[1, 1, 0], [1, 1, 0], [1, 0, 0], [1, 1, 1]])
    np.testing.assert_array_equal(found.observation["now"][:, 0], [1, 3, 5, 0])
    assert found.observation["picture"].dtype == jnp.uint8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"action": ACTION[:5]}, "action has 5 steps, episode 6"),
        ({"observation": {"now": SEEN["now"] * np.nan}}, "observation 'now' is not finite in step 0"),
        ({"episode": np.array([1, 1, 2, 2, 1, 1])}, "steps of one episode must follow each other"),
        ({"observation": {}, "action": ACTION[:0], "episode": EPISODE[:0]}, "there are no steps"),
    ],
)
def test_what_cannot_be_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        steps(**{"observation": SEEN, "action": ACTION, "episode": EPISODE} | change)
