import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("warp")

import warp as wp
from gambol.sim.planar.kernels import cpu


@wp.kernel(module="unique", enable_backward=False)
def add_rows(first_world: int, times: int, table: wp.array2d(dtype=float), sums: wp.array(dtype=float)):
    w = first_world + wp.tid()
    total = float(0.0)  # noqa: UP018  (to Warp, this is a variable and 0.0 a constant)
    for i in range(table.shape[0]):
        total += table[i, w]
    sums[w] = total * float(times)


@pytest.mark.parametrize("worlds", [1, 15, 16, 31, 32, 33, 1000])
@pytest.mark.parametrize("parts", [1, 2, 5])
def test_slices_hold_every_world_once_and_are_worth_a_thread(worlds, parts):
    slices = cpu.cut(worlds, parts)
    held = np.concatenate([np.arange(first, first + count) for first, count in slices])
    np.testing.assert_array_equal(held, np.arange(worlds))
    assert len(slices) <= parts
    assert len(slices) == 1 or min(count for _, count in slices) >= cpu.LEAST_WORLDS
    assert len(slices) == min(parts, max(worlds // cpu.LEAST_WORLDS, 1))


@pytest.mark.parametrize("worlds", [1, 5, 333])
@pytest.mark.parametrize("threads", [1, 3])
def test_a_kernel_is_called_with_the_buffers_of_xla(worlds, threads, monkeypatch):
    monkeypatch.setattr(cpu, "cores", lambda: threads)
    name = f"test_add_rows_{worlds}_{threads}"
    cpu.register(name, add_rows, [2], [(7, worlds), (worlds,)], outputs=1, worlds=worlds)
    call = jax.ffi.ffi_call(name, jax.ShapeDtypeStruct((worlds,), jnp.float32))
    table = np.arange(7.0 * worlds, dtype=np.float32).reshape(7, worlds)
    np.testing.assert_array_equal(jax.jit(call)(table), 2 * table.sum(0))
    # Other values at other addresses, as from step to step of a scan.
    last, _ = jax.lax.scan(lambda x, _: (x + call(x)[None], None), table, length=3)
    np.testing.assert_allclose(last, table + 2 * table.sum(0) * (1 + 15 + 15**2), rtol=1e-6)
