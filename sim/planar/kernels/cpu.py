"""Calling a Warp kernel from XLA on the CPU, cut over all cores.

Warp's own `jax_callable` builds Warp arrays and launches in Python on every call, which takes longer than the step of a
few worlds, and `jax_kernel` keeps to one core. Here the arguments are packed once per batch size; a call only puts in
the addresses of the buffers and hands slices of the worlds to a thread pool. Launches release the interpreter lock.
"""

import ctypes
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise

import warp as wp

from ... import ffi
from ...machine import cores

LEAST_WORLDS = 16
"""A slice of fewer worlds is not worth a thread."""
WORD = 8
Shape = tuple[int, ...]


@cache
def pool() -> ThreadPoolExecutor:
    """Threads for all slices but the one that the calling thread does itself."""
    return ThreadPoolExecutor(max(cores() - 1, 1), thread_name_prefix="planar")


def cut(worlds: int, parts: int) -> list[tuple[int, int]]:
    """(first, count) of at most `parts` slices, none below `LEAST_WORLDS` if there is more than one."""
    parts = max(1, min(parts, worlds // LEAST_WORLDS))
    edges = [worlds * i // parts for i in range(parts + 1)]
    return [(first, end - first) for first, end in pairwise(edges)]


def register(
    name: str, kernel: wp.Kernel, numbers: Sequence[int], shapes: Sequence[Shape], outputs: int, worlds: int
) -> None:
    """Make `kernel` known to XLA on the CPU as `name`, once.

    The kernel's first argument is the first world of a slice, then come `numbers`; the others are arrays of four-byte
    entries of `shapes`, in the order of the call, of which the last `outputs` are written. A launch has one thread per
    world.
    """
    if ffi.known(name):
        return
    device = wp.get_device("cpu")
    launches = []
    for first, count in cut(worlds, cores()):
        launch = wp.Launch(kernel, device)
        launch.set_dim(count)
        launches.append((launch, _packed(launch, (first, *numbers), shapes)))
    ffi.register(name, _caller(launches), len(shapes) - outputs, outputs)


def _packed(launch: wp.Launch, numbers: Sequence[int], shapes: Sequence[Shape]) -> tuple[bytes, list[int]]:
    """The struct that the compiled kernel reads, still without addresses, and which of its words they go to."""
    kinds = [type(value) for value in launch.params[1:]]
    values = [kind(number) for kind, number in zip(kinds, numbers, strict=False)]
    arrays = kinds[len(numbers) :]
    values += [kind(0, 0, len(shape), shape, _strides(shape)) for kind, shape in zip(arrays, shapes, strict=True)]
    fields = [(f"argument_{i}", kind) for i, kind in enumerate(kinds)]
    struct = type("Arguments", (ctypes.Structure,), {"_fields_": fields})
    words = [getattr(struct, name).offset // WORD for name, _ in fields[len(numbers) :]]
    return bytes(struct(*values)), words


def _strides(shape: Shape) -> Shape:
    """Bytes between neighbours along each axis, for entries of four bytes."""
    strides = [4]
    for size in shape[:0:-1]:
        strides.insert(0, strides[0] * size)
    return tuple(strides)


def _caller(launches) -> Callable[[list[int]], None]:
    """Runs the launches, given the addresses of the arrays: one here, the others in the pool."""
    head, *tail = [(launch.hooks.forward, launch.bounds, *packed) for launch, packed in launches]
    arguments_from = (ctypes.c_uint64 * (len(head[2]) // WORD)).from_buffer_copy

    def run(part, addresses: list[int]) -> None:
        forward, bounds, template, words = part
        arguments = arguments_from(template)
        for word, value in zip(words, addresses, strict=True):
            arguments[word] = value
        forward(ctypes.byref(bounds), arguments)

    def call(addresses: list[int]) -> None:
        waiting = [pool().submit(run, part, addresses) for part in tail]
        run(head, addresses)
        for part in waiting:
            part.result()

    return call
