import ctypes

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.sim import ffi


def test_a_call_reads_and_writes_the_arrays_themselves():
    def double(addresses: list[int]) -> None:
        x, y = ((ctypes.c_float * 3).from_address(address) for address in addresses)
        y[:] = [2 * value for value in x]

    ffi.register("test_double", double, inputs=1, outputs=1)
    assert ffi.known("test_double")
    call = jax.ffi.ffi_call("test_double", jax.ShapeDtypeStruct((3,), jnp.float32))
    last, _ = jax.lax.scan(lambda x, _: (call(x), None), jnp.arange(3.0), length=4)
    np.testing.assert_array_equal(last, 16 * np.arange(3.0))


def test_what_a_call_raises_is_an_error_of_jax_not_a_wrong_number():
    def fail(_):
        raise RuntimeError("the kernel is gone")

    ffi.register("test_failing", fail, inputs=1, outputs=1)
    call = jax.ffi.ffi_call("test_failing", jax.ShapeDtypeStruct((1,), jnp.float32))
    with pytest.raises(jax.errors.JaxRuntimeError, match="the kernel is gone"):
        jax.block_until_ready(call(jnp.zeros(1)))
