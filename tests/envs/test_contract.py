"""The env that docs/envs.md teaches does run, and keeps the contract that the page states."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.envs.contract import Env, Reflection, staged

PAGE = Path(__file__).parents[2] / "docs" / "envs.md"


@pytest.fixture(scope="module")
def taught():
    names = {"__name__": "taught"}
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    exec(compile(block, str(PAGE), "exec"), names)
    return names


def test_the_documented_env_runs_and_is_solved(taught):
    assert isinstance(taught["env"], Env)
    assert taught["solved"] > 8


def test_it_restarts_as_the_page_says(taught):
    env = taught["PointEnv"](taught["PointConfig"](max_steps=2))
    state, first = env.reset(jax.random.key(0), 64)
    step = jax.jit(env.step)
    state, once = step(state, jnp.zeros((64, 1)))
    np.testing.assert_array_equal(once.terminated, np.abs(first.policy[:, 0]) < 0.05)
    state, twice = step(state, jnp.zeros((64, 1)))
    assert (twice.done | once.done).all()
    assert not (twice.terminated & twice.truncated).any()
    changed = np.any(twice.observation.policy != twice.final_observation.policy, axis=1)
    np.testing.assert_array_equal(changed, twice.done)
    assert not state.elapsed[np.asarray(twice.done)].any()


def test_a_reflection_permutes_and_flips_and_undoes_itself():
    mirror = Reflection((1, 0, 2), (1.0, 1.0, -1.0))
    seen = jnp.array([[[1.0, 2.0, 3.0]]])
    np.testing.assert_array_equal(mirror(seen), [[[2, 1, -3]]])
    np.testing.assert_array_equal(mirror(mirror(seen)), seen)


@pytest.mark.parametrize(
    ("index", "sign", "message"),
    [
        ((0, 0), (1, 1), "index must name every entry once"),
        ((0, 1), (1,), "index must name every entry once"),
        ((0, 1), (1, 0.5), "sign hold 1 or -1"),
        ((1, 2, 0), (1, 1, 1), "entry 0 is not itself after two reflections"),
        ((1, 0), (1, -1), "entry 0 is not itself after two reflections"),
    ],
)
def test_what_is_no_reflection_is_refused(index, sign, message):
    with pytest.raises(ValueError, match=message):
        Reflection(index, sign)


def test_an_env_without_a_curriculum_is_the_same_at_all_times(taught):
    assert staged(taught["env"], jnp.zeros(())) is taught["env"]
