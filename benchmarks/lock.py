"""Print requirements.lock: one `name==version` line for every package that Gambol and its development need.

pip resolves the dependencies, the `dev` extra and the build requirements of pyproject.toml for the Python that runs
this script; `tool.gambol.files-only` packages are added as they stand. `make lock` runs it.
"""

import json
import platform
import subprocess
import sys
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def resolve(requirements: list[str]) -> list[str]:
    """Return pip's choice for `requirements` and all that they need, as `name==version`."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-"]
    report = subprocess.run([*command, *requirements], check=True, stdout=subprocess.PIPE, text=True).stdout
    return ["{name}=={version}".format(**package["metadata"]) for package in json.loads(report)["install"]]


def main() -> None:
    """Print the lock."""
    settings = tomllib.loads(PYPROJECT.read_text())
    project = settings["project"]
    wanted = [
        *project["dependencies"],
        *project["optional-dependencies"]["dev"],
        *settings["build-system"]["requires"],
    ]
    pins = resolve(wanted) + settings["tool"]["gambol"]["files-only"]
    print(f"# Made by `make lock` on Python {platform.python_version()}, {sys.platform} {platform.machine()}.")
    print("# Install with `pip install --no-deps -r requirements.lock`.")
    print("\n".join(sorted(pins, key=str.casefold)))


if __name__ == "__main__":
    main()
