"""The server: one WebSocket a client, binary messages, in the protocol of openpi (`arrays`).

The server speaks first, with what it serves; then each observation is answered with a chunk of actions. What is wrong
with a client's message is told that client, as text, and its connection is closed. Without a WebSocket, `/healthz` says
OK and `/metrics` what was counted.
"""

import asyncio
import hmac
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from ..extras import need
from . import arrays
from .batch import Batcher
from .metrics import Metrics
from .served import Served

FAILED = 1011
"""Code with which a connection is closed after an error."""


@dataclass(frozen=True)
class Settings:
    """How to serve. Raises ValueError, in one line, for what cannot be."""

    host: str = "127.0.0.1"
    """Address to listen at; 0.0.0.0 for all of this machine."""
    port: int = 8000
    """0 takes any that is free."""
    api_key: str | None = None
    """What clients must show."""
    most_bytes: int = 16 * 2**20
    """Of one message."""
    most_clients: int = 256
    """More are turned away."""
    most_batch: int = 64
    """Requests in one run of the graph."""
    patience: float = 20.0
    """Seconds after which a client that neither answers pings nor reads is let go."""

    def __post_init__(self):
        if not 0 <= self.port < 2**16:
            raise ValueError(f"port is {self.port}: it must be 0 to 65535")
        for name in ("most_bytes", "most_clients", "most_batch", "patience"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be above 0")
        if self.api_key == "":
            raise ValueError("api_key is empty: give one, or leave it out")


class Server:
    """All clients of one policy."""

    def __init__(self, served: Served, settings: Settings):
        self._served, self._settings, self.metrics = served, settings, Metrics()
        self._batcher = Batcher(served, settings.most_batch)
        self._closed = need("websockets").ConnectionClosed

    async def run(self, ready: Callable[[int], None], stop: Awaitable[Any]) -> None:
        """Serve until `stop`; `ready` is told the port. Raises OSError where it cannot listen."""
        from websockets.asyncio.server import serve

        own = self._settings
        self._served.warm_up(own.most_batch)
        async with serve(
            self._client,
            own.host,
            own.port,
            process_request=self._plain,
            compression=None,
            max_size=own.most_bytes,
            max_queue=2,
            open_timeout=own.patience,
            ping_interval=own.patience / 2,
            ping_timeout=own.patience / 2,
            close_timeout=1,
        ) as server:
            batching = asyncio.create_task(self._batcher.run())
            ready(next(iter(server.sockets)).getsockname()[1])
            try:
                await stop
            finally:
                batching.cancel()

    def _plain(self, connection: Any, request: Any) -> Any:
        """Answers to requests that want no WebSocket, and to those that may not have one."""
        if request.path == "/healthz":
            return connection.respond(HTTPStatus.OK, "OK\n")
        shown, key = request.headers.get("Authorization", ""), self._settings.api_key
        if key is not None and not hmac.compare_digest(shown.encode(), f"Api-Key {key}".encode()):
            self.metrics.counts["refused"] += 1
            return connection.respond(HTTPStatus.UNAUTHORIZED, "Authorization: Api-Key KEY is wanted\n")
        if request.path == "/metrics":
            return connection.respond(HTTPStatus.OK, self.metrics.text())
        if self.metrics.now >= self._settings.most_clients:
            self.metrics.counts["refused"] += 1
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "too many clients\n")
        return None

    async def _client(self, connection: Any) -> None:
        """One client, from its coming to its going."""
        metrics = self.metrics
        metrics.counts["clients"] += 1
        metrics.now += 1
        try:
            await self._send(connection, arrays.pack(self._served.metadata))
            await self._answer_all(connection)
        except self._closed:
            pass
        except TimeoutError:
            metrics.counts["errors"] += 1
            connection.transport.abort()  # it does not read: nothing more can be said to it
        except Exception as error:  # told to the one client that caused it
            metrics.counts["errors"] += 1
            await self._refuse(connection, error)
        finally:
            metrics.now -= 1

    async def _answer_all(self, connection: Any) -> None:
        memory, before = self._served.start(), None
        async for message in connection:
            began = time.perf_counter()
            if not isinstance(message, bytes):
                raise ValueError("a message is binary")
            request = self._served.request(arrays.unpack(message), memory)
            done = await self._batcher.ask(request)
            if not done.answer.finite:
                raise ValueError("the policy's answer is not finite")
            memory = done.answer.memory
            timing = {"infer_ms": 1e3 * (time.perf_counter() - began)}
            if before is not None:
                timing["prev_total_ms"] = 1e3 * before
            answer = {
                "actions": done.answer.actions,
                "policy_timing": {"infer_ms": 1e3 * done.seconds},
                "server_timing": timing,
            }
            await self._send(connection, arrays.pack(answer))
            before = time.perf_counter() - began
            self.metrics.answered(before, done.seconds)

    async def _send(self, connection: Any, message: bytes | str) -> None:
        await asyncio.wait_for(connection.send(message), self._settings.patience)

    async def _refuse(self, connection: Any, error: Exception) -> None:
        words = " ".join(str(error).split()) if isinstance(error, ValueError) else "the policy failed"
        try:
            await self._send(connection, f"{type(error).__name__}: {words}")
            await connection.close(FAILED, "error")
        except (self._closed, TimeoutError):
            connection.transport.abort()
