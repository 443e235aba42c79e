"""Standard deviations of a cubic crystal's properties, by the uncertainty beside a potential (lmlink-retrain
--uncertainty).

Each is the length of a row: of what the property's change would be if the coefficients changed by a column of the
uncertainty's factor. Energies have such rows as the result `energy_deviations`, and what is made of differences of energies
has that of the rows. Relaxed atoms add nothing, as their forces are zero; the lattice constant, which other coefficients
change as well, adds what the property changes with it.
"""

from pathlib import Path

import numpy as np
from ase.units import GPa

import crystals
from lmlink import LMLink

STEP = 2e-3  # of strains, for differences


def stretched(cell, stretch, strain=0.0):
    """The cell larger by `stretch` along each axis, after a strain (3 × 3)."""
    atoms = cell.copy()
    atoms.set_cell(cell.cell.array @ (np.eye(3) + strain) * (1 + stretch), scale_atoms=True)
    return atoms


class Rows:
    """Rows of a crystal's properties by the potential of a file, whose relaxed cell is `cell`; a context."""

    def __init__(self, potential, cell):
        self.cell = cell
        self.calculator = LMLink(potential, results=["energy_deviations"])
        along = self._slope(cell), self._curvature("hydrostatic", 0.0)
        self.stretch = -along[0][1:] / (9 * cell.get_volume() * along[1][0])  # of the lattice constant, relative

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.calculator.close()

    def _of(self, atoms):
        """The energy (eV) and behind it its row (eV): what is made of several is made of both."""
        energy = self.calculator.get_property("energy", atoms)
        return np.concatenate([[energy], self.calculator.results["energy_deviations"]])

    def _slope(self, atoms):
        """Change of the energy with a stretch of the cell."""
        return (self._of(stretched(atoms, STEP)) - self._of(stretched(atoms, -STEP))) / (2 * STEP)

    def _curvature(self, kind, stretch):
        """E″/V (eV/Å³) along a strain of the stretched crystal."""
        less, same, more = (self._of(stretched(self.cell, stretch, size * crystals.STRAINS[kind]))
                            for size in (-STEP, 0.0, STEP))
        return (less - 2 * same + more) / STEP**2 / (self.cell.get_volume() * (1 + stretch)**3)

    def energy(self, atoms):
        """Row (eV) of the energy of relaxed atoms in a cell that is made of the crystal's."""
        return self._of(atoms)[1:] + self.stretch * self._slope(atoms)[0]

    def elastic_constants(self):
        """Rows (eV/Å³) of C11, C12 and C44, where symmetry holds the atoms."""
        rows = {}
        for kind in "hydrostatic", "uniaxial [100]", "shear [100],[010]":
            change = self._curvature(kind, STEP)[0] - self._curvature(kind, -STEP)[0]
            rows[kind] = self._curvature(kind, 0.0)[1:] + self.stretch * change / (2 * STEP)
        first = rows["uniaxial [100]"]
        return first, (3 * rows["hydrostatic"] - first) / 2, rows["shear [100],[010]"]


def of_crystal(potential, cell, size, vacancy, path):
    """Standard deviations of what properties.py and validate.py say of a crystal, by the names of their tables: none where
    there is no uncertainty, or of crystals that are not cubic; no elastic constants where symmetry does not hold atoms."""
    if potential is None or not Path(potential).with_suffix(".uncertainty.npy").exists() or crystals.is_hexagonal(cell):
        return {}
    with Rows(potential, cell) as rows:
        perfect = cell.repeat(size)
        top = max(path, key=lambda image: image.get_potential_energy())
        found = {"lattice constant (Å)": cell.cell[0, 0] * rows.stretch,
                 "vacancy formation (eV)": rows.energy(vacancy) - rows.energy(perfect) * len(vacancy) / len(perfect),
                 "vacancy migration (eV)": rows.energy(top) - rows.energy(path[0])}
        if len(cell) in (2, 4) and len(set(cell.numbers)) == 1:  # bcc, fcc
            constants = zip(crystals.constants_of(cell), rows.elastic_constants())
            found |= {f"{name} (GPa)": row / GPa for name, row in constants}
    return {name: float(np.linalg.norm(row)) for name, row in found.items()}
