"""The faults."""

from dataclasses import replace

import mujoco
import numpy as np
from numpy.typing import NDArray

from ..brain import Mode
from ..robots.simulated import SimulatedRobot
from .fault import NORMAL, Fault, held, held_at, plus, put, swapped, times, turned

HIP, KNEE = 0, 2
"""Joints of the first leg."""


def pushed(*velocity: float):
    """A push sets the speed of the base, m/s."""
    return lambda robot: robot.push(np.array(velocity))


def dead_motor(joint: int):
    """A motor gives no torque."""

    def break_it(robot: SimulatedRobot) -> None:
        drive = robot.body.model.actuator(robot.contract.actuator_names[joint]).id
        robot.body.model.actuator_forcerange[drive] = (-1e-9, 1e-9)
        robot.body.model.actuator_forcelimited[drive] = 1

    return break_it


def weak_motors(share: float):
    """All motors give so much of their torque."""

    def weaken(robot: SimulatedRobot) -> None:
        model = robot.body.model
        model.actuator_forcerange[:] *= share
        model.jnt_actfrcrange[:] *= share

    return weaken


def slippery(friction: float):
    """The ground and the feet slip."""

    def smooth(robot: SimulatedRobot) -> None:
        robot.body.model.geom_friction[:, 0] = friction

    return smooth


def loaded(kilograms: float):
    """Something heavy lies on the trunk."""

    def load(robot: SimulatedRobot) -> None:
        assert robot.contract.robot is not None
        robot.body.model.body_mass[robot.body.model.body(robot.contract.robot.base).id] += kilograms

    return load


def lifted(height: float):
    """Somebody takes the robot up and lets it fall."""

    def lift(robot: SimulatedRobot) -> None:
        robot.data.qpos[robot.body.base_qpos + 2] += height
        mujoco.mj_forward(robot.body.model, robot.data)

    return lift


def flipped(content: bytes, draw: np.random.Generator) -> list[bytes]:
    """One bit is wrong in a tenth of the messages."""
    if draw.random() > 0.1:
        return [content]
    place = int(draw.integers(len(content)))
    return [content[:place] + bytes([content[place] ^ 1 << int(draw.integers(8))]) + content[place + 1 :]]


def commanded(forward: float):
    """The operator asks for another speed, m/s."""
    return lambda ask: ask._replace(told=ask.told._replace(command=np.array([forward, 0.0])))


def random_action(action: NDArray) -> NDArray:
    """The same nonsense every time."""
    return np.random.default_rng(0).normal(0, 3, action.shape)


