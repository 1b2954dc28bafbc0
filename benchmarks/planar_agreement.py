"""Compare one step of the fused planar engine with one of the JAX engine, from the same states under the same controls.

States are taken from roll-outs of the JAX engine on all published levels and on random scenes, quirks on and off:

python -m benchmarks.planar_agreement          # appends to benchmarks/results/planar_agreement.jsonl

Where the engines part, the JAX engine is asked again from states moved by rounding. If its own answers part about as
widely, the state is a tie: the last bit decides there, and either answer is right.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from gambol.envs.planar import suites
from gambol.envs.planar.env import PlanarConfig, PlanarEnv, take
from gambol.envs.planar.level import Level
from gambol.policies.judge.provenance import record
from gambol.sim.planar.build import WORLD
from gambol.sim.planar.contacts import slots
from gambol.sim.planar.scene import CAPACITIES, Physics, State
from jax import Array

from benchmarks.planar_scenes import join, random_controls, random_levels

RANDOM = "random"
"""What names of random levels begin with."""
MOTION = ("position", "angle", "velocity", "angular_velocity")
LIMITS = {
    "position": 1e-5,  # m
    "angle": 1e-5,  # rad
    "velocity": 1e-3,  # m/s
    "angular_velocity": 1e-3,  # rad/s
    "contact_impulse": 1e-2,  # as the velocity it gives to the lighter body, m/s; a share of it above 1 m/s
    "joint_impulse": 1e-2,  # likewise
    "contacts": 0,  # pairs of bodies
    "outcome": 0,
    "distance": 1e-5,  # m; a share of it above 1 m, for it is a sum over pairs
}
"""How far two answers may part."""
TURNED = 100.0
"""rad: beyond, float32 does not resolve the limit of angles."""
HOLD = 16
"""Steps for which controls stay."""
SHAKES = 8
"""Times that a state where the engines part is moved by rounding."""
SLACK = 4
"""By how much the engines may part more than those answers: rounding strikes inside the step too."""


class After(NamedTuple):
    """What a step gives. W worlds."""

    state: State
    touching: Any
    """[N, N, W] bool."""
    outcome: Any
    """[W]: -1, 0 or 1."""
    distance: Any
    """[W] m."""


class Moment(NamedTuple):
    """A step of a roll-out, from the state before it, and what both engines make of it; NumPy arrays."""

    step: int
    before: State
    motor: np.ndarray
    thrust: np.ndarray
    reference: After
    answer: After


@dataclass(frozen=True)
class Agreement:
    """W worlds, S moments of each."""

    names: tuple[str, ...]
    """Of the levels of all worlds, [W]."""
    level: Level
    """Of all worlds; every array ends in [W]."""
    physics: Physics
    moments: list[Moment]
    errors: dict[str, np.ndarray]
    """[S, W] each, the largest of its kind; keys and units of `LIMITS`."""
    tie: np.ndarray
    """[S, W] bool: the engines part, and so does the JAX engine from itself."""

    @property
    def apart(self) -> np.ndarray:
        """[S, W] bool: beyond the limits, and no tie."""
        return parted(self.errors) & ~self.tie


@partial(jax.jit, static_argnames=("engine_name", "physics", "steps"))
def advance(
    engine_name: str,
    bank: Level,
    levels: Array,
    state: State,
    motor: Array,
    thrust: Array,
    physics: Physics,
    steps: int = 1,
) -> After:
    """`steps` physics steps of worlds on `levels` [W] of a bank, as the task takes them."""
    size = next(name for name, capacity in CAPACITIES.items() if capacity == bank.scene.capacity)
    config = PlanarConfig(size=size, frame_skip=steps, jax2d_quirks=physics.jax2d_quirks)
    env = PlanarEnv(config, (), engine_name, bank)
    begun, _ = env.assign(jax.random.key(0), levels)
    return After(*env.advance(replace(begun, world=state), motor, thrust))


def scenes(suite: str, size: str, quirks: bool, randoms: int, seed: int = 0) -> tuple[tuple[str, ...], Level]:
    """Names and bank: the levels of a published suite and `randoms` random ones, at the capacity of `size`."""
    names, bank = suites.load((suite,), CAPACITIES[size], quirks)
    drawn = random_levels(randoms, CAPACITIES[size], seed)
    return (*names, *(f"{RANDOM}/{size}/{k}" for k in range(randoms))), join(bank, drawn)


def compare(
    names: Sequence[str],
    bank: Level,
    physics: Physics,
    replicas: int = 1,
    steps: int = 160,
    every: int = 8,
    seed: int = 0,
) -> Agreement:
    """Roll every level of the bank out `replicas` times with the JAX engine; compare every `every`-th step.

    A world that breaks down begins again, as in the task; so does one that has turned further than `TURNED`.
    """
    levels = np.tile(np.arange(len(names), dtype=np.int32), replicas)
    level = jax.tree.map(np.asarray, take(bank, levels))

    def go(name: str, state: State, motor: np.ndarray, thrust: np.ndarray) -> After:
        return jax.tree.map(np.asarray, advance(name, bank, levels, state, motor, thrust, physics))

    rng = np.random.default_rng(seed)
    state, moments = level.state, []
    motor, thrust = random_controls(rng, level.scene.capacity, len(levels))
    for step in range(steps):
        if step % HOLD == HOLD - 1:
            motor, thrust = random_controls(rng, level.scene.capacity, len(levels))
        after = go("xla", state, motor, thrust)
        if step % every == 0:
            moments.append(Moment(step, state, motor, thrust, after, go("fused", state, motor, thrust)))
        sound = finite(after.state) & (np.abs(after.state.angle) <= TURNED).all(0)
        state = jax.tree.map(partial(np.where, sound), after.state, level.state)

    measured = [measure(level, m.reference, m.answer) for m in moments]
    errors = {name: np.stack([x[name] for x in measured]) for name in LIMITS}
    spread = {name: np.zeros_like(x) for name, x in errors.items()}
    for k in np.flatnonzero(parted(errors).any(1)):
        m = moments[k]
        for _ in range(SHAKES):
            moved = go("xla", shaken(rng, m.before), m.motor, m.thrust)
            for name, x in measure(level, m.reference, moved).items():
                spread[name][k] = np.maximum(spread[name][k], x)
    explained = [(errors[name] <= most) | (errors[name] <= SLACK * spread[name]) for name, most in LIMITS.items()]
    tie = parted(errors) & np.all(explained, axis=0)
    return Agreement(tuple(names) * replicas, level, physics, moments, errors, tie)


def measure(level: Level, one: After, other: After) -> dict[str, np.ndarray]:
    """How far two answers part, per world: [W] by the names of `LIMITS`. Two worlds that both broke down agree."""
    table, joints = slots(level.scene.capacity), level.scene.joints
    ends = (np.broadcast_to(x[:, None], (len(x), level.role.shape[-1])) for x in (table.a, table.b))
    units = {"contact_impulse": lightest(level, *ends), "joint_impulse": lightest(level, joints.a, joints.b)}
    found = {name: gap(getattr(one.state, name), getattr(other.state, name)) for name in MOTION}
    for name, unit in units.items():
        mine, theirs = (getattr(x.state, name) * unit for x in (one, other))
        found[name] = gap(mine, theirs) / np.maximum(1, np.abs(np.nan_to_num(mine)))
    found["contacts"] = (one.touching != other.touching).sum((0, 1))
    found["outcome"] = gap(one.outcome, other.outcome)
    found["distance"] = gap(one.distance, other.distance) / np.maximum(1, np.nan_to_num(one.distance))
    broken = ~finite(one.state) & ~finite(other.state)
    kept = ("contacts", "outcome")
    return {n: np.where(broken & (n not in kept), 0.0, x.reshape(-1, x.shape[-1]).max(0)) for n, x in found.items()}


def gap(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """|x - y|: 0 where both are not numbers, infinite where one is."""
    same = (x == y) | (np.isnan(x) & np.isnan(y))
    with np.errstate(invalid="ignore", over="ignore"):
        return np.nan_to_num(np.where(same, 0, np.abs(x - y)), nan=np.inf)


def lightest(level: Level, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """[n, W] the largest inverse mass or inverse inertia of bodies a and b: the most that a unit of impulse does."""
    most = np.maximum(level.scene.inverse_mass, level.scene.inverse_inertia)
    return np.maximum(*(np.take_along_axis(most, index, axis=0) for index in (a, b)))


def parted(errors: dict[str, np.ndarray]) -> np.ndarray:
    """Whether two answers part beyond the limits."""
    return np.any([errors[name] > most for name, most in LIMITS.items()], axis=0)


def finite(state: State) -> np.ndarray:
    """[W] bool: every number of a state is one."""
    return np.all([np.isfinite(x).reshape(-1, x.shape[-1]).all(0) for x in jax.tree.leaves(state)], axis=0)


def shaken(rng: np.random.Generator, state: State) -> State:
    """Poses and velocities moved by up to one unit in the last place of the numbers met in a world."""

    def move(x: np.ndarray) -> np.ndarray:
        unit = np.spacing(np.maximum(np.abs(x), np.float32(WORLD)))
        return x + rng.integers(-1, 2, x.shape).astype(np.float32) * unit

    return replace(state, **{name: move(getattr(state, name)) for name in MOTION})


def worst(found: Agreement, count: int) -> Iterator[str]:
    """The states that part most, one line each; first those that are no ties, then ties on published levels."""
    scores = np.max([x / LIMITS[name] if LIMITS[name] else 1e6 * x for name, x in found.errors.items()], axis=0)
    drawn = np.array([name.startswith(RANDOM) for name in found.names])
    apart = np.argwhere(parted(found.errors))
    for at, world in sorted(apart, key=lambda x: (found.tie[*x], drawn[x[1]], -scores[*x]))[:count]:
        yield describe(found, at, world)


def describe(found: Agreement, at: int, world: int) -> str:
    """One state on which the engines part: where, by how much, the body that parts most, contacts and joints."""
    moment = found.moments[at]
    one, other = (jax.tree.map(lambda x: x[..., world], x) for x in (moment.reference, moment.answer))
    errors = ", ".join(f"{name} {x[at, world]:.2g}" for name, x in found.errors.items() if x[at, world] > LIMITS[name])
    body = int(sum(np.atleast_2d(gap(getattr(one.state, n), getattr(other.state, n))).max(0) for n in MOTION).argmax())
    motions = [f"{x.state.velocity[:, body]} {x.state.angular_velocity[body]:.6g}" for x in (one, other)]
    sets = (one.touching, one.touching & ~other.touching, other.touching & ~one.touching)
    contacts = [np.argwhere(pairs).tolist() for pairs in sets]
    joints = jax.tree.map(lambda x: x[..., world], found.level.scene.joints)
    tied = np.stack([joints.a, joints.b], 1)[joints.active].tolist()
    return (
        f"{'tie' if found.tie[at, world] else 'APART'} {found.names[world]} quirks={found.physics.jax2d_quirks} "
        f"moment {at} world {world}: {errors}; body {body}: {motions[0]} against {motions[1]}; "
        f"contacts {contacts[0]}, only first {contacts[1]}, only second {contacts[2]}; joints {tied}"
    )


def summary(found: Sequence[Agreement]) -> dict[str, Any]:
    """What a row says of several comparisons; errors are those of states that are no ties."""
    references = [m.reference for f in found for m in f.moments]
    return {
        "levels": len({name for f in found for name in f.names}),
        "states": sum(f.tie.size for f in found),
        "in_contact": int(sum(r.touching.any((0, 1)).sum() for r in references)),
        "with_outcome": int(sum((r.outcome != 0).sum() for r in references)),
        "apart": int(sum(f.apart.sum() for f in found)),
        "ties": int(sum(f.tie.sum() for f in found)),
        "ties_published": int(sum(f.tie[:, [not n.startswith(RANDOM) for n in f.names]].sum() for f in found)),
        "errors": {name: float(max(f.errors[name][~f.tie].max(initial=0) for f in found)) for name in LIMITS},
    }


def main() -> None:
    """Compare at every size, with quirks and without; print what parts, and append one row for all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--randoms", type=int, default=40, help="random levels per size")
    parser.add_argument("--replicas", type=int, default=4, help="roll-outs per level")
    parser.add_argument("--steps", type=int, default=160)
    parser.add_argument("--every", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--worst", type=int, default=10, help="states to print")
    parser.add_argument("--dry", action="store_true", help="append no row")
    asked = parser.parse_args()
    found = []
    for size in CAPACITIES:
        for quirks in (True, False):
            names, bank = scenes(f"kinetix/{size}", size, quirks, asked.randoms, asked.seed)
            physics = Physics(jax2d_quirks=quirks)
            found.append(compare(names, bank, physics, asked.replicas, asked.steps, asked.every, asked.seed))
            print(f"{size} quirks={quirks}: {summary(found[-1:])}", flush=True)
            print(*worst(found[-1], asked.worst), sep="\n", flush=True)
    row = {**summary(found), "steps": asked.steps, "every": asked.every, "seed": asked.seed, "limits": LIMITS}
    print(row if asked.dry else record("planar_agreement", **row))


if __name__ == "__main__":
    main()
