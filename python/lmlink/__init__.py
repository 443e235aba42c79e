"""LMLink: an ASE calculator whose forces come from `lmlink-serve`.

    from lmlink import LMLink

    with LMLink("W_2940_2017_2.snap") as calculator:
        atoms.calc = calculator
        forces = atoms.get_forces()

The calculator starts `lmlink-serve` when the first result is asked for, and talks to it over a private Unix socket in
the i-PI protocol. Species and periodicity go along as JSON in the protocol's INIT message, so that one calculator and
one process serve structures of any size, composition and periodicity, one after the other.

With the keywords of ASE's ForceQMMM the same calculator mixes the forces of a quantum code into those of the potential;
a log keeps them all:

    with LMLink("W_2940_2017_2.snap", qm_selection_mask=mask, qm_calc=dft, buffer_width=10.0,
                force_log="run.xyz") as calculator:
        atoms.calc = calculator

What such a log holds, as ASE's Atoms, and as sets for programs that train potentials:

    from lmlink import read_log, write_set

    write_set("train.xyz", read_log("run.xyz"), "mace")

`lmlink-serve` ends when its connection closes. No process is left behind, however Python ends: by close(), by leaving
the `with` block, at exit, or by a signal that cannot be caught.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .calculator import LMLink
    from .errors import LMLinkError
    from .force_log import iread_log, read_log
    from .messages import LMLinkWarning
    from .programs import find_program
    from .training_sets import read_targets, write_set

__all__ = ["LMLink", "LMLinkError", "LMLinkWarning", "__version__", "find_program", "iread_log", "read_log",
           "read_targets", "write_set"]

# Where names come from. They are looked up when they are first used: the command `lmlink` answers at once, and ASE can
# ask for the formats of files (formats.py) while it is being imported itself.
_MODULES = {"LMLink": "calculator", "LMLinkError": "errors", "LMLinkWarning": "messages", "find_program": "programs",
            "iread_log": "force_log", "read_log": "force_log", "read_targets": "training_sets",
            "write_set": "training_sets", "__version__": "version"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_MODULES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
