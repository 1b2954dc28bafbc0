"""Checkpoints: all that a resume needs, on disk whole or not at all.

    <folder>/<step>/  state/ (Orbax)   about.json (metadata)   manifest.json (size and sha256 of every other file)

A checkpoint is written beside its place and renamed into it, so that a killed process leaves the earlier ones as they
were. Whoever reads one checks every file against the manifest first. Orbax is imported where it is used: a run pays
for it after its first update, not before.
"""

import errno
import hashlib
import json
import logging
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ...envs.contract import PyTree

MANIFEST, ABOUT, STATE = "manifest.json", "about.json", "state"
Which = int | Literal["latest", "best"]


class CheckpointError(ValueError):
    """A checkpoint is missing, or does not fit what it is restored into."""


class DamagedCheckpoint(CheckpointError):
    """A file of a checkpoint is missing or is not what was written."""


class Checkpoint(NamedTuple):
    """What `restore` returns."""

    step: int
    state: PyTree
    about: dict[str, Any]
    """The metadata given to `save`."""


def save(folder: Path, step: int, state: PyTree, about: dict[str, Any]) -> Path:
    """Write `state` (any pytree of arrays, typed PRNG keys included) and `about` (JSON; "score" ranks the best).

    Raises `OSError` if the disk is full, after removing what was begun.
    """
    place, scratch = folder / str(step), folder / f".{step}.writing"
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        _write_arrays(scratch / STATE, _pack(state))
        (scratch / ABOUT).write_text(json.dumps(about))
        manifest = {name: [(scratch / name).stat().st_size, _digest(scratch / name)] for name in _files(scratch)}
        (scratch / MANIFEST).write_text(json.dumps(manifest, indent=1))
        _sync(scratch)
        shutil.rmtree(place, ignore_errors=True)
        os.replace(scratch, place)
        _sync_one(folder)
    except Exception as error:
        # Orbax wraps what the disk said into errors of its own, so the text is all there is to go by.
        if getattr(error, "errno", None) == errno.ENOSPC or os.strerror(errno.ENOSPC) in str(error):
            raise OSError(
                f"disk full while writing checkpoint {place}: free some space, then continue with --resume; "
                "earlier checkpoints are intact"
            ) from None
        raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return place


def restore(folder: Path, like: PyTree, which: Which = "latest") -> Checkpoint:
    """Read a checkpoint into the structure of `like` (arrays, or the shapes that `jax.eval_shape` gives).

    A damaged "latest" or "best" is refused by a printed warning and the next one is read; one asked for by its step is
    refused by an error. Raises `CheckpointError` if nothing valid is there or the state has other shapes than `like`.
    """
    present = steps(folder)
    if isinstance(which, int):
        if which not in present:
            raise CheckpointError(f"{folder} has no checkpoint {which}: choose one of {present}")
        return _load(folder / str(which), like)
    for step in ranked(folder) if which == "best" else present[::-1]:
        try:
            return _load(folder / str(step), like)
        except DamagedCheckpoint as error:
            print(f"gambol: warning: {error}; using the one before it", file=sys.stderr)
    raise CheckpointError(f"{folder} has no valid checkpoint" if present else f"{folder} has no checkpoint yet")


def steps(folder: Path) -> list[int]:
    """Steps of the checkpoints in `folder`, valid or not, rising."""
    return sorted(int(path.name) for path in folder.glob("*") if path.name.isdecimal())


def ranked(folder: Path) -> list[int]:
    """Steps of the checkpoints in `folder`, best score first; the newer of equals, and those without a score last."""

    def rank(step: int) -> tuple[float, int]:
        try:
            score = _read_json(folder / str(step), ABOUT).get("score")
        except DamagedCheckpoint:
            score = None
        return (score if isinstance(score, int | float) else -np.inf, step)

    return sorted(steps(folder), key=rank, reverse=True)


def prune(folder: Path, keep_last: int) -> None:
    """Remove all checkpoints but the newest `keep_last` and the best, and what killed processes left half-written."""
    keep = {*steps(folder)[-keep_last:], *ranked(folder)[:1]}
    for step in set(steps(folder)) - keep:
        shutil.rmtree(folder / str(step))
    for scratch in folder.glob(".*.writing"):
        shutil.rmtree(scratch)


def set_aside(folder: Path, after: int) -> None:
    """Rename every checkpoint newer than step `after` to `<step>.damaged`: a resumed run writes those steps anew."""
    for step in steps(folder):
        if step > after:
            aside = folder / f"{step}.damaged"
            shutil.rmtree(aside, ignore_errors=True)
            os.replace(folder / str(step), aside)


