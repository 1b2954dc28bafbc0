"""A server in a thread of its own, and a policy whose answers are easily foretold."""

import asyncio
import threading
from contextlib import contextmanager

import numpy as np
import pytest
from gambol.sim2real.contract import Tensor
from gambol.sim2real.server.serve import Server, Settings
from gambol.sim2real.server.served import Answer, Request, Served


class Counting(Served):
    """Says how often it was asked since the start, and the sum of what it sees. No graph."""

    def __init__(self, fails=None, seconds=0.0):
        self.inputs = {"obs": Tensor("obs", (3,), "float32")}
        self._blank, self._chunk = {"count": np.zeros((), "float32")}, None
        self.metadata = {"policy": "counting", "observation": {"obs": {"shape": [3], "dtype": "float32"}}}
        self.metadata |= {"action": {"shape": [1, 2], "dtype": "float32"}}
        self.sizes, self._fails, self._seconds = [], fails, seconds

    def answer(self, requests: list[Request]) -> list[Answer]:
        self.sizes.append(len(requests))
        if self._seconds:
            threading.Event().wait(self._seconds)
        if self._fails and any(request.seen["obs"][0] == self._fails for request in requests):
            raise RuntimeError("the graph broke")
        found = []
        for request in requests:
            count = request.memory["count"] + 1
            with np.errstate(over="ignore"):
                total = request.seen["obs"].sum()
            found.append(Answer(np.array([[count, total]], "f4"), {"count": count}))
        return found


@pytest.fixture
def serving():
    """(served, settings) -> context with the port and the server."""

    @contextmanager
    def start(served, **settings):
        started, box = threading.Event(), {}

        async def run():
            box["loop"], box["stop"] = asyncio.get_running_loop(), asyncio.Event()
            box["server"] = Server(served, Settings(port=0, **settings))

            def ready(port):
                box["port"] = port
                started.set()

            await box["server"].run(ready, box["stop"].wait())

        thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
        thread.start()
        assert started.wait(20)
        try:
            yield box["port"], box["server"]
        finally:
            box["loop"].call_soon_threadsafe(box["stop"].set)
            thread.join(20)
            assert not thread.is_alive()

    return start
