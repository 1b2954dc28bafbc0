"""Micro-batching: while the graph runs, requests gather; whatever has gathered is the next batch. Nobody waits for a
batch to fill."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from .served import Answer, Request, Served


class Done(NamedTuple):
    """An answer and how long the graph took for its batch."""

    answer: Answer
    seconds: float
    size: int
    """Of the batch."""


class Batcher:
    """One thread that runs the graph, and a queue before it."""

    def __init__(self, served: Served, most: int):
        self._served, self._most = served, most
        self._waiting: asyncio.Queue[tuple[Request, asyncio.Future[Done]]] = asyncio.Queue()
        self._thread = ThreadPoolExecutor(1, "graph")

    async def ask(self, request: Request) -> Done:
        """The answer to a request. Raises what the graph raises."""
        future: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((request, future))
        return await future

    async def run(self) -> None:
        """Answer until it is cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                batch = [await self._waiting.get()]
                while len(batch) < self._most and not self._waiting.empty():
                    batch.append(self._waiting.get_nowait())
                batch = [(request, future) for request, future in batch if not future.done()]  # the client has gone
                if not batch:
                    continue
                began = time.perf_counter()
                try:
                    answers = await loop.run_in_executor(self._thread, self._served.answer, [r for r, _ in batch])
                except Exception as error:  # whatever the graph says: those who asked are told, the others go on
                    for _, future in batch:
                        if not future.done():
                            future.set_exception(error)
                    continue
                seconds = time.perf_counter() - began
                for (_, future), answer in zip(batch, answers, strict=True):
                    if not future.done():
                        future.set_result(Done(answer, seconds, len(batch)))
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)
