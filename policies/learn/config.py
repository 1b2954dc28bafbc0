"""The complete settings of a training run, and YAML to and from them.

A preset in `configs/`, a file of the user's and the command line all fill the same frozen dataclasses. Every key and
every type is checked: what is not a setting is refused by name, with the nearest one that is.
"""

import re
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from ... import configs
from ...configs.typed import from_mapping, nearest, to_mapping
from ...envs.files import write_atomically
from ...envs.make import EnvConfig
from ...envs.planar.env import PlanarConfig
from ..nets.config import NetworkConfig
from .flow.config import FlowLearning
from .ppo.config import PPOConfig


@dataclass(frozen=True)
class RunConfig:
    """How long a run goes on and what it leaves on disk."""

    total_steps: int = 1_000_000
    """Control steps, summed over worlds, after which training stops; rounded up to whole updates. Where recorded steps
    are learned from: chunks."""
    log_every: int = 1
    """Updates per row of metrics."""
    checkpoint_every: int = 20
    """Updates between checkpoints."""
    keep_last: int = 3
    """Newest checkpoints to keep; the best one is kept besides."""
    devices: int = 1
    """Over which chunks are cut; 0: all that there are. Only for `flow`."""
    out: str = "runs"
    """Folder that receives `<name>/<time>/`."""
    tensorboard: bool = True
    """Also write TensorBoard event files."""
    wandb_project: str | None = None
    """Also log to this Weights & Biases project (needs the package wandb)."""

    def __post_init__(self):
        for name in ("total_steps", "log_every", "checkpoint_every", "keep_last"):
            if getattr(self, name) < 1:
                raise ValueError(f"run.{name} is {getattr(self, name)}: it must be at least 1")
        if self.devices < 0:
            raise ValueError(f"run.devices is {self.devices}: give how many, or 0 for all")


@dataclass(frozen=True)
class TrainConfig:
    """Everything that a run depends on; saved beside its checkpoints."""

    name: str = "custom"
    """Names the folder of its runs."""
    seed: int = 0
    """Start of every random number of the run."""
    env: EnvConfig = field(default_factory=PlanarConfig)
    """The task."""
    network: NetworkConfig = field(default_factory=NetworkConfig)
    """Actor and critic."""
    ppo: PPOConfig = field(default_factory=PPOConfig)
    """The learner."""
    flow: FlowLearning | None = None
    """Learn from recorded steps, by flow matching, in place of `network` and `ppo`."""
    run: RunConfig = field(default_factory=RunConfig)
    """Length, logs and checkpoints."""

    def __post_init__(self):
        if not re.fullmatch(r"\w[\w.-]*", self.name):
            raise ValueError(f"name is {self.name!r}: use letters, digits, '_', '-' and '.', for it names a folder")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed is {self.seed}: it must be between 0 and 2^32 - 1")
        if self.flow is not None and (self.network, self.ppo) != (NetworkConfig(), PPOConfig()):
            raise ValueError("flow is given, which learns from recorded steps: leave out network and ppo")
        if self.flow is None and self.run.devices != 1:
            raise ValueError(f"run.devices is {self.run.devices}: without flow, learning takes one device, as yet")


def presets() -> list[str]:
    """Names of the presets that come with Gambol."""
    return sorted(path.name.removesuffix(".yaml") for path in _folder().iterdir() if path.name.endswith(".yaml"))


def load_preset(name: str) -> TrainConfig:
    """Settings of the preset called `name`, or of the YAML file at that path. Raises `ValueError`."""
    if name.endswith((".yaml", ".yml")):
        return load_yaml(Path(name))
    if name not in presets():
        raise ValueError(f"{name!r} is neither a preset nor a .yaml file: {nearest(name, presets())}")
    return _parse((_folder() / f"{name}.yaml").read_text(), f"{name}.yaml")


def load_yaml(path: Path) -> TrainConfig:
    """Settings from a YAML file; what it leaves out has its default. Raises `ValueError` or `OSError`."""
    try:
        return _parse(path.read_text(encoding="utf-8"), str(path))
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a text file") from None


def save_yaml(config: TrainConfig, path: Path) -> None:
    """Write every setting of `config`; `load_yaml` gives an equal one back."""
    text = yaml.safe_dump(to_mapping(config), sort_keys=False, allow_unicode=True)
    write_atomically(path, text.encode())


def differing(one: TrainConfig, other: TrainConfig) -> list[str]:
    """Dotted names of the settings in which two configs differ."""
    left, right = _flat(to_mapping(one)), _flat(to_mapping(other))
    return [name for name in left | right if left.get(name) != right.get(name)]


class _Loader(yaml.SafeLoader):
    """Safe YAML, with 1e-3 a number (YAML 1.2) and a key given twice an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value} is given twice", key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


_EXPONENT = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$")
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, list("-+0123456789"))


def _parse(text: str, source: str) -> TrainConfig:
    try:
        return from_mapping(TrainConfig, yaml.load(text, _Loader))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ValueError(f"{source}: line {line}: {error.problem}") from None
    except yaml.YAMLError as error:
        raise ValueError(f"{source} is not valid YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ValueError(f"{source} is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None


def _flat(tree: Any, where: str = "") -> dict[str, Any]:
    """Nested dicts as one, under dotted names."""
    if not isinstance(tree, dict):
        return {where: tree}
    dotted = {f"{where}.{key}" if where else key: value for key, value in tree.items()}
    return {name: leaf for key, value in dotted.items() for name, leaf in _flat(value, key).items()}


def _folder() -> Any:
    return resources.files(configs)
