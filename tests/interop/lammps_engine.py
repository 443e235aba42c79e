"""LAMMPS as an engine, by its `fix ipi`: lammps_engine.py CLUSTER.xyz POTENTIAL.snap NAME ELEMENT ...

The cluster is what lmlink-serve writes for {cluster}, NAME that of the socket /tmp/ipi_NAME; the elements are LAMMPS's types
in their order. fix ipi keeps the box centred on the origin, so that lmlink is told `"origin": "centre"`.
"""

import os
import sys

from ase.io import read
from oracle import instance

FOREVER = 1000000000


def main(cluster, potential, name, *elements):
    atoms = read(cluster)
    positions = atoms.positions - atoms.cell.array.sum(axis=0) / 2
    half = atoms.cell.lengths() / 2
    os.environ["LAMMPS_POTENTIALS"] = os.path.dirname(potential)
    lammps = instance()
    box = " ".join(f"{-float(edge)!r} {float(edge)!r}" for edge in half)
    for command in ["units metal", "atom_style atomic", "atom_modify map array sort 0 0",
                    "boundary " + " ".join("p" if periodic else "f" for periodic in atoms.pbc),
                    f"region box block {box}", f"create_box {len(elements)} box", "mass * 1.0"]:
        lammps.command(command)
    types = [elements.index(symbol) + 1 for symbol in atoms.symbols]
    lammps.create_atoms(len(atoms), list(range(1, len(atoms) + 1)), types, positions.ravel().tolist())
    for command in [f"include {potential}", "neighbor 1.0 bin", f"fix 1 all ipi {name} 1 unix", f"run {FOREVER}"]:
        lammps.command(command)


main(*sys.argv[1:])
