"""Force logs as a file format of ASE, `ase.io.read(FILE, ":", format="lmlink-log")`, which it finds by the entry point in
pyproject.toml."""

from __future__ import annotations

from typing import Iterator

from ase import Atoms
from ase.utils.plugins import ExternalIOFormat

force_log = ExternalIOFormat(desc="force log of lmlink-serve", code="+S", module="lmlink.formats")


def read_lmlink_log(filename: str, index: slice) -> Iterator[Atoms]:
    """Called by ASE, which looks for a function of this name."""
    from .force_log import read_log

    yield from read_log(filename)[index]
