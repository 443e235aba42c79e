"""Properties of crystals, and structures that hold them, for cubic and hexagonal elements and compounds, with any ASE
calculator.

The functions are used by properties.py, make_constraints.py and the other examples. A `cell` is that of the relaxed
crystal: the conventional cubic one, or for hcp the hexagonal one of two atoms, with c along z.
"""

import importlib

import numpy as np
from ase.build import bulk
from ase.calculators.calculator import CalculatorError
from ase.calculators.singlepoint import SinglePointCalculator
from ase.data import atomic_numbers, reference_states
from ase.filters import StrainFilter
from ase.formula import Formula
from ase.io import write
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import Stationary, thermalize_momenta
from ase.mep import NEB
from ase.optimize import BFGS, FIRE
from ase.optimize.precon import Exp, PreconLBFGS
from ase.units import GPa, fs
from matscipy.elasticity import fit_elastic_constants

from lmlink import LMLink


ELEMENTS = ("bcc", "fcc", "sc", "diamond", "hcp")
COMPOUNDS = {"B1": ("rocksalt", (1, 1)), "B2": ("cesiumchloride", (1, 1)), "B3": ("zincblende", (1, 1)),
             "L12": ("fcc", (1, 3))}
"""Of each: ASE's name, and how many atoms of the two elements there are."""


def add_arguments(parser):
    """Command-line options that say which crystal, and who computes it."""
    parser.add_argument("--element", default="W", help="chemical symbol, or a compound's formula, as InP or Ni3Al (W)")
    parser.add_argument("--structure", choices=(*ELEMENTS, *COMPOUNDS), help="default: the element's own")
    parser.add_argument("--lattice-constant", type=float, metavar="Å",
                        help="to start from; default: the element's own; compounds want it")
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--potential", help="file for lmlink (default: W_2940_2017_2.snap)")
    who.add_argument("--calculator", metavar="MODULE:EXPRESSION",
                     help="an ASE calculator, such as 'ase.calculators.emt:EMT()'")


def open_calculator(arguments, default, stack):
    """The calculator that the command line names; `stack` (an ExitStack) closes it. default(): the potential's path."""
    if arguments.calculator is None:
        return stack.enter_context(LMLink(arguments.potential or default()))
    module, colon, expression = arguments.calculator.partition(":")
    if not colon:
        raise SystemExit(f"--calculator {arguments.calculator}: give MODULE:EXPRESSION, as ase.calculators.emt:EMT()")
    try:
        calculator = eval(expression, vars(importlib.import_module(module)))  # the user's own command line
    except Exception as error:
        raise SystemExit(f"--calculator {arguments.calculator}: {type(error).__name__}: {error}") from error
    return stack.enter_context(calculator) if hasattr(calculator, "__exit__") else calculator


def build(formula, structure=None, lattice_constant=None):
    """The crystal's cell before it is relaxed. What cannot be built ends the program with a message that says why."""
    try:
        counts = Formula(formula).count()
        known = [symbol for symbol in counts if atomic_numbers[symbol] > 0]
    except (ValueError, KeyError):
        known = []
    if not known:
        raise SystemExit(f"{formula}: neither a chemical symbol nor a compound's formula, such as InP or Ni3Al")
    if len(counts) == 1:
        return _build_element(known[0], structure, lattice_constant)
    return _build_compound(formula, counts, structure, lattice_constant)


def _build_element(symbol, structure, lattice_constant):
    reference = reference_states[atomic_numbers[symbol]] or {}
    own = reference.get("symmetry")
    if structure in COMPOUNDS:
        raise SystemExit(f"{symbol} in {structure}: that is the structure of a compound; an element can be one of "
                         f"{', '.join(ELEMENTS)}")
    if structure is None and (own not in ELEMENTS or "a" not in reference):
        raise SystemExit(f"{symbol}: its own structure ({own or 'unknown'}) cannot be built here: give --structure, one of "
                         f"{', '.join(ELEMENTS)}, and --lattice-constant")
    if structure not in (None, own) and lattice_constant is None:
        raise SystemExit(f"{symbol} in {structure}: that is not its own structure ({own}): give --lattice-constant, in Å")
    structure = structure or own
    return bulk(symbol, structure, a=lattice_constant, cubic=structure != "hcp")


def _build_compound(formula, counts, structure, lattice_constant):
    if structure not in COMPOUNDS:
        raise SystemExit(f"{formula}{' in ' + structure if structure else ''}: compounds can be built in "
                         f"{', '.join(COMPOUNDS)}: give --structure, one of these, and --lattice-constant")
    name, ratio = COMPOUNDS[structure]
    fewer, more = sorted(counts, key=counts.get) if len(counts) == 2 else (None, None)
    if fewer is None or counts[fewer] * ratio[1] != counts[more] * ratio[0]:
        raise SystemExit(f"{formula} in {structure}: that structure has two elements, {ratio[1]} to {ratio[0]}")
    if lattice_constant is None:
        raise SystemExit(f"{formula} in {structure}: give --lattice-constant, in Å")
    if structure != "L12":
        return bulk("".join(counts), name, a=lattice_constant, cubic=True)
    cell = bulk(more, name, a=lattice_constant, cubic=True)
    cell.symbols[0] = fewer
    return cell


