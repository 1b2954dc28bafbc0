"""`gambol levels`: list, show, draw and check level files.

Example: `gambol levels list kinetix/m`
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import jax
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from ..envs.files import write_atomically
from ..envs.planar import suites
from ..envs.planar.level import Level, LevelError, level_hash, read_level
from ..sim.planar.scene import CAPACITIES, WALLS
from .arguments import read

ROLES = ("", "green", "blue", "red")
WALL_NAMES = ("floor", "left wall", "right wall", "ceiling")


@dataclass(frozen=True)
class List:
    """List levels and what each contains. Example: gambol levels list kinetix/m"""

    names: tyro.conf.Positional[tuple[str, ...]] = (suites.ROOT,)
    """Suites, levels, .json files or folders of them."""
    json: bool = False
    """Print one JSON object instead of the table."""


@dataclass(frozen=True)
class Show:
    """Show everything that takes part in a level. Example: gambol levels show kinetix/m/h1_car_left"""

    level: tyro.conf.Positional[str]
    """A level of a suite, or a .json file."""
    json: bool = False
    """Print one JSON object instead of the tables."""


@dataclass(frozen=True)
class Draw:
    """Draw how a level starts. Example: gambol levels draw kinetix/m/h1_car_left -o car.png"""

    level: tyro.conf.Positional[str]
    """A level of a suite, or a .json file."""
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    """The PNG file to write."""


@dataclass(frozen=True)
class Check:
    """Check that files are sound; exit code 1 if any is not. Example: gambol levels check my_levels/"""

    names: tyro.conf.Positional[tuple[str, ...]]
    """.json files, folders of them, or suites."""
    json: bool = False
    """Print one JSON object instead of the lines."""


Job: Any = (
    Annotated[List, tyro.conf.subcommand("list")]
    | Annotated[Show, tyro.conf.subcommand("show")]
    | Annotated[Draw, tyro.conf.subcommand("draw")]
    | Annotated[Check, tyro.conf.subcommand("check")]
)


def main(argv: list[str]) -> int:
    """Run `gambol levels ARGV` and return its exit code. Raises ValueError or OSError for bad input."""
    options = read(Job, argv, prog="gambol levels", description=__doc__)
    return {List: list_levels, Show: show, Draw: draw, Check: check}[type(options)](options)


def list_levels(options: List) -> int:
    """Print one row per level."""
    rows = [{"name": ref.name} | counts(read_level(ref.path)) for ref in suites.find(options.names)]
    if options.json:
        print(json.dumps({"levels": rows}))
    else:
        print_table(f"{len(rows)} levels", rows)
    return 0


def show(options: Show) -> int:
    """Print bodies, joints and thrusters of one level."""
    ref = one(options.level)
    level = read_level(ref.path)
    parts = {"bodies": bodies(level), "joints": joints(level), "thrusters": thrusters(level)}
    gravity = np.asarray(level.scene.gravity).tolist()
    if options.json:
        print(json.dumps({"name": ref.name, "hash": level_hash(level), "gravity": gravity} | parts))
        return 0
    print(f"{ref.name}\n{ref.path}\nhash {level_hash(level)}, gravity {gravity[0]:g}, {gravity[1]:g} m/s^2")
    print("SI units and radians. The goal: green touches blue, and never red.")
    for title, rows in parts.items():
        if rows:
            print()
            print_table(title, rows)
    return 0


def draw(options: Draw) -> int:
    """Write a picture of one level."""
    import cv2

    from ..envs.planar.draw import draw as picture

    if options.output.suffix.lower() != ".png":
        raise ValueError(f"output is {options.output}: name a file that ends in .png")
    level = read_level(one(options.level).path)
    pixels = np.asarray(picture(level, level.state))
    _, encoded = cv2.imencode(".png", np.ascontiguousarray(pixels[..., ::-1]))
    write_atomically(options.output, encoded.tobytes())
    print(options.output)
    return 0


def check(options: Check) -> int:
    """Print one line per file: sound, or what is wrong with it."""
    results = []
    for ref in suites.find(options.names):
        try:
            results.append({"name": ref.name, "ok": True, "hash": level_hash(read_level(ref.path))})
        except LevelError as error:
            results.append({"name": ref.name, "ok": False, "reason": str(error)})
    bad = [result for result in results if not result["ok"]]
    if options.json:
        print(json.dumps({"ok": not bad, "files": results}))
    else:
        for result in results:
            print(f"ok   {result['name']}" if result["ok"] else f"bad  {result['reason']}")
        print(f"{len(results)} files, {len(bad)} bad")
    return 1 if bad else 0


def one(name: str) -> suites.LevelRef:
    """The one level that `name` stands for. Raises ValueError for a suite or folder."""
    found = suites.find((name,))
    if len(found) != 1:
        raise ValueError(f"{name} holds {len(found)} levels: name one, such as {found[0].name}")
    return found[0]


def counts(level: Level) -> dict[str, Any]:
    """What takes part in a level, counted; the walls are not."""
    scene = level.scene
    active, role = np.asarray(scene.active), np.asarray(level.role)
    sizes = {capacity: size for size, capacity in CAPACITIES.items()}
    polygons = scene.capacity.polygons
    return {
        "size": sizes.get(scene.capacity, "other"),
        "polygons": int(active[WALLS:polygons].sum()),
        "circles": int(active[polygons:].sum()),
        "moving": int((active & (np.asarray(scene.inverse_mass) != 0)).sum()),
        "joints": int(scene.joints.active.sum()),
        "motors": int((scene.joints.active & scene.joints.motor_on & ~scene.joints.fixed).sum()),
        "thrusters": int(scene.thrusters.active.sum()),
    } | {name: int((active & (role == i)).sum()) for i, name in enumerate(ROLES) if name}


def bodies(level: Level) -> list[dict[str, Any]]:
    """The active bodies of a level."""
    level = jax.tree.map(np.asarray, level)
    scene, state = level.scene, level.state
    return [
        {
            "body": i,
            "what": what(scene, i),
            "role": ROLES[level.role[i]],
            "x": number(state.position[0, i]),
            "y": number(state.position[1, i]),
            "angle": number(state.angle[i]),
            "extent": extent(scene, i),
            "mass": number(1 / scene.inverse_mass[i]) if scene.inverse_mass[i] else None,
            "inertia": number(1 / scene.inverse_inertia[i]) if scene.inverse_inertia[i] else None,
            "friction": number(scene.friction[i]),
            "restitution": number(scene.restitution[i]),
            "collides": int(scene.collision_mode[i]),
        }
        for i in np.flatnonzero(scene.active).tolist()
    ]


def what(scene: Any, i: int) -> str:
    """The name of a body's shape."""
    if i >= scene.capacity.polygons:
        return "disc"
    return WALL_NAMES[i] if i < WALLS else {3: "triangle", 4: "quad"}[int(scene.vertex_count[i])]


