"""From a trained policy to a bundle."""

import datetime
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ..envs.contract import PyTree
from ..envs.make import with_engine
from ..policies.judge.provenance import commit, versions
from ..policies.learn.checkpoint import Which
from ..policies.learn.config import TrainConfig
from ..policies.learn.distil import Actor, DistilConfig
from ..policies.learn.ppo.acting import make_parts, make_policy
from ..policies.learn.run import LoadedPolicy, build, load_policy
from ..policies.nets.stream import shapes_of
from ..policies.policy import Policy
from . import bundle, chunks, contract, foreign, graphs, record, schema
from .coherent import SCHEMA_VERSION
from .compress.compress import STATES, Compared, Compression, compare, compress, sensitivity
from .compress.prune import prune
from .contract import Contract, Graph, Selftest
from .describe import Described, describe
from .graphs import as_policy
from .made import Made
from .sessions import open_session

GRAPH, TICKS = "policy.onnx", "selftest.npz"
NAMES = ("obs", "actions")
"""Of the graph's input and output, where it has one of each: those that controllers expect."""
TOLERANCE, READINGS_TOLERANCE = 1e-5, 1e-4


class Exported(NamedTuple):
    """What `export` returns."""

    contract: Contract
    digest: str
    """SHA-256 of the manifest."""
    bytes: int
    """Of all files."""
    compared: Compared | None
    """What a compression costs."""


def export(
    run: Path, folder: Path, checkpoint: Which = "best", seed: int = 0, compression: Compression | None = None
) -> Exported:
    """Make the bundle `folder` of a run's policy, or of a shipped one, whole or not at all.

    Raises ValueError where there is no such policy, where `folder` exists, where the packages of the extra `export` are
    missing, for a policy that cannot be exported, and for a compression that costs too much; OSError where nothing can
    be written.
    """
    if folder.exists():
        raise ValueError(f"{folder} exists: remove it, or choose another name with -o")

    def build_here(config: TrainConfig) -> Any:
        return build(replace(config, env=with_engine(config.env, "auto")))

    loaded = load_policy(run, checkpoint, build_here, temperature=0.0)
    told = describe(loaded.env, *NAMES)
    make = by_chunks if loaded.config.flow else by_actions
    made = make(loaded, told, seed, compression)
    graph, ticks = made.graph, made.ticks
    said = Contract(
        schema_version=SCHEMA_VERSION,
        policy_name=loaded.config.name,
        git_sha=commit(),
        framework_versions=versions(),
        created_utc=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        control_dt=loaded.env.spec.control_dt,
        graph=graph,
        chunk=made.chunk,
        obs=told.observation,
        action=told.action,
        recurrent={pair.input: shape_of(graph, pair.input) for pair in graph.memory},
        quat_convention="wxyz",
        gravity_sign=-1,
        selftest=Selftest(
            file=TICKS,
            count=len(next(iter(ticks.values()))),
            obs="in.",
            action="out.",
            raw="targets" in ticks,
            batched=compression is None,
            atol=made.tolerance,
            readings_atol=max(made.rounded, READINGS_TOLERANCE),
        ),
        **told.sections,
    )
    files = {
        contract.FILE: contract.dump(said),
        schema.FILE: schema.dump(),
        GRAPH: foreign.with_metadata(made.content, said, run.resolve().name),
        TICKS: bundle.pack(ticks),
        **made.parts,
        **told.files,
    }
    if foreign.readable(said):
        files[foreign.DEPLOY] = foreign.deploy_yaml(said)
    return Exported(said, bundle.write(folder, files), sum(map(len, files.values())), made.compared)


def by_chunks(loaded: LoadedPolicy, told: Described, seed: int, compression: Compression | None) -> Made:
    """A policy that was learned by flow matching."""
    if compression is not None:
        raise ValueError("policies of chunks are exported as they are: leave --quantize and --prune out")
    return chunks.export(loaded, shapes_of(loaded.env.spec.observation_space), told.meaning, GRAPH, NAMES, seed)


def by_actions(loaded: LoadedPolicy, told: Described, seed: int, compression: Compression | None) -> Made:
    """A policy that says one action at a time."""
    like = shapes_of(loaded.env.spec.observation_space)
    content, graph = graphs.export(loaded.policy, loaded.params, like, told.meaning, GRAPH, NAMES)
    if compression is None:
        ticks = record.record(loaded.env, loaded.policy, loaded.params, told.meaning, graph, seed)
        return Made(content, graph, ticks, TOLERANCE)
    states = record.states(loaded.env, loaded.policy, loaded.params, told.meaning, graph, seed, STATES)
    thin = content
    if compression.prune:
        left = pruned(loaded, compression, seed)
        thin, _ = graphs.export(*left, like, told.meaning, GRAPH, NAMES)
    small = compress(thin, compression, states)
    both = [(made, as_policy(open_session(made), graph, told.meaning, like)) for made in (content, small)]
    compared = compare(loaded.env, both[0], both[1], graph, states, compression)
    if compared.drop.mean > compression.margin and not compression.force:
        raise ValueError(too_much(compared, compression))
    policy = as_policy(open_session(small), graph, told.meaning, like, one_by_one=True)
    ticks = record.record(loaded.env, policy, None, told.meaning, graph, seed)
    return Made(small, graph, ticks, TOLERANCE, rounded=sensitivity(small, states), compared=compared)


def pruned(loaded: LoadedPolicy, how: Compression, seed: int) -> tuple[Policy, PyTree]:
    """The policy with fewer hidden layers, healed."""
    parts = make_parts(loaded.env.spec, loaded.config.ppo, loaded.config.network)
    left = prune(loaded.env, Actor(parts, loaded.params), how.prune, DistilConfig(how.heal), seed)
    return make_policy(left.actor.parts, temperature=0.0), left.actor.params


def too_much(compared: Compared, how: Compression) -> str:
    """Why a compression is refused."""
    before, after = compared.before.score, compared.after.score
    return (
        f"{how}: the score drops from {before.mean:.3f} to {after.mean:.3f} ({before.lo:.3f} to "
        f"{before.hi:.3f} before, {after.lo:.3f} to {after.hi:.3f} after), by more than {how.margin:g}: "
        "use more bits or fewer --prune, more --heal, a larger --margin, or --force"
    )


def shape_of(graph: Graph, name: str) -> tuple[int, ...]:
    """Of an input."""
    return next(tensor.shape for tensor in graph.inputs if tensor.name == name)
