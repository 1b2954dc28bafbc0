"""`gambol eval`: score a run on a suite of levels, or compare two runs."""

import json
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import tyro
from rich.console import Console
from rich.table import Table

from ..envs.contract import PyTree
from ..envs.files import write_atomically
from ..envs.planar.env import Engine, PlanarConfig, PlanarEnv
from ..policies.judge import report as reports
from ..policies.judge.baselines import BASELINES
from ..policies.judge.compare import SCOPES, compare, comparison_markdown, same_task, verdict
from ..policies.judge.report import Report
from ..policies.judge.rollout import evaluate
from ..policies.judge.suite import for_suite, hashes, protocol, smallest_size
from ..policies.learn.config import TrainConfig
from ..policies.policy import Policy
from .arguments import read

DESCRIPTION = """Score a policy on levels, each attempted many times with sampled actions, or compare two scores.

  gambol eval runs/demo/2026-01-31_12-00-00 --suite kinetix/m --video
  gambol eval random --suite kinetix/s
  gambol eval --compare RUN_A RUN_B --suite kinetix/m

Writes eval/<suite>.json, .md and .png, and videos/, into the run.
"""


@dataclass(frozen=True)
class Arguments:
    """What the command line chooses."""

    run: tyro.conf.Positional[str] = ""
    """Folder of the run, or the word random or noop for a policy that learned nothing."""
    suite: str = ""
    """Suite, level, .json file or folder of them, such as kinetix/m."""
    attempts: int = 20
    """Attempts per level."""
    seed: int = 0
    """Start of every random number of the evaluation."""
    policy: Literal["trained", "random", "noop"] = "trained"
    """What acts in the run's environment; a baseline's score joins the run's next chart of the suite."""
    checkpoint: str = "best"
    """best, latest, or the step of a checkpoint."""
    engine: Engine | None = None
    """What computes the physics, in place of what the run was trained with."""
    video: bool = False
    """Also film the best and the worst levels."""
    out: Path | None = None
    """Folder for the results in place of the run's."""
    compare: tuple[str, ...] = ()
    """Two runs or report files to compare, in place of RUN."""
    json: bool = False
    """Print the result as one JSON object on the last line of stdout."""


class Subject(NamedTuple):
    """Who is judged, where, and where the results go."""

    policy_name: str
    run: str | None
    checkpoint: int | None
    env: PlanarEnv
    policy: Policy
    params: PyTree
    folder: Path
    stem: str


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
    subject = find_subject(options)
    folder = writable(subject.folder / "eval")
    with Console(stderr=True).status(f"{options.attempts} attempts at {len(subject.env.level_names)} levels"):
        evaluation = evaluate(subject.env, subject.policy, subject.params, attempts=options.attempts, seed=options.seed)
    report = reports.build(
        evaluation,
        suite=options.suite,
        policy=subject.policy_name,
        hashes=hashes(subject.env),
        protocol=protocol(subject.env.config),
        run=subject.run,
        checkpoint=subject.checkpoint,
    )
    paths = reports.write(report, folder, subject.stem, baselines_of(report, folder, options.suite))
    if options.video:
        from ..policies.judge.show import show

        videos = writable(subject.folder / "videos")
        paths += show(subject.env, subject.policy, subject.params, evaluation, videos, subject.stem)
    print_report(report)
    print("\n".join(map(str, paths)))
    return report


def find_subject(options: Arguments) -> Subject:
    """The policy and env that the arguments name. Raises ValueError where there is no such thing."""
    from ..policies.learn.run import build, load_policy, load_run

    if not options.run:
        raise ValueError("name a run folder, or random, or noop, like: gambol eval random --suite kinetix/m")
    if options.attempts < 1:
        raise ValueError(f"--attempts is {options.attempts}: it must be at least 1")
    if not options.suite:
        raise ValueError("--suite is missing: name the levels, like --suite kinetix/m")
    stem = reports.stem(options.suite)
    if options.run in BASELINES:
        env = for_suite(on_engine(PlanarConfig(size=smallest_size(options.suite)), options.engine), options.suite)
        folder = options.out or Path("runs") / options.run
        return Subject(options.run, None, None, env, BASELINES[options.run](env.spec), None, folder, stem)
    run = Path(options.run)
    folder = options.out or run
    env = for_suite(on_engine(load_run(run).env, options.engine), options.suite)
    if options.policy in BASELINES:
        policy, stem = BASELINES[options.policy](env.spec), f"{stem}.{options.policy}"
        return Subject(options.policy, None, None, env, policy, None, folder, stem)

    def build_here(config: TrainConfig):
        return build(replace(config, env=on_engine(config.env, options.engine)))

    loaded = load_policy(run, which(options.checkpoint), build_here)
    # The last two folders name a run; the rest of its path is of no interest to who reads the report.
    name = "/".join(run.resolve().parts[-2:])
    return Subject(loaded.config.name, name, loaded.step, env, loaded.policy, loaded.params, folder, stem)


def on_engine(config: PlanarConfig, engine: Engine | None) -> PlanarConfig:
    """The config with another engine, or as it is for None."""
    return config if engine is None else replace(config, engine=engine)


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
    present = sorted(file.stem for file in (path / "eval").glob("*.json"))
    trained = [stem for stem in present if not stem.endswith(tuple(f".{baseline}" for baseline in BASELINES))]
    wanted = reports.stem(suite) if suite else trained[0] if len(trained) == 1 else ""
    if wanted in present:
        return path / "eval" / f"{wanted}.json"
    if suite or not present:
        raise ValueError(f"{name} has no report of {suite or 'any suite'}: make one with gambol eval")
    raise ValueError(f"{name} has reports of {', '.join(trained or present)}: say which with --suite")


def print_report(report: Report) -> None:
    """A table of levels and the mean."""
    table = Table(title=f"{report['suite']}: {reports.title(report)}", title_justify="left")
    table.add_column("level")
    for column in ("solved", "solve rate", f"{round(100 * report['confidence'])} % interval"):
        table.add_column(column, justify="right")
    for name, level in report["levels"].items():
        rate = report["groups"][name]["solve_rate"]
        solved = f"{level['solved']}/{level['attempts']}"
        table.add_row(reports.label(report, name), solved, reports.number(rate["mean"]), reports.span(rate))
    rate = report["metrics"]["solve_rate"]
    table.add_section()
    table.add_row(f"mean of {len(report['levels'])}", "", f"{rate['mean']:.3f}", reports.span(rate), style="bold")
    again = reports.span(report["solve_rate_same_levels"])
    table.caption = f"mean over new attempts at these levels: {again}; {report['seconds']:.1f} s"
    Console().print(table)


def print_comparison(comparison: dict[str, Any]) -> None:
    """Both means, their difference and its intervals."""
    table = Table(title=f"{comparison['suite']}: a against b", title_justify="left")
    for column in ("", "b - a", f"{round(100 * comparison['confidence'])} % interval", "p"):
        table.add_column(column, justify="right" if column else "left")
    for key, over in SCOPES.items():
        entry = comparison[key]
        table.add_row(over, f"{entry['mean']:+.3f}", reports.span(entry), f"{entry['p']:.4f}")
    for side in "ab":
        print(f"{side}: {comparison[side]}, mean solve rate {comparison['mean'][side]:.3f}")
    Console().print(table)
    print(verdict(comparison))
