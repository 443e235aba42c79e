"""Compare two potentials of a bcc metal before the new one is used: what must not have changed, and what should have.

    python validate.py W.snapcoeff W_retrained.snapcoeff --files bulk_MD_test.xyz --limit elastic=0.001

Lattice constant, elastic constants (strains of 1e-4), vacancy formation and migration, the ½⟨111⟩{110} γ-line, the energies
of a ½⟨111⟩ screw dislocation's hard and split core above the easy one and its Peierls barrier, and the errors of forces in
extended XYZ files, by both, through LMLink; standard deviations where an uncertainty lies beside the new one. Prints a table, draws validate.png, and ends with exit code 1 where a relative
change is larger than its limit.
"""

import argparse
import re
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from ase.io import read
from ase.lattice.cubic import BodyCenteredCubic
from ase.units import J, m
from matscipy.dislocation import BCCScrew111Dislocation

import crystals
import sigmas
from common import RADIUS_QUICK, say, total_energies
from cores import core_energies
from lmlink import LMLink, LMLinkError
from peierls import Model, compute_path

# name: largest relative change that is accepted unless --limit says otherwise
LIMITS = {"lattice": 1e-3, "elastic": 1e-2, "vacancy": 0.1, "migration": 0.2, "gamma": 0.2, "core": 0.2, "peierls": 0.2}
COLOURS = ("#b0b0b0", "#0057b8")


def gamma_line(cell, calculator, points):
    """Energies (J/m²) of a crystal whose upper half is shifted along ½⟨111⟩ in a {110} plane, atoms held; there are two
    such planes in the periodic cell."""
    slab = BodyCenteredCubic("W", directions=[[1, 1, 1], [-1, -1, 2], [1, -1, 0]], size=(1, 1, 6),
                             latticeconstant=cell.cell[0, 0])
    slab.symbols = [cell.get_chemical_symbols()[0]] * len(slab)
    upper = slab.get_scaled_positions()[:, 2] > 0.5 - 1e-6
    shift = slab.cell[0]  # the repeat along ⟨111⟩ is ½⟨111⟩
    area = np.linalg.norm(np.cross(slab.cell[0], slab.cell[1]))
    energies = []
    for fraction in np.linspace(0, 1, points):
        atoms = slab.copy()
        atoms.positions[upper] += fraction * shift
        atoms.calc = calculator
        energies.append(atoms.get_potential_energy())
    return (np.array(energies) - energies[0]) / (2 * area) / (J / m**2)


def force_errors(calculator, frames):
    """RMS difference (eV/Å) to the forces that come with structures, over the atoms that fix_mask leaves free."""
    squares = []
    for atoms, wanted in frames:
        free = ~atoms.arrays.get("fix_mask", np.zeros(len(atoms), bool))
        atoms.calc = calculator
        squares.append(((atoms.get_forces() - wanted)[free] ** 2).ravel())
    return float(np.sqrt(np.concatenate(squares).mean()))


def screw(potential, cell, elastic, arguments):
    """Energies (meV per period of the line) of a screw dislocation: of the hard and the split core above the easy one, and
    along the path to the next easy one."""
    builder = BCCScrew111Dislocation(cell.cell[0, 0], *elastic, symbol=arguments.element)
    with LMLink(potential) as calculator:
        cores = core_energies(builder, calculator, arguments.radius)
    path = compute_path(Model("potential", Path(potential)), builder, arguments.radius, arguments.band)
    return {kind: 1000 * energy for kind, energy in cores.items()}, 1000 * total_energies(path)


def compute(potential, arguments):
    """The table's values by name, and the curves that are drawn, by name."""
    name = Path(potential).name
    with LMLink(potential) as calculator:
        cell = crystals.relaxed_cell(calculator, arguments.element)
        elastic = crystals.elastic_constants(cell, calculator)
        values = {"lattice constant (Å)": cell.cell[0, 0], **dict(zip(("C11 (GPa)", "C12 (GPa)", "C44 (GPa)"), elastic))}
        say(f"{name}: elastic constants")
        values["vacancy formation (eV)"], vacancy = crystals.vacancy_formation(cell, calculator, arguments.size)
        path = crystals.vacancy_path(cell, calculator, arguments.size, arguments.images)
        jump = np.array([image.get_potential_energy() for image in path])
        values["vacancy migration (eV)"] = jump.max() - jump[0]
        say(f"{name}: vacancy")
        line = gamma_line(cell, calculator, arguments.points)
        values["γ-line, highest (J/m²)"] = line.max()
        errors = {f"forces of {file}, RMS error (eV/Å)": force_errors(calculator, frames) for file, frames in arguments.files}
    cores, glide = screw(potential, cell, elastic, arguments)
    values |= {f"screw, {kind} − easy core (meV/b)": energy for kind, energy in cores.items()}
    values["screw, Peierls barrier (meV/b)"] = glide.max()
    say(f"{name}: screw dislocation")
    known = sigmas.of_crystal(potential, cell, arguments.size, vacancy, path)
    return values | errors, {"line": line, "jump": jump - jump[0], "cores": [0.0, *cores.values()], "glide": glide,
                             "sigmas": known}


