"""Write the four levels of our own in which timing counts: `gambol/catapult` and the like.

They were changed until PPO learned them in the steps that `gambol bench rtc --preset own` gives an expert, and until an
expert that acts four steps late mostly failed.

python benchmarks/rtc_levels.py              # into envs/planar/levels
python benchmarks/rtc_levels.py --draw DIR   # pictures as well
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import jax.numpy as jnp
import numpy as np
from gambol.envs.planar.draw import draw
from gambol.envs.planar.level import Level, write_level
from gambol.sim.planar.build import FLOOR_TOP, Joint, Shape, Thruster, box, build
from gambol.sim.planar.scene import CAPACITIES, WALLS

FOLDER = Path(__file__).parents[1] / "envs" / "planar" / "levels"
SIZE = CAPACITIES["l"]
GREEN, BLUE, RED = 1, 2, 3


def level(
    shapes: Sequence[Shape],
    roles: dict[int, int],
    joints: Sequence[Joint] = (),
    thrusters: Sequence[Thruster] = (),
) -> Level:
    """Motors and thrusters are driven one by one, in order; `roles` are of shapes by their place."""
    scene, state = build(shapes, joints, thrusters, SIZE)
    role = np.zeros(SIZE.bodies, np.int32)
    places = {True: WALLS, False: SIZE.polygons}
    for number, shape in enumerate(shapes):
        kind = bool(shape.vertices)
        role[places[kind]] = roles.get(number, 0)
        places[kind] += 1
    motors = [i for i, joint in enumerate(joints) if joint.motor_speed is not None]
    motor = np.array([motors.index(i) if i in motors else 0 for i in range(SIZE.joints)], np.int32)
    thruster = np.array([min(i, 1) for i in range(SIZE.thrusters)], np.int32)
    still = (jnp.zeros(SIZE.bodies, bool), jnp.asarray(motor), jnp.zeros(SIZE.joints, bool), jnp.asarray(thruster))
    return Level(scene, state, jnp.asarray(role), *still)


def catapult() -> Level:
    """Throw the ball over the wall into the tray."""
    base = Shape((1.5, 0.75), vertices=box(0.3, 0.7), immovable=True, friction=0.5)
    arm = Shape((1.15, 1.2), vertices=box(1.7, 0.12), density=0.5)
    ridges = [Shape((x, 1.3), vertices=box(0.06, 0.14), density=0.3) for x in (0.36, 0.74)]
    ball = Shape((0.55, 1.38), radius=0.12, density=0.5, friction=0.6)
    wall = Shape((3.3, 1.1), vertices=box(0.15, 1.4), immovable=True)
    tray = Shape((4.2, 0.45), vertices=box(1.5, 0.1), immovable=True)
    joints = [
        Joint(0, 1, (1.5, 1.2), limits=(-1.3, 0.4), motor_speed=-1.2, motor_power=3.0),
        *(Joint(1, i, (x, 1.26), fixed=True) for i, x in ((2, 0.36), (3, 0.74))),
    ]
    return level([base, arm, *ridges, ball, wall, tray], {4: GREEN, 6: BLUE}, joints)


def cartpole_thrust() -> Level:
    """Carry the pole upright to the other side, pushed by two thrusters: floor and left wall are lost."""
    at, top = 1.3, FLOOR_TOP + 0.1
    ground = Shape((2.5, FLOOR_TOP + 0.05), vertices=box(5.0, 0.1), immovable=True, friction=0.02)
    cart = Shape((at, top + 0.12), vertices=box(0.9, 0.24), density=1.0, friction=0.02)
    pole = Shape((at, top + 0.95), vertices=box(0.08, 1.4), density=0.4, angle=0.03)
    wall = Shape((0.06, 2.3), vertices=box(0.12, 3.6), immovable=True)
    goal = Shape((3.4, 2.0), radius=0.25, immovable=True)
    hinge = Joint(1, 2, (at, top + 0.25))
    push = [Thruster(1, 0.0, power=0.25), Thruster(1, np.pi, power=0.25)]
    return level([ground, cart, pole, wall, goal], {0: RED, 2: GREEN, 3: RED, 4: BLUE}, [hinge], push)


def catcher() -> Level:
    """Be where the ball comes down: the floor is lost."""
    at, top = 0.9, FLOOR_TOP + 0.1
    ground = Shape((2.5, FLOOR_TOP + 0.05), vertices=box(5.0, 0.1), immovable=True, friction=0.1)
    floor = Shape((at, top + 0.08), vertices=box(0.9, 0.12), density=0.6, friction=0.02)
    sides = [Shape((at + x, top + 0.34), vertices=box(0.08, 0.4), density=0.6) for x in (-0.41, 0.41)]
    ball = Shape((0.5, 3.8), radius=0.14, density=0.4, velocity=(3.2, 3.0), restitution=0.7)
    joints = [Joint(1, i + 2, (at + x, top + 0.14), fixed=True) for i, x in enumerate((-0.41, 0.41))]
    push = [Thruster(1, 0.0, power=0.4), Thruster(1, np.pi, power=0.4)]
    return level([ground, floor, *sides, ball], {4: GREEN, 1: BLUE, 0: RED}, joints, push)


def trampoline() -> Level:
    """Gain height from bounce to bounce, on a bed that is not quite level: the thrust alone does not carry the weight,
    and the floor is lost."""
    ground = Shape((2.5, FLOOR_TOP + 0.05), vertices=box(5.0, 0.1), immovable=True)
    bed = Shape((1.6, 0.8), vertices=box(1.8, 0.15), immovable=True, restitution=0.8, friction=0.1, angle=0.03)
    ball = Shape((1.6, 2.0), radius=0.2, density=1.0, restitution=0.8, friction=0.0)
    shelf = Shape((4.1, 4.1), vertices=box(1.2, 0.12), immovable=True)
    post = Shape((3.45, 2.45), vertices=box(0.1, 3.2), immovable=True)
    push = [Thruster(2, np.pi / 2, power=0.08), Thruster(2, 0.0, power=0.05)]
    return level([ground, bed, ball, shelf, post], {0: RED, 2: GREEN, 3: BLUE}, (), push)


LEVELS = {made.__name__: made for made in (catapult, cartpole_thrust, catcher, trampoline)}


def main() -> None:
    """Write them."""
    parser = argparse.ArgumentParser(description="Levels in which timing counts.")
    parser.add_argument("--draw", type=Path)
    folder = parser.parse_args().draw
    for name, make in LEVELS.items():
        made = make()
        write_level(made, FOLDER / f"{name}.json")
        if folder:
            cv2.imwrite(str(folder / f"{name}.png"), draw(made, made.state)[..., ::-1])


if __name__ == "__main__":
    main()
