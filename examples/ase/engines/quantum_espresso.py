"""Quantum ESPRESSO's input for a cluster that lmlink writes.

    python quantum_espresso.py CLUSTER.xyz --pseudopotential W=W.pbe-spn-kjpaw_psl.1.0.0.UPF [--kpoints 12]

writes pw.in for `pw.x --ipi {address} -in pw.in`, with ASE. A cluster that is periodic along a dislocation's line takes
k points along it; any other one Γ alone. Cutoffs and smearing are to be converged for the pseudopotential.
"""

import argparse
from pathlib import Path

from ase.io import read, write


def write_input(cluster, folder, pseudopotentials, pseudo_dir, cutoff=50.0, density_cutoff=None, smearing=0.02,
                convergence=1e-7, kpoints=1, **system):
    """Write pw.in into the folder. pseudopotentials: file names by symbol; cutoffs and smearing in Ry; convergence: of the
    energy, Ry per atom; kpoints: along periodic directions; system: more of the namelist &system, or other values."""
    cluster = cluster.copy()
    cluster.set_constraint()
    kpts = tuple(kpoints if periodic else 1 for periodic in cluster.pbc)
    namelists = {
        "control": {"calculation": "scf", "prefix": "qm", "outdir": "scratch", "disk_io": "none", "tprnfor": True,
                    "pseudo_dir": str(pseudo_dir)},
        "system": {"ecutwfc": cutoff, "ecutrho": density_cutoff or 4 * cutoff, "occupations": "smearing",
                   "smearing": "mv", "degauss": smearing, "nosym": True, **system},
        # Vacuum makes the charge slosh: local-TF screening is for inhomogeneous cells.
        "electrons": {"conv_thr": convergence * len(cluster), "mixing_mode": "local-TF", "mixing_beta": 0.3,
                      "electron_maxstep": 200}}
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "pw.in", cluster, format="espresso-in", input_data=namelists, pseudopotentials=pseudopotentials,
          kpts=None if kpts == (1, 1, 1) else kpts)


def pair(text):
    symbol, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"'{text}' is not SYMBOL=FILE")
    return symbol, value


def add_arguments(parser, pseudo_dir):
    """Those of every code with pseudopotentials and k points; pseudo_dir: where Debian has the potentials."""
    parser.add_argument("cluster", type=Path, help="extended XYZ file")
    parser.add_argument("--pseudopotential", type=pair, action="append", required=True, metavar="SYMBOL=FILE")
    parser.add_argument("--pseudo-dir", type=Path, default=Path(pseudo_dir), help="their folder")
    parser.add_argument("--kpoints", type=int, default=1, help="along periodic directions (1)")
    parser.add_argument("--folder", type=Path, default=Path("."), help="where the engine runs (.)")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser, "/usr/share/espresso/pseudo")
    parser.add_argument("--cutoff", type=float, default=50, metavar="Ry", help="of the wave functions (50)")
    parser.add_argument("--density-cutoff", type=float, metavar="Ry", help="default: four times the other; PAW wants more")
    parser.add_argument("--smearing", type=float, default=0.02, metavar="Ry", help="cold smearing's width (0.02)")
    parser.add_argument("--convergence", type=float, default=1e-7, metavar="Ry", help="of the energy per atom (1e-7)")
    given = parser.parse_args()
    write_input(read(given.cluster), given.folder, dict(given.pseudopotential), given.pseudo_dir.resolve(), given.cutoff,
                given.density_cutoff, given.smearing, given.convergence, given.kpoints)


if __name__ == "__main__":
    main()
