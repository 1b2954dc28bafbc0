"""Robots by name."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

from ..contract import Contract
from .imperfect import Imperfections
from .link import Link
from .udp import PORT, UdpLink

NAMES = "mujoco, or udp://HOST:PORT"
PATIENCE = 20.0
"""Seconds that the simulated robot may take to start."""


@contextmanager
def open_robot(name: str, folder: Path, contract: Contract, imperfections: Imperfections, seed: int) -> Iterator[Link]:
    """The link to a robot: `mujoco` starts one in a process of its own and ends it afterwards.

    Raises ValueError for a name that means nothing, OSError where an address cannot be used.
    """
    if name == "mujoco":
        with simulated(folder, imperfections, seed) as port:
            link = UdpLink(contract, port=port)
            try:
                yield link
            finally:
                link.close()
        return
    address = urlsplit(name)
    if address.scheme != "udp" or not address.hostname:
        raise ValueError(f"--robot is {name!r}: use {NAMES}")
    link = UdpLink(contract, address.hostname, address.port or PORT)
    try:
        yield link
    finally:
        link.close()


@contextmanager
def simulated(folder: Path, imperfections: Imperfections, seed: int) -> Iterator[int]:
    """The port of a robot in a process of its own. Raises RuntimeError if it does not start."""
    words = [sys.executable, "-m", "gambol.sim2real.robots.mujoco", str(folder), "--port", "0", "--seed", str(seed)]
    for key, value in asdict(imperfections).items():
        words += [f"--{key.replace('_', '-')}", str(value)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the simulated robot did not start: exit code {process.wait(PATIENCE)}")
        yield json.loads(line)["port"]
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
