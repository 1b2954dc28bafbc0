"""Taking turns: actor and critic learn in most updates, the encoder of the history in every so many-th."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from ....envs.contract import PyTree
from .acting import Parts, normalised
from .adaptation import Adaptation, Student, due, gap, history_latent, privileged_latent
from .batch import Batch, part, prepare
from .rollout import Rollout
from .state import Learned, LearnerState, Params

Learning = Callable[[Parts, LearnerState, Rollout, Array], tuple[Learned, dict[str, Array]]]
"""(parts, state, seen, orders) -> what gradient steps made of the state, metrics [] each."""


def in_turn(
    optimise: Learning, adaptation: Adaptation, parts: Parts, state: LearnerState, seen: Rollout, orders: Array
) -> tuple[Learned, dict[str, Array]]:
    """Whichever is due: `optimise`, or gradient steps of the encoder of the history alone.

    The latter leaves the metrics of the former at 0; the metric `by_history` [] is 1 then, and 0 otherwise.
    """
    turn = due(adaptation, state.updates)

    def study() -> tuple[Learned, dict[str, Array]]:
        shapes = jax.eval_shape(lambda: optimise(parts, state, seen, orders)[1])
        batch = prepare(parts, state, seen)
        nothing = {name: jnp.zeros(leaf.shape, leaf.dtype) for name, leaf in shapes.items()}
        student, metrics = regress(adaptation, parts, state.params, state.student, batch, orders)
        return Learned(state.params, state.optimiser, state.critic_memory, state.rate, student), nothing | metrics

    learned, metrics = jax.lax.cond(turn, study, lambda: optimise(parts, state, seen, orders))
    return learned, metrics | {"by_history": turn.astype(jnp.float32)}


def history_latents(parts: Parts, adaptation: Adaptation, state: LearnerState, seen: Rollout) -> Array:
    """[T, W, latent] of what was seen from `state` on. Step by step: all histories at once fill no cache."""

    def read(seen: PyTree) -> Array:
        seen = normalised(parts.config, state.normaliser.policy, seen)
        return history_latent(adaptation, state.student.params, seen)

    return jax.lax.map(read, seen.observation.policy)


def regress(
    adaptation: Adaptation, parts: Parts, params: Params, student: Student, batch: Batch, orders: Array
) -> tuple[Student, dict[str, Array]]:
    """One gradient step per minibatch towards the privileged latent, for `orders` [epochs, M, B] of the worlds.

    Metrics are [] each: `latent_gap`, a mean over the steps, and `non_finite`, a count.
    """

    def descend(student: Student, worlds: Array) -> tuple[Student, Array]:
        seen = part(batch, worlds).rollout.observation
        wanted = privileged_latent(adaptation, params["privileged"], seen.critic)
        off, gradient = jax.value_and_grad(lambda own: gap(history_latent(adaptation, own, seen.policy), wanted))(
            student.params
        )
        direction, optimiser = parts.optimiser.update(gradient, student.optimiser)
        rate = adaptation.config.learning_rate
        weights = jax.tree.map(lambda weight, change: weight - rate * change, student.params, direction)
        return Student(weights, optimiser), off

    student, gaps = jax.lax.scan(descend, student, orders.reshape(-1, orders.shape[-1]))
    bad = sum(jnp.sum(~jnp.isfinite(leaf)) for leaf in jax.tree.leaves((student.params, gaps)))
    return student, {"latent_gap": gaps.mean(), "non_finite": jnp.asarray(bad, jnp.int32)}
