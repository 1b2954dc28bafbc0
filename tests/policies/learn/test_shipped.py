import zipfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gambol.policies.learn import shipped

PARAMS = {
    "net": {"kernel": jnp.arange(6, dtype=jnp.float32).reshape(2, 3) / 7, "half": jnp.ones(3, jnp.bfloat16) / 3},
    "count": jnp.float32(3),
    "ids": jnp.arange(4, dtype=jnp.int32),
    "file": (jnp.zeros((2, 0)),),
}


@pytest.fixture
def path(tmp_path):
    shipped.write(tmp_path / shipped.FILE, PARAMS, step=77)
    return tmp_path / shipped.FILE


def test_what_is_read_is_what_was_written(path):
    like = jax.eval_shape(lambda: PARAMS)
    params, step = shipped.read(path, like)
    assert step == 77 and jax.tree.structure(params) == jax.tree.structure(PARAMS)
    for found, wanted in zip(jax.tree.leaves(params), jax.tree.leaves(PARAMS), strict=True):
        assert found.dtype == wanted.dtype and found.tobytes() == wanted.tobytes()


def test_anyone_can_read_it(path):
    with np.load(path, allow_pickle=False) as file:
        assert set(file.files) == {
            *("gambol.format", "gambol.step", "net.kernel", "net.half", "count", "ids", "file.0")
        }
        assert file["net.half"].dtype == file["net.kernel"].dtype == np.float32 and file["gambol.format"] == 1
        np.testing.assert_array_equal(file["net.kernel"], PARAMS["net"]["kernel"])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"count": None}, r"count is absent, float32\[\] is needed"),
        ({"net.kernel": np.zeros((3, 2), np.float32)}, r"net.kernel is float32\[3, 2\], float32\[2, 3\] is needed"),
        ({"net.kernel": np.zeros((2, 3))}, r"net.kernel is float64\[2, 3\], float32\[2, 3\] is needed"),
        ({"ids": np.zeros(4, np.float32)}, r"ids is float32\[4\], int32\[4\] is needed"),
        ({"net.bias": np.zeros(3, np.float32)}, r"net.bias is float32\[3\], nothing is needed"),
        ({"gambol.format": np.asarray(2)}, "has format 2, this gambol reads 1"),
        ({"gambol.format": None}, "no policy that was shipped, or damaged: 'gambol.format"),
        ({"ids": np.array([object()])}, "no policy that was shipped, or damaged: Object arrays"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(path, change, reason):
    with np.load(path) as file:
        arrays = dict(file) | change
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    with pytest.raises(ValueError, match=reason) as caught:
        shipped.read(path, PARAMS)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_damaged_file_is_refused(path):
    content = path.read_bytes()
    with zipfile.ZipFile(path) as file:
        place = file.getinfo("net.kernel.npy").header_offset + 200
    for broken in (b"", b"text", content[:-40], content[:place] + b"\xff\xff" + content[place + 2 :]):
        path.write_bytes(broken)
        with pytest.raises(ValueError, match=r"policy\.npz is no policy that was shipped, or damaged"):
            shipped.read(path, PARAMS)
