"""What tests of several rooms need."""

from pathlib import Path

import pytest
from gambol.sim2real import bundle as bundles
from gambol.sim2real.export import export

WALKER = Path(__file__).parents[1] / "policies" / "pretrained" / "track-b1z1"


@pytest.fixture(scope="session")
def walker_folder(tmp_path_factory) -> Path:
    """A bundle of the tracking policy that Gambol ships; not to be changed: making one takes its time."""
    folder = tmp_path_factory.mktemp("bundles") / "walker"
    export(WALKER, folder)
    return folder


@pytest.fixture(scope="session")
def walker(walker_folder) -> bundles.Bundle:
    """The same, read."""
    return bundles.read(walker_folder)
