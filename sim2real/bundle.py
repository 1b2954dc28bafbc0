"""A bundle on disk: a folder of plain files, each named in `manifest.json` with its size and SHA-256.

    contract.json         what the policy expects and promises (`contract.py`)
    contract.schema.json  its JSON Schema
    policy.onnx           the policy
    encode.onnx, denoise.onnx, reflex.onnx    its two parts, where it is one of chunks, and its reflex, where it has one
    selftest.npz          recorded ticks
    robot.xml             the robot, where there is one
    deploy.yaml           the same in the words of Unitree's controllers

Nothing of it is trusted: files are read into memory once, with limits, and what is used is what was hashed.
"""

import hashlib
import io
import json
import re
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import contract as contracts
from .contract import Contract, load_json

MANIFEST = "manifest.json"
FORMAT = 1
MOST_FILES = 32
MOST_BYTES = 512 * 2**20
"""Of a bundle."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What a file may be called: no folder, no hidden file."""


class Bundle(NamedTuple):
    """What `read` returns."""

    contract: Contract
    files: Mapping[str, bytes]
    """Content by name, the manifest left out."""
    digest: str
    """SHA-256 of the manifest: it names the whole bundle."""


def write(folder: Path, files: Mapping[str, bytes]) -> str:
    """Make the folder with its files and their manifest, whole or not at all; returns the digest.

    Raises ValueError where the folder exists, OSError where it cannot be written.
    """
    if folder.exists():
        raise ValueError(f"{folder} exists: remove it, or choose another name with -o")
    content = manifest(files)
    scratch = folder.with_name(f".{folder.name}.writing")
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        scratch.mkdir(parents=True)
        for name, data in (*files.items(), (MANIFEST, content)):
            (scratch / name).write_bytes(data)
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return sha256(content)


def manifest(files: Mapping[str, bytes]) -> bytes:
    """The one way in which a manifest is written. Raises ValueError for a name that a file may not have."""
    for name in files:
        if not NAME.fullmatch(name) or name == MANIFEST:
            raise ValueError(f"{name!r} cannot be the name of a file in a bundle")
    listed = {name: {"bytes": len(data), "sha256": sha256(data)} for name, data in sorted(files.items())}
    return (json.dumps({"format": FORMAT, "files": listed}, indent=1) + "\n").encode()


def read(folder: Path) -> Bundle:
    """Every file of a bundle, as its manifest says, and its contract.

    Raises ValueError, naming the file, for the first thing that is not as it should be: no manifest or one not in its
    one form, a file that is missing, not listed, too large, a link, or not of its hash, a contract that is not one.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder} is no bundle: there is no such folder")
    if not (folder / MANIFEST).is_file():
        raise ValueError(f"{folder} is no bundle: it has no {MANIFEST}; make one with gambol export")
    content = plain_file(folder, MANIFEST, MOST_BYTES)
    listed = listing(content)
    present = {path.name for path in folder.iterdir()} - {MANIFEST}
    if extra := sorted(present - listed.keys()):
        raise ValueError(f"{extra[0]} is not in {MANIFEST}")
    files, left = {}, MOST_BYTES
    for name, (size, digest) in listed.items():
        if size > left:
            raise ValueError(f"{name} is too large: a bundle has at most {MOST_BYTES:,} bytes")
        files[name] = plain_file(folder, name, size)
        left -= size
        if len(files[name]) != size or sha256(files[name]) != digest:
            raise ValueError(f"{name} is not the file that {MANIFEST} describes: its SHA-256 differs")
    if contracts.FILE not in files:
        raise ValueError(f"{contracts.FILE} is missing")
    return Bundle(contracts.parse(files[contracts.FILE]), files, sha256(content))


def listing(content: bytes) -> dict[str, tuple[int, str]]:
    """Size and hash of every file by name. Raises ValueError for a manifest that `manifest` would not have written."""
    data = load_json(content, MANIFEST)
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ValueError(f"{MANIFEST} is not of format {FORMAT}")
    if (json.dumps(data, indent=1) + "\n").encode() != content:
        raise ValueError(f"{MANIFEST} was edited: it is not in the form in which bundles are written")
    files = data.get("files")
    if data.keys() != {"format", "files"} or not isinstance(files, dict) or not 0 < len(files) <= MOST_FILES:
        raise ValueError(f"{MANIFEST} must list 1 to {MOST_FILES} files and nothing else")
    found = {}
    for name, about in files.items():
        if not NAME.fullmatch(name) or name == MANIFEST:
            raise ValueError(f"{MANIFEST} names {name!r}: files lie in the bundle itself, under plain names")
        good = isinstance(about, dict) and about.keys() == {"bytes", "sha256"}
        if not (good and type(about["bytes"]) is int and about["bytes"] >= 0 and type(about["sha256"]) is str):
            raise ValueError(f"{MANIFEST}: {name} must have bytes and sha256")
        found[name] = about["bytes"], about["sha256"]
    return found


def plain_file(folder: Path, name: str, most: int) -> bytes:
    """Content of a file, at most `most` bytes and one more. Raises ValueError for what is no plain file."""
    path = folder / name
    if path.is_symlink() or not path.is_file():
        raise ValueError(f"{name} is missing" if not path.exists() else f"{name} is not a plain file")
    with path.open("rb") as file:
        return file.read(most + 1)


def sha256(content: bytes) -> str:
    """In hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def pack(arrays: Mapping[str, NDArray]) -> bytes:
    """Arrays as one NumPy file, without pickle."""
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    return content.getvalue()


def unpack(content: bytes, name: str) -> dict[str, NDArray]:
    """The arrays of `pack`. Raises ValueError for a file that holds anything but plain, finite arrays."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
                raise ValueError("an array is compressed")
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{name} is not a file of plain arrays: {error}") from None
    for key, array in arrays.items():
        if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
            raise ValueError(f"{name}: {key} holds something that is not a finite number")
    return arrays
