"""A policy that is served somewhere else, as one that an env can be played with.

Every world has a connection of its own, so that the server keeps its memory apart. Of each chunk of actions all are
played before the next observation is sent.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.experimental import io_callback
from numpy.typing import NDArray

from ...envs.contract import Env, Observation, PyTree
from ...policies.policy import Policy
from ..describe import describe
from ..extras import need
from ..graphs import names_of, shifted
from . import arrays
from .served import RESET

SCHEME = "remote"
PORT = 8000
WORLDS = 64
"""Connections at once."""
PATIENCE = 60.0
"""Seconds for an answer."""


class Connections:
    """One connection a world. Raises ValueError where nobody serves, or for what the server says is wrong."""

    def __init__(self, address: str, api_key: str | None):
        need("websockets")
        parts = urlsplit(address)
        if parts.scheme != SCHEME or not parts.hostname:
            raise ValueError(f"{address!r} is no server: name it like {SCHEME}://HOST:{PORT}")
        self._address = f"ws://{parts.hostname}:{parts.port or PORT}"
        self._headers = {"Authorization": f"Api-Key {api_key}"} if api_key else {}
        self._loop = asyncio.new_event_loop()
        self._open: list[Any] = []
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        try:
            self.metadata = self._wait(self._grow(1))
            if self.metadata.get("reflex"):
                raise ValueError(f"{self._address} serves a policy with a reflex, which cannot be played from afar")
        except ValueError:
            self.close()
            raise

    def _wait(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _grow(self, count: int) -> Any:
        """Connect until there are so many; what the server says of itself."""
        from websockets.asyncio.client import connect
        from websockets.exceptions import WebSocketException

        metadata = None
        try:
            while len(self._open) < count:
                connection = await connect(
                    self._address, additional_headers=self._headers, compression=None, max_size=None
                )
                self._open.append(connection)
                metadata = arrays.unpack(await asyncio.wait_for(connection.recv(decode=False), PATIENCE))
        except (OSError, TimeoutError, WebSocketException) as error:
            raise ValueError(f"{self._address}: {' '.join(str(error).split())}; is gambol serve running?") from None
        return metadata

    def infer(self, messages: dict[int, dict[str, Any]]) -> dict[int, NDArray]:
        """Chunks of actions for the worlds that ask, by world."""
        return self._wait(self._infer(messages))

    async def _infer(self, messages: dict[int, dict[str, Any]]) -> dict[int, NDArray]:
        await self._grow(1 + max(messages))
        chunks = await asyncio.gather(*(self._one(self._open[world], message) for world, message in messages.items()))
        return dict(zip(messages, chunks, strict=True))

    async def _one(self, connection: Any, message: dict[str, Any]) -> NDArray:
        await connection.send(arrays.pack(message))
        answer = await asyncio.wait_for(connection.recv(), PATIENCE)
        if isinstance(answer, str):
            raise ValueError(f"{self._address} says: {answer}")
        actions = np.asarray(arrays.unpack(answer)["actions"])
        if actions.ndim != 2 or not len(actions):
            raise ValueError(f"{self._address} answers actions of shape {list(actions.shape)}: a chunk is [H, A]")
        return actions

    def close(self) -> None:
        """Hang up."""

        async def hang_up() -> None:
            await asyncio.gather(*(connection.close() for connection in self._open), return_exceptions=True)

        self._wait(hang_up())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


@contextmanager
def remote_policy(env: Env, address: str, api_key: str | None) -> Iterator[tuple[Policy, str]]:
    """The policy that is served at `remote://HOST:PORT`, and its name. Actions are in the meaning of Gambol's bundles:
    for a robot, 0 is the default pose.

    Raises ValueError where nobody serves; while it plays, RuntimeError (by way of JAX) for what the server refuses.
    """
    connections = Connections(address, api_key)
    try:
        yield acting(env, connections), str(connections.metadata.get("policy", address))
    finally:
        connections.close()


def acting(env: Env, connections: Connections) -> Policy:
    """A policy that asks the server. Its memory is whether a world has begun; the rest the server keeps."""
    meaning = describe(env, "obs", "actions").meaning
    space, size = env.spec.action_space, env.spec.action_space.shape or ()
    left: dict[int, NDArray] = {}

    def ask(fresh: NDArray, *leaves: NDArray) -> NDArray:
        fresh, leaves = np.asarray(fresh), tuple(map(np.asarray, leaves))
        wanted = {}
        for world, is_fresh in enumerate(fresh):
            if is_fresh or not len(left.get(world, ())):
                wanted[world] = {name: leaf[world] for name, leaf in zip(names, leaves, strict=True)}
                wanted[world] |= {RESET: True} if is_fresh else {}
        left.update(connections.infer(wanted) if wanted else {})
        actions = np.stack([left[world][0] for world in range(len(fresh))])
        for world in range(len(fresh)):
            left[world] = left[world][1:]
        return actions.reshape(len(fresh), *size).astype(space.dtype)

    names: list[str] = []

    def act(params: PyTree, memory: Array, observation: Observation, key: Array) -> tuple[Array, Array]:
        names[:] = names_of(observation.policy, "obs")
        seen = shifted(meaning, names, jax.tree.leaves(observation.policy), 1)
        shape = jax.ShapeDtypeStruct((memory.shape[0], *size), space.dtype)
        action = io_callback(ask, shape, memory, *seen, ordered=True)
        if meaning.last_action:
            action = action - jnp.asarray(meaning.shift, jnp.float32)
        return action, jnp.zeros_like(memory)

    return Policy(initial_memory=lambda worlds: jnp.ones(worlds, bool), act=act)
