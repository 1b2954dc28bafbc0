"""Who tells the controller what to do: a script, the keyboard, a gamepad.

An operator is a function of the time and the mode (`controller.Operator`). None of them blocks.
"""

import os
import select
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from numpy.typing import NDArray

from ..configs.typed import from_mapping
from .brain import Ask, Mode, within
from .contract import Contract
from .onboard.words import Told

AHEAD = (0.5, 0.4, 0.0, 0.0, 0.0, 0.0)
"""The goal that an arm begins at: radius m, pitch, yaw and turns off, rad."""
MODES = {"passive": Mode.PASSIVE, "stand": Mode.STAND, "policy": Mode.POLICY, "damping": Mode.DAMPING}


@dataclass(frozen=True)
class Moment:
    """A line of a script: from then on this is wanted; the goal moves there from the one before."""

    at: float
    """s since the start."""
    mode: str = "policy"
    """passive, stand, policy or damping."""
    forward: float = 0.0
    """m/s."""
    yaw: float = 0.0
    """rad/s."""
    goal: tuple[float, ...] = AHEAD
    """Where the end effector is to be at this moment."""


@dataclass(frozen=True)
class Script:
    """What is wanted over time; it ends with its last moment. Raises ValueError, in one line."""

    moments: tuple[Moment, ...]

    def __post_init__(self):
        if not self.moments:
            raise ValueError("moments is empty: a script has at least one")
        times = [moment.at for moment in self.moments]
        if times != sorted(times) or times[0] < 0:
            raise ValueError("moments: `at` must grow from 0 or later")
        for moment in self.moments:
            if moment.mode not in MODES:
                raise ValueError(f"moments: mode is {moment.mode!r}: use {', '.join(MODES)}")
            if len(moment.goal) != 6:
                raise ValueError(f"moments: goal has {len(moment.goal)} numbers: give 6")


def read_script(path: Path) -> Script:
    """From a YAML file. Raises ValueError, naming the file, for what is no script."""
    try:
        return from_mapping(Script, yaml.safe_load(path.read_text(encoding="utf-8")))
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from None


def scripted(script: Script, contract: Contract) -> Callable[[float, Mode], Ask | None]:
    """Follow a script. What the policy does not know the brain takes within its range."""
    times = np.array([moment.at for moment in script.moments])
    goals = np.array([moment.goal for moment in script.moments])

    def goal(seconds: float) -> NDArray:
        return np.array([np.interp(seconds, times, column) for column in goals.T])

    def ask(seconds: float, mode: Mode) -> Ask | None:
        if seconds > times[-1]:
            return None
        now = script.moments[max(int(np.searchsorted(times, seconds, side="right")) - 1, 0)]
        return Ask(
            MODES[now.mode], Told(np.array([now.forward, now.yaw]), goal(seconds), goal(seconds + contract.control_dt))
        )

    return ask


class Wish(NamedTuple):
    """What hands on keys or sticks want."""

    mode: Mode
    command: NDArray
    """[2] m/s and rad/s."""
    goal: NDArray
    """[6]"""
    over: bool = False
    """Whether the run is to end."""


def by_hand(contract: Contract, listen: Callable[[Wish], Wish]) -> Callable[[float, Mode], Ask | None]:
    """Follow what `listen` makes of the wish before. The goal moves no faster than `GOAL_SPEED`."""
    wish, goal = Wish(Mode.PASSIVE, np.zeros(2), np.array(AHEAD)), np.array(AHEAD)

    def ask(seconds: float, mode: Mode) -> Ask | None:
        nonlocal wish, goal
        wish = listen(wish)
        if mode == Mode.DAMPING and wish.mode in (Mode.STAND, Mode.POLICY):
            wish = wish._replace(mode=Mode.DAMPING, command=np.zeros(2))  # a fault is not overruled by an old wish
        if wish.over:
            return None
        command = within(contract, "velocity", wish.command)
        most = GOAL_SPEED * contract.control_dt
        before, goal = goal, goal + np.clip(within(contract, "goal", wish.goal) - goal, -most, most)
        return Ask(wish.mode, Told(command, before, goal))

    return ask


