"""`gambol eval`: score a run on a suite, or compare two runs."""

import json
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import tyro
from rich.console import Console

from ..envs.contract import PyTree
from ..envs.files import write_atomically
from ..envs.make import EnvConfig, with_engine
from ..envs.planar.env import PlanarEnv
from ..envs.track.config import TrackConfig
from ..envs.track.env import TrackEnv
from ..policies.judge import report as reports
from ..policies.judge import track, track_report
from ..policies.judge.baselines import BASELINES
from ..policies.judge.compare import compare, comparison_markdown, same_task
from ..policies.judge.report import Report
from ..policies.judge.rollout import MAX_WORLDS, evaluate
from ..policies.judge.suite import config_for, for_suite, hashes, protocol, task_of
from ..policies.learn import shipped
from ..policies.learn.config import TrainConfig
from ..policies.policy import Policy
from .arguments import read
from .eval_tables import print_comparison, print_levels, print_tracking

DESCRIPTION = """Score a policy: on levels, each attempted many times with sampled actions, or in tracking, over many
episodes and without sampling. Or compare two scores on levels.

  gambol eval runs/demo/2026-01-31_12-00-00 --suite kinetix/m --video
  gambol eval policies/pretrained/track-b1z1 --suite track/standard
  gambol eval random --suite kinetix/s
  gambol eval remote://localhost:8000 --suite track/calm
  gambol eval --compare RUN_A RUN_B --suite kinetix/m

Writes eval/<suite>.json, .md and .png, and videos/, into the run.
"""

ATTEMPTS = 20
"""Attempts per level, unless told."""
JUDGE = "batch"
"""The engine that judges tracking, wherever the policy was trained."""
REMOTE = "remote://"
COUNTED = {"planar": "attempts", "track": "episodes"}
"""By task, the option that says how much is played."""


@dataclass(frozen=True)
class Arguments:
    """What the command line chooses."""

    run: tyro.conf.Positional[str] = ""
    """Folder of a run or of a shipped policy, the word random or noop for a policy that learned nothing, or
    remote://HOST:PORT for one that is served there in the protocol of openpi."""
    suite: str = ""
    """Suite, level, .json file or folder of them, such as kinetix/m or track/standard."""
    attempts: int | None = None
    """Attempts per level, by default 20."""
    episodes: int | None = None
    """Episodes of a suite of tracking, by default 1024."""
    seed: int = 0
    """Start of every random number of the evaluation."""
    policy: Literal["trained", "random", "noop"] = "trained"
    """What acts in the run's environment; a baseline's score joins the run's next chart of the suite."""
    checkpoint: str = "best"
    """best, latest, or the step of a checkpoint."""
    engine: str | None = None
    """What computes the physics: by default what the run was trained with; in tracking batch, MuJoCo's own C code."""
    video: bool = False
    """Also film the best and the worst levels."""
    out: Path | None = None
    """Folder for the results in place of the run's."""
    api_key: str | None = None
    """For a server that wants one."""
    compare: tuple[str, ...] = ()
    """Two runs or report files to compare, in place of RUN."""
    json: bool = False
    """Print the result as one JSON object on the last line of stdout."""


class Subject(NamedTuple):
    """Who is judged, where, and where the results go."""

    policy_name: str
    run: str | None
    checkpoint: int | None
    env: PlanarEnv | TrackEnv
    policy: Policy
    params: PyTree
    folder: Path
    stem: str
    worlds: int = MAX_WORLDS
    """In one batch, at the most."""


def main(argv: list[str]) -> int:
    """Judge or compare, and say where the results are. Raises ValueError or OSError for what the user can mend."""
    options = read(Arguments, argv, prog="gambol eval", description=DESCRIPTION)
    if options.compare:
        if options.run:
            raise ValueError(f"--compare names its two runs itself: leave out {options.run!r}")
        if len(options.compare) != 2:
            raise ValueError(f"--compare is {' '.join(options.compare)}: name two runs or report files")
        result = compare_runs(*options.compare, options)
    else:
        result = reports.summary(judge(options))
    if options.json:
        print(json.dumps(result, allow_nan=False))
    return 0


