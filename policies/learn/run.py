"""The one loop that drives any learner: update, look for trouble, log, checkpoint.

    runs/<config>/<time>/  config.yaml  run.json  metrics.jsonl  events.*  checkpoints/<step>/  dumps/<step>/

A checkpoint holds the learner's whole state, so a run that was killed and resumed computes exactly what it would have
computed without. `build` turns a config into an env and a learner; every function takes another one for other learners.
"""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...envs.contract import Env, PyTree
from ...envs.files import write_atomically
from ...envs.make import make_env
from ..judge.provenance import provenance
from ..names import named
from ..policy import Policy
from . import checkpoint as checkpoints
from . import devices, shipped
from .checkpoint import Checkpoint, Which
from .config import TrainConfig, differing, load_yaml, save_yaml
from .learner import Learner
from .log import Row, average, open_sinks, progress, require_packages
from .ppo.learner import make_learner
from .process import exclusive, stop_on_signal

CONFIG, PROVENANCE, CHECKPOINTS, DUMPS = "config.yaml", "run.json", "checkpoints", "dumps"

BLOWN_UP = "episode_blown_up"
"""The metric of an env that resets worlds which blow up."""

Build = Callable[[TrainConfig], tuple[Env, Learner]]


class NonFiniteError(ArithmeticError):
    """An update gave a number that is not finite; the message names it."""


class Result(NamedTuple):
    """What `train` returns."""

    run_dir: Path
    step: int
    """Control steps done, summed over worlds and sessions."""
    seconds: float
    """Training time over all sessions, compilation left out."""
    metrics: Row
    """The last row of metrics."""
    interrupted: bool
    """Whether a signal ended it early."""


class LoadedPolicy(NamedTuple):
    """What `load_policy` returns."""

    config: TrainConfig
    env: Env
    policy: Policy
    params: PyTree
    step: int


def build(config: TrainConfig) -> tuple[Env, Learner]:
    """The env and the learner that a config describes."""
    env, flow = make_env(config.env), config.flow
    if flow is None:
        return env, make_learner(env, config.ppo, config.network)
    from .flow.build import make_flow_learner
    from .flow.learner import Before

    def before() -> Before:
        found = load_policy(Path(flow.start))
        return Before(found.config.flow, found.params)

    return env, make_flow_learner(env.spec, flow, config.run.total_steps, before if flow.start else None)


def train(config: TrainConfig, run_dir: Path | None = None, resume: bool = False, build: Build = build) -> Result:
    """Train until `config.run.total_steps`, or until Ctrl-C, which saves first.

    A new run goes to `run_dir`, by default to a new folder under `config.run.out`. With `resume` the run in `run_dir`
    goes on from its newest valid checkpoint, or from its start if it has none yet; only `config.run` may differ from
    what it began with. Raises `ValueError` or `OSError` for what the user can mend, `NonFiniteError` if training blew
    up.
    """
    require_packages(config)
    if resume:
        if (Path(run_dir or "") / shipped.FILE).exists():
            raise ValueError(f"{run_dir} is a shipped policy, not a run: train anew from its {CONFIG}")
        before = load_run(Path(run_dir or ""))
        changed = [name for name in differing(before, config) if not name.startswith("run.")]
        if changed:
            raise ValueError(f"{changed[0]} differs from that of {run_dir}: a resumed run can only change run.*")
    env, learner = build(config)
    folder = Path(run_dir or "") if resume else new_run(config, run_dir, engine=getattr(env, "engine", None))
    with exclusive(folder):
        start = begin(config, folder, learner)
        if resume:
            save_yaml(config, folder / CONFIG)
            note_resumption(folder, start.step)
        return loop(config, folder, env, learner, start)


def begin(config: TrainConfig, run_dir: Path, learner: Learner) -> Checkpoint:
    """Where a run stands: its newest valid checkpoint, else the start."""
    folder = run_dir / CHECKPOINTS
    if not checkpoints.steps(folder):
        about = {"updates": 0, "seconds": 0.0, "metrics": {}, "recent": []}
        return Checkpoint(0, learner.init(jax.random.key(config.seed)), about)
    start = checkpoints.restore(folder, shapes_of(learner))
    checkpoints.set_aside(folder, start.step)
    return start


def note_resumption(run_dir: Path, step: int) -> None:
    """Write down with which code, and where, a run goes on: `resumed` in its run.json, oldest first."""
    about = json.loads((run_dir / PROVENANCE).read_text())
    about.setdefault("resumed", []).append({"step": step, **provenance()})
    write_atomically(run_dir / PROVENANCE, json.dumps(about, indent=1).encode())


