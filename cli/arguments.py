"""Reading a command's arguments with tyro, which fills a dataclass, and saying in one line what is wrong with them."""

import contextlib
import io
import re
from typing import Any, TypeVar

import tyro

T = TypeVar("T")


def read(kind: type[T], argv: list[str], **settings: Any) -> T:
    """`tyro.cli(kind, args=argv, **settings)`, with a `ValueError` of one line where tyro would draw a box and exit."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            # A default settles which of several tasks a setting belongs to.
            return tyro.cli(kind, args=argv, config=(tyro.conf.AvoidSubcommands,), **settings)
    except SystemExit as stop:
        if not stop.code:
            raise
        raise ValueError(one_line(said.getvalue())) from None


def one_line(box: str) -> str:
    """What a box of tyro's says in its first part, and the options or sub-commands that its second part names."""
    bare = re.sub(r"\x1b\[[0-9;]*m|[│╭╮╰╯]", "", box)
    lines = [line.strip() for line in bare.splitlines()[1:]]  # the first one is a title
    ruled = "\n".join("---" if re.fullmatch("[─-]+", line) else line for line in lines).split("---")
    parts = [" ".join(part.split()) for part in ruled if part.strip()]
    problem = re.sub(r"^Error parsing (?!-)\S+: ", "", parts[0])  # our own checks name the setting themselves
    if problem.startswith("Unrecognized"):
        # The last part points to --help; what is between names the options that come near, or all sub-commands.
        between = " ".join(parts[1:-1])
        if between.startswith("Available subcommands: "):
            return f"{problem}; use one of {between.partition(': ')[2]}"
        near = re.findall(r"(?<!\S)--[\w.-]+", between)
        return f"{problem}; did you mean {near[0]}?" if near else f"{problem}; see --help"
    return problem
