"""What a run says while it goes: rows of metrics for files and services, progress for people.

A row is a flat dict: "step", "updates", "seconds", "sps" and the learner's metrics. A sink is a function of a row.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...configs.typed import to_mapping
from ...envs.files import write_atomically
from .config import TrainConfig

Row = dict[str, Any]
Sink = Callable[[Row], None]

OF_EPISODES = ("episode_", "success_rate")
"""How metrics begin that are means over the episodes which ended, of which the metric "episodes" tells the number."""
METRICS = "metrics.jsonl"


def average(window: list[dict[str, float]]) -> dict[str, float | None]:
    """The metrics of several updates as one: `episodes` summed, means over episodes weighted by them (None where no
    episode ended), all else averaged."""
    episodes = sum(row.get("episodes", 0) for row in window)

    def one(name: str) -> float | None:
        if name == "episodes":
            return episodes
        if name.startswith(OF_EPISODES):
            return sum(row[name] * row["episodes"] for row in window) / episodes if episodes else None
        return sum(row[name] for row in window) / len(window)

    return {name: one(name) for name in window[-1]}


def require_packages(config: TrainConfig) -> None:
    """Raise `ValueError` if a package that the settings ask for is missing."""
    if config.run.wandb_project is not None and find_spec("wandb") is None:
        project = config.run.wandb_project
        raise ValueError(f"run.wandb_project is {project!r} but the package wandb is missing: pip install wandb")


@contextmanager
def open_sinks(run_dir: Path, config: TrainConfig, after: int) -> Iterator[Sink]:
    """One sink for all that the run's settings ask for. Rows of an earlier session past step `after` are void."""
    with ExitStack() as stack:
        sinks = [jsonl(run_dir / METRICS, after)]
        if config.run.tensorboard:
            sinks.append(stack.enter_context(tensorboard(run_dir, after)))
        if config.run.wandb_project is not None:
            sinks.append(stack.enter_context(wandb(run_dir, config)))

        def write(row: Row) -> None:
            for sink in sinks:
                sink(row)

        yield write


def jsonl(path: Path, after: int) -> Sink:
    """Append rows to `path`, one JSON object a line, once the rows past step `after` are dropped from it."""
    kept = [row for row in read_rows(path) if row["step"] <= after]
    write_atomically(path, "".join(json.dumps(row) + "\n" for row in kept).encode())

    def write(row: Row) -> None:
        size = path.stat().st_size
        try:
            with path.open("a") as stream:
                stream.write(json.dumps(row) + "\n")
        except OSError as error:
            os.truncate(path, size)
            raise OSError(error.errno, error.strerror, str(path)) from None

    return write


def read_rows(path: Path) -> list[Row]:
    """The rows of a metrics file; none if it is not there. A last line cut short by a killed process is left out."""
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    try:
        return [json.loads(line) for line in lines if line.endswith("\n")]
    except ValueError:
        raise ValueError(f"{path} holds a line that is not JSON: it was changed after it was written") from None


@contextmanager
def tensorboard(run_dir: Path, after: int) -> Iterator[Sink]:
    """Write rows to a new event file in `run_dir`; TensorBoard hides what earlier files say past step `after`."""
    from tensorboardX.event_file_writer import EventsWriter
    from tensorboardX.proto.event_pb2 import Event, SessionLog  # type: ignore[attr-defined]  (made at run time)
    from tensorboardX.summary import scalar

    # The plain writer, because SummaryWriter hands rows to a thread where a full disk would go unnoticed.
    writer = EventsWriter(str(run_dir / "events"), f".{os.getpid()}")
    writer.write_event(Event(step=after + 1, session_log=SessionLog(status=SessionLog.START)))

    def write(row: Row) -> None:
        try:
            for name, value in row.items():
                if name != "step" and value is not None:
                    writer.write_event(Event(step=row["step"], wall_time=time.time(), summary=scalar(name, value)))
            writer.flush()
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(run_dir / "events.*")) from None

    try:
        yield write
    finally:
        with suppress(OSError):  # rows are flushed one by one, so nothing is lost that was not reported
            writer.close()


@contextmanager
def wandb(run_dir: Path, config: TrainConfig) -> Iterator[Sink]:
    """Write rows to Weights & Biases, a resumed run to the same page."""
    import wandb as service  # type: ignore[import-not-found]

    name = f"{config.name}-{run_dir.name}"
    page = service.init(
        project=config.run.wandb_project, name=name, id=name, resume="allow", dir=run_dir, config=to_mapping(config)
    )
    try:
        yield lambda row: page.log(row, step=row["step"])
    finally:
        page.finish()


@contextmanager
def progress(total: int, done: int) -> Iterator[Sink]:
    """Show rows to people on stderr: a bar on a terminal, else a line per row. `done` of `total` steps are past."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda row: print(f"{summary(row, total)}  left {_left(row, total)}", file=console.file, flush=True)
        return
    columns = (BarColumn(24), TaskProgressColumn(), TextColumn("{task.description}"), TextColumn("left"))
    with Progress(*columns, TimeRemainingColumn(compact=True), console=console) as bar:
        task = bar.add_task("compiling", total=total, completed=done)
        yield lambda row: bar.update(task, completed=min(row["step"], total), description=summary(row, total))


def summary(row: Row, total: int) -> str:
    """A row in a few words: steps, steps per second, return and solve rate of the episodes that ended."""
    words = [f"step {row['step']:,}/{total:,}", f"sps {row['sps']:,.0f}"]
    if row.get("episode_return") is not None:
        words.append(f"return {row['episode_return']:.3f}")
    if row.get("success_rate") is not None:
        words.append(f"solved {row['success_rate']:.1%}")
    return "  ".join(words)


def _left(row: Row, total: int) -> str:
    seconds = round(row["seconds"] / row["step"] * max(0, total - row["step"]))
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
