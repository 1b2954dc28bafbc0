"""What gradients change, and how: AdamW on all weights, on some, on low-rank additions to them, or on a reflex."""

from typing import Any, NamedTuple

import optax
from flax import nnx
from jax import Array

from ...names import map_named
from .config import FlowLearning
from .lora import Adapters, adapted, adapters, merged
from .parts import Parts


class Trained(NamedTuple):
    """What gradients change."""

    weights: nnx.State
    lora: Adapters | None
    reflex: nnx.State | None = None


def make_optimiser(config: FlowLearning, updates: int) -> optax.GradientTransformation:
    """AdamW for what learns; what is frozen costs no memory."""
    warm_up = min(config.warm_up, updates)
    rate = optax.warmup_cosine_decay_schedule(
        init_value=0.0 if warm_up else config.learning_rate,
        peak_value=config.learning_rate,
        warmup_steps=warm_up,
        decay_steps=max(updates, warm_up + 1),
        end_value=config.final_rate * config.learning_rate,
    )
    adam = optax.adamw(rate, b2=config.beta2, weight_decay=config.weight_decay, mask=_matrices)
    learning = optax.chain(optax.clip_by_global_norm(config.max_grad_norm), adam)
    return optax.partition({True: learning, False: optax.set_to_zero()}, lambda tree: learns(config, tree))


def _matrices(trained: Trained) -> Any:
    """True or false for every array: scales and biases are not decayed."""

    return map_named(lambda name, _: not {"scale", "bias"} & set(name.split(".")), trained)


def learns(config: FlowLearning, trained: Trained) -> Any:
    """True or false for every array."""

    def one(name: str, _: Array) -> bool:
        if config.reflex:
            return name.startswith("reflex")
        if name.startswith("lora"):
            return True
        name = name.removeprefix("weights.")
        return not (config.lora and adapted(name)) and not name.startswith(config.frozen or ("\0",))

    return map_named(one, trained)


def begin(parts: Parts, key: Array, weights: nnx.State) -> Trained:
    """What is trained first, on from `weights`."""
    lora = adapters(key, weights, parts.config.lora) if parts.config.lora else None
    return Trained(weights, lora, parts.reflex.fresh(key) if parts.reflex else None)


def whole(trained: Trained) -> nnx.State:
    """The weights, with what was learned on top of them."""
    return trained.weights if trained.lora is None else merged(trained.weights, trained.lora)
