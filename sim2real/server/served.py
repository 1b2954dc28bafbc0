"""The graph of a bundle as a server needs it: checked observations in, chunks of actions out, many clients at once."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..bundle import Bundle
from ..contract import Tensor
from ..sessions import open_session

RESET = "reset"
"""Key of a request that makes the policy forget what came before."""
TOLD = ("horizon", "every", "method", "settled")
"""Of a policy of chunks, which its clients plan with."""
Arrays = dict[str, NDArray]


class Request(NamedTuple):
    """What one client asks."""

    seen: Arrays
    """By the name of the graph's input, without a batch axis; so is the memory."""
    memory: Arrays


class Answer(NamedTuple):
    """What it is told."""

    actions: NDArray
    """[H, A] actions of the next H ticks."""
    memory: Arrays

    @property
    def finite(self) -> bool:
        """Whether all of it is."""
        return all(np.isfinite(values).all() for values in (self.actions, *self.memory.values()))


class Served:
    """A policy for many clients at once. Raises ValueError for a graph that cannot be run."""

    def __init__(self, read: Bundle, threads: int):
        contract = read.contract
        self._session = open_session(read.files[contract.graph.file], threads)
        self._outputs = [tensor.name for tensor in contract.graph.outputs]
        self._action = contract.action.output
        self._memory = {pair.input: pair.output for pair in contract.graph.memory}
        by_input = {tensor.name: tensor for tensor in contract.graph.inputs}
        self.inputs: dict[str, Tensor] = {name: by_input[name] for name in contract.obs.input.values()}
        self._blank = {name: np.zeros(by_input[name].shape, by_input[name].dtype) for name in self._memory}
        actions = next(tensor for tensor in contract.graph.outputs if tensor.name == self._action)
        self._chunk = contract.chunk
        self.metadata: dict[str, Any] = {
            "policy": contract.policy_name,
            "task": contract.task_id,
            "digest": read.digest,
            "control_dt": contract.control_dt,
            "observation": {name: {"shape": list(t.shape), "dtype": t.dtype} for name, t in self.inputs.items()},
            "action": {"shape": [1, *actions.shape][-2:], "dtype": actions.dtype},
            "memory": bool(self._memory),
            "chunk": {name: getattr(contract.chunk, name) for name in TOLD} if contract.chunk else None,
            "reflex": contract.reflex is not None,
        }

    def start(self) -> Arrays:
        """The memory of a client that has just come, or that starts anew."""
        return self._blank

    def request(self, message: Any, memory: Arrays) -> Request:
        """What a message asks. Raises ValueError, naming the array, for what the policy does not take."""
        if not isinstance(message, dict):
            raise ValueError("an observation is a map of arrays")
        anew = message.get(RESET) is not None and bool(message[RESET])
        memory = self.start() if anew else memory
        seen = {}
        for name, tensor in self.inputs.items():
            if name not in message:
                raise ValueError(f"{name} is missing: the observation has {', '.join(self.inputs)}")
            array = np.asarray(message[name])
            if array.shape != tuple(tensor.shape):
                raise ValueError(f"{name} has shape {list(array.shape)}: it must be {list(tensor.shape)}")
            if not np.can_cast(array.dtype, tensor.dtype, "same_kind"):
                raise ValueError(f"{name} has type {array.dtype}: it must be {tensor.dtype}")
            array = array.astype(tensor.dtype)
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise ValueError(f"{name} is not finite")
            seen[name] = array
        return Request(seen | self._going_on(message, anew), memory)

    def _going_on(self, message: dict[str, Any], anew: bool) -> Arrays:
        """What a policy of chunks is told under the names of its graph's inputs: the actions [n, A] that are still to
        come of the chunk before, and how many of them will have been executed when the answer comes. Without both it
        begins anew. Nothing for others."""
        if self._chunk is None:
            return {}
        chunk, size = self._chunk, self.metadata["action"]["shape"][1]
        missing = {chunk.before, chunk.delay} - message.keys()
        if len(missing) == 1:
            raise ValueError(f"{missing.pop()} is missing: send both {chunk.before} and {chunk.delay}, or none")
        if anew and not missing:
            raise ValueError(f"{RESET} forgets what came before: leave {chunk.before} and {chunk.delay} out")
        before = np.asarray(message.get(chunk.before, np.zeros((0, size))))
        if before.ndim != 2 or before.shape[1] != size or len(before) > chunk.horizon or before.dtype.kind not in "fiu":
            raise ValueError(
                f"{chunk.before} is {before.dtype} {list(before.shape)}: it must be numbers [n, {size}], the n actions "
                f"that are still to come, at most {chunk.horizon}"
            )
        with np.errstate(over="ignore"):
            before = before.astype(np.float32)
        if not np.isfinite(before).all():
            raise ValueError(f"{chunk.before} is not finite")
        most = chunk.most_delay(len(before))
        delay = np.asarray(message.get(chunk.delay, 0))
        if delay.shape != () or delay.dtype.kind not in "iu" or not 0 <= delay <= most:
            raise ValueError(f"{chunk.delay} is {delay}: it must be a whole number from 0 to {most}, in actions")
        padded = np.zeros((chunk.horizon, size), np.float32)
        padded[: len(before)] = before
        return {
            chunk.before: padded,
            chunk.left: np.asarray(len(before), np.int32),
            chunk.delay: delay.astype(np.int32),
        }

    def answer(self, requests: list[Request]) -> list[Answer]:
        """All of them in one run of the graph."""
        rows = [request.seen | request.memory for request in requests]
        outputs = self._session.run(self._outputs, {name: np.stack([row[name] for row in rows]) for name in rows[0]})
        found = dict(zip(self._outputs, outputs, strict=True))
        actions = found[self._action] if self._chunk else found[self._action][:, None]
        kept = {name: found[output] for name, output in self._memory.items()}
        return [Answer(chunk, {name: kept[name][i] for name in kept}) for i, chunk in enumerate(actions)]

    def warm_up(self, most: int) -> None:
        """Run the graph on batches of every size, before anybody waits."""
        zeros = {name: np.zeros(tensor.shape, tensor.dtype) for name, tensor in self.inputs.items()}
        for size in range(1, most + 1):
            self.answer([self.request(zeros, self.start())] * size)
