"""Properties of cubic crystals, and structures that hold them, for any cubic element and any ASE calculator.

The functions are used by properties.py, make_constraints.py and the other examples. A `cell` is the conventional cubic
cell of the relaxed crystal.
"""

import importlib

import numpy as np
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.filters import StrainFilter
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import Stationary, thermalize_momenta
from ase.mep import NEB
from ase.optimize import BFGS, FIRE
from ase.optimize.precon import Exp, PreconLBFGS
from ase.units import GPa, fs
from matscipy.elasticity import fit_elastic_constants

from lmlink import LMLink


def add_arguments(parser):
    """Command-line options that say which crystal, and who computes it."""
    parser.add_argument("--element", default="W", help="chemical symbol (W)")
    parser.add_argument("--structure", choices=("bcc", "fcc", "sc", "diamond"), help="default: the element's own")
    parser.add_argument("--lattice-constant", type=float, metavar="Å", help="to start from; default: the element's own")
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
    calculator = eval(expression, vars(importlib.import_module(module)))  # the user's own command line
    return stack.enter_context(calculator) if hasattr(calculator, "__exit__") else calculator


def relaxed_cell(calculator, symbol, structure=None, lattice_constant=None):
    """The conventional cubic cell at zero pressure, with the calculator attached."""
    cell = bulk(symbol, structure, a=lattice_constant, cubic=True)
    cell.calc = calculator
    BFGS(StrainFilter(cell), logfile=None).run(fmax=1e-7 * len(cell), steps=200)
    return cell


def elastic_constants(cell, calculator, step=1e-4):
    """C11, C12, C44 (GPa): slopes of the stress at strains of −2, −1, 0, 1 and 2 steps. Atoms relax in the strained
    cells of a crystal, such as diamond, where symmetry does not hold them."""
    strained = cell.copy()
    strained.calc = calculator
    constants, _ = fit_elastic_constants(strained, symmetry="cubic", delta=step, verbose=False, optimizer=BFGS,
                                         fmax=1e-6)
    return tuple(float(constants[i, j] / GPa) for i, j in ((0, 0), (0, 1), (3, 3)))


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


def strained_cells(cell, largest=0.01, count=17):
    """For each kind of strain `count` cells at strains from −largest to +largest, as a list of Atoms with strain_type
    and strain_value in their `info`; atoms move with the cell."""
    cells = []
    for kind, tensor in STRAINS.items():
        for value in np.linspace(-largest, largest, count):
            strained = cell.copy()
            strained.set_cell(cell.cell.array @ (np.eye(3) + value * tensor), scale_atoms=True)
            strained.info.update(strain_type=kind, strain_value=float(value))
            cells.append(strained)
    return cells


# ---- vacancies ----

def relax(atoms, fmax=1e-3):
    """Relax the atoms in their cell to forces below fmax (eV/Å); the number of steps."""
    optimizer = PreconLBFGS(atoms, precon=Exp(A=3), use_armijo=True, logfile=None)
    if not optimizer.run(fmax=fmax, steps=500):
        raise SystemExit(f"{len(atoms)} atoms did not relax to {fmax} eV/Å in {optimizer.nsteps} steps")
    return optimizer.nsteps


def vacancy_formation(cell, calculator, size=5):
    """E(N − 1) − (N − 1)/N E(N) in eV, and the relaxed vacancy, in size³ cubic cells at the crystal's volume."""
    perfect = cell.repeat(size)
    vacancy = perfect.copy()
    del vacancy[0]
    perfect.calc = vacancy.calc = calculator
    energy = perfect.get_potential_energy()
    relax(vacancy)
    return vacancy.get_potential_energy() - energy * (len(perfect) - 1) / len(perfect), vacancy


def vacancy_path(cell, calculator, size=4, images=7, fmax=0.02):
    """Relaxed path of a vacancy's jump to a neighbouring site, as a list of `images` Atoms with energies and forces.

    The path is the same from both ends, so that an odd number of images has one on the saddle."""
    perfect = cell.repeat(size)
    distances = perfect.get_distances(0, range(1, len(perfect)), mic=True)
    neighbour = int(np.argmin(distances)) + 1
    first, last = perfect.copy(), perfect.copy()
    last.positions[neighbour] -= perfect.get_distance(0, neighbour, mic=True, vector=True)
    del first[0], last[0]
    for atoms in first, last:
        atoms.calc = calculator
        relax(atoms, fmax / 4)
    path = [first, *(first.copy() for _ in range(images - 2)), last]
    for image in path:
        image.calc = calculator
    band = NEB(path, allow_shared_calculator=True, method="improvedtangent")
    band.interpolate(mic=True)
    if not FIRE(band, logfile=None).run(fmax=fmax, steps=500):
        raise SystemExit(f"the vacancy's path did not converge to {fmax} eV/Å")
    return [with_results(image) for image in path]


# ---- molecular dynamics ----

def snapshots(cell, calculator, temperature, count=1, size=5, seed=2024, apart=100, settle=300):
    """`count` snapshots of size³ cubic cells at a temperature (K) and the crystal's volume, after `settle` steps and
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


def with_results(atoms):
    """A copy that keeps energy and forces without the calculator; velocities are left out."""
    copy = atoms.copy()
    if copy.has("momenta"):
        del copy.arrays["momenta"]
    copy.calc = SinglePointCalculator(copy, energy=atoms.get_potential_energy(),
                                      forces=atoms.get_forces(apply_constraint=False))
    return copy
