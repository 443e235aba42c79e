"""What the kinds of core of a ½⟨111⟩ screw dislocation in a bcc crystal cost."""

import numpy as np
from ase.constraints import FixAtoms, FixCartesian

from common import relax
from lmlink.dislocations import build_disk, perfect_crystal


def displaced(builder, disk, place):
    """The disk with the core at another place (x and y, Å): the rim stays, all else gets elasticity's displacements."""
    atoms, perfect = disk.copy(), perfect_crystal(disk).positions
    field = builder.displacements(perfect, np.array([[*place, 0.0]]), self_consistent=False, verbose=False)
    free = np.setdiff1d(np.arange(len(disk)), disk.constraints[0].index)
    atoms.positions[free] = (perfect + field)[free]
    return atoms


def hold(atoms, columns, heights, period):
    """Hold columns of atoms at heights along the line, each by the nearest of its atoms; all else may relax."""
    rim = next(fixed for fixed in atoms.constraints if isinstance(fixed, FixAtoms))
    atoms.set_constraint()
    wrong = atoms.positions[columns, 2] - heights
    atoms.positions[columns, 2] -= wrong - period * np.round(wrong / period)
    atoms.set_constraint([rim, FixCartesian(columns, (False, False, True))])


def core_energies(builder, calculator, radius, tolerance=0.005):
    """Energies (eV per period) of the hard and the split core above the easy one, in the same disk.

    The disk's axis, where the dislocation is by the displacements of the rim, is a column; an easy core on one side of it
    and a hard core on the other are equally far from the axis. The easy core is relaxed. The hard one is held by the three
    columns around it, which symmetry puts at one height. Half way between the two is the split core: the five columns of
    both triangles are held half way between their heights. The rim, which suits a core on the axis, makes the split core
    too low by about K b² d²/4πR²; d is the distance from easy to split: 1 meV for tungsten with R = 60 Å."""
    distance, period = np.sqrt(2) / 3 * builder.alat, float(np.linalg.norm(builder.burgers))
    disk = build_disk(builder, radius, core=(0.0, distance))
    axis, columns_at = disk.info["core"], perfect_crystal(disk).positions[:, :2]
    places = {"easy": axis - (0.0, distance), "hard": axis + (0.0, distance)}
    triangles = {kind: np.argsort(np.linalg.norm(columns_at - place, axis=1))[:3]
                 for kind, place in places.items()}
    structures = {kind: displaced(builder, disk, place) for kind, place in places.items()}
    hold(structures["hard"], triangles["hard"], structures["hard"].positions[triangles["hard"], 2], period)
    for atoms in structures.values():
        atoms.calc = calculator
        relax(atoms, tolerance)
    columns = np.union1d(*triangles.values())
    begin, end = (structures[kind].positions[columns, 2] for kind in ("easy", "hard"))
    way = end - begin - period * np.round((end - begin) / period)
    split = structures["easy"].copy()
    hold(split, columns, begin + way / 2, period)
    split.calc = calculator
    relax(split, tolerance)
    structures["split"] = split
    energy = {kind: atoms.get_potential_energy() for kind, atoms in structures.items()}
    return {kind: energy[kind] - energy["easy"] for kind in ("hard", "split")}
