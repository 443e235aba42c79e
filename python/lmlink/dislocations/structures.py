"""Structures with dislocations: disks of one period of the line, cylinders of many, periodic quadrupoles."""

from __future__ import annotations

from typing import Any, Sequence

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator
from ase.constraints import FixAtoms
from ase.filters import StrainFilter
from ase.geometry import find_mic
from ase.optimize import BFGS
from ase.units import GPa
from numpy.typing import ArrayLike, NDArray

from .optional import matscipy

VACUUM = 15.0  # Å around a disk, more than any potential's cutoff
PERFECT = "perfect_positions"
Floats = NDArray[np.float64]
Builder = Any  # an object of one of the classes of matscipy.dislocation, which has no annotations


def lattice_and_elasticity(calculator: Calculator, symbol: str = "W",
                           step: float = 1e-3) -> tuple[float, tuple[float, float, float]]:
    """What a builder of matscipy wants to know of an element whose own crystal is cubic (bcc, fcc, diamond): its lattice
    constant (Å) at zero pressure, and C11, C12, C44 (GPa).

    These are slopes of the stress at strains of −2, −1, 0, 1 and 2 steps; atoms that symmetry does not hold relax there. The
    calculator must give a stress. ValueError where the element's crystal is not cubic."""
    cell = bulk(symbol, cubic=True)
    cell.calc = calculator
    BFGS(StrainFilter(cell), logfile=None).run(fmax=1e-6)  # type: ignore[arg-type]
    constants, _ = matscipy("elasticity").fit_elastic_constants(cell, symmetry="cubic", delta=step, verbose=False,
                                                                optimizer=BFGS, fmax=1e-5)
    c11, c12, c44 = (float(constants[pair] / GPa) for pair in ((0, 0), (0, 1), (3, 3)))
    return float(cell.cell[0, 0]), (c11, c12, c44)


def build_disk(builder: Builder, radius: float, core: Sequence[float] = (0.0, 0.0), rim: float = 10.0,
               partial_distance: int = 0) -> Atoms:
    """One period of a dislocation's line, unrelaxed: all atoms of the crystal within a radius of the line, displaced as
    anisotropic elasticity says, in vacuum, periodic along the line alone.

    Parameters
    ----------
    builder : object of a class of matscipy.dislocation
        Crystal, Burgers vector and orientation, with lattice constant and elasticity of the potential at the rim.
    radius : float
        Å, of the disk, whose axis is the line.
    core : two floats
        x and y (Å) of the line, from where matscipy puts it in the crystal: of the ½⟨111⟩ screw in bcc, the easy core.
        See bcc_screw_sites for the others. At (0, 0) displacements are self-consistent (where matscipy has them so); at other
        places they are those at the atoms' places in the crystal.
    rim : float
        Å: atoms that are nearer to the edge than this are held.
    partial_distance : int
        Of a dislocation that the builder dissociates: how many glide distances the two partials are apart.

    Raises
    ------
    ValueError
        where the rim leaves no atom free, or partials are asked of a dislocation without."""
    if not 0 < rim < radius:
        raise ValueError(f"rim {rim:g} Å, radius {radius:g} Å: the rim must be above 0 and below the radius, or nothing is free")
    if partial_distance and builder.N_cores < 2:
        raise ValueError(f"partial_distance {partial_distance}: {builder.name} has no partials")
    options: dict[str, Any] = {"partial_distance": partial_distance} if builder.N_cores > 1 else {}
    # Displacements at the displaced places do not converge for a core on a column of atoms.
    disk: Atoms
    perfect, disk = builder.build_cylinder(radius, core_position=np.array([*core, 0.0]), fix_width=rim, verbose=False,
                                           self_consistent=None if not any(core) else False, **options)
    _finish(builder, perfect.positions, disk)
    return disk


def build_glide(builder: Builder, radius: float, rim: float = 10.0) -> tuple[Atoms, Atoms]:
    """Two disks, unrelaxed, with the same atoms: before and after the dislocation has glided by one step, along x. Their
    rims are held at the same places, half way between what elasticity says of both. For radius and rim see build_disk."""
    perfect, *ends = builder.build_glide_configurations(radius, average_positions=True, fix_width=rim, verbose=False)
    _finish(builder, perfect.positions, *ends)
    return ends[0], ends[1]


