"""Structures with which lmlink-retrain keeps a potential's properties: strained cells, a vacancy's path, hot crystals.

    python make_constraints.py --element W [--potential FILE | --calculator MODULE:EXPRESSION] [--output FOLDER]

writes strained.xyz and vacancy.xyz (hard constraints: their energies stay exactly), hot.xyz (soft constraints: their
forces change little) and hot_test.xyz (to look at afterwards), for bcc, fcc, simple cubic, diamond and hcp elements and
compounds in the structures B1, B2, B3 and L12. Energies and forces in them are those of the calculator; the constraints are
the structures themselves.
"""

import argparse
from contextlib import ExitStack
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from ase.io import write

import crystals
from common import find_potential, say


def make_strained(cell, calculator, arguments):
    cells = crystals.elastic_cells(cell, calculator, arguments.strain, arguments.strains)
    displaced = sum("inner_displacement" in atoms.info for atoms in cells)
    say(f"{len(cells) - displaced} strained cells, six kinds of strain up to ±{100 * arguments.strain:g} %")
    if displaced:
        say(f"{displaced} strained cells whose atoms are displaced, as symmetry does not hold them")
    for atoms in cells:
        atoms.calc = calculator
    return [crystals.with_results(atoms) for atoms in cells]


def make_vacancies(cell, calculator, arguments):
    """Paths of a vacancy's jump, one for each element."""
    paths = []
    for symbol in dict.fromkeys(cell.get_chemical_symbols() if arguments.vacancy_size else []):
        site = cell.get_chemical_symbols().index(symbol)
        path = crystals.vacancy_path(cell, calculator, arguments.vacancy_size, site=site)
        energies = [atoms.get_potential_energy() for atoms in path]
        say(f"{len(path)} images of a vacancy's jump ({symbol}), barrier {max(energies) - energies[0]:.3f} eV")
        paths.append(path)
    return paths


def make_hot(cell, calculator, arguments):
    """Snapshots at every temperature; the last one of each is for the test."""
    kept, test = [], []
    for number, temperature in enumerate(arguments.temperatures):
        taken = crystals.snapshots(cell, calculator, temperature, arguments.snapshots + 1, arguments.size, seed=number)
        kept += taken[:-1]
        test += taken[-1:]
        say(f"{len(taken)} snapshots of {len(taken[0])} atoms at {temperature:g} K")
    return kept, test


def draw(path, strained, vacancies, hot):
    figure, axes = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
    plain = [atoms for atoms in strained if "inner_displacement" not in atoms.info]
    for kind in dict.fromkeys(atoms.info["strain_type"] for atoms in plain):
        cells = [atoms for atoms in plain if atoms.info["strain_type"] == kind]
        energies = np.array([atoms.get_potential_energy() / len(atoms) for atoms in cells])
        values = np.array([atoms.info["strain_value"] for atoms in cells])
        axes[0].plot(100 * values, 1000 * (energies - energies[len(energies) // 2]), marker=".", label=kind)
    axes[0].set(xlabel="strain (%)", ylabel="energy (meV/atom)", title="Hard: strained cells")
    axes[0].legend(frameon=False, fontsize=8)
    for vacancy in vacancies:
        energies = np.array([atoms.get_potential_energy() for atoms in vacancy])
        axes[1].plot(np.linspace(0, 1, len(energies)), energies - energies[0], marker="o")
    axes[1].set(xlabel="path", ylabel="energy (eV)", title="Hard: a vacancy's jump")
    forces = [np.abs(atoms.get_forces()).ravel() for atoms in hot]
    axes[2].hist(forces, bins=25, histtype="step", density=True, linewidth=1.5,
                 label=[f"{atoms.info['temperature']:.0f} K" for atoms in hot])
    axes[2].set(xlabel="force component (eV/Å)", ylabel="probability (Å/eV)", title="Soft: molecular dynamics")
    axes[2].legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    crystals.add_arguments(parser)
    parser.add_argument("--strain", type=float, default=0.01, help="largest strain (0.01)")
    parser.add_argument("--strains", type=int, default=17, help="cells of each kind of strain (17)")
    parser.add_argument("--size", type=int, default=5, help="cells along a side of the hot crystals (5)")
    parser.add_argument("--temperatures", type=float, nargs="*", default=[300, 1000, 2000], metavar="K")
    parser.add_argument("--snapshots", type=int, default=1, help="at each temperature, beside one for the test (1)")
    parser.add_argument("--vacancy-size", type=int, default=4, help="cells along a side; 0: no vacancy (4)")
    parser.add_argument("--output", type=Path, default=Path("constraints"), help="folder (constraints)")
    parser.add_argument("--quick", action="store_true", help="small crystals")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.size, arguments.vacancy_size = min(arguments.size, 3), min(arguments.vacancy_size, 3)
    arguments.output.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        calculator = crystals.open_calculator(arguments, find_potential, stack)
        cell = crystals.relaxed_cell(calculator, arguments.element, arguments.structure, arguments.lattice_constant)
        lattice = f"{cell.cell[0, 0]:.5f} Å" + (f", c = {cell.cell[2, 2]:.5f} Å" if crystals.is_hexagonal(cell) else "")
        say(f"{arguments.element}: lattice constant {lattice}")
        strained = make_strained(cell, calculator, arguments)
        vacancies = make_vacancies(cell, calculator, arguments)
        hot, test = make_hot(cell, calculator, arguments)
    for name, structures in (("strained", strained), ("vacancy", sum(vacancies, [])), ("hot", hot), ("hot_test", test)):
        if structures:
            write(arguments.output / f"{name}.xyz", structures, format="extxyz")
            print(f"{len(structures):4d} structures: {arguments.output / name}.xyz")
    draw(arguments.output / "constraints.png", strained, vacancies, hot)
    print(f"picture: {arguments.output / 'constraints.png'}")


if __name__ == "__main__":
    main()
