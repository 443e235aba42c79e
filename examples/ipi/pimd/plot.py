"""Draw pimd.png from the runs of run.sh: how far atoms vibrate at 77 K, as path integrals and classically, beside what
harmonic oscillators do exactly.

    python plot.py BEADS
"""

import os
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from ase.io import iread, read
from ase.units import _amu, _e, _hbar, kB

from lmlink import LMLink

TEMPERATURE = 77.0  # K
SETTLED = 0.2  # of a run is left out


def displacements(folder, sites):
    """Displacements (Å) from the sites, frames × beads × atoms × 3, without the motion of the whole."""
    beads = [np.array([frame.positions for frame in iread(path, format="xyz")])
             for path in sorted(Path(folder).glob("pimd.pos_*.xyz"))]
    moved = np.array(beads).transpose(1, 0, 2, 3) - sites
    moved = moved[int(SETTLED * len(moved)):]
    return moved - moved.mean(axis=(1, 2), keepdims=True)


def frequencies(atoms, potential, step=0.01):
    """Angular frequencies times ħ (eV) of the cell's vibrations, by central differences of forces."""
    columns = []
    with LMLink(potential) as atoms.calc:
        for atom in range(len(atoms)):
            for axis in range(3):
                forces = []
                for sign in 1, -1:
                    atoms.positions[atom, axis] += sign * step
                    forces.append(atoms.get_forces().ravel())
                    atoms.positions[atom, axis] -= sign * step
                columns.append((forces[1] - forces[0]) / (2 * step))
    hessian = np.array(columns) / atoms.get_masses()[0]
    squares = np.linalg.eigvalsh((hessian + hessian.T) / 2)[3:]  # without the three motions of the whole
    return _hbar / _e * np.sqrt(squares * _e / _amu) * 1e10


def harmonic(energies, mass, temperature):
    """⟨u²⟩ (Å²) of an atom, quantum and classical: sums over modes of ħ/(2mω) coth(ħω/2kT), and of kT/(mω²)."""
    unit = (_hbar / _e) ** 2 * _e / _amu * 1e20 / mass  # ħ²/m in eV Å²
    atoms = len(energies) / 3 + 1
    quantum = unit / (2 * energies) / np.tanh(energies / (2 * kB * temperature))
    return quantum.sum() / atoms, (unit * kB * temperature / energies**2).sum() / atoms


def main():
    atoms = read("init.xyz")
    mass = atoms.get_masses()[0]
    energies = frequencies(atoms.copy(), os.environ["POTENTIAL"])
    runs = {name: displacements(f"beads-{beads}", atoms.positions)
            for name, beads in (("path integral", sys.argv[1]), ("classical", 1))}
    exact = dict(zip(runs, harmonic(energies, mass, TEMPERATURE)))
    found = {name: float((moved**2).sum(axis=-1).mean()) for name, moved in runs.items()}

    figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.2), layout="constrained")
    temperatures = np.linspace(10, 400, 79)
    curves = np.array([harmonic(energies, mass, temperature) for temperature in temperatures])
    for number, (name, colour) in enumerate((("path integral", "#c8102e"), ("classical", "#0057b8"))):
        moved = runs[name].ravel()
        left.hist(moved, bins=np.linspace(-0.15, 0.15, 61), density=True, histtype="step", color=colour, label=name)
        right.plot(temperatures, 1000 * curves[:, number], color=colour, linewidth=1)
        right.plot(TEMPERATURE, 1000 * found[name], "o", color=colour, label=f"{name} (i-PI)")
    left.set(xlabel="displacement along an axis (Å)", ylabel="probability (1/Å)", title="Tungsten at 77 K")
    right.set(xlabel="temperature (K)", ylabel=r"$\langle u^2\rangle$ (10$^{-3}$ Å$^2$)",
              title="Lines: harmonic vibrations, exact")
    for axes in left, right:
        axes.legend(frameon=False)
    figure.savefig("pimd.png", dpi=110)

    for name, value in found.items():
        print(f"{name + ':':16s} <u^2> = {value:.6f} A^2, harmonic {exact[name]:.6f} A^2")
    print(f"ratio of the two: {found['path integral'] / found['classical']:.3f}, "
          f"harmonic {exact['path integral'] / exact['classical']:.3f}")
    print("picture: pimd.png")


if __name__ == "__main__":
    main()
