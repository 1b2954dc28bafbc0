"""The contract in the words of controllers that exist: mjlab's keys in the graph's metadata, Unitree's `deploy.yaml`.

Both say: drive target = default_joint_pos + action_scale * output. Numbers are in full precision, where the exporters
that these words come from round to three digits.
"""

from typing import Any

import yaml

from . import contract as contracts
from .contract import Contract, Term
from .extras import need

DEPLOY = "deploy.yaml"
CONTRACT_KEY = "gambol_contract"
"""Of the metadata: the whole contract as JSON."""
UNITREE = {
    "gravity": "projected_gravity",
    "angular_velocity": "base_ang_vel",
    "joint_position": "joint_pos_rel",
    "joint_velocity": "joint_vel_rel",
    "last_action": "last_action",
    "command": "velocity_commands",
    "clock": "gait_phase",
}
"""Unitree's names of our terms, where they have one."""


def readable(contract: Contract) -> bool:
    """Whether controllers of others can run it: they know robots and one action at a time."""
    return contract.robot is not None and contract.chunk is None


def with_metadata(graph: bytes, contract: Contract, run: str) -> bytes:
    """The graph with the contract in its metadata, and mjlab's keys where they mean something."""
    onnx = need("onnx")
    model = onnx.load_from_string(graph)
    told = {CONTRACT_KEY: contracts.dump(contract).decode()}
    if readable(contract):
        told |= mjlab_keys(contract, run)
    onnx.helper.set_model_props(model, told)
    return model.SerializeToString()


def mjlab_keys(contract: Contract, run: str) -> dict[str, str]:
    """Text separated by commas; the terms of `observation_terms_scale` and the like by semicolons."""
    terms = first_terms(contract)
    index = contract.index
    order = [index[name] for name in contract.action.joint_names]
    others = [i for i in range(len(contract.joint_names)) if i not in order]
    joints = order + others

    def listed(values: Any, places: list[int]) -> str:
        return ",".join(str(values[i]) for i in places)

    return {
        "run_path": run,
        "joint_names": listed(contract.joint_names, joints),
        "joint_stiffness": listed(contract.kp, joints),
        "joint_damping": listed(contract.kd, joints),
        "default_joint_pos": listed(contract.default_joint_pos, joints),
        "command_names": ",".join(contract.commands),
        "observation_names": ",".join(term.name for term in terms),
        "observation_terms_scale": ";".join(",".join(map(str, term.scale)) for term in terms),
        "observation_terms_flatten_history_dim": ",".join("False" for _ in terms),
        "observation_terms_history_length": ",".join(str(term.history if term.history > 1 else 0) for term in terms),
        "observation_terms_clip": ";".join("None" if t.clip is None else ",".join(map(str, t.clip)) for t in terms),
        "action_scale": ",".join(map(str, contract.action.scale)),
    }


def first_terms(contract: Contract) -> tuple[Term, ...]:
    """Of the array that is seen now."""
    return next(iter(contract.obs.order.values()))


def deploy_yaml(contract: Contract) -> bytes:
    """What Unitree's controllers read beside a policy. Their terms have no offset of their own: `joint_pos_rel` is from
    `default_joint_pos`, the others are raw."""
    index = contract.index
    ids = [index[name] for name in contract.action.joint_names]
    velocity = contract.commands["velocity"]
    ranges = dict(zip(velocity.names, zip(velocity.lower, velocity.upper, strict=True), strict=True))
    forward, yaw = list(ranges["forward"]), list(ranges["yaw"])
    told = {
        "joint_ids_map": list(contract.joint2motor),
        "step_dt": contract.control_dt,
        "stiffness": list(contract.kp),
        "damping": list(contract.kd),
        "default_joint_pos": list(contract.default_joint_pos),
        "commands": {
            "base_velocity": {
                "ranges": {"lin_vel_x": forward, "lin_vel_y": [0.0, 0.0], "ang_vel_z": yaw, "heading": None}
            }
        },
        "actions": {
            "JointPositionAction": {
                "clip": [list(pair) for pair in contract.action.clip],
                "joint_names": list(contract.action.joint_names),
                "scale": list(contract.action.scale),
                "offset": list(contract.action.offset),
                "joint_ids": ids,
            }
        },
        "observations": {
            UNITREE.get(term.name, term.name): {
                "params": {"names": list(term.names)} if term.names else {},
                "clip": None if term.clip is None else list(term.clip),
                "scale": list(term.scale),
                "history_length": term.history,
            }
            for term in first_terms(contract)
        },
    }
    return yaml.safe_dump(told, sort_keys=False).encode()
