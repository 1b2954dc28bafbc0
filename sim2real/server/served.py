"""The graph of a bundle as a server needs it: checked observations in, chunks of actions out, many clients at once."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..bundle import Bundle
from ..contract import Tensor
from ..verify import open_session

RESET = "reset"
"""Key of a request that makes the policy forget what came before."""
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
        self._chunked = len(actions.shape) == 2
        self.metadata: dict[str, Any] = {
            "policy": contract.policy_name,
            "task": contract.task_id,
            "digest": read.digest,
            "control_dt": contract.control_dt,
            "observation": {name: {"shape": list(t.shape), "dtype": t.dtype} for name, t in self.inputs.items()},
            "action": {"shape": [1, *actions.shape][-2:], "dtype": actions.dtype},
            "memory": bool(self._memory),
        }

    def start(self) -> Arrays:
        """The memory of a client that has just come, or that starts anew."""
        return self._blank

    def request(self, message: Any, memory: Arrays) -> Request:
        """What a message asks. Raises ValueError, naming the array, for what the policy does not take."""
        if not isinstance(message, dict):
            raise ValueError("an observation is a map of arrays")
        if message.get(RESET) is not None and bool(message[RESET]):
            memory = self.start()
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
        return Request(seen, memory)

    def answer(self, requests: list[Request]) -> list[Answer]:
        """All of them in one run of the graph."""
        rows = [request.seen | request.memory for request in requests]
        outputs = self._session.run(self._outputs, {name: np.stack([row[name] for row in rows]) for name in rows[0]})
        found = dict(zip(self._outputs, outputs, strict=True))
        actions = found[self._action] if self._chunked else found[self._action][:, None]
        kept = {name: found[output] for name, output in self._memory.items()}
        return [Answer(chunk, {name: kept[name][i] for name in kept}) for i, chunk in enumerate(actions)]

    def warm_up(self, most: int) -> None:
        """Run the graph on batches of every size, before anybody waits."""
        zeros = {name: np.zeros(tensor.shape, tensor.dtype) for name, tensor in self.inputs.items()}
        for size in range(1, most + 1):
            self.answer([Request(zeros, self.start())] * size)
