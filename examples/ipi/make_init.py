"""Write init.xyz: cubic cells of bcc tungsten, slightly rattled.

    python make_init.py [CELLS [RATTLE [VACANCIES]]]

gives the number of cells along a side (3: 54 atoms), the displacements' standard deviation (Å; 0.02), and 0 or 1
vacancy in the middle. i-PI takes cell, species and positions from the file. lmlink-serve takes the species: the i-PI
protocol does not send them.
"""

import sys

import numpy as np
from ase.build import bulk

cells, rattle, vacancies = [float(given or default) for given, default in
                            zip([*sys.argv[1:4], *4 * [None]], (3, 0.02, 0))]
atoms = bulk("W", cubic=True, a=3.18).repeat(int(cells))
middle = atoms.cell.array.sum(axis=0) / 2
del atoms[np.linalg.norm(atoms.positions - middle, axis=1).argsort()[:int(vacancies)]]
atoms.rattle(rattle, seed=7)
atoms.write("init.xyz", format="extxyz", columns=["symbols", "positions"])
