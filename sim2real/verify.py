"""Proving a bundle before any motor gets torque: every check is by what the bundle itself says and holds.

Nothing here needs JAX; onnx, onnxruntime and jsonschema come with the extra `export`.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

from ..sim.legged.drives import torque_limit
from . import bundle, foreign, schema
from . import contract as contracts
from .bundle import Bundle
from .coherent import SCHEMA_VERSION
from .contract import Contract
from .extras import need
from .onboard import model as models
from .onboard import tick
from .onboard.words import Memory, Readings, Told
from .sessions import Refused, check, open_session, refusing

LATENCY_TICKS = 500
DIGITS = 5e-6
"""Relative precision of numbers in a model: MuJoCo writes six digits."""


class Check(NamedTuple):
    """What came of one check."""

    ok: bool
    detail: str


def proved(folder: Path) -> Bundle:
    """The bundle, read once, of which every check holds. Raises Refused, naming the first that does not, and ValueError
    as `verify` does."""
    found, read = checked(folder)
    for name, came in found.items():
        if not came.ok:
            raise Refused(f"{name}: {came.detail}")
    assert read is not None
    return read


def verify(folder: Path) -> dict[str, Check]:
    """Every check by name, in order; those after one without which they mean nothing are left out.

    Raises ValueError where there is no bundle, or a package is missing.
    """
    return checked(folder)[0]


def checked(folder: Path) -> tuple[dict[str, Check], Bundle | None]:
    """See `verify`; and the bundle that was checked, if it could be read."""
    for package in ("onnx", "onnxruntime", "jsonschema"):
        need(package)
    if not (folder / bundle.MANIFEST).is_file():
        raise ValueError(f"{folder} is no bundle: it has no {bundle.MANIFEST}; make one with gambol export")
    found: dict[str, Check] = {}
    loaded: list[Bundle] = []

    def attempt(name: str, check: Callable[[], str]) -> bool:
        try:
            found[name] = Check(True, check())
        except ValueError as error:
            found[name] = Check(False, str(error))
        return found[name].ok

    def files() -> str:
        loaded.append(bundle.read(folder))
        return f"{len(loaded[0].files)} files, digest {loaded[0].digest[:16]}"

    if not attempt("files", files):
        return found, None
    (read,) = loaded
    if not attempt("schema", lambda: check_schema(read)) or not attempt("graph", lambda: check_graphs(read)):
        return found, read
    attempt("metadata", lambda: check_metadata(read))
    attempt("selftest", lambda: check_selftest(read))
    if read.contract.chunk is not None:
        attempt("halves", lambda: check_halves(read))
    if read.contract.reflex is not None:
        attempt("reflex", lambda: check_reflex(read))
    robot = read.contract.robot is not None and attempt("robot", lambda: check_robot(read))
    if robot:
        attempt("readings", lambda: check_readings(read))
    attempt("latency", lambda: check_latency(read))
    return found, read


def check_schema(read: Bundle) -> str:
    """The contract is as its schema says, and the schema is ours."""
    jsonschema = need("jsonschema")
    if read.files.get(schema.FILE) != schema.dump():
        raise Refused(f"{schema.FILE} is not the schema of contracts {SCHEMA_VERSION}")
    content = read.files[contracts.FILE]
    try:
        jsonschema.Draft202012Validator(schema.schema()).validate(contracts.load_json(content, contracts.FILE))
    except jsonschema.ValidationError as error:
        raise Refused(f"{contracts.FILE}: {error.json_path}: {error.message}") from None
    if content != contracts.dump(read.contract):
        raise Refused(f"{contracts.FILE} is not in the form in which contracts are written")
    return f"version {read.contract.schema_version}"


def check_graphs(read: Bundle) -> str:
    """Every graph is whole, holds finite numbers only, and has the inputs and outputs of the contract."""
    contract, chunk = read.contract, read.contract.chunk
    graphs = (*contract.graphs, *((chunk.encode, chunk.denoise) if chunk else ()))
    nodes = [check(file_of(read, graph.file), graph) for graph in graphs]
    return f"{sum(nodes)} nodes, {sum(len(read.files[graph.file]) for graph in graphs):,} bytes"


def check_metadata(read: Bundle) -> str:
    """What other controllers read says the same as the contract."""
    onnx, contract = need("onnx"), read.contract
    model = onnx.load_from_string(read.files[contract.graph.file])
    told = {entry.key: entry.value for entry in model.metadata_props}
    if told.get(foreign.CONTRACT_KEY) != contracts.dump(contract).decode():
        raise Refused(f"{contract.graph.file} carries another contract")
    if not foreign.readable(contract):
        return "the contract"
    for key, value in foreign.mjlab_keys(contract, told.get("run_path", "")).items():
        if told.get(key) != value:
            raise Refused(f"{contract.graph.file}: {key} is not what the contract says")
    if file_of(read, foreign.DEPLOY) != foreign.deploy_yaml(contract):
        raise Refused(f"{foreign.DEPLOY} is not what the contract says")
    return f"the contract, mjlab's keys, {foreign.DEPLOY}"


def check_selftest(read: Bundle) -> str:
    """The graph does what was recorded, on a batch and one by one."""
    contract = read.contract
    ticks = ticks_of(read)
    content = file_of(read, contract.graph.file)
    together, alone = open_session(content), open_session(content, alone=True)
    inputs = {tensor.name: ticks[f"in.{tensor.name}"] for tensor in contract.graph.inputs}
    many = contract.selftest.batched
    worst = difference(contract, run(together, inputs), ticks, slice(None)) if many else 0.0
    for i in range(contract.selftest.count):
        one = run(alone, {name: values[i : i + 1] for name, values in inputs.items()})
        worst = max(worst, difference(contract, one, ticks, slice(i, i + 1)))
    if not worst <= contract.selftest.atol:
        raise Refused(f"the graph is {worst:.2g} off the recorded actions, more than {contract.selftest.atol:g}")
    return f"{contract.selftest.count} ticks, at most {worst:.1e} off"


def check_halves(read: Bundle) -> str:
    """The two parts of a policy of chunks, put together as its contract says, do what the whole was recorded to do
    where there was no chunk before."""
    contract, ticks = read.contract, ticks_of(read)
    chunk = contract.chunk
    assert chunk is not None
    rows = ticks[f"in.{chunk.left}"] == 0
    encode, denoise = (open_session(file_of(read, graph.file)) for graph in (chunk.encode, chunk.denoise))
    known = run(encode, {tensor.name: ticks[f"in.{tensor.name}"][rows] for tensor in chunk.encode.inputs})
    wanted = ticks[f"out.{contract.action.output}"][rows]
    if not len(wanted):
        raise Refused(f"{contract.selftest.file} has no tick without a chunk before")
    given = dict(zip((tensor.name for tensor in chunk.encode.outputs), known, strict=True))
    actions = np.zeros_like(wanted)
    for step in range(chunk.steps):
        time = np.full(actions.shape[:2], step / chunk.steps, np.float32)
        actions = actions + run(denoise, given | {"chunk": actions, "time": time})[0] / np.float32(chunk.steps)
    actions = actions * chunk.scale + chunk.offset
    if chunk.relative:
        state = ticks[f"in.{chunk.state}"][rows]
        actions[..., chunk.relative] += state[:, None, chunk.relative]
    off = np.abs(np.clip(actions, *np.transpose(contract.action.clip)) - wanted).max()
    if not off <= contract.selftest.atol:
        raise Refused(f"{chunk.encode.file} and {chunk.denoise.file} are {off:.2g} off the recorded actions")
    return f"{len(wanted)} chunks in {chunk.steps} steps, at most {off:.1e} off"


def check_reflex(read: Bundle) -> str:
    """The reflex does what was recorded, one by one as a controller asks it."""
    contract, ticks = read.contract, ticks_of(read)
    assert contract.reflex is not None
    graph = contract.reflex.graph
    session = open_session(file_of(read, graph.file), alone=True)
    found = [
        run(session, {tensor.name: ticks[f"in.{tensor.name}"][i : i + 1] for tensor in graph.inputs})[0]
        for i in range(contract.selftest.count)
    ]
    off = np.abs(np.concatenate(found) - ticks[f"out.{graph.outputs[0].name}"]).max()
    if not off <= contract.selftest.atol:
        raise Refused(f"{graph.file} is {off:.2g} off the recorded actions, more than {contract.selftest.atol:g}")
    return f"{contract.selftest.count} actions, at most {off:.1e} off"


def check_readings(read: Bundle) -> str:
    """From raw readings the same is seen and done: terms, order, clock, commands, arm. What was done a tick before is
    as recorded, so that nothing adds up."""
    contract, ticks = read.contract, ticks_of(read)
    body = models.read(file_of(read, contract.robot.mjcf), contract) if contract.robot else None
    assert body is not None
    session = open_session(read.files[contract.graph.file], alone=True)
    worst, memory = dict.fromkeys(("observation", "action", "target"), 0.0), None
    for i in range(contract.selftest.count):
        recorded = {tensor.name: ticks[f"in.{tensor.name}"][i : i + 1] for tensor in contract.graph.inputs}
        readings = Readings(*(np.asarray(ticks[f"raw.{name}"][i], float) for name in Readings._fields))
        told = Told(*(np.asarray(ticks[f"told.{name}"][i], float) for name in Told._fields))
        if ticks["tick"][i] == 0 or memory is None:
            memory = tick.start(contract, body, readings.joints)
        inputs, memory = tick.see(contract, body, readings, told, memory)
        action, memory = done(contract, ticks, i, memory)
        targets, memory = tick.act(contract, body, readings, told, action, memory)
        off = {
            "observation": np.max([np.abs(seen - ticks[f"in.{name}"][i]).max() for name, seen in inputs.items()]),
            "action": difference(contract, run(session, recorded | inputs), ticks, slice(i, i + 1)),
            "target": np.abs(targets - ticks["targets"][i]).max(),
        }
        worst = {name: float(np.maximum(worst[name], off[name])) for name in worst}  # which a NaN gets through
    allowed = RAW_TOLERANCE | {"action": contract.selftest.readings_atol}
    for name, off in worst.items():
        if not off <= allowed[name]:
            raise Refused(f"from raw readings the {name} is {off:.2g} off, more than {allowed[name]:g}")
    return ", ".join(f"{name} at most {off:.1e} off" for name, off in worst.items())


def done(contract: Contract, ticks: dict[str, NDArray], i: int, memory: Memory) -> tuple[NDArray, Memory]:
    """The action [A] of a recorded tick, and the memory with what the graph remembered."""
    recorded, chunk = {t.name: ticks[f"out.{t.name}"][i : i + 1] for t in contract.graph.outputs}, contract.chunk
    if chunk is None:
        return tick.heard(contract, recorded, memory)
    late = ticks[f"in.{chunk.delay}"][i] > 0  # then the chunk before still had its say
    chunks = ticks[f"in.{chunk.before}"] if late else ticks[f"out.{contract.action.output}"]
    return np.asarray(chunks[i, 0], float), memory


RAW_TOLERANCE = {"observation": 1e-5, "target": 1e-4}
"""Of entries of the observation, and of drive targets (rad); the simulation computes in single precision."""


def check_robot(read: Bundle) -> str:
    """Joint order, gains and limits are those of the model."""
    contract = read.contract
    robot = contract.robot
    assert robot is not None
    content = file_of(read, robot.mjcf)
    if bundle.sha256(content) != robot.mjcf_sha256:
        raise Refused(f"{robot.mjcf} is not the model of the contract: its SHA-256 differs")
    model = models.read(content, contract).model
    for i, (name, actuator) in enumerate(zip(contract.joint_names, contract.actuator_names, strict=True)):
        joint = model.joint(name)
        drive = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_ACTUATOR, actuator)
        if drive < 0 or model.actuator_trnid[drive, 0] != joint.id:
            raise Refused(f"actuator_names: {actuator!r} does not drive {name!r} in {robot.mjcf}")
        if contract.joint2motor[i] != drive:
            raise Refused(f"joint2motor of {name!r} is {contract.joint2motor[i]}, in {robot.mjcf} {drive}")
        said = (contract.kp[i], contract.kd[i], contract.torque_limits[i], *contract.joint_pos_limits[i])
        real = (
            model.actuator_gainprm[drive, 0],
            -model.actuator_biasprm[drive, 2],
            torque_limit(model, joint.id, drive),
            *joint.range,
        )
        for what, ours, its in zip(("kp", "kd", "torque limit", "lower limit", "upper limit"), said, real, strict=True):
            if not np.isclose(ours, its, rtol=DIGITS, atol=0):
                raise Refused(f"{what} of {name!r} is {ours:g}, in {robot.mjcf} {its:g}")
    return f"{len(contract.joint_names)} joints: order, gains, limits"


def check_latency(read: Bundle) -> str:
    """How long one inference takes on one core; told, not judged."""
    contract, ticks = read.contract, ticks_of(read)
    session = open_session(read.files[contract.graph.file], alone=True)
    inputs = {tensor.name: ticks[f"in.{tensor.name}"][:1] for tensor in contract.graph.inputs}
    taken = []
    for _ in range(LATENCY_TICKS):
        began = time.perf_counter()
        run(session, inputs)
        taken.append(time.perf_counter() - began)
    middle, late = 1e3 * np.quantile(taken[LATENCY_TICKS // 10 :], [0.5, 0.99])
    return f"p50 {middle:.3f} ms, p99 {late:.3f} ms"


def file_of(read: Bundle, name: str) -> bytes:
    """Content of a file that the contract names. Raises Refused where the bundle has none."""
    if name not in read.files:
        raise Refused(f"{name} is missing")
    return read.files[name]


def ticks_of(read: Bundle) -> dict[str, NDArray]:
    """The recorded ticks. Raises Refused where they are not what the contract says."""
    contract = read.contract
    selftest = contract.selftest
    ticks = bundle.unpack(file_of(read, selftest.file), selftest.file)
    wanted = {f"in.{t.name}": t for graph in contract.graphs for t in graph.inputs}
    wanted |= {f"out.{t.name}": t for graph in contract.graphs for t in graph.outputs}
    for name, tensor in wanted.items():
        array = ticks.get(name)
        if array is None or array.shape != (selftest.count, *tensor.shape) or array.dtype != tensor.dtype:
            raise Refused(f"{selftest.file}: {name} must be {tensor.dtype} [{selftest.count}, *{list(tensor.shape)}]")
    if selftest.count < 64:
        raise Refused(f"{selftest.file} has {selftest.count} ticks: at least 64 are wanted")
    if selftest.raw:
        joints, feet = len(contract.joint_names), len(contract.robot.feet) if contract.robot else 0
        sizes = {"turn": (4,), "rate": (3,), "joints": (joints,), "joint_rates": (joints,), "feet_force": (feet,)}
        shapes = {f"raw.{name}": shape for name, shape in (sizes | {"height": (), "climb": (), "speed": ()}).items()}
        shapes |= {"told.command": (2,), "told.goal": (6,), "told.goal_next": (6,), "targets": (joints,), "tick": ()}
        for name, shape in shapes.items():
            if name not in ticks or ticks[name].shape != (selftest.count, *shape):
                raise Refused(f"{selftest.file}: {name} must be [{selftest.count}, *{list(shape)}]")
    return ticks


def run(session: Any, inputs: dict[str, NDArray]) -> list[NDArray]:
    """Outputs of a session, in order. Raises Refused where it fails."""
    with refusing("what was recorded"):
        return session.run(None, inputs)


def difference(contract: Contract, outputs: list[NDArray], ticks: dict[str, NDArray], rows: slice) -> float:
    """Largest difference from what was recorded; infinite where something is not finite."""
    worst = 0.0
    for tensor, values in zip(contract.graph.outputs, outputs, strict=True):
        off = np.abs(np.asarray(values, float) - ticks[f"out.{tensor.name}"][rows])
        worst = max(worst, float(off.max()) if np.isfinite(off).all() else np.inf)
    return worst
