"""The core of a dislocation: its differential displacement map, where it is, and which kind it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from .optional import matscipy
from .structures import Builder, Floats, from_line, in_axes, perfect_crystal, positions_in_crystal

FIRST_SHELL = 1.1  # of the distance of nearest neighbours; the second shell of bcc is at 1.155
REACH = 10.0  # Å around a core, to which its position is fitted
ACCURACY = 1e-3  # Å, of a fit
# Å from a guess: where a fit may begin.
AROUND = [(x, y) for x in np.arange(-1.6, 1.7, 0.4) for y in np.arange(-1.6, 1.7, 0.4) if x**2 + y**2 < 1.7**2]


# ---- differential displacements ----

@dataclass
class DisplacementMap:
    """Differential displacements: for each pair of nearest neighbours in the perfect crystal, once, how far the second has
    moved against the first along the Burgers vector. The sum along a circuit of bonds around a core is |b|, with the sign of
    the sense; around none it is 0.

    first, second : npairs integers
        Indices of the atoms.
    bonds : npairs × 3
        From first to second in the perfect crystal, Å.
    differences : npairs
        Å, in [−|b|/2, |b|/2]: columns that differ by |b| are the same."""

    first: NDArray[np.int_]
    second: NDArray[np.int_]
    bonds: Floats
    differences: Floats


def differential_displacements(atoms: Atoms) -> DisplacementMap:
    """V. Vitek's map of a structure with info["burgers"] and arrays["perfect_positions"]: a disk or a quadrupole, relaxed or
    not. Pairs along a line of atoms parallel to the dislocation line are left out."""
    first, second, bonds, changes = _bond_changes(atoms)
    burgers = np.asarray(atoms.info["burgers"], dtype=float)
    size = float(np.linalg.norm(burgers))
    along = changes @ burgers / size
    across = np.linalg.norm(bonds[:, :2], axis=1) > 0.1
    return DisplacementMap(first[across], second[across], bonds[across], (along - size * np.round(along / size))[across])


def plot_displacement_map(axes: Any, atoms: Atoms, center: ArrayLike | None = None, reach: float = 10.5) -> None:
    """Draw the differential displacement map around a center (x and y, Å; default: info["core"], or the first of
    info["cores"]) into the axes of a matplotlib figure: columns of atoms in greys by their height in the perfect crystal, and
    for each pair an arrow, as long as the way between the two where the difference is a third of the Burgers vector."""
    found = differential_displacements(atoms)
    places = positions_in_crystal(atoms)
    origin = np.asarray(_built(atoms)[0] if center is None else center, dtype=float)[:2]
    starts = places[found.first, :2] - origin
    near = np.abs(starts).max(axis=1) < reach + 3.0
    third = float(np.linalg.norm(atoms.info["burgers"])) / 3
    ways = found.bonds[near, :2] * (found.differences[near] / third)[:, None]
    tails = starts[near] + found.bonds[near, :2] / 2 - ways / 2
    axes.quiver(*tails.T, *ways.T, angles="xy", scale_units="xy", scale=1, width=0.006, headwidth=3.5, headlength=4,
                headaxislength=3.6, color="#c8102e", zorder=3)
    points = places[:, :2] - origin
    shown = np.abs(points).max(axis=1) < reach + 3.0
    heights = np.round((places[shown, 2] - places[0, 2]) / atoms.cell[2, 2], 3) % 1
    axes.scatter(*points[shown].T, c=heights, cmap="Greys", vmin=0, vmax=0.8, s=90, edgecolors="#2f3b48", linewidths=0.9,
                 zorder=2)
    axes.set(aspect="equal", xlim=(-reach, reach), ylim=(-reach, reach), xlabel="x (Å)", ylabel="y (Å)")


# ---- where it is ----

def core_position(atoms: Atoms, builder: Builder, guess: ArrayLike | None = None) -> Floats:
    """x and y (Å) of the line of a dislocation in a disk, relaxed or not: where elasticity's displacements fit best to those of
    the atoms, by least squares of the changes of bonds within 10 Å. Half way between the partials of a dissociated one.

    atoms: one period of the line; builder: that of the disk; guess: x and y (Å) to begin at, not farther than some 2 Å
    (default: info["core"]). ValueError for a quadrupole, of which core_positions has both."""
    built = _built(atoms)
    if "perfect_cell" in atoms.info:
        raise ValueError("core_position: a quadrupole has two cores: take core_positions")
    shift = np.zeros(2) if guess is None else np.asarray(guess, dtype=float) - built.mean(axis=0)
    position: Floats = _fit(atoms, builder, built + shift, 1.0).mean(axis=0)
    return position


def core_positions(atoms: Atoms, builder: Builder) -> Floats:
    """The same of each core (n × 2): of both partials where the disk was built with a partial_distance, or of both
    dislocations of a quadrupole. There the other one, and all images, are felt as a homogeneous strain, which is fitted, too."""
    built = _built(atoms)
    if "perfect_cell" not in atoms.info:
        return _fit(atoms, builder, built, 1.0)
    sign = float(np.sign(np.dot(atoms.info["burgers"], in_axes(builder, builder.burgers))))
    return np.vstack([_fit(atoms, builder, place[None], sense) for place, sense in zip(built, (sign, -sign))])


def one_period(cylinder: Atoms, builder: Builder, height: float) -> Atoms:
    """The atoms of a cylinder whose places in the crystal are in the one period around a height (Å), as a disk, without
    constraints and without atoms that have no place in the crystal, such as impurities."""
    period, length = _period(cylinder, builder), cylinder.cell[2, 2]
    places = positions_in_crystal(cylinder)
    above = places[:, 2] - height + period / 2 + 1e-3  # Å: atoms may be just where one period ends
    laps = np.floor(above / length)
    chosen = (above - laps * length < period) & places.any(axis=1)
    disk: Atoms = cylinder[chosen]
    for positions in (disk.positions, positions_in_crystal(disk)):
        positions[:, 2] -= laps[chosen] * length
    disk.set_constraint()
    disk.cell[2, 2] = period
    return disk


def core_line(cylinder: Atoms, builder: Builder) -> tuple[Floats, Floats]:
    """Where the line is along a cylinder: heights (n, Å), three in each period, and x and y there (n × 2, Å), each fitted by
    core_position to the one_period around the height."""
    period = _period(cylinder, builder)
    heights = np.arange(0.0, cylinder.cell[2, 2] - period / 6, period / 3)
    positions, guess = [], None
    for height in heights:
        guess = core_position(one_period(cylinder, builder, height), builder, guess)
        positions.append(guess)
    return heights, np.array(positions)


def _period(cylinder: Atoms, builder: Builder) -> float:
    """Of a cylinder with whole periods, to all digits."""
    length = float(cylinder.cell[2, 2])
    return length / max(1, round(length / float(builder.unit_cell.cell[2, 2])))


def _built(atoms: Atoms) -> Floats:
    """Where the dislocation, or each of its partials, was built (n × 2)."""
    places = atoms.info.get("cores", atoms.info.get("core"))
    if places is None:
        raise ValueError('the atoms have neither info["core"] nor info["cores"]: where to look for the core is not known')
    return np.atleast_2d(np.asarray(places, dtype=float))


def _fit(atoms: Atoms, builder: Builder, guess: Floats, sense: float) -> Floats:
    """Places of a builder's cores (n × 2), with its Burgers vector times the sense."""
    start = guess if len(guess) == builder.N_cores else np.repeat(guess.mean(axis=0)[None], builder.N_cores, axis=0)
    origin = start.mean(axis=0)
    one_of_two = "perfect_cell" in atoms.info
    reach = REACH if not one_of_two else min(REACH, float(np.linalg.norm(np.subtract(*_built(atoms)))) / 2)
    vectors = from_line(perfect_crystal(atoms), origin)
    chosen = np.linalg.norm(vectors[:, None] - (start - origin), axis=2).min(axis=1) < reach
    near, places = atoms[chosen], np.column_stack([vectors[chosen], np.zeros(np.sum(chosen))])
    if len(near) == 0:
        raise ValueError(f"there is no atom within {reach:g} Å of {start.tolist()}")
    first, second, bonds, changes = _bond_changes(near)
    burgers = np.asarray(near.info["burgers"], dtype=float)

    def misfit(flat: Floats) -> float:
        cores = np.column_stack([flat.reshape(-1, 2), np.zeros(len(start))])
        field = sense * builder.displacements(places, cores, self_consistent=False, verbose=False)
        left = changes - (field[second] - field[first])
        left -= np.outer(np.round(left @ burgers / (burgers @ burgers)), burgers)
        if one_of_two:
            left -= bonds @ np.linalg.lstsq(bonds, left, rcond=None)[0]
        return float(np.sum(left**2))

    # The misfit has a minimum in each triangle of columns that the core may be in: the best of many places is where to begin.
    flat = min(((start - origin + shift).ravel() for shift in AROUND), key=misfit)
    found = minimize(misfit, flat, method="Nelder-Mead",
                     options={"initial_simplex": np.vstack([flat, flat + 0.2 * np.eye(flat.size)]), "xatol": ACCURACY,
                              "fatol": 1e-8})
    positions: Floats = origin + found.x.reshape(-1, 2)
    return positions


