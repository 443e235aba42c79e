"""Energies along paths from the work of forces, and the minimum-energy path that climbs by it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Sequence

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.calculators.singlepoint import SinglePointCalculator
from ase.geometry import find_mic
from ase.optimize.ode import ode12r
from ase.optimize.sciopt import OptimizerConvergenceError
from scipy.interpolate import CubicSpline

from .relaxation import Report, Springs
from .structures import Floats

FINE = 20  # points of a curve between two images
STEP = 0.05  # Å: error that a step of the optimizer may have
# Of the preconditioner. Tangents follow the images, which a softer one lets sway; with this one a third to a fifth of the steps.
STABILISER = 3.0


@dataclass
class VirtualWork:
    """Work along a path of n images. length: of the path up to each image (n, Å); energy: at each image (n, eV), 0 at the
    first; curve: lengths and energies at the images and between them (2 × m); error: an estimate of the energies' error (eV),
    the largest change at the images where every second one is left out, infinite for two images."""

    length: Floats
    energy: Floats
    curve: Floats
    error: float

    @property
    def barrier(self) -> float:
        """The highest energy on the way, eV."""
        return float(self.curve[1].max())


def virtual_work(images: Sequence[Atoms]) -> VirtualWork:
    """Energies along a path from the forces of its images, −∫ F·dX (docs/theory.md, "Virtual work"): of splines of positions
    and forces over the path's length, whose product is integrated exactly. T. D. Swinburne and J. R. Kermode, Phys. Rev. B 96,
    144102 (2017).

    Images need forces, not energies. Steps from one to the next are by minimum image. Atoms that are held, but at different
    places from image to image, do work too. ValueError for fewer than two images."""
    if len(images) < 2:
        raise ValueError(f"virtual_work: a path has two images or more, not {len(images)}")
    positions = _along(images)
    forces = np.array([atoms.get_forces(apply_constraint=False).ravel() for atoms in images])
    moving = np.ptp(positions, axis=0) > 0
    positions, forces = positions[:, moving], forces[:, moving]
    length, energy, curve = _integrate(positions, forces)
    # Every second image, and the last one, where the estimate is made.
    some = np.unique(np.append(np.arange(0, len(images), 2), len(images) - 1))
    error = float(np.abs(_integrate(positions[some], forces[some])[1] - energy[some]).max()) if len(images) > 2 else np.inf
    return VirtualWork(length, energy, curve, error)


def keep_results(atoms: Atoms) -> None:
    """Replace the calculator by its results: energy, and forces on all atoms, those that are held too."""
    atoms.calc = SinglePointCalculator(atoms, energy=atoms.get_potential_energy(),
                                       forces=atoms.get_forces(apply_constraint=False))


def find_path(initial: Atoms, final: Atoms, calculators: Sequence[Calculator], tolerance: float = 0.05, steps: int = 500,
              climbing_steps: int = 500, report: Report | None = None) -> list[Atoms]:
    """The minimum-energy path between two relaxed structures, by a nudged elastic band with a climbing image that needs
    forces alone: the virtual work along the band takes the energies' place, in the tangents, which point to the higher neighbour,
    and where it is to be known which image climbs. For a conservative force the path is that of an ordinary band, and the
    climbing image is on the saddle.

    First all images relax across the band; then the highest one also climbs along it, if it is above both ends. The
    optimizer is ODE12r with Springs as preconditioner.

    Parameters
    ----------
    initial, final : ASE's Atoms
        Relaxed, with calculators or results. Constraints are those of `initial`.
    calculators : list of calculators
        One for each image between the ends. Different ones are asked at the same time; the same one may stand several times,
        and is then asked image by image.
    tolerance : float
        eV/Å: the largest component of the force on an image across the band, and of the whole force on the climbing image.
    steps : int
        At most, across the band.
    climbing_steps : int
        At most, of the second part; with 0 no image climbs. A path with a cusp, where the core jumps from one image to the next,
        has no saddle to climb to.
    report : callable, optional
        Called with the number of steps and the largest component (eV/Å) after each, from 1 again in the second part.

    Returns
    -------
    list of Atoms
        All images, ends included, with their energies and forces in place of calculators.

    Raises
    ------
    ase.optimize.sciopt.OptimizerConvergenceError
        where a larger component is left after all steps.
    ValueError
        where the ends do not have the same atoms and cell, or there is no calculator."""
    images = _interpolated(initial, final, calculators)
    band = _Band(images, calculators)
    band.optimize(tolerance, steps, report)
    band.climbing = band.highest() if climbing_steps > 0 else None
    if band.climbing is not None:
        band.optimize(tolerance, climbing_steps, report)
    for image in images:
        keep_results(image)
    return images


def refine_path(images: Sequence[Atoms], calculators: Sequence[Calculator], tolerance: float = 0.005,
                doublings: int = 3) -> list[Atoms]:
    """A path on which virtual_work() errs less: with further images halfway between every two, on the splines through the
    images' positions, so long as its estimate of the error is larger than the tolerance. Each takes one evaluation; nothing is
    relaxed, as the splines lead through the same images as before. Steep paths need it: thirteen images are too few where a core
    moves most of its way between two of them.

    Parameters
    ----------
    images : list of ASE's Atoms
        With results, as those of find_path().
    calculators : list of calculators
        Those of find_path(), or any number of others; different ones are asked at the same time.
    tolerance : float
        eV, of VirtualWork.error, which is an estimate from half of the images: the error itself is a tenth of it, or less.
    doublings : int
        At most: 13 images become 25, 49, 97. Where a core jumps, no number of images is enough; VirtualWork.error tells.

    Returns
    -------
    list of Atoms
        All images, with their results. Those that were given are among them, the same objects.

    Raises
    ------
    ValueError
        where there is no calculator, or only one image."""
    if len(calculators) == 0:
        raise ValueError("refine_path: give a calculator")
    path = list(images)
    for _ in range(doublings):
        if virtual_work(path).error <= tolerance:
            break
        halfway = _halfway(path)
        _evaluate(halfway, calculators)
        path = [image for pair in zip(path, halfway) for image in pair] + path[-1:]
    return path


class _Band:
    """Images, of which the first and the last stay. What is optimized are the positions of the others, one after the other."""

    def __init__(self, images: list[Atoms], calculators: Sequence[Calculator]):
        self.images = images
        self.climbing: int | None = None  # the image that climbs, if one does
        self.ends = [image.get_forces(apply_constraint=False).ravel() for image in (images[0], images[-1])]
        self.springs = Springs(stabiliser=STABILISER)
        self.springs.make_precon(images[0])
        # The same calculator can't compute two images at the same time.
        self.workers = len(images) - 2 if len(set(map(id, calculators))) == len(calculators) else 1

    def optimize(self, tolerance: float, steps: int, report: Report | None) -> None:
        taken = 0

        def note(_: Floats) -> None:
            nonlocal taken
            taken += 1
            if report is not None:
                report(taken, self.residual)

        start = np.concatenate([image.positions.ravel() for image in self.images[1:-1]])
        ode12r(self.drive, start, fmax=tolerance, steps=steps, rtol=STEP, verbose=0, callback=note,
               apply_precon=self.precondition)
        if self.residual > tolerance:
            raise OptimizerConvergenceError(f"no path to {tolerance:g} eV/Å in {steps} steps: {self.residual:.3f} are left; "
                                            "give more steps, or more images")

    def drive(self, flat: Floats) -> Floats:
        """The forces on all inner images across the band, and on the climbing one against the force along it, too."""
        for image, positions in zip(self.images[1:-1], flat.reshape(len(self.images) - 2, -1, 3)):
            image.set_positions(positions)
        with ThreadPoolExecutor(self.workers) as pool:
            found = list(pool.map(_forces, self.images[1:-1]))
        self.positions = np.array([image.positions.ravel() for image in self.images])
        self.real = np.array([self.ends[0], *(real for real, _ in found), self.ends[1]])
        length = _length(self.positions)
        self.tangents = _tangents(self.positions, self.work())
        drive = np.array([free for _, free in found])
        along = np.einsum("ij,ij->i", drive, self.tangents)
        self.slides = np.diff(length, 2)  # towards equal distances; unlike a spring's, without a stiffness that limits steps
        if self.climbing is not None:
            climber = self.climbing - 1
            tangent = self.tangents[climber]
            self.slides[climber] = -along[climber] / (tangent @ self.springs.Pdot(tangent))
            along[climber] *= 2
        drive -= along[:, None] * self.tangents
        self.residual = float(np.abs(drive).max())
        return drive.ravel()

    def precondition(self, drive: Floats, flat: Floats) -> tuple[Floats, float]:
        """Steps for the drive at the positions of the last call: those for the forces across the band stay across it; along
        it images slide."""
        steps = []
        for force, tangent, slide in zip(drive.reshape(len(self.images) - 2, -1), self.tangents, self.slides):
            step = self.springs.solve(force - (force @ tangent) * tangent)
            steps.append(step + (slide - step @ tangent) * tangent)
        return np.concatenate(steps), self.residual

    def work(self) -> Floats:
        """Virtual work up to each image (eV)."""
        moving = np.ptp(self.positions, axis=0) > 0
        return _integrate(self.positions[:, moving], self.real[:, moving])[1]

    def highest(self) -> int | None:
        """The inner image with the most work, if it has more than both ends."""
        energy = self.work()
        top = int(np.argmax(energy))
        return top if 0 < top < len(energy) - 1 else None


def _tangents(positions: Floats, energy: Floats) -> Floats:
    """Unit vectors along a path at its inner images, towards the neighbour that is higher, or between the two where the image is
    a peak or a valley (G. Henkelman and H. Jónsson, J. Chem. Phys. 113, 9978 (2000)): with those of a spline, steep paths become
    kinked."""
    steps = np.diff(positions, axis=0)
    before, after = np.diff(energy)[:-1], np.diff(energy)[1:]
    larger, smaller = np.maximum(np.abs(before), np.abs(after)), np.minimum(np.abs(before), np.abs(after))
    rising, falling = (before > 0) & (after > 0), (before < 0) & (after < 0)
    ahead = np.where(rising, 1.0, np.where(falling, 0.0, np.where(after > -before, larger, smaller)))
    behind = np.where(rising, 0.0, np.where(falling, 1.0, np.where(after > -before, smaller, larger)))
    tangents = ahead[:, None] * steps[1:] + behind[:, None] * steps[:-1]
    unit: Floats = tangents / np.linalg.norm(tangents, axis=1)[:, None]
    return unit


def _halfway(images: Sequence[Atoms]) -> list[Atoms]:
    """Structures between every two images of a path, without results."""
    positions = _along(images)
    length = _length(positions)
    between = CubicSpline(length, positions)((length[1:] + length[:-1]) / 2)
    structures = []
    for places in between:
        structures.append(images[0].copy())
        structures[-1].set_positions(places.reshape(-1, 3), apply_constraint=False)
    return structures


def _evaluate(structures: Sequence[Atoms], calculators: Sequence[Calculator]) -> None:
    """Give all structures results: different calculators compute at the same time, each its share one after the other."""
    different = list({id(calculator): calculator for calculator in calculators}.values())

    def compute(number: int) -> None:
        for atoms in structures[number::len(different)]:
            atoms.calc = different[number]
            keep_results(atoms)

    with ThreadPoolExecutor(len(different)) as pool:
        list(pool.map(compute, range(len(different))))


def _forces(image: Atoms) -> tuple[Floats, Floats]:
    """Of a calculator, and what constraints leave of them (eV/Å, 3 natoms each)."""
    real = image.get_forces(apply_constraint=False)
    free = real.copy()
    for constraint in image.constraints:
        constraint.adjust_forces(image, free)
    return real.ravel(), free.ravel()


def _interpolated(initial: Atoms, final: Atoms, calculators: Sequence[Calculator]) -> list[Atoms]:
    """Images on the straight line between the ends, by minimum image, with their calculators."""
    if len(calculators) == 0:
        raise ValueError("find_path: give a calculator for each image between the ends")
    if not np.array_equal(initial.numbers, final.numbers) or not np.allclose(initial.cell.array, final.cell.array):
        raise ValueError("find_path: the ends must have the same atoms, in the same order, in the same cell")
    way = _along([initial, final])
    images = []
    for number in range(len(calculators) + 2):
        image = initial.copy()
        fraction = number / (len(calculators) + 1)
        image.set_positions(((1 - fraction) * way[0] + fraction * way[1]).reshape(-1, 3), apply_constraint=False)
        images.append(image)
    images[0].calc = initial.calc
    images[-1].calc = SinglePointCalculator(images[-1], energy=final.get_potential_energy(),
                                            forces=final.get_forces(apply_constraint=False))
    keep_results(images[0])
    for image, calculator in zip(images[1:-1], calculators):
        image.calc = calculator
    return images


def _along(images: Sequence[Atoms]) -> Floats:
    """Positions (nimages × 3 natoms) without jumps: each step is by minimum image. Those shorter than half of the least
    distance between opposite faces of the cell are so as they are, and ASE is asked for the others alone, which takes long."""
    places = np.array([atoms.positions for atoms in images])
    steps = np.diff(places, axis=0)
    cell, periodic = images[0].cell, images[0].pbc
    if periodic.any():
        heights = 1 / np.linalg.norm(cell.reciprocal().array, axis=1)[periodic]
        far = np.linalg.norm(steps, axis=2) >= heights.min() / 2
        if far.any():
            steps[far] = find_mic(steps[far], cell, periodic)[0]
    places[1:] = places[0] + np.cumsum(steps, axis=0)
    return places.reshape(len(images), -1)


def _length(positions: Floats) -> Floats:
    """Of a path up to each image (Å)."""
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    if not (steps > 0).all():
        at = int(np.argmin(steps))
        raise ValueError(f"images {at} and {at + 1} of the path are at the same place, or nowhere")
    length: Floats = np.append(0, np.cumsum(steps))
    return length


def _integrate(positions: Floats, forces: Floats) -> tuple[Floats, Floats, Floats]:
    """Length and energy at each image, and the curve. The splines' product is a polynomial of degree 5 between two images,
    which Gauss's rule with three points integrates exactly."""
    length = _length(positions)
    tangent, force = CubicSpline(length, positions).derivative(), CubicSpline(length, forces)
    points, weights = np.polynomial.legendre.leggauss(3)
    fine = np.concatenate([np.linspace(a, b, FINE, endpoint=False) for a, b in zip(length, length[1:])] + [length[-1:]])
    half = np.diff(fine)[:, None] / 2
    where = fine[:-1, None] + half * (points + 1)
    power = np.einsum("ijk,ijk->ij", force(where), tangent(where))
    energy = np.append(0, np.cumsum(-(power * weights * half).sum(axis=1)))
    return length, energy[::FINE], np.array([fine, energy])
