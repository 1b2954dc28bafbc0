import struct

import numpy as np
import pytest
from gambol.sim2real import operators
from gambol.sim2real.brain import Mode
from gambol.sim2real.operators import KEYS, Gamepad, Moment, Script, Wish, by_hand, read_script, scripted

FAR = (0.7, 0.0, 0.5, 0.0, 0.0, 0.0)


def test_a_script_is_followed(walker):
    moments = (
        Moment(0.0, "stand"),
        Moment(2.0, forward=0.5),
        Moment(4.0, forward=9.0, yaw=-0.3, goal=FAR),
        Moment(6.0),
    )
    ask = scripted(Script(moments), walker.contract)
    first, second, third = (ask(seconds, Mode.POLICY) for seconds in (1.9, 3.0, 4.0))
    assert first.mode == Mode.STAND and second.mode == Mode.POLICY and second.told.command.tolist() == [0.5, 0.0]
    assert third.told.command.tolist() == [9.0, -0.3]  # what is too much the brain takes within its range
    assert second.told.goal[0] == pytest.approx(0.6) and third.told.goal[0] == pytest.approx(0.7)
    np.testing.assert_allclose(second.told.goal_next, ask(3.02, Mode.POLICY).told.goal)
    assert ask(6.01, Mode.POLICY) is None


def test_a_script_is_read(tmp_path):
    path = tmp_path / "walk.yaml"
    path.write_text("moments:\n- {at: 0, mode: stand}\n- {at: 3, forward: 0.4}\n")
    assert read_script(path) == Script((Moment(0.0, "stand"), Moment(3.0, forward=0.4)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("moments: []", "moments is empty"),
        ("moments: [{at: 1}, {at: 0}]", "`at` must grow"),
        ("moments: [{at: 0, mode: fly}]", "mode is 'fly': use passive, stand, policy, damping"),
        ("moments: [{at: 0, goal: [1]}]", "goal has 1 numbers: give 6"),
        ("moments: [{at: 0, speed: 1}]", "speed is not a setting"),
        ("moments: [{forward: 1}]", r"moments\[0\].at is missing"),
        ("moments: [", "walk.yaml"),
        ("- 1", "walk.yaml"),
    ],
)
def test_what_is_no_script_is_refused(tmp_path, text, message):
    path = tmp_path / "walk.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_script(path)


def pressed(keys):
    def listen(wish: Wish) -> Wish:
        return KEYS[keys.pop(0)](wish) if keys else wish

    return listen


def test_keys(walker):
    ask = by_hand(walker.contract, pressed(list("12wwwa xq")))
    told = [ask(0.02 * i, Mode.POLICY) for i in range(9)]
    assert [t.mode for t in told[:2]] == [Mode.STAND, Mode.POLICY]
    np.testing.assert_allclose(told[5].told.command, [0.3, 0.2])
    assert told[6].mode == Mode.DAMPING and not told[6].told.command.any()
    assert told[8] is None


def test_a_fault_is_not_overruled_by_an_old_wish(walker):
    keys = list("2")
    ask = by_hand(walker.contract, pressed(keys))
    assert ask(0.0, Mode.STAND).mode == Mode.POLICY
    assert ask(0.1, Mode.DAMPING).mode == Mode.DAMPING
    keys += "0"
    assert ask(0.2, Mode.DAMPING).mode == Mode.PASSIVE
    keys += "1"
    assert ask(0.3, Mode.PASSIVE).mode == Mode.STAND


def test_goals_move_slowly_and_stay_in_reach(walker):
    ask = by_hand(walker.contract, pressed(list("i" * 60)))
    told = [ask(0.02 * i, Mode.POLICY).told for i in range(300)]
    pitch = np.array([t.goal[1] for t in told])
    assert np.diff(pitch).max() <= operators.GOAL_SPEED * 0.02 + 1e-9
    assert pitch[-1] == pytest.approx(walker.contract.commands["goal"].upper[1])
    np.testing.assert_allclose([t.goal_next for t in told[:-1]], [t.goal for t in told[1:]])


def test_a_gamepad(walker, tmp_path):
    events = [(1, 1, 0), (1, 1, 3), (-32767, 2, 1), (16384, 2, 3)]
    device = tmp_path / "js0"
    device.write_bytes(b"".join(struct.pack("<IhBB", 0, value, kind, number) for value, kind, number in events))
    with Gamepad(walker.contract, device) as listen:
        wish = listen(Wish(Mode.PASSIVE, np.zeros(2), np.zeros(6)))
    assert wish.mode == Mode.POLICY
    np.testing.assert_allclose(wish.command, [0.8, -0.5], atol=1e-3)
    with (
        pytest.raises(ValueError, match=r"--operator gamepad: .*No such file"),
        Gamepad(walker.contract, tmp_path / "no"),
    ):
        pass


def test_a_keyboard_needs_a_terminal(monkeypatch):
    monkeypatch.setattr(operators.sys.stdin, "isatty", lambda: False, raising=False)
    with pytest.raises(ValueError, match="--operator keyboard needs a terminal"), operators.Keyboard():
        pass
