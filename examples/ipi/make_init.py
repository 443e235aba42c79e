"""Write init.xyz: 3 × 3 × 3 cubic cells of bcc tungsten (54 atoms), slightly rattled.

i-PI takes cell, species and positions from it. lmlink-serve takes the species: the i-PI protocol does not send them.
"""

from ase.build import bulk

atoms = bulk("W", cubic=True, a=3.18).repeat(3)
atoms.rattle(0.02, seed=7)
atoms.write("init.xyz", format="extxyz", columns=["symbols", "positions"])
