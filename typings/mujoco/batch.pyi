"""MuJoCo is compiled and comes without types."""

from typing import Any

def __getattr__(name: str) -> Any: ...
