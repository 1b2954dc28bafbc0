"""Packages that only some commands need."""

import importlib
from types import ModuleType

EXTRAS = {"onnx": "export", "onnxruntime": "export", "jax2onnx": "export", "jsonschema": "export", "cyclonedds": "dds"}
EXTRAS |= {"msgpack": "serve", "websockets": "serve"}
"""The extra of Gambol's that brings each."""


def need(package: str) -> ModuleType:
    """The package. Raises ValueError, saying how to install it, where it is not."""
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise ValueError(f'this needs the package {package}: pip install "gambol[{EXTRAS[package]}]"') from None
