"""Write init.xyz: 3 × 3 × 3 cubic cells of bcc tungsten (54 atoms), slightly rattled.

    python make_init.py [CELLS [RATTLE]]

gives another number of cells along a side, and another displacement (Å; 0.02). i-PI takes cell, species and positions
from the file. lmlink-serve takes the species: the i-PI protocol does not send them.
"""

import sys

from ase.build import bulk

cells = int(sys.argv[1]) if len(sys.argv) > 1 else 3
rattle = float(sys.argv[2]) if len(sys.argv) > 2 else 0.02
atoms = bulk("W", cubic=True, a=3.18).repeat(cells)
atoms.rattle(rattle, seed=7)
atoms.write("init.xyz", format="extxyz", columns=["symbols", "positions"])