def build_cylinder(disk: Atoms, periods: int) -> Atoms:
    """A disk, which may have been relaxed, repeated along the line, with the same rim; periods one after the other, each with
    the disk's atoms in their order."""
    atoms: Atoms = disk.repeat((1, 1, periods))
    held = [fixed.index for fixed in disk.constraints if isinstance(fixed, FixAtoms)]
    atoms.set_constraint([FixAtoms(np.concatenate([index + i * len(disk) for i in range(periods)])) for index in held])
    atoms.arrays[PERFECT][:, 2] += np.repeat(np.arange(periods), len(disk)) * disk.cell[2, 2]
    return atoms


def build_quadrupole(builder: Builder, separation: int, offset: Sequence[float] | None = None) -> Atoms:
    """A cell, periodic in all directions, with two dislocations of opposite Burgers vectors, unrelaxed: a small structure
    without surface, as density functional theory wants it. With its images each dislocation has four of the other sign around
    it, and the cell no net Burgers vector.

    The displacements are those of elasticity, summed over 17 × 17 cells; what is not periodic in that sum is linear in the
    position, and is taken away. The cell is then sheared by −A ⊗ b/S. A is the area, per length of the line, across which the
    pair has slipped the crystal, S the cell's area across the line; without that, a mean stress of the order of C44 |b| |A|/S
    pulls the two together, and in cells of usual sizes they annihilate (E. Clouet, L. Ventelon and F. Willaime, Phys. Rev. Lett.
    102, 055502 (2009)).

    Parameters
    ----------
    builder : object of a class of matscipy.dislocation
        See build_disk; of one element, and not dissociated. info["burgers"] is its Burgers vector, that of the first of
        info["cores"]; the second has the opposite one.
    separation : int
        Glide distances between the two lines, at least 3; the number of atoms is proportional to its square.
    offset : two floats, optional
        x and y (Å) of the second line from the place that is equivalent to the first one's. By default (0, 0), but for the
        ½⟨111⟩ screw in bcc the nearest place below, as what is an easy core for one Burgers vector is a hard core for the
        other. Across the glide plane only a screw can be off.

    Raises
    ------
    ValueError
        where it is not so."""
    symbols = set(builder.unit_cell.get_chemical_symbols())
    if separation < 3 or builder.N_cores > 1 or len(symbols) > 1:
        raise ValueError(f"build_quadrupole: separation {separation} of {builder.name} in {'-'.join(sorted(symbols))}: wants "
                         "a separation of 3 or more, one element, and a dislocation that is not dissociated")
    burgers = in_axes(builder, builder.burgers)
    is_screw = not burgers[:2].any()
    if offset is None:
        offset = (0.0, -np.sqrt(2) / 3 * builder.alat if is_screw and builder.crystalstructure == "bcc" else 0.0)
    if offset[1] and not is_screw:
        raise ValueError(f"build_quadrupole: offset {tuple(offset)} of {builder.name}: y must be 0, as the two glide in one plane")
    quadrupole = matscipy("dislocation").CubicCrystalDislocationQuadrupole(type(builder), builder.alat, C=builder.C,
                                                                           symbol=symbols.pop())
    # Its displacements are not taken: they do not converge where the two are not in one plane.
    perfect, built = quadrupole.build_quadrupole(separation, verbose="off", disp_tol=np.inf, self_consistent=False)
    cores = np.array(built.info["core_positions"], dtype=float) * (1.0, 1.0, 0.0)
    cores[1, :2] += offset
    field = _periodic_field(builder, perfect, cores)
    shear = -np.outer(np.cross([0.0, 0.0, 1.0], cores[1] - cores[0]), burgers) * perfect.cell[2, 2] / perfect.get_volume()
    atoms = Atoms(perfect.numbers, perfect.positions @ (np.eye(3) + shear) + field, pbc=True,
                  cell=perfect.cell.array @ (np.eye(3) + shear))
    atoms.arrays[PERFECT] = perfect.positions.copy()
    atoms.info = {"burgers": burgers, "cores": cores[:, :2], "perfect_cell": perfect.cell.array.copy()}
    return atoms


