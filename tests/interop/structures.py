"""Structures for comparisons: rattled, of 50 to 500 atoms, in cells of every kind."""

import numpy as np
from ase.build import bulk, make_supercell

SHEAR = np.array([[1.03, 0.04, -0.02], [0.0, 0.98, 0.05], [0.03, 0.0, 1.01]])


def rattled_cells(symbols, lattice, a, seed=1):
    """Five structures of the crystal, with random symbols of those given on its sites.

    Orthogonal; triclinic; triclinic with two periodic directions; orthogonal and thinner than any cutoff in two
    directions, so that an atom is its own neighbour; and a cluster without a cell.
    """
    rng = np.random.default_rng(seed)
    cubic = _cubic(lattice, a)
    size = {2: 3, 4: 3, 8: 2}[len(cubic)]
    cells = [cubic.repeat(size), cubic.repeat((size, size, size + 1)), cubic.repeat(size),
             cubic.repeat((1, 1, -(-50 // len(cubic)))), cubic.repeat(size)]
    for cell in cells[1:3]:
        cell.set_cell(cell.cell.array @ SHEAR, scale_atoms=True)
    cells[2].pbc = True, False, True
    cells[4].set_cell(None)
    cells[4].pbc = False
    for atoms in cells:
        atoms.symbols = rng.choice(symbols, len(atoms))
        atoms.positions += rng.normal(0, 0.12, (len(atoms), 3))
    cells[0].positions += 30.0  # outside the cell
    return cells


def _cubic(lattice, a):
    """The crystal's cubic cell."""
    if lattice == "zincblende":
        return bulk("InP", lattice, a=a, cubic=True)
    return bulk("W", lattice, a=a, cubic=True)


def skewed_crystal(symbol, a, seed=2):
    """250 atoms of a bcc crystal, rattled, in a strongly skewed cell."""
    atoms = make_supercell(bulk(symbol, "bcc", a=a), [[5, 0, 1], [3, 7, 0], [0, -3, 7]])
    atoms.positions += np.random.default_rng(seed).normal(0, 0.1, (len(atoms), 3))
    return atoms