GOAL_SPEED = 0.5
"""m/s of the radius, rad/s of the angles."""
FASTER, LEFTER, GOAL_STEP = np.array([0.1, 0.0]), np.array([0.0, 0.2]), 0.1
"""What one key adds."""
KEYS: dict[str, Callable[[Wish], Wish]] = {
    "0": lambda w: w._replace(mode=Mode.PASSIVE, command=np.zeros(2)),
    "1": lambda w: w._replace(mode=Mode.STAND, command=np.zeros(2)),
    "2": lambda w: w._replace(mode=Mode.POLICY),
    " ": lambda w: w._replace(mode=Mode.DAMPING, command=np.zeros(2)),
    "w": lambda w: w._replace(command=w.command + FASTER),
    "s": lambda w: w._replace(command=w.command - FASTER),
    "a": lambda w: w._replace(command=w.command + LEFTER),
    "d": lambda w: w._replace(command=w.command - LEFTER),
    "x": lambda w: w._replace(command=np.zeros(2)),
    "i": lambda w: _reach(w, 1, GOAL_STEP),
    "k": lambda w: _reach(w, 1, -GOAL_STEP),
    "j": lambda w: _reach(w, 2, GOAL_STEP),
    "l": lambda w: _reach(w, 2, -GOAL_STEP),
    "u": lambda w: _reach(w, 0, GOAL_STEP / 2),
    "o": lambda w: _reach(w, 0, -GOAL_STEP / 2),
    "q": lambda w: w._replace(over=True),
}
"""What each key does."""
HELP = (
    "0 passive  1 stand  2 policy  space damping  |  w s forward  a d turn  x halt  |  i k up down  j l left right  "
    "u o out in  |  q end"
)


def _reach(wish: Wish, entry: int, by: float) -> Wish:
    goal = wish.goal.copy()
    goal[entry] += by
    return wish._replace(goal=goal)


class Keyboard:
    """Keys of a terminal, one by one, while it is open. Raises ValueError where there is no terminal."""

    def __enter__(self) -> Callable[[Wish], Wish]:
        import termios
        import tty

        if not sys.stdin.isatty():
            raise ValueError("--operator keyboard needs a terminal: use --operator script")
        self._before: Any = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin)
        return self._listen

    def __exit__(self, *_: object) -> None:
        import termios

        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)

    def _listen(self, wish: Wish) -> Wish:
        while select.select([sys.stdin], [], [], 0)[0]:
            key = os.read(sys.stdin.fileno(), 1).decode(errors="replace")
            wish = KEYS.get(key, lambda w: w)(wish)
        return wish


EVENT = struct.Struct("<IhBB")
"""Of Linux's joystick interface: time, value, kind, number."""
BUTTON, AXIS = 1, 2
BUTTONS = {0: "1", 1: " ", 2: "0", 3: "2"}
"""Which key each button is: A stand, B damping, X passive, Y policy."""


class Gamepad:
    """Sticks and buttons of the first gamepad: left stick forward, right one turning. Raises ValueError without one."""

    def __init__(self, contract: Contract, device: Path = Path("/dev/input/js0")):
        self._most = np.array(contract.commands["velocity"].upper)
        self._device = device

    def __enter__(self) -> Callable[[Wish], Wish]:
        try:
            self._file = os.open(self._device, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            raise ValueError(f"--operator gamepad: {self._device}: {error.strerror}; plug one in") from None
        return self._listen

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def _listen(self, wish: Wish) -> Wish:
        while True:
            try:
                content = os.read(self._file, EVENT.size)
            except BlockingIOError:
                return wish
            except OSError:  # it was unplugged
                return wish._replace(command=np.zeros(2))
            if len(content) < EVENT.size:
                return wish
            _, value, kind, number = EVENT.unpack(content)
            wish = self._heard(wish, value, kind & ~0x80, number)

    def _heard(self, wish: Wish, value: int, kind: int, number: int) -> Wish:
        if kind == BUTTON and value and number in BUTTONS:
            return KEYS[BUTTONS[number]](wish)
        if kind == AXIS and number in (1, 3):
            entry, command = int(number == 3), wish.command.copy()
            command[entry] = -value / 32767 * self._most[entry]
            return wish._replace(command=command)
        return wish
