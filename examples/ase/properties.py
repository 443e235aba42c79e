"""Lattice constant, elastic constants, vacancy formation and migration of a cubic crystal, by any ASE calculator.

    python properties.py --element Mo --potential Mo_Chen_PRM2017.snap
    python properties.py --element Cu --calculator "ase.calculators.emt:EMT()"

prints a table and draws properties.png. Where an uncertainty lies beside the potential (lmlink-retrain --uncertainty), the
table has standard deviations.
"""

import argparse
from contextlib import ExitStack
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import crystals
import sigmas
from common import find_potential, say


def compute(calculator, arguments):
    """The table's values by name, the energies (eV) along the vacancy's path, and what their standard deviations are from."""
    cell = crystals.relaxed_cell(calculator, arguments.element, arguments.structure, arguments.lattice_constant)
    if len(set(cell.numbers)) > 1:
        raise SystemExit(f"{arguments.element}: a compound, whose vacancies have no energy but for given chemical potentials; "
                         "give --element a chemical symbol")
    values = {"lattice constant (Å)": cell.cell[0, 0]}
    if crystals.is_hexagonal(cell):
        values["c (Å)"] = cell.cell[2, 2]
    values["energy (eV/atom)"] = cell.get_potential_energy() / len(cell)
    say(f"lattice constant {cell.cell[0, 0]:.5f} Å")
    for name, value in zip(crystals.constants_of(cell), crystals.elastic_constants(cell, calculator)):
        values[f"{name} (GPa)"] = value
    say("elastic constants")
    values["vacancy formation (eV)"], vacancy = crystals.vacancy_formation(cell, calculator, arguments.size)
    say(f"vacancy formation energy {values['vacancy formation (eV)']:.3f} eV")
    path = crystals.vacancy_path(cell, calculator, arguments.size, arguments.images)
    energies = np.array([image.get_potential_energy() for image in path])
    values["vacancy migration (eV)"] = energies.max() - energies[0]
    say(f"vacancy migration energy {values['vacancy migration (eV)']:.3f} eV")
    return cell, values, energies - energies[0], (vacancy, path)


def draw(path, cell, calculator, energies, title):
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for kind in crystals.strains_of(cell):
        strained = [atoms for atoms in crystals.strained_cells(cell) if atoms.info["strain_type"] == kind]
        for atoms in strained:
            atoms.calc = calculator
        levels = np.array([atoms.get_potential_energy() / len(atoms) for atoms in strained])
        axes[0].plot([100 * atoms.info["strain_value"] for atoms in strained], 1000 * (levels - levels.min()), label=kind)
    axes[0].set(xlabel="strain (%)", ylabel="energy (meV/atom)", title=f"{title}: six kinds of strain")
    axes[0].legend(frameon=False, fontsize=8)
    axes[1].plot(np.linspace(0, 1, len(energies)), energies, marker="o", color="#0057b8")
    axes[1].set(xlabel="path", ylabel="energy (eV)", title=f"{title}: a vacancy's jump")
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    crystals.add_arguments(parser)
    parser.add_argument("--size", type=int, default=4, help="cells along a side of the vacancy's cell (4)")
    parser.add_argument("--images", type=int, default=7, help="of the vacancy's path, an odd number (7)")
    parser.add_argument("--output", type=Path, default=Path("."), help="folder of properties.png")
    parser.add_argument("--quick", action="store_true", help="a small cell for the vacancy")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.size, arguments.images = min(arguments.size, 3), min(arguments.images, 5)
    arguments.output.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        calculator = crystals.open_calculator(arguments, find_potential, stack)
        cell, values, energies, structures = compute(calculator, arguments)
        draw(arguments.output / "properties.png", cell, calculator, energies, arguments.element)
    errors = sigmas.of_crystal(arguments.potential, cell, arguments.size, *structures)
    print()
    for name, value in values.items():
        digits = 2 if "GPa" in name else 5
        print(f"{name:24s}{value:14.{digits}f}" + (f" ± {errors[name]:.{digits}f}" if name in errors else ""))
    print(f"\npicture: {arguments.output / 'properties.png'}")


if __name__ == "__main__":
    main()
