"""How the graph of a bundle is run beside the loop: within the tick for a policy that says one action at a time, in a
thread of its own for one of chunks, whose reflex is within the tick."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from .brain import Brain, Infer, limits_of
from .bundle import Bundle
from .contract import Contract, Graph
from .onboard import model as models
from .onboard.chunked import Question
from .sessions import open_session

Outputs = dict[str, NDArray]


def graph(content: bytes, told: Graph) -> Infer:
    """A graph as the brain calls it, for one robot. Not thread-safe: inputs and outputs have places of their own, which
    takes less time than new ones at every tick."""
    session = open_session(content, alone=True)
    binding = session.io_binding()
    given, found = (
        {tensor.name: np.zeros((1, *tensor.shape), tensor.dtype) for tensor in side}
        for side in (told.inputs, told.outputs)
    )
    for bind, side in ((binding.bind_input, given), (binding.bind_output, found)):
        for name, array in side.items():
            bind(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)

    def infer(inputs: Question) -> Outputs:
        for name, array in given.items():
            if inputs[name].shape != array.shape:
                raise ValueError(f"{name} is {list(inputs[name].shape)}: the graph takes {list(array.shape)}")
            array[...] = inputs[name]
        session.run_with_iobinding(binding)
        return {name: array.copy() for name, array in found.items()}

    return infer


def warm_up(told: Graph, infer: Infer, times: int = 20) -> None:
    """Run the graph a few times, before it counts."""
    zeros = {tensor.name: np.zeros((1, *tensor.shape), tensor.dtype) for tensor in told.inputs}
    for _ in range(times):
        infer(zeros)


class AtOnce:
    """What the brain infers with: an answer within the tick."""

    def __init__(self, infer: Infer):
        self._infer, self.taken = infer, 0.0
        """Seconds that the answer took which was given last."""

    def __call__(self, inputs: Question) -> Outputs:
        """See `Infer`."""
        outputs, self.taken = timed(self._infer, inputs)
        return outputs

    def arrived(self) -> bool:
        """Whether the question that was considered has its answer."""
        return False

    def consider(self, question: Question | None) -> None:
        """Begin to answer what the brain asks after a tick, if it is another question than before."""


class Later(AtOnce):
    """The answer to a question as many ticks later as `ticks` says when it is asked, whatever it takes: for a robot in
    lockstep, where runs repeat."""

    def __init__(self, infer: Infer, ticks: Callable[[], int]):
        super().__init__(infer)
        self._ticks, self._left, self._question = ticks, 0, None

    def arrived(self) -> bool:
        """See `AtOnce.arrived`."""
        return self._question is not None and self._left <= 0

    def consider(self, question: Question | None) -> None:
        """See `AtOnce.consider`."""
        self._left = (self._left if question is self._question else self._ticks()) - 1
        self._question = question


class Background(AtOnce):
    """The answer from a thread, when it is there; ticks do not wait for it, nor does the process at its end."""

    def __init__(self, infer: Infer):
        super().__init__(infer)
        self._asked: SimpleQueue[tuple[Question, Future[tuple[Outputs, float]]]] = SimpleQueue()
        self._question: Question | None = None
        self._answer: Future[tuple[Outputs, float]] | None = None
        threading.Thread(target=self._work, name="policy", daemon=True).start()

    def _work(self) -> None:
        while True:
            question, answer = self._asked.get()
            try:
                answer.set_result(timed(self._infer, question))
            except Exception as error:  # raised where the answer is wanted
                answer.set_exception(error)

    def __call__(self, inputs: Question) -> Outputs:
        """See `Infer`; raises what the thread raised."""
        assert inputs is self._question and self._answer is not None
        outputs, self.taken = self._answer.result()
        return outputs

    def arrived(self) -> bool:
        """See `AtOnce.arrived`."""
        return self._answer is not None and self._answer.done()

    def consider(self, question: Question | None) -> None:
        """See `AtOnce.consider`."""
        if question is not None and question is not self._question:
            self._question, self._answer = question, Future()
            self._asked.put((question, self._answer))


def thinker(contract: Contract, infer: Infer, ticks: Callable[[], int] | None = None) -> AtOnce:
    """The one for a bundle; with a robot in lockstep, which has the `ticks` of `Later`, no thread is used."""
    if contract.chunk is None:
        return AtOnce(infer)
    return Later(infer, ticks) if ticks else Background(infer)


def brain_of(read: Bundle, infer: Infer) -> Brain:
    """That of a bundle, which is for a robot: raises ValueError for others."""
    contract, limits = read.contract, limits_of(read.contract)
    assert contract.robot is not None
    reflex = contract.reflex
    react = graph(read.files[reflex.graph.file], reflex.graph) if reflex else None
    return Brain(contract, models.read(read.files[contract.robot.mjcf], contract), limits, infer, react)


def timed(infer: Infer, inputs: Question) -> tuple[Outputs, float]:
    """What the graph answers, and the seconds that it took."""
    began = time.perf_counter()
    outputs = infer(inputs)
    return outputs, time.perf_counter() - began
