"""The core of a ½⟨111⟩ screw dislocation in a bcc crystal: where it is, which kind it is, and what the kinds cost.

Seen along the line, columns of atoms form a triangular lattice. The core is called easy at the centre of one half of the
triangles, hard at the centre of the other half, and split on a column.
"""

import numpy as np
from ase.constraints import FixAtoms, FixCartesian
from matscipy.dislocation import fit_core_position
from matscipy.neighbours import neighbour_list

from common import add_vacuum, relax

REACH = 16.0  # Å around the core: what its position is fitted to (10 Å), and the neighbours of that


def screw_disk(builder, radius, core=(0.0, 0.0)):
    """Crystal and unrelaxed dislocation in a disk of one period, in vacuum, with the same atoms. core: the place (x and
    y, Å, from an easy one) of the dislocation, which is the disk's axis."""
    # Displacements at the displaced places do not converge for a core on a column.
    perfect, disk = builder.build_cylinder(radius, core_position=np.array([*core, 0.0]), self_consistent=not any(core),
                                           verbose=False)
    add_vacuum(perfect, disk)
    return perfect, disk


def sites(lattice_constant):
    """Places (x and y, Å) of each kind of core around an easy one at the origin, by name."""
    distance = np.sqrt(2) / 3 * lattice_constant
    around = np.radians(np.arange(0, 360, 60))
    easy = np.sqrt(3) * distance * np.stack([np.cos(around), np.sin(around)], axis=1)
    hard = distance * np.stack([np.cos(around[::2] - np.pi / 2), np.sin(around[::2] - np.pi / 2)], axis=1)
    return {"easy": np.vstack([[0, 0], easy]), "hard": np.vstack([hard, -2 * hard]), "split": np.vstack([-hard, 2 * hard])}


def nearest_site(place, lattice_constant):
    """The kind of core that is nearest to a place, and how far (Å) from it the place is."""
    distances = {name: np.linalg.norm(points - place, axis=1).min() for name, points in sites(lattice_constant).items()}
    name = min(distances, key=distances.get)
    return name, distances[name]


# ---- where the core is ----

class CoreFit:
    """Fits the displacement field of elasticity to the atoms near a core, with matscipy. perfect: the crystal of one
    period; easy: an easy place in it (x and y, Å); places are counted from there."""

    def __init__(self, builder, perfect, easy):
        self.elasticity = (builder.alat, builder.C[0, 0], builder.C[0, 1], builder.C[3, 3])
        self.easy = np.array([*easy, 0.0])
        self.near = np.flatnonzero(np.linalg.norm(perfect.positions - self.easy, axis=1) < REACH)
        self.crystal = perfect[self.near]
        self.crystal.set_constraint()
        self.crystal.positions -= self.easy
        self.neighbours = neighbour_list("ij", self.crystal, builder.alat)

    def place(self, positions, guess=(0.0, 0.0)):
        """x and y (Å) of the core in one period, whose atoms are those of the crystal, in its order."""
        atoms = self.crystal.copy()
        atoms.positions = positions[self.near] - self.easy
        return fit_core_position(atoms, self.crystal, self.elasticity, current_pos=guess,
                                 bulk_neighbours=self.neighbours)


def one_period(perfect, line, height):
    """Positions (natoms × 3) of the atoms of each column that are nearest to a height (Å), moved to the first period.
    line: periods × natoms × 3, whose atoms are those of the perfect period, repeated."""
    period = perfect.cell[2, 2]
    number = np.ceil((height - perfect.positions[:, 2]) / period - 0.5 - 1e-6).astype(int)
    positions = line[number % len(line), np.arange(len(perfect))].copy()
    positions[:, 2] -= (number % len(line)) * period
    return positions


def places_along(fit, perfect, line):
    """Heights (Å) along a line, three for each period, and the core's places (x and y, Å) there."""
    heights = np.arange(3 * len(line)) / 3 * perfect.cell[2, 2]
    places, place = [], (0.0, 0.0)
    for height in heights:
        place = fit.place(one_period(perfect, line, height), place)
        places.append(place)
    return heights, np.array(places)


# ---- what the kinds of core cost ----

def displaced(builder, perfect, disk, place):
    """The disk with the core at another place (x and y, Å): the rim stays, all else gets elasticity's displacements."""
    atoms = disk.copy()
    field = builder.displacements(perfect.positions, np.array([[*place, 0.0]]), self_consistent=False, verbose=False)
    free = np.setdiff1d(np.arange(len(disk)), disk.constraints[0].index)
    atoms.positions[free] = (perfect.positions + field)[free]
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
    perfect, disk = screw_disk(builder, radius, core=(0.0, distance))
    axis = disk.info["core"]
    places = {"easy": axis - (0.0, distance), "hard": axis + (0.0, distance)}
    triangles = {kind: np.argsort(np.linalg.norm(perfect.positions[:, :2] - place, axis=1))[:3]
                 for kind, place in places.items()}
    structures = {kind: displaced(builder, perfect, disk, place) for kind, place in places.items()}
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
    return {kind: energy[kind] - energy["easy"] for kind in ("hard", "split")}, structures, perfect
