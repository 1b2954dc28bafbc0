"""requirements.lock pins what pyproject.toml asks for."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = SETTINGS["project"]
WANTED = [
    *PROJECT["dependencies"],
    *PROJECT["optional-dependencies"]["dev"],
    *SETTINGS["build-system"]["requires"],
    *SETTINGS["tool"]["gambol"]["files-only"],
]


def pins(lock: str) -> dict[str, str]:
    """The versions in a lock by canonical name; every line must be a bare `name==version`."""
    lines = [line for line in (ROOT / lock).read_text().splitlines() if not line.startswith("#")]
    matches = [re.fullmatch(r"([\w.-]+)==([\w.+]+)", line) for line in lines]
    assert all(matches), lines[matches.index(None)]
    assert lines == sorted(lines, key=str.casefold)
    return {canonicalize_name(match[1]): match[2] for match in matches if match}


@pytest.mark.parametrize("wanted", WANTED)
def test_the_lock_meets_every_requirement(wanted):
    requirement = Requirement(wanted)
    version = pins("requirements.lock").get(canonicalize_name(requirement.name))
    assert version and requirement.specifier.contains(version), f"{wanted}: locked {version}; run make lock"


def test_the_peer_is_the_published_version():
    assert pins("benchmarks/peers.lock")["kinetix-env"] == "3.0.2"
