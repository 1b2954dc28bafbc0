"""Learning on several devices of one machine: what is learned from is cut over them, all else is the same on each."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import jax
from jax import Array
from jax.sharding import AxisType, NamedSharding, PartitionSpec, get_abstract_mesh, get_mesh

from ...envs.contract import PyTree

AXIS = "devices"


def use(count: int) -> AbstractContextManager[Any]:
    """Within it, `cut` and `everywhere` are about the first `count` devices; 0: all. Raises ValueError if there are not
    so many."""
    there = jax.devices()
    if count > len(there):
        raise ValueError(f"run.devices is {count}: JAX finds {len(there)}; choose fewer, or 0 for all")
    count = count or len(there)
    if count == 1:
        return nullcontext()
    return jax.set_mesh(jax.make_mesh((count,), (AXIS,), (AxisType.Auto,), devices=there[:count]))


def cut(array: Array, what: str) -> Array:
    """An array [N, ...] inside a compiled function, an equal share of it on each device; so is what comes of it.

    Raises ValueError, naming `what` N is, where it cannot be.
    """
    count = get_abstract_mesh().shape.get(AXIS, 1)
    if array.shape[0] % count:
        raise ValueError(f"{what} is {array.shape[0]}: it must be a multiple of the devices, {count}")
    return array if count == 1 else jax.lax.with_sharding_constraint(array, PartitionSpec(AXIS))


def everywhere(tree: PyTree) -> PyTree:
    """The same arrays on every device."""
    same = _same()
    return tree if same is None else jax.device_put(tree, same)


def jit(function: Callable[..., Any], **options: Any) -> Any:
    """`jax.jit` for arguments and results that are `everywhere`."""
    same = _same()
    if same is not None:
        options |= {"in_shardings": same, "out_shardings": same}
    return jax.jit(function, **options)


def _same() -> NamedSharding | None:
    mesh = get_mesh()
    return None if mesh.empty else NamedSharding(mesh, PartitionSpec())
