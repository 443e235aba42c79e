"""How wide QM region and buffer must be for the numbers of atoms that the paper gives of its clusters.

The paper names no widths. For each cluster this places the QM atoms around a centre, as many as the paper has, and prints
between which radii that many are, and between which widths of the buffer there are as many atoms as there.
"""

import numpy as np
from matscipy.dislocation import BCCEdge100110Dislocation, BCCEdge100Dislocation, BCCScrew111Dislocation

from lmlink.dislocations import build_cylinder, build_disk, build_glide
from segregation import places

SCREW_RADIUS, EDGE_RADIUS = 60.0, 85.0  # Å
CYLINDER = 11  # periods: of the edge dislocation with a vacancy, and more than a cluster of the screw reaches


def between(distances, count):
    """The distances (Å) between which exactly so many are; None where there is no such distance."""
    ordered = np.sort(distances)
    lower, upper = ordered[count - 1], ordered[count]
    return (float(lower), float(upper)) if upper - lower > 1e-6 else None


def distance_to(atoms, indices):
    """Of all atoms to the nearest of those with these indices, by the nearest image along the line."""
    nearest = np.full(len(atoms), np.inf)
    period = atoms.cell[2, 2]
    for position in atoms.positions[indices]:
        apart = atoms.positions - position
        apart[:, 2] -= period * np.round(apart[:, 2] / period)
        nearest = np.minimum(nearest, np.linalg.norm(apart, axis=1))
    return nearest


def widths(atoms, distances, number, buffer):
    """Ranges (Å) of the QM radius and of the buffer for these numbers of atoms; distances: of all atoms to the centre."""
    chosen = np.argsort(distances, kind="stable")[:number]
    around = np.delete(distance_to(atoms, chosen), chosen)
    return between(distances, number), between(around, buffer)


def of_glide(kind, lattice, radius, number, buffer):
    """A cluster around the middle of one step of glide; also the number of atoms."""
    first, last = build_glide(kind(lattice[0], *lattice[1], symbol="W"), radius)
    middle = (first.info["core"] + last.info["core"]) / 2
    distances = np.linalg.norm(first.positions[:, :2] - middle, axis=1)
    return len(first), *widths(first, distances, number, buffer)


def of_helium_disk(lattice, number, buffer):
    """A cluster around the line; helium is one of the QM atoms."""
    disk = build_disk(BCCScrew111Dislocation(lattice[0], *lattice[1], symbol="W"), SCREW_RADIUS / 3.1855 * lattice[0])
    distances = np.linalg.norm(disk.positions[:, :2] - disk.info["core"], axis=1)
    return len(disk), *widths(disk, distances, number - 1, buffer)


def of_helium_sphere(lattice, number, buffer):
    """A cluster around helium at the line's centre, at that height where the radius may vary most."""
    disk = build_disk(BCCScrew111Dislocation(lattice[0], *lattice[1], symbol="W"), 30.0)
    line = build_cylinder(disk, 2 * CYLINDER)
    found = []
    for part in np.linspace(0, 1, 60, endpoint=False):
        centre = [*line.info["core"], (CYLINDER + part) * disk.cell[2, 2]]
        radii, reach = widths(line, np.linalg.norm(line.positions - centre, axis=1), number - 1, buffer)
        if radii and reach:
            found.append((radii[1] - radii[0], radii, reach))
    return max(found)[1:] if found else (None, None)


def of_vacancy(lattice, number, buffer):
    """A cluster of spheres around three places of a vacancy; the atoms, and how many of them there are."""
    disk, _ = build_glide(BCCEdge100110Dislocation(lattice[0], *lattice[1], symbol="W"), EDGE_RADIUS)
    line = build_cylinder(disk, CYLINDER)
    chain = places(line, lattice[0], 3)
    distances = np.delete(distance_to(line, chain), chain[0])
    del line[chain[0]]
    return len(line), *widths(line, distances, number, buffer)


def describe(ranges):
    """A range in words."""
    return "no width" if ranges is None else f"{ranges[0]:.2f} to {ranges[1]:.2f} Å"
