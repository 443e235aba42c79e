"""Relaxation by forces alone, preconditioned for crystals with thousands of atoms."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms
from ase.optimize.ode import ODE12r
from ase.optimize.precon.precon import Precon
from ase.optimize.sciopt import OptimizerConvergenceError
from scipy.sparse import coo_matrix, diags

from ..outputs import Replaced
from .optional import matscipy
from .structures import Floats

Report = Callable[[int, float], None]


class Springs(Precon):
    """A preconditioner for crystals with fixed atoms, for ASE's optimizers: the stiffness of springs between near atoms, the
    same for x, y and z, of free atoms. It is made once: crystals keep their neighbours. After D. Packwood et al., J. Chem.
    Phys. 144, 164109 (2016), whose exponential it has.

    Equations are solved by conjugate gradients. The stabiliser bounds the matrix from below, so that some thirty steps
    suffice for any number of atoms; a sparse factorisation takes minutes and gigabytes where these take a second.

    Parameters
    ----------
    stiffness : float
        eV/Å², of a spring between nearest neighbours; the optimizers find the scale by themselves.
    stabiliser : float
        Of a spring that holds each atom at its place, in units of the stiffness."""

    REACH, DECAY = 1.3, 3.0  # of springs, in nearest neighbours' distances; of the exponential
    ACCURACY = 1e-3  # of a solution: what is left of the right-hand side

    def __init__(self, stiffness: float = 1.0, stabiliser: float = 0.05):
        self.stiffness, self.stabiliser = stiffness, stabiliser
        self.matrix: Any = None

    def make_precon(self, atoms: Atoms, reinitialize: object = None) -> None:
        """Make the matrix, the first time that this is called."""
        if self.matrix is not None:
            return
        neighbours = matscipy("neighbours").neighbour_list
        held = [fixed.index for fixed in atoms.constraints if isinstance(fixed, FixAtoms)]
        self.free = np.setdiff1d(np.arange(len(atoms)), np.concatenate(held) if held else [])
        # The crystal's, not that of an interstitial atom, which is much nearer to its neighbours.
        centre, distance = neighbours("id", atoms, 3.5)
        least = np.full(len(atoms), np.inf)
        np.minimum.at(least, centre, distance)
        nearest = np.median(least)
        first, second, distance = neighbours("ijd", atoms, self.REACH * nearest)
        weight = self.stiffness * np.exp(-self.DECAY * (distance / nearest - 1))
        springs = coo_matrix((weight, (first, second)), shape=(len(atoms), len(atoms))).tocsr()
        total = np.asarray(springs.sum(axis=1)).ravel() + self.stabiliser * self.stiffness
        self.total = (diags(total) - springs).tocsr()
        self.matrix = self.total[self.free][:, self.free]

    def Pdot(self, x: Floats) -> Floats:
        """The matrix times a vector of 3 natoms values."""
        product: Floats = (self.total @ x.reshape(-1, 3)).ravel()
        return product

    def solve(self, x: Floats) -> Floats:
        """The vector whose product with the matrix is x, where atoms are free; 0 elsewhere."""
        forces = x.reshape(-1, 3)
        steps = np.zeros_like(forces)
        steps[self.free] = self._solve_free(forces[self.free])
        return steps.reshape(x.shape)

    def _solve_free(self, forces: Floats) -> Floats:
        """Conjugate gradients, for x, y and z at the same time: each column has its own coefficients."""
        solution, left, direction = np.zeros_like(forces), forces.copy(), forces.copy()
        square = np.einsum("ij,ij->j", left, left)
        goal = self.ACCURACY**2 * square
        while (square > goal).any():
            product = self.matrix @ direction
            along = np.einsum("ij,ij->j", direction, product)
            step = np.divide(square, along, out=np.zeros(3), where=along > 0)
            solution += step * direction
            left -= step * product
            before, square = square, np.einsum("ij,ij->j", left, left)
            direction *= np.divide(square, before, out=np.zeros(3), where=before > 0)
            direction += left
        return solution

    def copy(self) -> Springs:
        """One that makes its matrix anew."""
        return Springs(self.stiffness, self.stabiliser)

    def asarray(self) -> Floats:
        """The matrix, dense, natoms × natoms."""
        dense: Floats = self.total.toarray()
        return dense


def largest_force(atoms: Atoms) -> float:
    """The largest force (eV/Å) on an atom that is free."""
    return float(np.linalg.norm(atoms.get_forces(), axis=1).max())


def relax(atoms: Atoms, tolerance: float = 0.01, steps: int = 1000, keep: str | os.PathLike[str] | None = None,
          report: Report | None = None) -> int:
    """Relax atoms to a largest force of tolerance (eV/Å) by ODE12r with Springs, which need forces alone: no energy, as that
    of a mixture, and no gradient of one (S. Makri, C. Ortner and J. R. Kermode, J. Chem. Phys. 150, 094109 (2019)).

    Parameters
    ----------
    atoms : ASE's Atoms
        With a calculator, and constraints, which count.
    tolerance : float
        eV/Å.
    steps : int
        At most.
    keep : path, optional
        A file (.npy) for the positions, written after each step so that an interrupt leaves it whole. Where it is there,
        the relaxation goes on from these; it is removed at the end.
    report : callable, optional
        Called with the number of steps and the largest force (eV/Å), before the first and after each.

    Returns
    -------
    int
        The number of steps, 0 where nothing had to be done.

    Raises
    ------
    ase.optimize.sciopt.OptimizerConvergenceError
        where a larger force is left after all steps; the atoms are where they have come to."""
    file = None if keep is None else Path(keep)
    if file is not None and file.is_file():
        atoms.set_positions(np.load(file), apply_constraint=False)
    optimizer = ODE12r(atoms, precon=Springs(), logfile=None)  # type: ignore[arg-type]

    def note() -> None:
        if report is not None:
            report(optimizer.nsteps, largest_force(atoms))
        if file is not None:
            with Replaced(file) as temporary, open(temporary, "wb") as stream:
                np.save(stream, atoms.positions)

    optimizer.attach(note)
    optimizer.run(fmax=tolerance, steps=steps)
    optimizer.observers.clear()  # note holds the optimizer, and that its preconditioner
    if largest_force(atoms) > tolerance:
        raise OptimizerConvergenceError(f"no relaxation to {tolerance:g} eV/Å in {steps} steps: {largest_force(atoms):.3f} are "
                                        "left; give more steps, or look at the structure")
    if file is not None:
        file.unlink(missing_ok=True)
    return int(optimizer.nsteps)