def verify(path: Path) -> None:
    """Check every file of the checkpoint at `path` against its manifest. Raises `DamagedCheckpoint`."""
    listed = _read_json(path, MANIFEST)
    present = set(_files(path)) - {MANIFEST}
    for name in sorted(present | set(listed)):
        if name not in present:
            raise DamagedCheckpoint(f"checkpoint {path} refused: {name} is missing")
        written = listed.get(name)
        if not isinstance(written, list) or len(written) != 2:
            raise DamagedCheckpoint(f"checkpoint {path} refused: {name} is not in its {MANIFEST}")
        size, digest = written
        found = (path / name).stat().st_size
        if found != size:
            raise DamagedCheckpoint(f"checkpoint {path} refused: {name} has {found} bytes, {size} were written")
        if _digest(path / name) != digest:
            raise DamagedCheckpoint(f"checkpoint {path} refused: {name} was changed after it was written")


def _load(path: Path, like: PyTree) -> Checkpoint:
    verify(path)
    arrays = _read_arrays(path / STATE)
    leaves, structure = jax.tree_util.tree_flatten_with_path(like)
    state = structure.unflatten(_unpack(path, jax.tree_util.keystr(key), arrays, leaf) for key, leaf in leaves)
    return Checkpoint(int(path.name), state, _read_json(path, ABOUT))


def _pack(state: PyTree) -> dict[str, np.ndarray]:
    """The leaves as NumPy arrays under their paths: keys as their data, empty arrays (which Orbax refuses) left out."""
    leaves = jax.tree_util.tree_leaves_with_path(state)
    arrays = {jax.tree_util.keystr(key): np.asarray(_key_data(leaf)) for key, leaf in leaves}
    return {name: array for name, array in arrays.items() if array.size}


def _unpack(path: Path, name: str, arrays: dict[str, np.ndarray], like: Any) -> jax.Array:
    """The leaf called `name`, of the shape, type and device placement of `like`."""
    wanted = jax.eval_shape(_key_data, like)
    if 0 in wanted.shape:
        return jnp.zeros(wanted.shape, wanted.dtype)
    found = arrays.get(name)
    if found is None or found.shape != wanted.shape or found.dtype != wanted.dtype:
        have = "absent" if found is None else f"{found.dtype}{list(found.shape)}"
        raise CheckpointError(
            f"checkpoint {path} does not fit this configuration: {name} is {have}, "
            f"{wanted.dtype}{list(wanted.shape)} is needed"
        )
    # A copy, because the learner donates its state and must own the memory.
    array = jnp.array(found, copy=True)
    return jax.random.wrap_key_data(array, impl=_key_kind(like)) if _is_key(like) else array


def _is_key(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array | jax.ShapeDtypeStruct) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _key_data(leaf: Any) -> Any:
    return jax.random.key_data(leaf) if _is_key(leaf) else leaf


def _key_kind(leaf: Any) -> Any:
    """The generator of a PRNG key; JAX tells it of values only, so that of a mere shape is asked for within a trace."""
    kinds = []
    jax.eval_shape(lambda key: kinds.append(jax.random.key_impl(key)), leaf)
    return kinds[0]


@contextmanager
def _handler() -> Iterator[Any]:
    """An Orbax checkpointer that keeps its log to itself; its errors are raised all the same."""
    import orbax.checkpoint as ocp

    logger = logging.getLogger("absl")
    level, logger.level = logger.level, logging.CRITICAL + 1
    try:
        with ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as checkpointer:
            yield checkpointer
    finally:
        logger.setLevel(level)


def _write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    with _handler() as checkpointer:
        checkpointer.save(path.absolute(), arrays)


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    import orbax.checkpoint as ocp

    with _handler() as checkpointer:
        names = checkpointer.metadata(path.absolute()).item_metadata.tree
        as_numpy = dict.fromkeys(names, ocp.RestoreArgs(restore_type=np.ndarray))
        return checkpointer.restore(path.absolute(), restore_args=as_numpy)


def _files(path: Path) -> list[str]:
    return sorted(str(file.relative_to(path)) for file in path.rglob("*") if file.is_file())


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync(path: Path) -> None:
    """Have the disk take every file of `path` before the rename that makes them count."""
    for name in (*_files(path), "."):
        _sync_one(path / name)


def _sync_one(path: Path) -> None:
    """Have the disk take a file, or the names in a folder."""
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def _read_json(path: Path, name: str) -> dict[str, Any]:
    try:
        data = json.loads((path / name).read_bytes())
    except FileNotFoundError:
        raise DamagedCheckpoint(f"checkpoint {path} refused: {name} is missing") from None
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise DamagedCheckpoint(f"checkpoint {path} refused: {name} is not the JSON that was written")
    return data
