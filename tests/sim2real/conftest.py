"""Bundles that may be changed."""

import json
import shutil
from pathlib import Path

import pytest
from gambol.sim2real import bundle as bundles


@pytest.fixture
def copy(walker_folder, tmp_path) -> Path:
    """A copy of it that may be changed."""
    return Path(shutil.copytree(walker_folder, tmp_path / "copy"))


@pytest.fixture
def rewritten(walker, tmp_path):
    """(files in place of its own) -> folder of a bundle with them, hashes and all: what a forger would make."""

    def make(**files: bytes | None) -> Path:
        folder = tmp_path / "rewritten"
        shutil.rmtree(folder, ignore_errors=True)
        changed = {name.replace("__", "."): content for name, content in files.items()}
        kept = {name: content for name, content in {**walker.files, **changed}.items() if content is not None}
        bundles.write(folder, kept)
        return folder

    return make


@pytest.fixture
def contract_data(walker) -> dict:
    """Its contract as plain data that may be changed."""
    return json.loads(walker.files["contract.json"])
