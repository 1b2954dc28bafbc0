"""What a judgement of whole-body tracking says, as a JSON report and a Markdown page."""

from typing import Any

from ...envs.track.config import TrackConfig
from . import report as reports
from .report import CONFIDENCE, Report, entry
from .suite import conditions
from .track import GROUPS, Tracking, means, measures, proportions

EFFORT = ("torque_nm", "power_w", "foot_slip_mps")
"""Figures that are left to the JSON file where groups are listed."""


def build(
    tracking: Tracking,
    config: TrackConfig,
    *,
    suite: str,
    policy: str,
    engine: str,
    run: str | None = None,
    checkpoint: int | None = None,
) -> Report:
    """The report of one judgement in the env of `config`, on the physics `engine`."""
    kinds = measures(config.robot)
    found = means(tracking, kinds, {"all": (), **GROUPS}, CONFIDENCE)
    written = {group: {name: entry(*pair) for name, pair in of.items()} for group, of in found.items()}
    shares = {name: entry(rate, tracking.episodes) for name, rate in proportions(tracking, CONFIDENCE).items()}
    return reports.assemble(
        suite=suite,
        policy=policy,
        run=run,
        checkpoint=checkpoint,
        metrics={"survival": shares.pop("survival"), **written.pop("all"), **shares},
        groups=written,
        units={measure.name: measure.unit for measure in kinds},
        shares={group: round(tracking.share(words), 4) for group, words in GROUPS.items()},
        episodes=tracking.episodes,
        seed=tracking.seed,
        protocol={
            "sampled": False,
            "first_episode_only": True,
            "steps": tracking.length,
            "control_dt": config.control_dt,
            "engine": engine,
        },
        conditions=conditions(config),
        seconds=tracking.seconds,
    )


def markdown(report: Report) -> str:
    """The report as a Markdown page."""
    percent = round(100 * report["confidence"])
    heads = [f"{name}, {report['units'][name]}" for name in listed(report)]
    lines = [
        f"# {report['suite']}: {reports.title(report)}",
        "",
        headline(report),
        "",
        f"| | unit | mean | {percent} % interval |",
        "|---|---|---:|---:|",
        *(f"| {' | '.join(row)} |" for row in figures(report)),
        "",
        f"| steps | share | {' | '.join(heads)} |",
        f"|---|---:|{'---:|' * len(heads)}",
        *(f"| {' | '.join(row)} |" for row in rows(report)),
    ]
    return "\n".join([*lines, *reports.footer(report)])


def headline(report: Report) -> str:
    """How much was played and how much of it stayed upright."""
    seconds = report["protocol"]["steps"] * report["protocol"]["control_dt"]
    survival = report["metrics"]["survival"]
    return (
        f"{report['episodes']:,} episodes of {seconds:g} s, engine {report['protocol']['engine']}: "
        f"{100 * survival['mean']:.2f} % survived ({100 * survival['lo']:.2f} to {100 * survival['hi']:.2f} %)."
    )


def listed(report: Report) -> list[str]:
    """Names of the measures that tables and charts show by group."""
    return [name for name in report["units"] if name not in EFFORT]


def by_group(report: Report) -> dict[str, dict[str, Any]]:
    """The measures of all steps together, then of each group."""
    return {"all": report["metrics"], **report["groups"]}


def figures(report: Report) -> list[list[str]]:
    """Of every metric its name, unit, mean and interval. Shares of the episodes have no unit and four places."""

    def row(name: str, found: dict[str, Any]) -> list[str]:
        show = figure if name in report["units"] else "{:.4f}".format
        return [name, report["units"].get(name, ""), show(found["mean"]), f"{show(found['lo'])} to {show(found['hi'])}"]

    return [row(name, found) for name, found in report["metrics"].items()]


def rows(report: Report) -> list[list[str]]:
    """By group: its name, its share of the steps, and each measure of `listed` with its interval."""
    shares = {"all": 1.0, **report["shares"]}
    return [
        [group, f"{100 * shares[group]:.0f} %", *(_with_interval(of.get(name)) for name in listed(report))]
        for group, of in by_group(report).items()
    ]


def figure(value: float | None) -> str:
    """Three digits; a dash where there was no such step."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _with_interval(found: dict[str, Any] | None) -> str:
    if found is None:
        return ""
    mean, lo, hi = (figure(found[end]) for end in ("mean", "lo", "hi"))
    return f"{mean} ({lo} to {hi})" if found["n"] else mean