def _bond_changes(atoms: Atoms) -> tuple[NDArray[np.int_], NDArray[np.int_], Floats, Floats]:
    """Each pair of nearest neighbours in the perfect crystal, once: both indices, the bond there, and by how much it has
    changed (Å)."""
    perfect = perfect_crystal(atoms)
    if not perfect.pbc[:2].any():  # matscipy warns of vacuum that is large beside the bonds
        perfect.positions[:, :2] -= perfect.positions[:, :2].min(axis=0)
        perfect.cell[[0, 1], [0, 1]] = np.ptp(perfect.positions[:, :2], axis=0) + 4.0
    neighbours = matscipy("neighbours").neighbour_list
    nearest = float(neighbours("d", perfect, 4.0).min())
    first, second, bonds, images = neighbours("ijDS", perfect, FIRST_SHELL * nearest)
    once = (first < second) | ((first == second) & (images @ (4, 2, 1) > 0))
    first, second, bonds, images = first[once], second[once], bonds[once], images[once]
    changes = atoms.positions[second] - atoms.positions[first] + images @ atoms.cell.array - bonds
    return first, second, bonds, changes


# ---- the kinds of core in bcc ----

def bcc_screw_sites(lattice_constant: float) -> dict[str, Floats]:
    """Places (n × 2, Å) of the cores of a ½⟨111⟩ screw dislocation in bcc, by kind, around the easy one at the origin, where
    build_disk puts it.

    Seen along the line, columns of atoms form a triangular lattice. The core is `easy` at the centre of one half of the
    triangles, `hard` at the centre of the other half, and `split` on a column."""
    distance = np.sqrt(2) / 3 * lattice_constant
    around = np.radians(np.arange(0, 360, 60))
    easy = np.sqrt(3) * distance * np.stack([np.cos(around), np.sin(around)], axis=1)
    hard = distance * np.stack([np.cos(around[::2] - np.pi / 2), np.sin(around[::2] - np.pi / 2)], axis=1)
    return {"easy": np.vstack([[0, 0], easy]), "hard": np.vstack([hard, -2 * hard]), "split": np.vstack([-hard, 2 * hard])}


def core_kind(position: ArrayLike, lattice_constant: float) -> tuple[str, float]:
    """Which of bcc_screw_sites is nearest to a position (x and y from the easy core, Å), and how far from it that is (Å)."""
    distances = {kind: float(np.linalg.norm(places - np.asarray(position), axis=1).min())
                 for kind, places in bcc_screw_sites(lattice_constant).items()}
    kind = min(distances, key=lambda name: distances[name])
    return kind, distances[kind]