def _periodic_field(builder: Builder, perfect: Atoms, cores: Floats, cells: int = 8) -> Floats:
    """Displacements (natoms × 3, Å) of the atoms of a crystal's cell with a dislocation in each cell at cores[0], and one with
    the opposite Burgers vector at cores[1]. The sum over images is only conditionally convergent, and its error is linear in
    the position: W. Cai, V. V. Bulatov, J. Chang, J. Li and S. Yip, Phil. Mag. 83, 539 (2003)."""
    across, burgers = perfect.cell.array[:2], in_axes(builder, builder.burgers)
    counts = np.arange(-cells, cells + 1)
    images = (counts[:, None, None] * across[0] + counts[None, :, None] * across[1]).reshape(-1, 1, 3)

    def total(points: Floats) -> Floats:
        field = np.zeros_like(points)
        for core, sense in zip(cores, (1, -1)):
            vectors = (points - core - images).reshape(-1, 3)
            field += sense * builder.displacements(vectors, np.zeros((1, 3)), self_consistent=False,
                                                   verbose=False).reshape(len(images), -1, 3).sum(axis=0)
        return field

    # Along the cell's edges, which pass between the pairs. There are jumps by b, as each solution has a cut of its own, on which
    # it is undefined: the way does not begin in the plane of the cores.
    size, wrong = float(np.linalg.norm(burgers)), []
    for edge in across:
        along = total(np.linspace(0, 1, 50)[:, None] * edge + (0.31, 0.57, 0.0))
        jumps = np.unwrap(along @ burgers / size, period=size) - along @ burgers / size
        wrong.append(along[-1] - along[0] + jumps[-1] * burgers / size)
    periodic: Floats = total(perfect.positions) - perfect.positions[:, :2] @ np.linalg.solve(across[:, :2], wrong)
    return periodic


def perfect_crystal(atoms: Atoms) -> Atoms:
    """The crystal without the dislocation, atom by atom, as a structure of its own, without constraints and calculator."""
    return Atoms(atoms.numbers, positions_in_crystal(atoms), cell=atoms.info.get("perfect_cell", atoms.cell), pbc=atoms.pbc)


def near_line(atoms: Atoms, point: ArrayLike, radius: float) -> NDArray[np.int_]:
    """Indices of the atoms within a radius (Å) of the line along z through a point (x and y, Å), by the nearest image in
    periodic directions: whole columns of atoms along the line."""
    return np.flatnonzero(np.linalg.norm(from_line(atoms, point), axis=1) < radius)


def from_line(atoms: Atoms, point: ArrayLike) -> Floats:
    """x and y (natoms × 2, Å) of the atoms from the line along z through a point, by the nearest image in periodic
    directions."""
    vectors = np.zeros((len(atoms), 3))
    vectors[:, :2] = atoms.positions[:, :2] - np.asarray(point)[:2]
    if atoms.pbc[:2].any():
        across = atoms.cell.array.copy()
        across[:2, 2] = 0.0  # cells may be sheared along the line, which does not count here
        vectors = find_mic(vectors, across, (*atoms.pbc[:2], False))[0]
    nearest: Floats = vectors[:, :2]
    return nearest


def positions_in_crystal(atoms: Atoms) -> Floats:
    """arrays["perfect_positions"]; ValueError where it is not there."""
    if PERFECT not in atoms.arrays:
        raise ValueError(f'the atoms have no array "{PERFECT}", so that nothing is known of the crystal without the dislocation: '
                         "take a structure of lmlink.dislocations, or add that array (natoms × 3)")
    positions: Floats = atoms.arrays[PERFECT]
    return positions


def in_axes(builder: Builder, burgers: ArrayLike) -> Floats:
    """A Burgers vector, which matscipy has in the axes of the cubic crystal, in those of its structures."""
    axes = np.array(builder.axes, dtype=float)
    turned: Floats = axes / np.linalg.norm(axes, axis=1)[:, None] @ np.asarray(burgers)
    turned[np.abs(turned) < 1e-12] = 0.0
    return turned


def _finish(builder: Builder, perfect: Floats, *structures: Atoms) -> None:
    """Give structures of one crystal the same vacuum around them, periodicity along the line alone, and what the conventions
    promise of them. perfect: positions in the crystal."""
    places = np.concatenate([perfect, *(atoms.positions for atoms in structures)])
    shift = np.append(VACUUM - places.min(axis=0)[:2], 0.0)
    size = np.ptp(places, axis=0)[:2] + 2 * VACUUM
    for atoms in structures:
        cores = np.array(atoms.info["core_positions"], dtype=float)[:, :2] + shift[:2]
        atoms.info = {"burgers": in_axes(builder, builder.burgers), "core": cores.mean(axis=0)}
        if len(cores) > 1:
            atoms.info["cores"] = cores
        atoms.positions += shift
        atoms.arrays[PERFECT] = perfect + shift
        atoms.set_cell([*size, atoms.cell[2, 2]])
        atoms.pbc = (False, False, True)