def loop(config: TrainConfig, run_dir: Path, env: Env, learner: Learner, start: Checkpoint) -> Result:
    """Update from `start` to the end."""
    run, least = config.run, learner.episodes
    step, state, about = start
    updates, seconds, row, recent = (about[name] for name in ("updates", "seconds", "metrics", "recent"))
    if step >= run.total_steps:
        return Result(run_dir, step, seconds, row, False)
    window, ending = [], False
    sinks, shown = open_sinks(run_dir, config, step), progress(run.total_steps, step)
    with stop_on_signal() as stop, sinks as write, shown as show, devices.use(run.devices):
        source, state = devices.everywhere((learner.source(state), state))
        update = compile_update(source, learner)
        began, ticked = time.monotonic() - seconds, seconds
        while not ending:
            state, metrics, finite = update(source, state)
            if not finite.all():
                names = non_finite(metrics, state, finite)
                raise NonFiniteError(dump(run_dir, step, state, {"updates": updates, "non_finite": names}))
            values = {name: value.item() for name, value in jax.device_get(metrics).items()}
            if values.get(BLOWN_UP):
                keep_evidence(run_dir, step, env, state)
            window.append(values)
            recent = newest_episodes([*recent, values], least)
            updates, step = updates + 1, step + learner.steps
            ending = step >= run.total_steps or stop.is_set()
            saving = ending or updates % run.checkpoint_every == 0
            if saving or updates % run.log_every == 0:
                seconds = time.monotonic() - began
                sps = len(window) * learner.steps / (seconds - ticked)
                row = {"step": step, "updates": updates, "seconds": seconds, "sps": sps, **average(window)}
                window, ticked = [], seconds
                write(row)
                show(row)
            if saving:
                about = {"updates": updates, "seconds": seconds, "metrics": row, "recent": recent}
                about["score"] = score(recent, least)
                checkpoints.save(run_dir / CHECKPOINTS, step, state, about)
                checkpoints.prune(run_dir / CHECKPOINTS, run.keep_last)
                ticked = time.monotonic() - began
    return Result(run_dir, step, seconds, row, step < run.total_steps)


def compile_update(
    source: PyTree, learner: Learner
) -> Callable[[PyTree, PyTree], tuple[PyTree, dict[str, Array], Array]]:
    """The learner's update, compiled: (source, state) -> (state, metrics, finite [n]), donating the state.

    `finite` tells of every array of `named_floats` whether all its numbers are finite. If one is not, the state that
    comes back is the one that went in: the donated buffers are gone by then, so the choice is made on the device.
    """

    def guarded(source: PyTree, state: PyTree) -> tuple[PyTree, dict[str, Array], Array]:
        new, metrics = learner.update_in(source, state)
        finite = jnp.stack([jnp.isfinite(leaf).all() for _, leaf in named_floats(metrics, new)])
        good = finite.all()
        return jax.tree.map(lambda after, before: jnp.where(good, after, before), new, state), metrics, finite

    compiled = devices.jit(guarded, donate_argnums=1)
    return compiled.lower(source, shapes_of(learner)).compile()


def shapes_of(learner: Learner) -> PyTree:
    """The learner's state as shapes and types, the same for a fresh and a restored one (no weak types)."""
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), learner.shapes())


def named_floats(metrics: dict[str, Array], state: PyTree) -> list[tuple[str, Array]]:
    """Every float array of an update with its dotted name, the metrics first."""
    everything = named({"metrics": metrics, "state": state})
    return [(name, leaf) for name, leaf in everything if jnp.issubdtype(leaf.dtype, jnp.inexact)]


def dump(run_dir: Path, step: int, state: PyTree, about: dict[str, Any]) -> str:
    """Save the state before the update that failed, for `replay`; returns what went wrong."""
    path, names = checkpoints.save(run_dir / DUMPS, step, state, about), about["non_finite"]
    kept = [str(run_dir / CHECKPOINTS / str(step)) for step in checkpoints.steps(run_dir / CHECKPOINTS)]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    good = f"the last good checkpoint is {kept[-1]}" if kept else "there was no checkpoint yet"
    return f"not finite after step {step}: {', '.join(names[:3])}{more}; {good}; the state before it is in {path}"


def keep_evidence(run_dir: Path, step: int, env: Env, state: PyTree) -> None:
    """Save what the env kept of a world that blew up, in `dumps/world-<step>.npz`."""
    evidence = getattr(env, "save_evidence", None)
    if evidence:
        evidence(state.worlds.env_state, run_dir / DUMPS / f"world-{step}.npz")


