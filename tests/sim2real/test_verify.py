import json

import numpy as np
import onnx
import pytest
from gambol.sim2real import bundle, contract, verify
from onnx import numpy_helper


def refused(folder) -> dict[str, str]:
    """The checks that fail, with what they say."""
    return {name: check.detail for name, check in verify.verify(folder).items() if not check.ok}


def test_a_fresh_bundle_passes_every_check(walker_folder):
    checks = verify.verify(walker_folder)
    assert list(checks) == ["files", "schema", "graph", "metadata", "selftest", "robot", "readings", "latency"]
    assert all(check.ok for check in checks.values()), checks


def with_contract(walker, change):
    """The files of a forged bundle: the contract changed, the graph's metadata with it."""
    data = json.loads(walker.files["contract.json"])
    change(data)
    content = (json.dumps(data, indent=1) + "\n").encode()
    model = onnx.load_from_string(walker.files["policy.onnx"])
    told = {entry.key: entry.value for entry in model.metadata_props} | {"gambol_contract": content.decode()}
    onnx.helper.set_model_props(model, told)
    return {"contract__json": content, "policy__onnx": model.SerializeToString()}


def swap(*lists, i=0, j=3):
    for values in lists:
        values[i], values[j] = values[j], values[i]


FORGERIES = [
    (lambda d: d["kp"].__setitem__(2, 149.0), "robot", "kp of 'FR_calf' is 149"),
    (lambda d: d["kd"].__setitem__(2, 4.4), "robot", "kd of 'FR_calf' is 4.4"),
    (lambda d: d["torque_limits"].__setitem__(0, 200.0), "robot", "torque limit of 'FR_hip' is 200"),
    (lambda d: d["joint_pos_limits"].__setitem__(0, [-1.0, 1.0]), "robot", "lower limit of 'FR_hip'"),
    (lambda d: swap(d["joint_names"]), "robot", "does not drive 'FL_hip'"),
    (lambda d: swap(d["joint_names"], d["actuator_names"]), "robot", "joint2motor of 'FL_hip'"),
    (lambda d: swap(d["joint_names"], d["actuator_names"], d["joint2motor"]), "readings", "observation is"),
    (lambda d: swap(d["joint2motor"]), "robot", "joint2motor of 'FR_hip'"),
    (lambda d: d["action"]["scale"].__setitem__(0, 0.41), "readings", "off, more than"),
    (lambda d: d["action"]["offset"].__setitem__(0, -0.21), "readings", "off, more than"),
    (lambda d: swap(d["action"]["joint_names"]), "readings", "off, more than"),
    (lambda d: d["obs"]["order"]["policy"][1]["scale"].__setitem__(0, 0.6), "readings", "observation is"),
    (lambda d: d["obs"]["order"]["policy"][2]["offset"].__setitem__(5, 0.0), "readings", "observation is"),
    (lambda d: d["gait"].__setitem__("frequency", 2.5), "readings", "observation is"),
    (lambda d: d["arm"].__setitem__("damping", 0.06), "readings", "off"),
    (lambda d: d["commands"]["velocity"]["rate"].__setitem__(0, 1.0), "readings", "observation is"),
    (lambda d: d["robot"].__setitem__("contact_force", 1e6), "readings", "observation is"),
    (lambda d: d["default_joint_pos"].__setitem__(1, 0.9), "metadata", "default_joint_pos is not what"),
    (lambda d: d["graph"]["inputs"][0].__setitem__("name", "seen"), "graph", "has inputs"),
    (lambda d: d["graph"]["inputs"][0].__setitem__("shape", [79]), "graph", "has inputs"),
    (lambda d: d["robot"].__setitem__("mjcf_sha256", "0" * 64), "robot", "SHA-256 differs"),
    (lambda d: d["robot"].__setitem__("base", "tail"), "robot", "no body named 'tail'"),
    (lambda d: d["selftest"].__setitem__("count", 64), "selftest", "must be float32"),
]


@pytest.mark.parametrize(("change", "check", "message"), FORGERIES)
def test_a_changed_contract_is_refused_though_its_hashes_fit(walker, rewritten, change, check, message):
    found = refused(rewritten(**with_contract(walker, change)))
    assert message in found.get(check, ""), found


def test_a_changed_weight_is_refused(walker, rewritten):
    model = onnx.load_from_string(walker.files["policy.onnx"])
    largest = max(model.graph.initializer, key=lambda tensor: np.prod(tensor.dims))
    values = numpy_helper.to_array(largest).copy()
    values.flat[0] += 0.5
    largest.CopyFrom(numpy_helper.from_array(values, largest.name))
    assert "off the recorded actions" in refused(rewritten(policy__onnx=model.SerializeToString()))["selftest"]
    values.flat[0] = np.nan
    largest.CopyFrom(numpy_helper.from_array(values, largest.name))
    assert "is not finite" in refused(rewritten(policy__onnx=model.SerializeToString()))["graph"]


def test_tensors_elsewhere_and_strange_operators_are_refused(walker, rewritten):
    model = onnx.load_from_string(walker.files["policy.onnx"])
    tensor = model.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    assert "lies in a file of its own" in refused(rewritten(policy__onnx=model.SerializeToString()))["graph"]
    model = onnx.load_from_string(walker.files["policy.onnx"])
    model.graph.node[0].domain = "evil"
    model.opset_import.add(domain="evil", version=1)
    assert "evil" in refused(rewritten(policy__onnx=model.SerializeToString()))["graph"]
    assert refused(rewritten(policy__onnx=b"nothing of the kind")).keys() == {"graph"}


def test_missing_parts_are_named(rewritten):
    assert "deploy.yaml is missing" in refused(rewritten(deploy__yaml=None))["metadata"]
    assert "robot.xml is missing" in refused(rewritten(robot__xml=None))["robot"]
    assert "selftest.npz is missing" in refused(rewritten(selftest__npz=None))["selftest"]
    assert "policy.onnx is missing" in refused(rewritten(policy__onnx=None))["graph"]
    assert "contract.json is missing" in refused(rewritten(contract__json=None))["files"]


def test_changed_recordings_are_refused(walker, rewritten):
    ticks = bundle.unpack(walker.files["selftest.npz"], "selftest.npz")
    off = {name: array.copy() for name, array in ticks.items()}
    off["raw.joints"][3, 2] += 0.01
    assert refused(rewritten(selftest__npz=bundle.pack(off))).keys() == {"readings"}
    off = {name: array.copy() for name, array in ticks.items()}
    off["out.actions"][3, 2] += 0.01
    assert "off the recorded actions" in refused(rewritten(selftest__npz=bundle.pack(off)))["selftest"]


def test_what_is_no_bundle_is_the_users_mistake(tmp_path):
    with pytest.raises(ValueError, match=r"it has no manifest.json; make one with gambol export"):
        verify.verify(tmp_path)


def test_the_contract_of_another_form_is_refused(walker, rewritten):
    content = contract.dump(walker.contract).replace(b'"kp"', b' "kp"', 1)
    assert "not in the form" in refused(rewritten(contract__json=content))["schema"]