def judge(options: Arguments) -> Report:
    """Evaluate, write the report and print it."""
    with ExitStack() as stack:
        subject = find_remote(options, stack) if options.run.startswith(REMOTE) else find_subject(options)
        if isinstance(subject.env, TrackEnv):
            report, paths = judge_tracking(subject, subject.env, options)
        else:
            report, paths = judge_levels(subject, subject.env, options)
    print("\n".join(map(str, paths)))
    return report


def judge_levels(subject: Subject, env: PlanarEnv, options: Arguments) -> tuple[Report, list[Path]]:
    """Attempt every level; the report and where it was written."""
    folder, attempts = writable(subject.folder / "eval"), options.attempts or ATTEMPTS
    with Console(stderr=True).status(f"{attempts} attempts at {len(env.level_names)} levels"):
        evaluation = evaluate(
            env, subject.policy, subject.params, attempts=attempts, seed=options.seed, max_worlds=subject.worlds
        )
    report = reports.build(
        evaluation,
        suite=options.suite,
        policy=subject.policy_name,
        hashes=hashes(env),
        protocol=protocol(env.config),
        run=subject.run,
        checkpoint=subject.checkpoint,
    )
    paths = reports.write(report, folder, subject.stem, baselines_of(report, folder, options.suite))
    if options.video:
        from ..policies.judge.show import show

        videos = writable(subject.folder / "videos")
        paths += show(env, subject.policy, subject.params, evaluation, videos, subject.stem)
    print_levels(report)
    return report, paths


def judge_tracking(subject: Subject, env: TrackEnv, options: Arguments) -> tuple[Report, list[Path]]:
    """Play many episodes; the report and where it was written."""
    from ..policies.judge.track_chart import draw_chart

    folder, episodes = writable(subject.folder / "eval"), options.episodes or track.EPISODES
    with Console(stderr=True).status(f"{episodes:,} episodes of {env.config.episode_seconds:g} s"):
        tracking = track.evaluate(
            env, subject.policy, subject.params, episodes=episodes, seed=options.seed, max_worlds=subject.worlds
        )
    report = track_report.build(
        tracking,
        env.config,
        suite=options.suite,
        policy=subject.policy_name,
        engine=env.engine,
        run=subject.run,
        checkpoint=subject.checkpoint,
    )
    print_tracking(report)
    page, chart = track_report.markdown(report), draw_chart(report)
    return report, reports.save(report, folder, subject.stem, page, chart)


def find_subject(options: Arguments) -> Subject:
    """The policy and env that the arguments name. Raises ValueError where there is no such thing."""
    from ..policies.learn.run import build, load_policy, load_run

    check(options)
    stem = reports.stem(options.suite)
    if options.run in BASELINES:
        env = for_suite(on_engine(config_for(options.suite), options.engine), options.suite)
        folder = options.out or Path("runs") / options.run
        return Subject(options.run, None, None, env, BASELINES[options.run](env.spec), None, folder, stem)
    run = Path(options.run)
    folder = options.out or folder_of(run)
    env = for_suite(on_engine(load_run(run).env, options.engine), options.suite)
    if options.policy in BASELINES:
        policy, stem = BASELINES[options.policy](env.spec), f"{stem}.{options.policy}"
        return Subject(options.policy, None, None, env, policy, None, folder, stem)

    def build_here(config: TrainConfig):
        return build(replace(config, env=on_engine(config.env, options.engine)))

    temperature = 0.0 if isinstance(env, TrackEnv) else 1.0
    loaded = load_policy(run, which(options.checkpoint), build_here, temperature)
    # The last two folders name a run; the rest of its path is of no interest to who reads the report.
    name = "/".join(run.resolve().parts[-2:])
    return Subject(loaded.config.name, name, loaded.step, env, loaded.policy, loaded.params, folder, stem)


def find_remote(options: Arguments, stack: ExitStack) -> Subject:
    """A policy that is served elsewhere, in the env of the suite; `stack` hangs up. Raises ValueError."""
    from ..sim2real.server.remote import WORLDS, remote_policy

    check(options)
    env = for_suite(on_engine(config_for(options.suite), options.engine), options.suite)
    policy, name = stack.enter_context(remote_policy(env, options.run, options.api_key))
    folder = options.out or Path("runs") / "remote"
    return Subject(name, None, None, env, policy, None, folder, reports.stem(options.suite), WORLDS)


