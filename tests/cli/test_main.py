import errno
import importlib
import os
import subprocess
import sys
import types

import pytest
from gambol.cli import main as cli
from gambol.cli.cache import cache_folder, enable_compilation_cache

GAMBOL = [sys.executable, "-c", "import sys; from gambol.cli.main import main; sys.exit(main())"]


@pytest.fixture
def command(monkeypatch):
    """Make `gambol doctor` run a given function instead; without its side effect on the environment."""
    monkeypatch.setattr(cli, "enable_compilation_cache", lambda: True)

    def replace(run):
        monkeypatch.setitem(sys.modules, "gambol.cli.doctor", types.SimpleNamespace(main=run))

    return replace


def raising(error):
    def run(argv):
        raise error

    return run


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"]])
def test_overview_lists_every_command(argv, capsys):
    assert cli.main(argv) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert listed == list(cli.COMMANDS)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_listed_command_exists(name):
    assert callable(importlib.import_module(f"gambol.cli.{name}").main)


def test_the_command_gets_its_arguments_and_gives_the_exit_code(command):
    seen = []
    command(lambda argv: seen.append(argv) or 1)
    assert cli.main(["doctor", "--json", "x"]) == 1
    assert seen == [["--json", "x"]]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("ppo.minibatches is 3: use 2 or 4"), "gambol: ppo.minibatches is 3: use 2 or 4\n"),
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "runs/x"),
            "gambol: runs/x: No space left on device; free some space\n",
        ),
        (OSError("no such device"), "gambol: no such device\n"),
    ],
)
def test_a_user_error_is_one_line_and_exit_code_2(command, capsys, error, line):
    command(raising(error))
    assert cli.main(["doctor"]) == 2
    assert capsys.readouterr() == ("", line)


def test_a_bug_keeps_its_traceback(command, monkeypatch):
    command(raising(TypeError("bug")))
    with pytest.raises(TypeError, match="bug"):
        cli.main(["doctor"])
    command(raising(ValueError("odd")))
    monkeypatch.setenv("GAMBOL_TRACEBACK", "1")
    with pytest.raises(ValueError, match="odd"):
        cli.main(["doctor"])


def test_too_little_memory_is_one_line(command, capsys):
    command(raising(RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 3964007620 bytes.")))
    assert cli.main(["doctor"]) == 2
    assert capsys.readouterr().err == "gambol: out of memory: ask for fewer worlds, levels or attempts\n"


def test_interruption_exits_with_130(command, capsys):
    command(raising(KeyboardInterrupt()))
    assert cli.main(["doctor"]) == 130
    assert capsys.readouterr().err == "gambol: stopped\n"


def test_an_interrupted_process_skips_the_orderly_exit():
    """XLA's threads, if still at work, would crash in it."""
    code = (
        "import atexit, gambol.cli.main as cli\n"
        "atexit.register(print, 'orderly')\n"
        "def dispatch(argv): raise KeyboardInterrupt\n"
        "cli.dispatch = dispatch\n"
        "cli.main()"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "gambol: stopped\n")


@pytest.mark.parametrize(
    ("name", "hint"), [("trian", "did you mean train?"), ("zzz", f"use one of {', '.join(cli.COMMANDS)}")]
)
def test_an_unknown_command_names_the_nearest(capsys, name, hint):
    assert cli.main([name]) == 2
    assert capsys.readouterr().err == f"gambol: there is no command {name!r}: {hint}\n"


def test_version():
    done = subprocess.run([*GAMBOL, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == "gambol 0.1.0\n"


def test_a_reader_that_leaves_is_no_error():
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(GAMBOL, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_cache_folder_follows_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "gambol" / "xla"
    monkeypatch.setenv("HOME", str(tmp_path))
    for useless in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", useless)
        assert cache_folder() == tmp_path / ".cache" / "gambol" / "xla"


def test_an_unwritable_cache_changes_nothing(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    assert not enable_compilation_cache()
    assert "JAX_COMPILATION_CACHE_DIR" not in os.environ


def test_a_second_process_reads_what_the_first_compiled(tmp_path):
    code = (
        "from gambol.cli.cache import enable_compilation_cache; assert enable_compilation_cache()\n"
        "import jax; seen = []\n"
        "jax.monitoring.register_event_listener(lambda event, **_: seen.append(event))\n"
        "jax.block_until_ready(jax.jit(lambda x: x * 2 + 1)(1.0))\n"
        "print(seen.count('/jax/compilation_cache/cache_hits'))"
    )
    kept = {name: value for name, value in os.environ.items() if "COMPILATION_CACHE" not in name}
    environment = kept | {"XDG_CACHE_HOME": str(tmp_path), "JAX_PLATFORMS": "cpu"}
    hits = [
        int(subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True).stdout)
        for _ in range(2)
    ]
    assert hits[0] == 0 and hits[1] > 0
