"""What is imported when it is needed, because lmlink does not need it otherwise."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def matscipy(module: str) -> Any:
    """matscipy's module of that name. ImportError, in one line, where it is not installed."""
    try:
        return import_module(f"matscipy.{module}")
    except ImportError as error:
        raise ImportError(f"lmlink.dislocations needs matscipy ({error}): pip install 'lmlink[dislocations]'") from None
