"""`gambol serve`: a policy behind a socket."""

import asyncio
import os
import signal
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import tyro

from ..sim2real import bundle
from ..sim2real.extras import need
from ..sim2real.server.serve import Server, Settings
from ..sim2real.server.served import Served
from ..sim2real.sessions import Refused
from ..sim2real.verify import proved
from .arguments import read

DESCRIPTION = """Serve the policy of a bundle, or of a run, to clients that speak the protocol of openpi.

  gambol serve bundle
  gambol serve policies/pretrained/track-b1z1 --port 9000 --host 0.0.0.0 --api-key SECRET

A client sends an observation, a map of arrays, and gets a chunk of actions. Each client has a memory of its own; the
key "reset" makes it start anew. /healthz says OK as soon as it serves, /metrics counts. Stop it with ctrl-c.
"""
FAILED = 1


@dataclass(frozen=True)
class Arguments:
    """What the command line chooses."""

    policy: tyro.conf.Positional[Path]
    """Folder of a bundle, of a run, or of a shipped policy."""
    serve: tyro.conf.OmitArgPrefixes[Settings] = field(default_factory=Settings)
    """How to serve."""
    threads: int = os.cpu_count() or 1
    """Cores for the graph."""


def main(argv: list[str]) -> int:
    """Serve until told to stop. Raises ValueError or OSError for what the user can mend."""
    options = read(Arguments, argv, prog="gambol serve", description=DESCRIPTION)
    for package in ("msgpack", "websockets"):
        need(package)
    if (options.policy / bundle.MANIFEST).is_file():
        return serve(options.policy, options)
    from ..sim2real.export import export

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "bundle"
        export(options.policy, folder)
        return serve(folder, options)


def serve(folder: Path, options: Arguments) -> int:
    """Prove the bundle, then serve it."""
    try:
        served = Served(proved(folder), options.threads)
    except Refused as error:
        print(f"{options.policy} is refused: {error}")
        return FAILED
    server = Server(served, options.serve)

    async def run() -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, stop.set)
        await server.run(lambda port: told(served, options.serve.host, port), stop.wait())

    asyncio.run(run())
    return 0


def told(served: Served, host: str, port: int) -> None:
    """Say that it serves."""
    wanted = ", ".join(f"{name} {about['shape']}" for name, about in served.metadata["observation"].items())
    print(
        f"{served.metadata['policy']} at ws://{host}:{port}: {wanted} -> {served.metadata['action']['shape']}",
        flush=True,
    )
