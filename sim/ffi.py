"""Calling Python from XLA on the CPU with the addresses of its buffers: no copies, about 10 microseconds a call.

The call frame is XLA's FFI (`xla/ffi/api/c_api.h`), in the form that Warp declares it.
"""

import ctypes
import threading
from collections.abc import Callable

import jax
from warp._src.jax import xla_ffi

WORD = 8
Frame = xla_ffi.XLA_FFI_CallFrame
FRAME_WORDS = Frame.attrs.offset // WORD
EXTENSION = Frame.extension_start.offset // WORD
INPUTS = (Frame.args.offset + xla_ffi.XLA_FFI_Args.args.offset) // WORD
OUTPUTS = (Frame.rets.offset + xla_ffi.XLA_FFI_Rets.rets.offset) // WORD
DATA = xla_ffi.XLA_FFI_Buffer.data.offset
Handler = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)

_kept: dict[str, object] = {}
"""Registered handlers by name: XLA knows only their addresses."""
_thread = threading.local()


def known(name: str) -> bool:
    """Whether something is registered under a name."""
    return name in _kept


def register(name: str, call: Callable[[list[int]], None], inputs: int, outputs: int) -> None:
    """Make `call` known to XLA on the CPU as `name`, for `jax.ffi.ffi_call`.

    It is called with the addresses of the `inputs` arrays, then of the `outputs` arrays that it fills. What it raises
    becomes XLA's error.
    """
    handler = Handler(_handler(call, inputs, outputs))
    jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(ctypes.cast(handler, ctypes.c_void_p).value), platform="cpu")
    _kept[name] = handler


def _handler(run: Callable[[list[int]], None], inputs: int, outputs: int):
    """What XLA calls with the address of its call frame. It returns None, or the address of an error."""
    frame_at, inputs_at, outputs_at, address = (
        (ctypes.c_uint64 * FRAME_WORDS).from_address,
        (ctypes.c_uint64 * inputs).from_address,
        (ctypes.c_uint64 * outputs).from_address,
        ctypes.c_uint64.from_address,
    )

    def handle(frame: int):
        try:
            call = frame_at(frame)[:]
            if call[EXTENSION]:
                return _describe(frame)
            _stay()
            buffers = inputs_at(call[INPUTS])[:] + outputs_at(call[OUTPUTS])[:]
            run([address(buffer + DATA).value for buffer in buffers])
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