FAULTS = (
    # The IMU.
    Fault("IMU frozen", "damps", readings=held("turn", "rate")),
    Fault("gyroscope not a number", "damps", readings=put("rate", np.nan, 1)),
    Fault("gyroscope spikes once to 100 rad/s", "damps", 0.03, readings=put("rate", 100.0, 0)),
    Fault("gyroscope ten times too large", "either", readings=times("rate", 10.0)),
    Fault("orientation all zeros", "damps", readings=put("turn", 0.0)),
    Fault("orientation upside down", "damps", readings=turned(np.pi, 0.0, 0.0)),
    Fault("IMU mounted 6 deg askew", "walks", readings=turned(0.0, 0.105, 0.0)),
    # Joints.
    Fault("joint angle not a number", "damps", readings=put("joints", np.nan, KNEE)),
    Fault("joint rate infinite", "damps", readings=put("joint_rates", np.inf, KNEE)),
    Fault("knee encoder stuck", "either", readings=held_at("joints", KNEE)),
    Fault("knee encoder jumps by 1 rad", "either", readings=plus("joints", 1.0, KNEE)),
    Fault("all joint angles zero", "damps", readings=put("joints", 0.0)),
    Fault("two knees swapped", "either", readings=swapped("joints", KNEE, KNEE + 3)),
    Fault("joint rates dead", "either", readings=put("joint_rates", 0.0)),
    Fault("hip encoder 3 deg off", "walks", readings=plus("joints", 0.05, HIP)),
    # Feet.
    Fault("foot sensors dead", "either", readings=put("feet_force", 0.0)),
    Fault("foot sensors not a number", "damps", readings=put("feet_force", np.nan)),
    Fault("noise five times that of training", "either", imperfections=replace(NORMAL, noise=5.0)),
    # The way between.
    Fault("silence of 40 ms", "walks", 0.04, states=lambda message, before: []),
    Fault("silence of 100 ms", "damps", 0.1, states=lambda message, before: []),
    Fault("robot silent for good", "damps", states=lambda message, before: []),
    Fault("30 % of messages lost, both ways", "walks", imperfections=replace(NORMAL, loss=0.3)),
    Fault("90 % of messages lost, both ways", "either", imperfections=replace(NORMAL, loss=0.9)),
    Fault("messages overtake each other", "walks", imperfections=replace(NORMAL, jitter_ms=10.0)),
    Fault("two and two messages swapped", "walks", states=lambda m, b: [] if m.number % 4 else [m, b[-2]]),
    Fault("every message twice", "walks", states=lambda message, before: [message, message]),
    Fault("messages of a second ago again", "walks", states=lambda m, b: [m, b[-500]]),
    Fault("messages only of a second ago", "damps", states=lambda message, before: [before[-500]]),
    Fault("a bit wrong in every tenth message", "walks", content=flipped),
    Fault("messages cut short", "damps", content=lambda content, draw: [content[:40]]),
    Fault("a flood of garbage", "walks", content=lambda content, draw: [content, *[draw.bytes(200)] * 20]),
    Fault("another robot speaks too", "walks", states=lambda m, b: [m, m._replace(session=1, number=m.number + 9)]),
    Fault("latency grows by 200 ms", "damps", states=lambda m, b: [b[-100]]),
    Fault("the robot's clock jumps an hour ahead", "walks", states=lambda m, b: [m._replace(stamp=m.stamp + 3600)]),
    Fault("the robot's clock jumps an hour back", "damps", states=lambda m, b: [m._replace(stamp=m.stamp - 3600)]),
    # The body.
    Fault("pushed at 0.8 m/s", "walks", body=pushed(0.0, 0.8)),
    Fault("pushed over at 4 m/s", "damps", body=pushed(0.0, 4.0)),
    Fault("a knee motor dead", "either", body=dead_motor(KNEE)),
    Fault("motors at half their torque", "either", body=weak_motors(0.5)),
    Fault("ice under the feet", "either", body=slippery(0.1)),
    Fault("10 kg on the trunk", "walks", body=loaded(10.0)),
    Fault("lifted by 0.5 m and dropped", "either", body=lifted(0.5)),
    # The controller.
    Fault("policy says not a number", "damps", policy=lambda action: action * np.nan),
    Fault("policy says infinity", "damps", policy=lambda action: action * 0 + np.inf),
    Fault("policy says a million", "damps", policy=lambda action: action * 0 + 1e6),
    Fault("policy says random things", "either", policy=random_action),
    Fault("policy stops moving", "either", policy=lambda action: 0 * action),
    Fault("controller hangs for 30 ms", "walks", hangs=0.03),
    Fault("controller hangs for 100 ms", "damps", hangs=0.1),
    Fault("controller hangs for 1 s", "damps", hangs=1.0),
    Fault("every inference 10 ms late", "walks", slow=0.01),
    Fault("every inference 30 ms late", "either", slow=0.03),
    Fault("operator asks for not a number", "damps", ask=commanded(np.nan)),
    Fault("operator asks for 100 m/s", "walks", ask=commanded(100.0)),
    Fault("operator presses the stop", "damps", ask=lambda ask: ask._replace(mode=Mode.DAMPING)),
    Fault("disk of the log full", "walks", disk=20_000),
)
"""Every fault of a single machine; `live` has those of processes."""