def non_finite(metrics: dict[str, Array], state: PyTree, finite: Array) -> list[str]:
    """Names of what an update found not to be finite."""
    return [name for (name, _), good in zip(named_floats(metrics, state), np.asarray(finite), strict=True) if not good]


def replay(run_dir: Path, build: Build = build) -> list[str]:
    """Do once more the update that stopped a run; returns the names of what was not finite. Raises `ValueError`."""
    _, learner = build(load_run(run_dir))
    before = checkpoints.restore(run_dir / DUMPS, shapes_of(learner)).state
    source = learner.source(before)
    state, metrics, finite = compile_update(source, learner)(source, before)
    return non_finite(metrics, state, finite)


def newest_episodes(rows: list[dict[str, float]], least: int) -> list[dict[str, float]]:
    """The shortest end of `rows` in which at least `least` episodes ended; all of them if they are fewer."""
    episodes = 0
    for start in reversed(range(len(rows))):
        episodes += rows[start].get("episodes", 0)
        if episodes >= least:
            return rows[start:]
    return rows


def score(recent: list[dict[str, float]], least: int) -> float | None:
    """What ranks a checkpoint: success rate, or return where the task names no success, of the newest episodes.

    None while fewer than `least` have ended (the first to end are the short ones, which say little about the rest), and
    where none are asked for.
    """
    if not least or sum(row.get("episodes", 0) for row in recent) < least:
        return None
    mean = average(recent)
    return mean["success_rate"] if "success_rate" in mean else mean["episode_return"]


def new_run(config: TrainConfig, run_dir: Path | None = None, **about: Any) -> Path:
    """Make the folder of a new run and say in it what it was made with, `about` included.

    Raises `ValueError` if that cannot be.
    """
    if run_dir is not None and (run_dir / CONFIG).exists():
        raise ValueError(f"{run_dir} holds a run already: resume it, or name another folder")
    path, now = None, Path(config.run.out) / config.name / time.strftime("%Y-%m-%d_%H-%M-%S")
    try:
        path = run_dir or _make_unused(now)
        path.mkdir(parents=True, exist_ok=True)
        write_atomically(path / PROVENANCE, json.dumps(provenance() | about, indent=1).encode())
        save_yaml(config, path / CONFIG)
    except OSError as error:
        if path and not run_dir:
            shutil.rmtree(path, ignore_errors=True)
        where = f"{run_dir} cannot be written" if run_dir else f"run.out is {config.run.out!r}: it cannot be written"
        raise ValueError(f"{where} ({error.strerror}); choose another folder") from None
    return path


def _make_unused(path: Path, copy: int = 1) -> Path:
    """Make the folder `path`, numbered if another run took the name."""
    numbered = path if copy == 1 else path.with_name(f"{path.name}.{copy}")
    try:
        numbered.mkdir(parents=True)
        return numbered
    except FileExistsError:
        return _make_unused(path, copy + 1)


def load_run(run_dir: Path) -> TrainConfig:
    """The settings of the run in `run_dir`. Raises `ValueError` if there is none."""
    if (run_dir / CONFIG).is_file():
        return load_yaml(run_dir / CONFIG)
    inside = sorted(path.parent for path in run_dir.glob(f"*/{CONFIG}"))
    hint = f"it holds runs, name one of them, like {inside[-1]}" if inside else f"there is no {CONFIG} in it"
    raise ValueError(f"{run_dir} is not a run: {hint if run_dir.is_dir() else 'no such folder'}")


def load_policy(
    run_dir: Path, checkpoint: Which = "best", build: Build = build, temperature: float = 1.0
) -> LoadedPolicy:
    """The policy of a run, from its "best" or "latest" checkpoint or the one of a step; or a shipped one, which has no
    others. Temperature 1 samples as in training, 0 takes the mode. Raises `ValueError`."""
    config = load_run(run_dir)
    env, learner = build(config)
    if (run_dir / shipped.FILE).exists():
        like = jax.eval_shape(learner.params_of, shapes_of(learner))
        params, step = shipped.read(run_dir / shipped.FILE, like)
        if isinstance(checkpoint, int) and checkpoint != step:
            raise ValueError(f"{run_dir} is a shipped policy, of step {step} alone: it has no checkpoint {checkpoint}")
    else:
        found = checkpoints.restore(run_dir / CHECKPOINTS, shapes_of(learner), checkpoint)
        params, step = learner.params_of(found.state), found.step
    return LoadedPolicy(config, env, learner.policy(temperature), params, step)