def extent(scene: Any, i: int) -> list[float]:
    """Width and height of a body in its own frame, in m."""
    polygons = scene.capacity.polygons
    if i >= polygons:
        return [number(2 * scene.radius[i - polygons])] * 2
    return [number(side) for side in np.ptp(scene.vertices[:, : scene.vertex_count[i], i], axis=1)]


def joints(level: Level) -> list[dict[str, Any]]:
    """The active joints of a level."""
    joints = jax.tree.map(np.asarray, level.scene.joints)
    return [
        {
            "joint": j,
            "kind": "fixed" if joints.fixed[j] else "revolute",
            "between": [int(joints.a[j]), int(joints.b[j])],
            "limits": [number(joints.lower[j]), number(joints.upper[j])] if joints.limited[j] else None,
            "motor_action": int(level.motor_binding[j]) if joints.motor_on[j] and not joints.fixed[j] else None,
            "automatic": bool(level.motor_auto[j]),
            "speed": number(joints.motor_speed[j]),
            "power": number(joints.motor_power[j]),
        }
        for j in np.flatnonzero(joints.active).tolist()
    ]


def thrusters(level: Level) -> list[dict[str, Any]]:
    """The active thrusters of a level."""
    thrusters = jax.tree.map(np.asarray, level.scene.thrusters)
    return [
        {
            "thruster": t,
            "body": int(thrusters.body[t]),
            "at": [number(x) for x in thrusters.anchor[:, t]],
            "angle": number(thrusters.angle[t]),
            "power": number(thrusters.power[t]),
            "action": int(level.thruster_binding[t]),
        }
        for t in np.flatnonzero(thrusters.active).tolist()
    ]


def number(value: Any) -> float:
    """A float32 with the digits that it has."""
    return float(f"{float(value):.6g}")


def print_table(title: str, rows: list[dict[str, Any]]) -> None:
    """Print dictionaries of the same keys, at least one, as a table."""
    table = Table(*rows[0], title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*("" if value is None else cell(value) for value in row.values()))
    # A narrow terminal wraps lines; rich would cut numbers off.
    console = Console()
    console.width = max(console.width, console.measure(table, options=console.options.update(width=1000)).maximum)
    console.print(table)


def cell(value: Any) -> str:
    """A value in a table."""
    if isinstance(value, list):
        return ", ".join(map(cell, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
