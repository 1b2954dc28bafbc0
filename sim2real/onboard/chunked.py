"""Chunks on the robot: when the next is asked for, with what, and which action is due. Pure functions of a `Plan`.

The next chunk is asked for when the one that is executed has been for `chunk.every` ticks. Until the answer is there,
which takes as long as it takes, that one goes on. A chunk begins with the action of the tick in which it was asked for,
so an answer that comes later is gone into as far.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...policies.rtc.delay import WARM_UP, Waits, expected, measured
from ..contract import Contract

FIRST = 1
"""Ticks that an answer is expected to take before any was measured."""
NONE = Waits(count=WARM_UP)
"""The graph was warmed up before the first tick, so all waits count."""
Question = dict[str, NDArray]
"""Inputs of the graph by name, with a batch axis of 1."""


@dataclass(frozen=True)
class Plan:
    """Where a controller stands with its chunks."""

    actions: NDArray | None = None
    """[H, A] outputs of the graph; None before the first."""
    at: int = 0
    """The one that is due."""
    question: Question | None = None
    """That is being answered."""
    waited: int = 0
    """Ticks since it was asked."""
    waits: Waits = NONE
    """How long answers took."""


NO_PLAN = Plan()


def passed(plan: Plan, ticks: int) -> Plan:
    """The plan so many ticks later."""
    return replace(plan, at=plan.at + ticks, waited=plan.waited + ticks)


def answered(plan: Plan, actions: NDArray) -> Plan:
    """The plan with the answer [H, A] to its question."""
    return Plan(actions, plan.waited, waits=measured(plan.waits, plan.waited))


def late(contract: Contract, plan: Plan, ticks: int) -> bool:
    """Whether an answer so many ticks later is later than the policy was told, so that it joins the chunk before where
    it did not mean to."""
    chunk, question = contract.chunk, plan.question
    if chunk is None or question is None or not question[chunk.left][0]:
        return False
    return plan.waited + ticks > question[chunk.delay][0]


def asked(contract: Contract, plan: Plan, seen: Question) -> Plan:
    """The plan with a question of what is `seen`, if it is time for one and none is being answered."""
    chunk = contract.chunk
    assert chunk is not None
    rest = np.zeros((0, len(contract.action.joint_names))) if plan.actions is None else plan.actions[plan.at :]
    if plan.question is not None or (len(rest) and plan.at < chunk.every):
        return plan
    left, before = len(rest), np.zeros((1, chunk.horizon, rest.shape[1]), np.float32)
    before[0, :left] = rest
    delay = expected(plan.waits, FIRST, most=chunk.most_delay(left))
    told = {chunk.before: before, chunk.left: np.array([left], np.int32), chunk.delay: np.array([delay], np.int32)}
    return replace(plan, question={**seen, **told}, waited=0)


def corrected(
    contract: Contract, react: Callable[[Question], Question], plan: Plan, seen: Question, action: NDArray
) -> NDArray:
    """[A] what the reflex makes of the action that is due."""
    reflex = contract.reflex
    assert reflex is not None
    told = {reflex.planned: action[None].astype(np.float32), reflex.age: np.array([plan.at], np.int32)}
    return np.asarray(react({**seen, **told})[reflex.graph.outputs[0].name][0], float)


def due(contract: Contract, plan: Plan, held: NDArray) -> NDArray | None:
    """[A] the action of this tick; what is `held` until the first chunk is there, unless that takes as long as a chunk
    lasts; None where there is none."""
    assert contract.chunk is not None
    if plan.actions is None:
        return held if plan.waited < contract.chunk.horizon else None
    return np.asarray(plan.actions[plan.at], float) if plan.at < len(plan.actions) else None