def relaxed_cell(calculator, formula, structure=None, lattice_constant=None, tolerance=1e-7):
    """The crystal's cell at zero pressure, with the calculator attached; symmetry holds the atoms in it. tolerance: of the
    pressure times the volume, eV per atom, which may be as small as the calculator's rounding allows."""
    cell = build(formula, structure, lattice_constant)
    volume = cell.get_volume()
    cell.calc = calculator
    try:
        cell.get_potential_energy()
    except (CalculatorError, NotImplementedError, KeyError) as error:
        raise SystemExit(f"{formula}: the calculator cannot compute it: {error}") from error
    converged = BFGS(StrainFilter(cell), logfile=None).run(fmax=tolerance * len(cell), steps=200)
    if not converged or not 0.6 < cell.get_volume() / volume < 1.6:
        raise SystemExit(f"{formula}: the cell does not relax to one near that which it started from "
                         f"({volume / len(cell):.2f} Å³ an atom, now {cell.get_volume() / len(cell):.2f}): give another "
                         "--lattice-constant or --structure, or the calculator does not hold this crystal")
    return cell


def is_hexagonal(cell):
    return abs(cell.cell.angles()[2] - 120) < 1e-3


def constants_of(cell):
    """Names and Voigt indices of the independent elastic constants."""
    pairs = (11, 12, 13, 33, 44) if is_hexagonal(cell) else (11, 12, 44)
    return {f"C{pair}": (pair // 10 - 1, pair % 10 - 1) for pair in pairs}


def elastic_constants(cell, calculator, step=1e-4, held=1e-6):
    """C11, C12, C44, or for a hexagonal crystal C11, C12, C13, C33, C44 (GPa): slopes of the stress at strains of −2, −1,
    0, 1 and 2 steps. Atoms relax in the strained cells of a crystal, such as diamond, where symmetry does not hold them: where forces
    are above `held` (eV/Å), which must be above the calculator's noise. With None they stay where the strain has them."""
    strained = cell.copy()
    strained.calc = calculator
    constants, _ = fit_elastic_constants(strained, symmetry="hexagonal" if is_hexagonal(cell) else "cubic", delta=step,
                                         verbose=False, **({} if held is None else {"optimizer": BFGS, "fmax": held}))
    return tuple(float(constants[pair] / GPa) for pair in constants_of(cell).values())


# ---- strained cells ----

def _unit(*direction):
    return np.array(direction) / np.linalg.norm(direction)


def _shear(direction, normal):
    return (np.outer(direction, normal) + np.outer(normal, direction)) / 2


STRAINS = {
    "hydrostatic": np.eye(3) / 3,
    "uniaxial [100]": np.outer(_unit(1, 0, 0), _unit(1, 0, 0)),
    "uniaxial [111]": np.outer(_unit(1, 1, 1), _unit(1, 1, 1)),
    "shear [100],[010]": _shear(_unit(1, 0, 0), _unit(0, 1, 0)),
    "shear [110],[001]": _shear(_unit(1, 1, 0), _unit(0, 0, 1)),
    "shear [110],[1-12]": _shear(_unit(1, 1, 0), _unit(1, -1, 2)),
}
"""The six kinds of strain (3 × 3 tensors of size one) that together see every elastic constant, and what is beyond."""

HEXAGONAL_STRAINS = {
    "hydrostatic": np.eye(3) / 3,
    "uniaxial [0001]": np.outer(_unit(0, 0, 1), _unit(0, 0, 1)),
    "uniaxial [2-1-10]": np.outer(_unit(1, 0, 0), _unit(1, 0, 0)),
    "uniaxial [01-10]": np.outer(_unit(0, 1, 0), _unit(0, 1, 0)),
    "shear [2-1-10],[0001]": _shear(_unit(1, 0, 0), _unit(0, 0, 1)),
    "shear [2-1-10],[01-10]": _shear(_unit(1, 0, 0), _unit(0, 1, 0)),
}
"""The same for hcp crystals."""


def strains_of(cell):
    return HEXAGONAL_STRAINS if is_hexagonal(cell) else STRAINS


def strained_cells(cell, largest=0.01, count=17):
    """For each kind of strain `count` cells at strains from −largest to +largest, as a list of Atoms with strain_type
    and strain_value in their `info`; atoms move with the cell."""
    cells = []
    for kind, tensor in strains_of(cell).items():
        for value in np.linspace(-largest, largest, count):
            strained = cell.copy()
            strained.set_cell(cell.cell.array @ (np.eye(3) + value * tensor), scale_atoms=True)
            strained.info.update(strain_type=kind, strain_value=float(value))
            cells.append(strained)
    return cells


def inner_displacements(strained, calculator, held=1e-6):
    """Where symmetry does not hold the atoms of a strained cell (forces above `held`, eV/Å): the cell with its atoms
    relaxed, and with them displaced twice as far. With the strained cell itself their energies fix a parabola, and so the
    displacement and the elastic constants, which both depend on how strain and displacement act together."""
    relaxed = strained.copy()
    relaxed.calc = calculator
    if np.abs(relaxed.get_forces()).max() < held:
        return []
    if not BFGS(relaxed, logfile=None).run(fmax=held, steps=200):
        raise SystemExit(f"the atoms of a cell under {strained.info['strain_type']} strain did not relax: smaller --strain")
    beyond = relaxed.copy()
    beyond.positions += relaxed.positions - strained.positions
    for factor, atoms in (1, relaxed), (2, beyond):
        atoms.calc = calculator
        atoms.info["inner_displacement"] = factor
    return [relaxed, beyond]


def elastic_cells(cell, calculator, *sizes):
    """Strained cells (of these `sizes`, as strained_cells has them) whose energies hold the elastic constants: with displaced atoms,
    too, where symmetry does not hold them."""
    plain = strained_cells(cell, *sizes)
    return plain + [atoms for strained in plain for atoms in inner_displacements(strained, calculator)]


# ---- vacancies ----

def relax(atoms, fmax=1e-3):
    """Relax the atoms in their cell to forces below fmax (eV/Å); the number of steps."""
    optimizer = PreconLBFGS(atoms, precon=Exp(A=3), use_armijo=True, logfile=None)
    if not optimizer.run(fmax=fmax, steps=500):
        raise SystemExit(f"{len(atoms)} atoms did not relax to {fmax} eV/Å in {optimizer.nsteps} steps")
    return optimizer.nsteps


def vacancy_formation(cell, calculator, size=5):
    """E(N − 1) − (N − 1)/N E(N) in eV, and the relaxed vacancy, in size³ cells at the crystal's volume."""
    perfect = cell.repeat(size)
    vacancy = perfect.copy()
    del vacancy[0]
    perfect.calc = vacancy.calc = calculator
    energy = perfect.get_potential_energy()
    relax(vacancy)
    return vacancy.get_potential_energy() - energy * (len(perfect) - 1) / len(perfect), vacancy


def vacancy_path(cell, calculator, size=4, images=7, fmax=0.02, site=0):
    """Relaxed path of a vacancy's jump from an atom's site of `cell` to the next one of the same element, as a list of
    `images` Atoms with energies and forces.

    The path is the same from both ends, so that an odd number of images has one on the saddle."""
    perfect = cell.repeat(size)
    distances = perfect.get_distances(site, range(len(perfect)), mic=True)
    distances[perfect.numbers != perfect.numbers[site]] = distances[site] = np.inf
    neighbour = int(np.argmin(distances))
    first, last = perfect.copy(), perfect.copy()
    last.positions[neighbour] -= perfect.get_distance(site, neighbour, mic=True, vector=True)
    del first[site], last[site]
    for atoms in first, last:
        atoms.calc = calculator
        relax(atoms, fmax / 4)
    path = [first, *(first.copy() for _ in range(images - 2)), last]
    for image in path:
        image.calc = calculator
    band = NEB(path, allow_shared_calculator=True, method="improvedtangent")
    band.interpolate(mic=True)
    if not FIRE(band, logfile=None).run(fmax=fmax, steps=500):
        raise SystemExit(f"the vacancy's path did not converge to {fmax} eV/Å; without it: --vacancy-size 0")
    return [with_results(image) for image in path]


# ---- molecular dynamics ----

def snapshots(cell, calculator, temperature, count=1, size=5, seed=2024, apart=100, settle=300):
    """`count` snapshots of size³ cells at a temperature (K) and the crystal's volume, after `settle` steps and
    `apart` steps from each other, as a list of Atoms with energies and forces."""
    rng = np.random.default_rng(seed)
    atoms = cell.repeat(size)
    atoms.calc = calculator
    thermalize_momenta(atoms, temperature_K=2 * temperature, rng=rng)  # half of it becomes potential energy
    Stationary(atoms)
    time_step = 2 * fs * np.sqrt(atoms.get_masses().min() / 184)  # tungsten's, for lighter atoms shorter
    dynamics = Langevin(atoms, time_step, temperature_K=temperature, friction=0.02 / fs, fixcm=False, rng=rng)
    taken = []
    for number in range(count):
        dynamics.run(settle if number == 0 else apart)
        taken.append(with_results(atoms))
        taken[-1].info["temperature"] = float(atoms.get_temperature())
    return taken


def write_constraints(cell, calculator, folder):
    """strained.xyz and hot.xyz, few structures with which lmlink-retrain keeps a potential's properties; make_constraints.py
    makes more of them."""
    hot = [snapshots(cell, calculator, temperature, size=4)[0] for temperature in (300, 1000)]
    write(folder / "strained.xyz", strained_cells(cell), format="extxyz")
    write(folder / "hot.xyz", hot, format="extxyz")


def with_results(atoms):
    """A copy that keeps energy and forces without the calculator; velocities are left out."""
    copy = atoms.copy()
    if copy.has("momenta"):
        del copy.arrays["momenta"]
    copy.calc = SinglePointCalculator(copy, energy=atoms.get_potential_energy(),
                                      forces=atoms.get_forces(apply_constraint=False))
    return copy
