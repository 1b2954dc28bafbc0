"""One tick on the robot: readings and what the operator asks in, what the policy sees out; then its action in, drive
targets out. Pure functions of a `Memory`."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..contract import Contract
from . import arm, observe
from .model import Body
from .words import Memory, Readings, Told


def start(contract: Contract, body: Body, joints: NDArray) -> Memory:
    """Before the first tick of a robot at the angles `joints` [J], rad."""
    frames = max((term.history for terms in contract.obs.order.values() for term in terms), default=1)
    seen = next(iter(contract.obs.order.values()))[-1].slice[1]
    types = {tensor.name: tensor.dtype for tensor in contract.graph.inputs}
    index, action = contract.index, contract.action
    held = np.array([contract.standing_joint_target[index[name]] for name in action.joint_names])
    return Memory(
        phase=0.0,
        command=np.zeros(2),
        last_action=(held - action.offset) / action.scale,  # as if it had been told to stand
        frames=np.zeros((frames if frames > 1 else 0, seen)),
        reference=joints[body.arm],
        integral=np.zeros(len(body.arm)),
        graph={name: np.zeros((1, *shape), types[name]) for name, shape in contract.recurrent.items()},
    )


def see(
    contract: Contract, body: Body, readings: Readings, told: Told, memory: Memory
) -> tuple[dict[str, NDArray], Memory]:
    """What goes into the graph, by the name of its input, and the memory with what was seen."""
    memory = replace(on_time(contract, float(readings.speed), told, memory), ticks=memory.ticks + 1)
    view = observe.look(contract, body, readings, told, memory)
    inputs = {}
    for array, terms in contract.obs.order.items():
        seen = observe.vector(terms, view)
        if terms[0].history > 1:
            fresh = memory.ticks == 1
            frames = np.tile(seen, (len(memory.frames), 1)) if fresh else np.vstack([memory.frames[1:], seen])
            memory, seen = replace(memory, frames=frames), frames
        inputs[contract.obs.input[array]] = seen[None].astype(np.float32)
    return inputs | memory.graph, memory


def on_time(contract: Contract, speed: float, told: Told, memory: Memory) -> Memory:
    """The memory with clock and command as they are in this tick, of a base at `speed` over the ground (m/s); in the
    first they are at rest."""
    if not memory.ticks:
        return memory
    dt, phase = contract.control_dt, phase_after(contract, memory, speed)
    rate = np.array(contract.commands["velocity"].rate)
    most = dt * np.where(rate > 0, rate, np.inf)
    ahead = told.command - memory.command
    moved = memory.command + np.clip(ahead, -most, most)
    return replace(memory, phase=phase, command=np.where(np.abs(ahead) <= most, told.command, moved))


def phase_after(contract: Contract, memory: Memory, speed: float) -> float:
    """The gait's phase a tick later: see `envs/track/gait.py`."""
    gait, moving = contract.gait, bool(memory.command.any())
    if gait is None:
        return 0.0
    ahead = memory.phase + gait.frequency * contract.control_dt
    pushed = gait.step_above > 0 and (memory.phase > 0 or speed > gait.step_above)
    resting = ahead >= 1 and speed < gait.rest_below
    return ahead % 1.0 if moving or (pushed and not resting) else 0.0


def heard(contract: Contract, outputs: dict[str, NDArray], memory: Memory) -> tuple[NDArray, Memory]:
    """The action [A] among the outputs of a graph that says one, and the memory with what the graph remembers."""
    kept = {pair.input: outputs[pair.output] for pair in contract.graph.memory}
    return np.asarray(outputs[contract.action.output][0], float), replace(memory, graph=kept)


def act(
    contract: Contract, body: Body, readings: Readings, told: Told, action: NDArray, memory: Memory
) -> tuple[NDArray, Memory]:
    """Drive targets [J] of all joints, rad, from an action [A] of the graph, and the memory for the next tick."""
    targets = np.array(contract.standing_joint_target)
    index = contract.index
    moved = [index[name] for name in contract.action.joint_names]
    targets[moved] = np.array(contract.action.offset) + np.array(contract.action.scale) * action
    memory = replace(memory, last_action=action)
    if contract.arm is not None:
        reached, reference, integral = arm.advance(contract, body, readings, told.goal_next, memory)
        targets[body.arm] = reached
        memory = replace(memory, reference=reference, integral=integral)
    return within_reach(contract, targets), memory


def within_reach(contract: Contract, targets: NDArray) -> NDArray:
    """[J] targets as far from the joints' limits as the policy's own were. What is not finite stays so: the gate has to
    see that the policy is out of its mind."""
    return np.where(np.isfinite(targets), np.clip(targets, *target_range(contract)), np.nan)


def target_range(contract: Contract) -> NDArray:
    """[2, J] lowest and highest drive targets, rad."""
    assert contract.safety is not None
    margin = contract.safety.joint_margin
    return np.array(contract.joint_pos_limits).T + np.array([[margin], [-margin]])
