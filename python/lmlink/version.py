"""The version, of which include/lmlink/version.h is the one place."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path


def _find_version() -> str:
    header = Path(__file__).resolve().parents[2] / "include" / "lmlink" / "version.h"  # of the checkout
    if header.is_file():
        parts = re.findall(r"LML_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", header.read_text())
        return ".".join(parts)
    return metadata.version("lmlink")


__version__ = _find_version()
