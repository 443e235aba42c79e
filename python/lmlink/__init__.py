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

`lmlink-serve` ends when its connection closes. No process is left behind, however Python ends: by close(), by leaving
the `with` block, at exit, or by a signal that cannot be caught.
"""

from .calculator import LMLink
from .configuration import LMLinkError, find_program
from .messages import LMLinkWarning

__all__ = ["LMLink", "LMLinkError", "LMLinkWarning", "find_program"]
