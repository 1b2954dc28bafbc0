"""The parameters of a policy as one NumPy file, without pickle: what is shipped of a checkpoint.

Every array has its dotted path for a name, like `actor.head.kernel.value`. Floats are stored as float32.
"""

import io
import zipfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from ...envs.contract import PyTree
from ...envs.files import write_atomically
from ..names import named

FILE = "policy.npz"
FORMAT = 1
ABOUT = "gambol."
"""How names begin that are not of parameters."""


def write(path: Path, params: PyTree, step: int) -> None:
    """Write the arrays of `params`, which were trained for `step` control steps. Raises OSError."""
    arrays = {f"{ABOUT}format": np.asarray(FORMAT), f"{ABOUT}step": np.asarray(step)}
    arrays |= {name: np.asarray(leaf, stored(leaf.dtype)) for name, leaf in named(params)}
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    write_atomically(path, content.getvalue())


def read(path: Path, like: PyTree) -> tuple[PyTree, int]:
    """The parameters, in the structure and types of `like` (arrays or their shapes), and their step.

    Raises ValueError, naming the file, where it is damaged, where its format is not ours, and where a name, a shape or
    a type is not that of `like`: every array of the one is in the other.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        version, step = (int(arrays.pop(f"{ABOUT}{name}")) for name in ("format", "step"))
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is no policy that was shipped, or damaged: {error}") from None
    if version != FORMAT:
        raise ValueError(f"{path} has format {version}, this gambol reads {FORMAT}")
    wanted = dict(named(like))
    for name in sorted(wanted.keys() | arrays.keys()):
        have = described(arrays[name], arrays[name].dtype) if name in arrays else "absent"
        need = described(wanted[name], stored(wanted[name].dtype)) if name in wanted else "nothing"
        if have != need:
            raise ValueError(f"{path} does not fit its configuration: {name} is {have}, {need} is needed")
    leaves, structure = jax.tree.flatten(like)
    ordered = [jnp.asarray(arrays[name], leaf.dtype) for (name, _), leaf in zip(named(like), leaves, strict=True)]
    return structure.unflatten(ordered), step


def stored(dtype: np.dtype) -> np.dtype:
    """The type in which arrays of a type are stored."""
    return np.dtype(np.float32) if jnp.issubdtype(dtype, jnp.floating) else np.dtype(dtype)


def described(array: jax.Array | np.ndarray, dtype: np.dtype) -> str:
    """A type and the shape of an array."""
    return f"{dtype}{list(array.shape)}"
