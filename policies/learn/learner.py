"""What the run loop drives: any way of learning, as functions over one state that holds all that a resume needs."""

from collections.abc import Callable
from typing import Any, NamedTuple

from jax import Array

from ...envs.contract import PyTree
from ..policy import Policy

State = Any


class Learner(NamedTuple):
    """See the module."""

    init: Callable[[Array], State]
    """(key) -> state before the first update. Compiled."""
    shapes: Callable[[], State]
    """Shapes and types of that state; needs nothing of what is learned from."""
    update: Callable[..., tuple[State, dict[str, Array]]]
    """(state, source=its own) -> (state, metrics [] each). Compiled; consumes the state that goes in."""
    update_in: Callable[[PyTree, State], tuple[State, dict[str, Array]]]
    """(source, state) -> (state, metrics [] each). Pure, not compiled."""
    policy: Callable[..., Policy]
    """(temperature=1.0) -> policy. 1 samples as in training, 0 takes the mode."""
    params_of: Callable[[State], PyTree]
    """The parameters of that policy."""
    source: Callable[[State], PyTree]
    """(state) -> what is learned from, an env or recorded steps: an argument of the compiled update, no constant in it.
    Raises ValueError if it does not fit what has been learned."""
    steps: int
    """What an update adds to the steps of a run: control steps of all worlds, or recorded chunks."""
    episodes: int = 0
    """The newest episodes that rank a checkpoint are at least so many; 0 where none are played: the newest is best."""
