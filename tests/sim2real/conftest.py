"""Bundles for all tests here: exporting one takes most of their time."""

import json
import shutil
from pathlib import Path

import pytest
from gambol.sim2real import bundle as bundles
from gambol.sim2real.export import export

ROOT = Path(__file__).parents[2]
WALKER = ROOT / "policies" / "pretrained" / "track-b1z1"


@pytest.fixture(scope="session")
def walker_folder(tmp_path_factory) -> Path:
    """A bundle of the tracking policy that Gambol ships; not to be changed."""
    folder = tmp_path_factory.mktemp("bundles") / "walker"
    export(WALKER, folder)
    return folder


@pytest.fixture(scope="session")
def walker(walker_folder) -> bundles.Bundle:
    """The same, read."""
    return bundles.read(walker_folder)


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
