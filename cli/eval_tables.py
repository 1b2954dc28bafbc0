"""What `gambol eval` prints: tables of a report and of a comparison."""

from typing import Any

from rich.console import Console
from rich.table import Table

from ..policies.judge import report as reports
from ..policies.judge import track_report
from ..policies.judge.compare import SCOPES, verdict
from ..policies.judge.report import Report


def print_levels(report: Report) -> None:
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


def print_tracking(report: Report) -> None:
    """A table of all figures, and one of the measures by group of steps."""
    table = Table(title=f"{report['suite']}: {reports.title(report)}", title_justify="left")
    for column in ("", "unit", "mean", f"{round(100 * report['confidence'])} % interval"):
        table.add_column(column, justify="right" if column not in ("", "unit") else "left")
    for row in track_report.figures(report):
        table.add_row(*row)
    names = track_report.listed(report)
    groups = Table()
    groups.add_column("steps", no_wrap=True)
    for name in names:
        groups.add_column(name.replace("_", " "), justify="right")
    for group, of in track_report.by_group(report).items():
        means = (track_report.figure(of[name]["mean"]) if name in of else "" for name in names)
        groups.add_row(group, *means)
    groups.caption = f"{track_report.headline(report)} {report['seconds']:.1f} s"
    console = Console()
    console.print(table)
    console.print(groups)
