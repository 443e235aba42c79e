"""Lattice constant and elastic constants of bcc tungsten by CP2K, with the basis and the electronic temperature that dft_screw.py
and dft_core.py have in the dislocation's core.

    python dft_bulk.py [--output FOLDER]            # nine energies, five minutes on an idle core

Energies of cells of two atoms: five of other volumes, and two of each of two shears that keep the volume, which are even in
the strain, so that one sign suffices. The grid is finer than in a cluster, as its error would change with the cell. A second start
goes on where the first one ended.
"""

import argparse
import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
from ase.build import bulk
from ase.units import GPa, Hartree

from common import say, write_whole
from dft_screw import KIND
from engines import cp2k

START = 3.1859  # Å
VOLUMES = (-0.01, -0.005, 0.0, 0.005, 0.01)  # changes of the edge
SHEARS = (0.015, 0.03)


def tetragonal(size):
    """C': x longer, y shorter."""
    return np.diag([1 + size, 1 - size, 1 / (1 - size**2)])


def sheared(size):
    """C44: x by y and y by x."""
    return np.array([[1, size / 2, 0], [size / 2, 1, 0], [0, 0, 1 / (1 - size**2 / 4)]])


def cells():
    """Strained cells by name."""
    kinds = {"tetragonal": tetragonal, "sheared": sheared}
    found = {f"{name} {size:.3f}": kind(size) for name, kind in kinds.items() for size in SHEARS}
    return {**found, **{f"volume {size:+.3f}": (1 + size) * np.eye(3) for size in VOLUMES}}


def cell(deformation):
    """Two atoms."""
    atoms = bulk("W", cubic=True, a=START)
    atoms.set_cell(atoms.cell.array @ deformation, scale_atoms=True)
    return atoms


def energy(name, deformation, settings, arguments):
    """eV of a cell; a file keeps it."""
    folder = arguments.output / name.replace(" ", "-")
    file = folder / "energy.json"
    if not file.is_file():
        cp2k.write_input(cell(deformation), folder, KIND, None, settings)
        output = subprocess.run("OMP_NUM_THREADS=1 exec cp2k.psmp -i cp2k.inp", shell=True, cwd=folder, check=True,
                                stdout=subprocess.PIPE, text=True).stdout
        if "SCF run converged" not in output:
            raise SystemExit(f"{folder}: CP2K did not converge")
        value = float(re.search(r"ENERGY\|.*?(-?[\d.]+)\s*$", output, re.MULTILINE)[1]) * Hartree
        write_whole(file, lambda partial: partial.write_text(json.dumps(value) + "\n"))
        say(f"{name}: {value:.5f} eV")
    return json.loads(file.read_text())


def constants(energies):
    """Lattice constant (Å), bulk modulus, C' and C44 (GPa), and the largest residual of the fit of energies by volume (meV)."""
    edges = START * (1 + np.array(VOLUMES))
    values = np.array([energies[f"volume {size:+.3f}"] for size in VOLUMES])
    lowest = values.min()
    curve = np.poly1d(np.polyfit(edges - START, values - lowest, 3))
    edge = min(curve.deriv().r, key=lambda root: abs(root - 0j)).real
    residual = 1000 * np.abs(curve(edges - START) - values + lowest).max()
    modulus = curve.deriv(2)(edge) / (9 * (START + edge)) / GPa
    found = {"lattice constant": START + edge, "bulk modulus": modulus}
    # Per volume: 2 C' size² and C44 size²/2; the term of fourth order is taken away with the second size.
    for name, key, factor in (("C'", "tetragonal", 2), ("C44", "sheared", 0.5)):
        small, large = ((energies[f"{key} {size:.3f}"] - energies["volume +0.000"]) / (factor * size**2 * START**3) / GPa
                        for size in SHEARS)
        ratio = (SHEARS[1] / SHEARS[0])**2
        found[name] = (ratio * small - large) / (ratio - 1)
        say(f"{name} by the two strains: {small:.1f}, {large:.1f} GPa")
    return found, residual


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kpoints", type=int, default=10, help="along each edge (10)")
    parser.add_argument("--cutoff", type=float, default=400, metavar="Ry", help="of the grid (400)")
    parser.add_argument("--temperature", type=float, default=3000, metavar="K", help="of the electrons (3000)")
    parser.add_argument("--output", type=Path, default=Path("dft_bulk"), help="folder of all files")
    arguments = parser.parse_args()
    settings = replace(cp2k.PRESETS["metal"], kpoints=arguments.kpoints, cutoff=arguments.cutoff, relative_cutoff=60,
                       temperature=arguments.temperature, precision=1e-10)
    found, residual = constants({name: energy(name, deformation, settings, arguments) for name, deformation in cells().items()})
    for name, value in found.items():
        print(f"{name}: " + (f"{value:.4f} Å" if "lattice" in name else f"{value:.0f} GPa"))
    print(f"energies by volume are {residual:.3f} meV off the curve")


if __name__ == "__main__":
    main()
