"""The house: folders import in one direction only, quietly, and all of them reach an installed Gambol."""

import ast
import json
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("configs", "sim", "envs", "policies", "sim2real", "cli")
"""Each may import itself and what stands before it."""
FOREIGN = {
    *("wandb", "torch", "kinetix", "jax2d", "chex", "hypothesis", "viser"),
    *("onnx", "onnxruntime", "jax2onnx", "jsonschema"),
}
"""Packages that none of our modules may need."""
HEAVY = {"matplotlib", "av", "cv2", "tensorboardX", "orbax", "mujoco", "warp"}
"""Packages that come in only with the module or the function that uses them."""
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = SETTINGS["tool"]["setuptools"]["packages"]


def python_files(*folders: str) -> list[Path]:
    """The Python files below some folders, as paths in the repository."""
    return [path.relative_to(ROOT) for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


sources = python_files(*FOLDERS)


def folders_imported(source: str, path: Path) -> set[str]:
    """The top-level names that a file of ours imports, relative imports resolved from its `path` in the repository."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            depth = len(path.parent.parts) - node.level + 1
            assert depth >= 0, f"{path}: line {node.lineno} climbs out of the repository"
            start = path.parent.parts[:depth] if node.level else ()
            base = ".".join([*start, *([node.module] if node.module else [])])
            names = [base] if base else [alias.name for alias in node.names]
        else:
            continue
        found |= {name.removeprefix("gambol.").partition(".")[0] for name in names}
    return found


@pytest.mark.parametrize(
    ("line", "folder"),
    [
        ("from ...cli import main", "cli"),
        ("from ... import policies", "policies"),
        ("from . import scene", "envs"),
        ("from .level import Level", "envs"),
        ("import gambol.sim2real.bundle", "sim2real"),
        ("from gambol.cli import main", "cli"),
        ("def f():\n    from ...policies.learn import run", "policies"),
    ],
)
def test_every_form_of_import_is_seen(line, folder):
    assert folders_imported(line, Path("envs/planar/env.py")) == {folder}


@pytest.mark.parametrize("path", sources, ids=str)
def test_imports_point_one_way(path):
    later = set(FOLDERS[FOLDERS.index(path.parts[0]) + 1 :])
    wrong = folders_imported((ROOT / path).read_text(), path) & later
    assert not wrong, f"{path} imports {', '.join(wrong)}, which stands after it in {' <- '.join(FOLDERS)}"


@pytest.mark.parametrize("path", [*sources, *python_files("tests", "benchmarks")], ids=str)
def test_no_folder_is_imported_without_gambol(path):
    tree = ast.parse((ROOT / path).read_text())
    modules = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    modules += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level]
    bare = {module.partition(".")[0] for module in modules} & set(FOLDERS)
    assert not bare, f"{path}: `import {bare.pop()}` works only by accident; use gambol.* or a relative import"


@pytest.mark.parametrize("folder", sorted({path.parent for path in sources}), ids=str)
def test_every_folder_is_a_listed_package_that_says_what_it_is(folder):
    assert ".".join(["gambol", *folder.parts]) in PACKAGES, f"{folder} is not in tool.setuptools.packages"
    assert ast.get_docstring(ast.parse((ROOT / folder / "__init__.py").read_text()))


def imported_with(*modules: str) -> tuple[set[str], float]:
    """Import `modules` in a new interpreter, which must say nothing; return what came with them and the CPU seconds."""
    code = "\n".join(f"import {module}" for module in modules)
    report = "import json, sys, time; print(json.dumps([sorted(sys.modules), time.process_time()]))"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    names, seconds = json.loads(done.stdout)
    return set(names), seconds


def test_packages_import_quickly_and_without_what_few_need():
    names, seconds = imported_with(*PACKAGES)
    assert not names & (FOREIGN | HEAVY)
    assert seconds < 10


def test_every_module_imports_silently_and_without_foreign_packages():
    modules = [".".join(["gambol", *path.with_suffix("").parts]) for path in sources if path.name != "__init__.py"]
    names, _ = imported_with(*modules)
    assert not names & FOREIGN


def test_the_command_line_starts_without_numerics():
    names, _ = imported_with("gambol.cli.main")
    assert not names & (FOREIGN | HEAVY | {"jax", "numpy", "tyro"})


def test_what_runs_on_a_robot_needs_no_jax():
    onboard = [path for path in sources if path.parts[:2] == ("sim2real", "onboard")]
    modules = [".".join(["gambol", *path.with_suffix("").parts]) for path in onboard if path.name != "__init__.py"]
    names, _ = imported_with(*modules, "gambol.sim2real.safety", "gambol.sim2real.verify", "gambol.cli.verify")
    assert not names & {"jax", "flax", "optax", "orbax", "warp"}


def test_a_wheel_holds_every_file_of_every_folder(tmp_path):
    tree = tmp_path / "tree"
    for name in (*FOLDERS, "pyproject.toml", "README.md", "LICENSE"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        tree.mkdir(exist_ok=True)
        copy(ROOT / name, tree / name)
    expected = {
        f"gambol/{path.relative_to(tree).as_posix()}"
        for folder in FOLDERS
        for path in (tree / folder).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path, tree]
    subprocess.run(build, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("gambol/")}
    assert packed == expected
