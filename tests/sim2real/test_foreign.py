"""Readers written from the facts (peers 5.1 and 5.2), without a line of Gambol's, rebuild the action of the policy."""

import numpy as np
import onnx
import onnxruntime
import pytest
import yaml
from gambol.sim2real import bundle


@pytest.fixture(scope="module")
def ticks(walker):
    return bundle.unpack(walker.files["selftest.npz"], "selftest.npz")


@pytest.fixture(scope="module")
def graph(walker):
    """(observation [N]) -> output of the graph [A]."""
    session = onnxruntime.InferenceSession(walker.files["policy.onnx"])
    assert [i.name for i in session.get_inputs()] == ["obs"] and [o.name for o in session.get_outputs()] == ["actions"]
    return lambda seen: session.run(["actions"], {"obs": seen[None].astype(np.float32)})[0][0]


def test_a_reader_of_mjlabs_metadata(walker, ticks, graph):
    """As motion_tracking_controller does: text by commas, action joints first, target = default + scale * output."""
    told = {p.key: p.value for p in onnx.load_from_string(walker.files["policy.onnx"]).metadata_props}
    names = told["joint_names"].split(",")
    default = dict(zip(names, map(float, told["default_joint_pos"].split(",")), strict=True))
    kp = dict(zip(names, map(float, told["joint_stiffness"].split(",")), strict=True))
    kd = dict(zip(names, map(float, told["joint_damping"].split(",")), strict=True))
    scale = [float(x) for x in told["action_scale"].split(",")]
    contract = walker.contract
    assert kp == dict(zip(contract.joint_names, contract.kp, strict=True))
    assert kd == dict(zip(contract.joint_names, contract.kd, strict=True))
    assert told["observation_names"].split(",")[:3] == ["gravity", "angular_velocity", "joint_position"]
    assert told["command_names"] == "velocity,goal"
    place = {name: i for i, name in enumerate(contract.joint_names)}
    margin = contract.safety.joint_margin  # every controller keeps targets within the joints' limits
    lower, upper = np.array(contract.joint_pos_limits).T + np.array([[margin], [-margin]])
    for row in (0, 31, 77):
        output = graph(ticks["in.obs"][row])
        for name, action, factor in zip(names, output, scale, strict=False):
            target = np.clip(default[name] + factor * action, lower[place[name]], upper[place[name]])
            assert target == pytest.approx(ticks["targets"][row, place[name]], abs=1e-5)


RAW = {
    "projected_gravity": lambda raw: rotated_back(raw["turn"], [0, 0, -1]),
    "base_ang_vel": lambda raw: raw["rate"],
    "joint_pos_rel": lambda raw: raw["joints"],
    "joint_vel_rel": lambda raw: raw["joint_rates"],
}
"""What a controller of Unitree's reads for the terms that it knows."""


def rotated_back(quaternion, vector):
    w, axis = quaternion[0], -np.asarray(quaternion[1:], float)
    twice = 2 * np.cross(axis, vector)
    return vector + w * twice + np.cross(axis, twice)


def test_a_reader_of_unitrees_deploy_yaml(walker, ticks, graph):
    """Terms in the order of the file: those it knows from readings, the rest as recorded; then target = scale * output
    + offset for joint_ids."""
    told = yaml.safe_load(walker.files["deploy.yaml"])
    contract = walker.contract
    motors = told["joint_ids_map"]
    assert told["step_dt"] == 0.02 and len(motors) == len(told["stiffness"]) == 19
    for row in (0, 40, 100):
        raw = {name: ticks[f"raw.{name}"][row] for name in ("turn", "rate", "joints", "joint_rates")}
        seen, recorded = [], ticks["in.obs"][row]
        for name, term in told["observations"].items():
            first, size = sum(map(len, seen)), len(term["scale"])
            if name not in RAW:
                seen.append(recorded[first : first + size])
                continue
            values = np.asarray(RAW[name](raw), float)
            if name == "joint_pos_rel":
                values = values - told["default_joint_pos"]
            if len(values) > size:  # the gripper, last of all, is not seen
                assert term["params"]["names"] == list(contract.joint_names[:size])
                values = values[:size]
            seen.append(values * term["scale"])
        vector = np.concatenate(seen)
        np.testing.assert_allclose(vector, recorded, atol=1e-5)
        action = told["actions"]["JointPositionAction"]
        target = np.array(action["scale"]) * graph(vector) + action["offset"]
        np.testing.assert_allclose(target, ticks["targets"][row][action["joint_ids"]], atol=1e-5)


def test_nothing_is_rounded(walker):
    told = yaml.safe_load(walker.files["deploy.yaml"])
    assert tuple(told["default_joint_pos"]) == walker.contract.default_joint_pos
    assert told["commands"]["base_velocity"]["ranges"]["lin_vel_x"] == [-0.8, 0.8]
