"""Robots by name."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from ..contract import Contract
from .dds import DdsLink
from .imperfect import Imperfections
from .link import Link
from .udp import PORT, UdpLink

NAMES = "mujoco, mujoco-dds, udp://HOST:PORT, or dds://INTERFACE?domain=N"
PATIENCE = 20.0
"""Seconds that the simulated robot may take to start."""
DOMAINS = 200
"""Of DDS: a simulated robot gets one of them by chance, so that two do not meet."""


@contextmanager
def open_robot(name: str, folder: Path, contract: Contract, imperfections: Imperfections, seed: int) -> Iterator[Link]:
    """The link to a robot: `mujoco` starts one in a process of its own and ends it afterwards.

    Raises ValueError for a name that means nothing and an address that cannot be used.
    """
    if name in ("mujoco", "mujoco-dds"):
        with simulated(folder, imperfections, seed, "dds" if name == "mujoco-dds" else "udp") as (_, where):
            link = DdsLink(contract, where) if name == "mujoco-dds" else UdpLink(contract, port=where)
            with closing(link):
                yield link
        return
    with closing(link_to(name, contract)) as link:
        yield link


def link_to(name: str, contract: Contract) -> Link:
    """The link to an address."""
    try:
        address = urlsplit(name)
        host, port, domain = address.hostname, address.port, int(parse_qs(address.query).get("domain", ["0"])[0])
    except ValueError:
        host = port = None
        domain = 0
    if host and address.scheme == "udp":
        try:
            return UdpLink(contract, host, port or PORT)
        except OSError as error:
            raise ValueError(f"--robot is {name!r}: {error.strerror}") from None
    if host and address.scheme == "dds":
        return DdsLink(contract, domain, host)
    raise ValueError(f"--robot is {name!r}: use {NAMES}")


@contextmanager
def simulated(
    folder: Path, imperfections: Imperfections, seed: int, link: Literal["udp", "dds"] = "udp", port: int = 0
) -> Iterator[tuple[subprocess.Popen, int]]:
    """A robot in a process of its own, and its port (0: any) or domain. Raises RuntimeError if it does not start."""
    words = [sys.executable, "-m", "gambol.sim2real.robots.mujoco", str(folder), "--link", link, "--seed", str(seed)]
    words += ["--port", str(port), "--domain", str(1 + int.from_bytes(os.urandom(2), "little") % DOMAINS)]
    for key, value in asdict(imperfections).items():
        words += [f"--{key.replace('_', '-')}", str(value)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the simulated robot did not start: exit code {process.wait(PATIENCE)}")
        yield process, int(json.loads(line)["where"])
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
        if process.stdout:
            process.stdout.close()
