"""Calling a Warp kernel from XLA on the CPU, cut over all cores.

Warp's own `jax_callable` builds Warp arrays and launches in Python on every call, which takes longer than the step of a
few worlds, and `jax_kernel` keeps to one core. Here the arguments are packed once per batch size; a call only puts in
the addresses of the buffers and hands slices of the worlds to a thread pool. Launches release the interpreter lock. The
call frame is XLA's FFI (`xla/ffi/api/c_api.h`), in the form that Warp declares it.
"""

import ctypes
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise

import jax
import warp as wp
from warp._src.jax import xla_ffi

from ...machine import cores

LEAST_WORLDS = 16
"""A slice of fewer worlds is not worth a thread."""
WORD = 8
Frame = xla_ffi.XLA_FFI_CallFrame
FRAME_WORDS = Frame.attrs.offset // WORD
EXTENSION = Frame.extension_start.offset // WORD
INPUTS = (Frame.args.offset + xla_ffi.XLA_FFI_Args.args.offset) // WORD
OUTPUTS = (Frame.rets.offset + xla_ffi.XLA_FFI_Rets.rets.offset) // WORD
DATA = xla_ffi.XLA_FFI_Buffer.data.offset
Handler = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
Shape = tuple[int, ...]

_kept: dict[str, object] = {}
"""Registered handlers by name: XLA knows only their addresses."""
_thread = threading.local()


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
    if name in _kept:
        return
    device = wp.get_device("cpu")
    launches = []
    for first, count in cut(worlds, cores()):
        launch = wp.Launch(kernel, device)
        launch.set_dim(count)
        launches.append((launch, _packed(launch, (first, *numbers), shapes)))
    handler = Handler(_handler(launches, len(shapes) - outputs, outputs))
    jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(ctypes.cast(handler, ctypes.c_void_p).value), platform="cpu")
    _kept[name] = handler


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


def _handler(launches, inputs: int, outputs: int):
    """What XLA calls with the address of its call frame. It returns None, or the address of an error."""
    head, *tail = [(launch.hooks.forward, launch.bounds, *packed) for launch, packed in launches]
    size = len(head[2]) // WORD
    frame_at, inputs_at, outputs_at, arguments_from, address = (
        (ctypes.c_uint64 * FRAME_WORDS).from_address,
        (ctypes.c_uint64 * inputs).from_address,
        (ctypes.c_uint64 * outputs).from_address,
        (ctypes.c_uint64 * size).from_buffer_copy,
        ctypes.c_uint64.from_address,
    )

    def run(part, addresses: list[int]) -> None:
        forward, bounds, template, words = part
        arguments = arguments_from(template)
        for word, value in zip(words, addresses, strict=True):
            arguments[word] = value
        forward(ctypes.byref(bounds), arguments)

    def handle(frame: int):
        try:
            call = frame_at(frame)[:]
            if call[EXTENSION]:
                return _describe(frame)
            _stay()
            buffers = inputs_at(call[INPUTS])[:] + outputs_at(call[OUTPUTS])[:]
            addresses = [address(buffer + DATA).value for buffer in buffers]
            waiting = [pool().submit(run, part, addresses) for part in tail]
            run(head, addresses)
            for part in waiting:
                part.result()
        except Exception as error:
            api = ctypes.cast(frame, ctypes.POINTER(Frame)).contents.api
            return xla_ffi.create_ffi_error(api, xla_ffi.XLA_FFI_Error_Code.UNKNOWN, f"{type(error).__name__}: {error}")
        return None

    return handle


def _stay() -> None:
    """Keep what Python knows of a thread of XLA: to make it anew would double the time of a call."""
    if not hasattr(_thread, "known"):
        ctypes.pythonapi.PyGILState_Ensure()
        _thread.known = True


def _describe(frame: int) -> None:
    """Answer XLA's question for the version of the interface."""
    extension = ctypes.cast(frame, ctypes.POINTER(Frame)).contents.extension_start
    if extension.contents.type == xla_ffi.XLA_FFI_Extension_Type.Metadata:
        about = ctypes.cast(extension, ctypes.POINTER(xla_ffi.XLA_FFI_Metadata_Extension))
        version = about.contents.metadata.contents.api_version
        version.major_version, version.minor_version = 0, 1