def limit_of(name, limits):
    """The largest relative change of a value; None where any is fine, as of errors."""
    words = {"lattice": "lattice", "C1": "elastic", "C4": "elastic", "vacancy f": "vacancy", "vacancy m": "migration",
             "γ": "gamma", "screw, h": "core", "screw, s": "core", "screw, P": "peierls"}
    return next((limits[key] for begin, key in words.items() if name.startswith(begin)), None)


def print_table(old, new, sigmas_of_new, limits):
    """The table; whether all is within its limits."""
    good = True
    print(f"\n{'':48}{'old':>12}{'new':>12}{'change':>12}  limit")
    for name, before in old.items():
        change, limit = new[name] / before - 1 if before else np.nan, limit_of(name, limits)
        crossed = limit is not None and not abs(change) <= limit
        good = good and not crossed
        print(f"{name:48}{before:12.5f}{new[name]:12.5f}{change:12.1e}  "
              + ("" if limit is None else f"{limit:g}{'  EXCEEDED' if crossed else ''}")
              + (f"  σ {sigmas_of_new[name]:.5f}" if name in sigmas_of_new else ""))
    return good


def draw(path, names, both):
    figure, axes = plt.subplots(2, 2, figsize=(10, 7.6), layout="constrained")
    for i, (name, colour, curves) in enumerate(zip(names, COLOURS, both)):
        for panel, key in ((axes[0, 0], "line"), (axes[0, 1], "jump"), (axes[1, 0], "glide")):
            panel.plot(np.linspace(0, 1, len(curves[key])), curves[key], "o-", color=colour, label=name)
        axes[1, 1].bar(np.arange(3) + 0.4 * i - 0.2, curves["cores"], 0.4, color=colour, label=name)
    axes[0, 0].set(xlabel="shift along ½⟨111⟩", ylabel="energy (J/m²)", title="{110} γ-line, atoms held")
    axes[0, 1].set(xlabel="path", ylabel="energy (eV)", title="A vacancy's jump")
    axes[1, 0].set(xlabel="path", ylabel="energy (meV per |b|)", title="Glide of a ½⟨111⟩ screw dislocation")
    axes[1, 1].set(ylabel="energy (meV per |b|)", title="Its cores")
    axes[1, 1].set_xticks(range(3), ["easy", "hard", "split"])
    axes[1, 1].legend(frameon=False)
    figure.savefig(path, dpi=110)


# ---- what the command line says ----

def limit(text):
    name, _, value = text.partition("=")
    if name not in LIMITS or not re.fullmatch(r"[\d.]+(e[-+]?\d+)?", value):
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=NUMBER with a name of {', '.join(LIMITS)}")
    return name, float(value)


def odd(text):
    if not re.fullmatch(r"\d*[13579]", text) or int(text) < 3:
        raise argparse.ArgumentTypeError(f"'{text}' is not an odd number of 3 or more: one image is half way")
    return int(text)


def potential(text):
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"there is no file '{text}'")
    return text


def forces(text):
    """Name of a file, and its structures with their forces."""
    try:
        frames = read(text, ":", format="extxyz")
    except (OSError, ValueError, KeyError) as error:
        raise argparse.ArgumentTypeError(f"'{text}' cannot be read as extended XYZ: {error}") from error
    for i, atoms in enumerate(frames):
        if atoms.calc is None or "forces" not in atoms.calc.results:
            raise argparse.ArgumentTypeError(f"'{text}': frame {i} (counted from 0) has no forces")
    return Path(text).name, [(atoms, atoms.get_forces()) for atoms in frames]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=potential, help="potential file")
    parser.add_argument("new", type=potential, help="potential file")
    parser.add_argument("--element", default="W", help="chemical symbol of a bcc metal (W)")
    parser.add_argument("--files", type=forces, nargs="*", default=[], help="extended XYZ files with forces")
    parser.add_argument("--limit", type=limit, action="append", default=[], metavar="NAME=NUMBER",
                        help="largest relative change of " + ", ".join(f"{k} ({v:g})" for k, v in LIMITS.items()))
    parser.add_argument("--size", type=int, default=4, help="cubic cells along a side of the vacancy's cell (4)")
    parser.add_argument("--images", type=odd, default=7, help="of the vacancy's path, an odd number (7)")
    parser.add_argument("--points", type=int, default=13, help="of the γ-line (13)")
    parser.add_argument("--radius", type=float, default=60, metavar="Å", help="of the disk around a screw dislocation (60)")
    parser.add_argument("--band", type=odd, default=9, help="images of the dislocation's path, an odd number (9)")
    parser.add_argument("--output", type=Path, default=Path("."), help="folder of validate.png")
    parser.add_argument("--quick", action="store_true", help="a small cell for the vacancy, and a small disk")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.size, arguments.images = min(arguments.size, 3), min(arguments.images, 5)
        arguments.radius, arguments.band = min(arguments.radius, RADIUS_QUICK), min(arguments.band, 7)
    arguments.output.mkdir(parents=True, exist_ok=True)
    try:
        (old, old_curves), (new, new_curves) = (compute(file, arguments) for file in (arguments.old, arguments.new))
    except (LMLinkError, SystemExit) as error:  # of crystals.py, which says what it cannot build
        parser.error(str(error))
    good = print_table(old, new, new_curves["sigmas"], LIMITS | dict(arguments.limit))
    picture = arguments.output / "validate.png"
    draw(picture, [Path(arguments.old).name, Path(arguments.new).name], (old_curves, new_curves))
    print(f"\npicture: {picture}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