def check(options: Arguments) -> None:
    """Raises ValueError for options that are missing, out of range, or not for the task of the suite."""
    if not options.run:
        raise ValueError("name a run folder, or random, or noop, like: gambol eval random --suite kinetix/m")
    for name in COUNTED.values():
        count = getattr(options, name)
        if count is not None and count < 1:
            raise ValueError(f"--{name} is {count}: it must be at least 1")
    if not options.suite:
        raise ValueError("--suite is missing: name a suite, like --suite kinetix/m or --suite track/standard")
    mine = COUNTED[task_of(options.suite)]
    for name in COUNTED.values():
        if name != mine and getattr(options, name) is not None:
            raise ValueError(f"--{name} does not go with suite {options.suite}: use --{mine}")
    if options.video and mine != COUNTED["planar"]:
        raise ValueError(f"--video films levels, and suite {options.suite} has none: leave it out")


def on_engine(config: EnvConfig, engine: str | None) -> EnvConfig:
    """The config with another engine; for None with that of the judge, or as it is where the judge has none."""
    return with_engine(config, engine or (JUDGE if isinstance(config, TrackConfig) else None))


def folder_of(run: Path) -> Path:
    """Where results about a run go: into the run; for a shipped policy, which stays as it is, to runs/<its name>."""
    return Path("runs") / run.resolve().name if (run / shipped.FILE).exists() else run


def which(checkpoint: str) -> Any:
    """The checkpoint as `load_policy` takes it. Raises ValueError."""
    if checkpoint in ("best", "latest"):
        return checkpoint
    if not checkpoint.isdecimal():
        raise ValueError(f"--checkpoint is {checkpoint!r}: use best, latest or a step")
    return int(checkpoint)


def writable(folder: Path) -> Path:
    """Make `folder`, before the work that is to end there. Raises ValueError where nothing can be written to it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise ValueError(f"{folder} cannot be written ({error.strerror}): choose another folder with --out") from None
    return folder


def baselines_of(report: Report, folder: Path, suite: str) -> dict[str, Report]:
    """The reports of baselines that lie beside a report, as far as they were made under its rules."""
    found = {}
    for name in BASELINES:
        path = folder / f"{reports.stem(suite)}.{name}.json"
        if path.exists() and report["policy"] != name:
            try:
                same_task(baseline := reports.read(path), report)
            except ValueError as error:
                print(f"gambol: {path} is left out of the chart: {error}", file=sys.stderr)
            else:
                found[name] = baseline
    return found


def compare_runs(a: str, b: str, options: Arguments) -> dict[str, Any]:
    """Compare two reports, print the outcome, and write it where --out says."""
    first, second = (reports.read(report_file(name, options.suite)) for name in (a, b))
    comparison = compare(first, second, seed=options.seed)
    print_comparison(comparison)
    if options.out:
        path = writable(options.out) / f"{reports.stem(comparison['suite'])}.comparison"
        for suffix, text in ((".json", json.dumps(comparison, indent=1)), (".md", comparison_markdown(comparison))):
            write_atomically(path.with_name(path.name + suffix), text.encode())
            print(path.with_name(path.name + suffix))
    return comparison


def report_file(name: str, suite: str) -> Path:
    """The report that a run folder or file name stands for. Raises ValueError where it is not plain which."""
    path = Path(name)
    if path.is_file():
        return path
    if not path.is_dir():
        raise ValueError(f"{name} is neither a report nor a run: make one with gambol eval RUN --suite SUITE")
    folder = folder_of(path) / "eval"
    present = sorted(file.stem for file in folder.glob("*.json"))
    trained = [stem for stem in present if not stem.endswith(tuple(f".{baseline}" for baseline in BASELINES))]
    wanted = reports.stem(suite) if suite else trained[0] if len(trained) == 1 else ""
    if wanted in present:
        return folder / f"{wanted}.json"
    if suite or not present:
        raise ValueError(f"{name} has no report of {suite or 'any suite'}: make one with gambol eval")
    raise ValueError(f"{name} has reports of {', '.join(trained or present)}: say which with --suite")
