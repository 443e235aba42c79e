"""Draw relax.png from the run of run.sh, and print the vacancy's formation energy."""

import os

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from ase.build import bulk
from ase.io import read, write

from lmlink import LMLink


def largest_force(atoms):
    """eV/Å, of one atom."""
    return np.linalg.norm(atoms.get_forces(), axis=1).max()


def displacements(atoms):
    """Distance (Å) of each site from the vacancy's, and how far outwards (Å) its atom has moved from there."""
    cells = round((len(atoms) / 2) ** (1 / 3))
    perfect = bulk("W", cubic=True, a=atoms.cell[0, 0] / cells).repeat(cells)
    middle = atoms.cell.array.sum(axis=0) / 2
    site = np.linalg.norm(perfect.positions - middle, axis=1).argmin()
    centre = perfect.positions[site]
    del perfect[site]
    moved = atoms.positions - perfect.positions
    away = perfect.positions - centre
    away -= np.rint(away / atoms.cell.lengths()) * atoms.cell.lengths()
    distance = np.linalg.norm(away, axis=1)
    return distance, ((moved - moved.mean(axis=0)) * away).sum(axis=1) / distance


steps, energies = np.loadtxt("relax.out").T
forces = [largest_force(atoms) for atoms in read("relax.for_0.extxyz", ":")]
relaxed = read("relax.pos_0.extxyz", "-1")
write("relaxed.xyz", relaxed, format="extxyz", columns=["symbols", "positions"])
distance, outwards = displacements(relaxed)
with LMLink(os.environ["POTENTIAL"]) as calculator:
    cell = bulk("W", cubic=True, a=3.18)
    cell.calc = calculator
    formation = energies[-1] - len(relaxed) * cell.get_potential_energy() / 2

figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.2), layout="constrained")
left.semilogy(steps, forces, "o-", color="#c8102e", label="largest force (eV/Å)")
above = energies - energies[-1]  # which i-PI writes with eight digits: differences end in zeros
left.semilogy(steps[above > 0], above[above > 0], "s-", color="#0057b8", label="energy above the last (eV)")
left.set(xlabel="step of L-BFGS", title=f"{len(relaxed)} atoms and a vacancy: i-PI relaxes")
left.legend(frameon=False)
right.axhline(0, color="#2f3b48", linewidth=1)
right.plot(distance, 1000 * outwards, "o", color="#0057b8", markersize=4)
right.set(xlabel="distance from the vacancy (Å)", ylabel="moved away from it (10$^{-3}$ Å)", title="Relaxed neighbours")
figure.savefig("relax.png", dpi=110)

print(f"steps: {int(steps[-1])}, largest force {forces[0]:.3f} -> {forces[-1]:.5f} eV/A")
print(f"energy of {len(relaxed)} atoms: {energies[-1]:.6f} eV")
print(f"vacancy formation energy: {formation:.4f} eV")
print(f"nearest neighbours move by {1000 * outwards[distance < 2.9].mean():.1f}e-3 A, second ones by "
      f"{1000 * outwards[(distance > 2.9) & (distance < 3.5)].mean():.1f}e-3 A")
print("picture: relax.png")
