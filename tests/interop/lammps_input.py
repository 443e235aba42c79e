"""The input of LAMMPS as an engine, made of the cluster that it is to compute: what the key `prepare` runs.

    lammps_input.py CLUSTER.xyz POTENTIAL.snap ELEMENT ...

writes qm.data and qm.in into the working folder; `lmp -in qm.in -var name NAME`, with LAMMPS_POTENTIALS set for the files
that the potential names, then connects to /tmp/ipi_NAME. The elements are LAMMPS's types in their order. fix ipi keeps the box centred on the origin: lmlink is told
`"origin": "centre"`.
"""

import sys
from pathlib import Path

from ase.data import atomic_masses, atomic_numbers
from ase.io import read


def main(cluster, potential, *elements):
    atoms = read(cluster)
    assert (atoms.cell.array == atoms.cell.array * [[1, 0, 0], [0, 1, 0], [0, 0, 1]]).all()
    half = atoms.cell.lengths() / 2
    lines = ["for fix ipi", "", f"{len(atoms)} atoms", f"{len(elements)} atom types", ""]
    lines += [f"{-edge!r} {edge!r} {axis}lo {axis}hi" for edge, axis in zip(half.tolist(), "xyz")]
    lines += ["", "Masses", ""]
    lines += [f"{i + 1} {atomic_masses[atomic_numbers[element]]}" for i, element in enumerate(elements)]
    lines += ["", "Atoms", ""]
    lines += [f"{i + 1} {elements.index(symbol) + 1} {x!r} {y!r} {z!r}"
              for i, (symbol, (x, y, z)) in enumerate(zip(atoms.symbols, (atoms.positions - half).tolist()))]
    Path("qm.data").write_text("\n".join(lines) + "\n")
    boundary = " ".join("p" if periodic else "f" for periodic in atoms.pbc)
    Path("qm.in").write_text("\n".join([
        "units metal", "atom_style atomic", "atom_modify map array sort 0 0", f"boundary {boundary}",
        "read_data qm.data", f"include {potential}", "neighbor 1.0 bin", "fix 1 all ipi ${name} 1 unix",
        "run 1000000000"]) + "\n")


main(*sys.argv[1:])
