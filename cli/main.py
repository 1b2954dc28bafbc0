"""`gambol COMMAND ...`: finds the command's module, runs it, and turns the user's mistakes into one line each."""

import difflib
import errno
import importlib
import os
import sys

from .cache import enable_compilation_cache

COMMANDS = {
    "demo": "train a policy on one published level and judge it, in minutes",
    "train": "train a policy from a preset, or resume a run",
    "eval": "score a run on held-out levels, or compare two runs",
    "collect": "play a policy and record a dataset to learn from",
    "data": "look at a dataset",
    "ship": "make a small folder of a run's policy, to keep or to give away",
    "export": "make a bundle of a policy, for a robot's controller",
    "verify": "prove a bundle: hashes, contract, recorded ticks",
    "run": "let a bundle drive a robot, simulated or real",
    "replay": "decide everything in a controller's log once more",
    "serve": "serve a policy to clients that speak the protocol of openpi",
    "faults": "let things go wrong on a simulated robot, and see that it stays safe",
    "video": "film a policy",
    "view": "look at a policy on a web page, and tell it where to go",
    "levels": "list, show, draw and check level files",
    "bench": "time Gambol beside a published implementation",
    "doctor": "say what this machine can do and what is missing",
}
"""Each command is the module of its name in this folder, with `main(argv) -> exit code`."""

DONE, WRONG_USE, INTERRUPTED, PIPE_CLOSED = 0, 2, 130, 141


def main(argv: list[str] | None = None) -> int:
    """Run the command line `argv` (by default this process's) and return its exit code.

    A ValueError or OSError is the user's to mend: its message goes to stderr as one line; so does lack of memory.
    Anything else is a bug and keeps its traceback.
    """
    try:
        try:
            return dispatch(sys.argv[1:] if argv is None else argv)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output has gone. Python flushes once more when it exits, which must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except KeyboardInterrupt:
        print("gambol: stopped", file=sys.stderr, flush=True)
        if argv is None:
            os._exit(INTERRUPTED)  # XLA may still compute in threads, and would crash in an orderly exit
        return INTERRUPTED
    except (ValueError, OSError) as error:
        if os.environ.get("GAMBOL_TRACEBACK"):
            raise
        print(f"gambol: {explain(error)}", file=sys.stderr)
        return WRONG_USE
    except (MemoryError, RuntimeError) as error:
        if os.environ.get("GAMBOL_TRACEBACK") or not out_of_memory(error):
            raise
        print("gambol: out of memory: ask for fewer worlds, levels or attempts", file=sys.stderr)
        return WRONG_USE


def dispatch(argv: list[str]) -> int:
    """Answer `--help` and `--version`, else import the command's module and run it.

    Raises ValueError if there is no such command.
    """
    if not argv or argv[0] in ("-h", "--help"):
        print(overview())
        return DONE
    if argv[0] == "--version":
        from importlib.metadata import version

        print(f"gambol {version('gambol')}")
        return DONE
    command, *rest = argv
    if command not in COMMANDS:
        near = difflib.get_close_matches(command, COMMANDS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"use one of {', '.join(COMMANDS)}"
        raise ValueError(f"there is no command {command!r}: {hint}")
    enable_compilation_cache()
    return importlib.import_module(f".{command}", __package__).main(rest)


def overview() -> str:
    """Return the list of commands, one line each."""
    lines = [f"  {name:<8} {line}" for name, line in COMMANDS.items()]
    return "\n".join(
        [
            "usage: gambol COMMAND ...",
            "",
            *lines,
            "",
            "gambol COMMAND --help explains one; gambol --version prints the version.",
            "GAMBOL_TRACEBACK=1 shows where an error came from.",
        ]
    )


def out_of_memory(error: MemoryError | RuntimeError) -> bool:
    """Whether Python or XLA, which has no type for it, could not get the memory it wanted."""
    return isinstance(error, MemoryError) or any(word in str(error) for word in ("Out of memory", "RESOURCE_EXHAUSTED"))


def explain(error: ValueError | OSError) -> str:
    """Return an error as the user reads it: system errors name the file first."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    where = "" if error.filename is None else f"{error.filename}: "
    return f"{where}{error.strerror}" + ("; free some space" if error.errno == errno.ENOSPC else "")
