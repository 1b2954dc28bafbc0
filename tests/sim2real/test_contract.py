import copy
import json

import pytest
from gambol.configs.typed import from_mapping
from gambol.sim2real import contract as contracts
from gambol.sim2real.contract import Contract

WANTED = {
    *(
        "schema_version",
        "policy_name",
        "git_sha",
        "framework_versions",
        "created_utc",
        "task_id",
        "robot",
        "control_dt",
    ),
    *("sim_dt", "decimation", "joint_names", "actuator_names", "joint2motor", "default_joint_pos", "joint_pos_limits"),
    *("joint_vel_limits", "torque_limits", "kp", "kd", "action", "obs", "commands", "recurrent", "quat_convention"),
    *("gravity_sign", "safety", "selftest"),
}
"""Keys that a contract of this field has (the facts, peers 5.4)."""
INSIDE = {
    "action": {"type", "scale", "offset", "clip", "filter", "joint_names"},
    "obs": {"order", "normalizer", "history_layout", "oldest_first"},
    "safety": {"max_tilt_rad", "max_action_delta", "stale_ms", "kp_scale_start"},
    "selftest": {"obs", "action", "atol"},
    "robot": {"name", "mjcf_sha256"},
}


def test_it_has_every_key_that_the_field_asks_for(contract_data):
    assert contract_data.keys() >= WANTED
    for name, keys in INSIDE.items():
        assert contract_data[name].keys() >= keys, name
    term = contract_data["obs"]["order"]["policy"][0]
    assert term.keys() >= {"name", "dim", "slice", "scale", "offset", "clip", "history", "unit", "frame"}


def test_writing_and_reading_lose_no_digit(walker):
    again = contracts.parse(contracts.dump(walker.contract))
    assert again == walker.contract and contracts.dump(again) == contracts.dump(walker.contract)
    assert again.safety is not None and again.action.offset[1] == 0.8


def test_gains_and_pose_are_those_of_the_robot(walker):
    from gambol.sim.legged.robot import RobotConfig

    robot = RobotConfig()
    kp, kd = robot.gains
    assert walker.contract.joint_names == robot.joints
    assert walker.contract.kp == tuple(kp) and walker.contract.kd == tuple(kd)
    assert walker.contract.default_joint_pos == robot.default_pose


CHANGES = [
    (("kp", 0), 0.0, "kp must be above 0"),
    (("kp",), [1.0], "kp has 1 entries: give 19"),
    (("joint_names", 1), "FR_hip", "a joint is named twice"),
    (("joint2motor", 1), 0, "two joints have the same motor"),
    (("joint_pos_limits", 0), [1.0, -1.0], "joint_pos_limits of FR_hip"),
    (("action", "joint_names", 0), "nose", "which is not in joint_names"),
    (("action", "scale"), [1.0], "must have one entry per joint each"),
    (("obs", "order", "policy", 1, "slice"), [2, 5], "angular_velocity is at"),
    (("obs", "order", "policy", 1, "scale"), [1.0], "needs 3 entries"),
    (("schema_version",), "2.0", "this gambol reads 1.2"),
    (("control_dt",), -0.02, "control_dt is -0.02"),
    (("gravity_sign",), 1, "gravity_sign is 1: expected -1"),
    (("quat_convention",), "xyzw", "expected wxyz"),
    (("safety",), None, "safety is missing"),
    (("robot", "feets"), 1, "robot.feets is not a setting: did you mean robot.feet"),
]


@pytest.mark.parametrize(("path", "value", "message"), CHANGES)
def test_what_does_not_fit_is_named(contract_data, path, value, message):
    data = copy.deepcopy(contract_data)
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(ValueError, match=message):
        from_mapping(Contract, data)


def test_every_field_is_needed(contract_data):
    for name in contract_data:
        with pytest.raises(ValueError, match=f"{name} is missing"):
            from_mapping(Contract, {key: value for key, value in contract_data.items() if key != name})


@pytest.mark.parametrize("text", ['{"a": NaN}', '{"a": Infinity}', '{"a": 1, "a": 2}', "{", "[" * 100_000, "\xff"])
def test_json_is_strict(text):
    with pytest.raises(ValueError, match=r"contract.json is not the JSON it should be"):
        contracts.load_json(text.encode("latin-1"), "contract.json")


def test_json_is_plain(walker):
    assert json.loads(walker.files["contract.json"])["kp"][0] == 150.0
