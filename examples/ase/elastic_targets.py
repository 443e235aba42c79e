"""Strained cells of a cubic crystal whose energies set a potential's elastic constants to those of another calculator, the
teacher, for lmlink-retrain's --hard-set.

To the potential's own energies a polynomial of the crystal's symmetry is added, which takes off its pressure and second-order
constants at the teacher's lattice constant and puts the teacher's there: slopes of its stress and forces, as energies of 32-bit
numbers are too noisy. Its third order is fitted to how the two calculators' energies differ in many cells. Noise and higher
orders would ask for what no potential of this form has without harm to its forces.

In diamond and zincblende symmetry does not hold the atoms under shear. There the polynomial is one of the strain and of the
displacement of one sublattice from the other, and the constants are those with clamped atoms, the sublattices' stiffness K, and
their coupling Λ to shear, of which C44 = C44(clamped) − Λ²/(K V), V being the volume of an atom.
"""

import numpy as np
from ase.calculators.singlepoint import SinglePointCalculator
from ase.units import GPa

import crystals

SINGLE = {"step": 2e-3, "held": 1e-3}  # of the slopes of a calculator in 32-bit numbers, whose noise is large
FAR, NEAR = (0.01, 0.02), (0.002, 0.005)
"""Largest strain, and displacement of the sublattice (Å): for the third order, and of the cells that are set."""
HYDROSTATIC, UNIAXIAL = crystals.STRAINS["hydrostatic"], crystals.STRAINS["uniaxial [100]"]
SHEAR = crystals.STRAINS["shear [100],[010]"]  # couples to displacements along z
SHAPES = [*crystals.STRAINS.values(), np.diag((1, 1, 0)), UNIAXIAL + SHEAR, np.diag((0, 0, 1)) + SHEAR]
"""Strains of size one or so from which the whole third order follows."""
WAYS = np.array([(0, 0, 1), (1, 1, 0), (1, 1, 1), (1, -1, 1)])
"""Of a sublattice's displacements, which the third order needs."""
SECOND = slice(1, 7)  # of terms(): pressure, C11, C12, C44, K, Λ


def sublattice(cell):
    """Which atoms move against the others under shear: those on odd quarters of the cell, in diamond and zincblende."""
    quarters = 4 * cell.get_scaled_positions()
    odd = quarters.round().astype(int) % 2 == 1
    off = np.abs(quarters - quarters.round()).max() > 1e-3
    if crystals.is_hexagonal(cell) or off or (odd.any(axis=1) != odd.all(axis=1)).any():
        raise SystemExit("elastic constants can be set for the cubic crystals bcc, fcc, sc, diamond, B1, B2, B3 and L12")
    return odd.all(axis=1)


# ---- the polynomial ----

def strain_terms(x, y, z, u, v, w):
    """What C11, C12, C44 and the six constants of third order multiply; x, y, z: Lagrangian strains, u, v, w: twice the
    shears."""
    return [(x**2 + y**2 + z**2) / 2, x * y + y * z + z * x, (u**2 + v**2 + w**2) / 2], [
        (x**3 + y**3 + z**3) / 6, (x**2 * (y + z) + y**2 * (x + z) + z**2 * (x + y)) / 2, x * y * z,
        (x * u**2 + y * v**2 + z * w**2) / 2, (x * (v**2 + w**2) + y * (u**2 + w**2) + z * (u**2 + v**2)) / 2, u * v * w]


def inner_terms(x, y, z, u, v, w, a, b, c):
    """What K, Λ and the constants of third order with the sublattice's displacement (a, b, c) multiply."""
    size, coupling = a**2 + b**2 + c**2, u * a + v * b + w * c
    return [size / 2, coupling], [
        a * b * c, (x + y + z) * size, x * a**2 + y * b**2 + z * c**2, (x + y + z) * coupling, x * u * a + y * v * b + z * w * c,
        u * b * c + v * a * c + w * a * b, v * w * a + u * w * b + u * v * c]


def terms(cells):
    """What multiplies a constant, those of SECOND, and the third order in the energy of each cell (eV an atom)."""
    rows = []
    for atoms in cells:
        strain = atoms.info["strain"]
        lagrangian = strain + strain @ strain / 2
        shape = (*lagrangian.diagonal(), 2 * lagrangian[1, 2], 2 * lagrangian[0, 2], 2 * lagrangian[0, 1])
        second, third = strain_terms(*shape)
        second_inner, third_inner = inner_terms(*shape, *atoms.info["inner"])
        rows.append([1.0, np.trace(lagrangian), *second, *second_inner, *third, *third_inner])
    return np.array(rows)


def fit_terms(rows, values):
    """Least squares, of columns that differ in size by orders of magnitude, or are zero."""
    scale = np.abs(rows).max(axis=0)
    scale[scale == 0] = np.inf
    return np.linalg.lstsq(rows / scale, values, rcond=None)[0] / scale


# ---- cells ----

def distort(cell, odd, strain, inner=(0.0, 0.0, 0.0)):
    """The cell under a strain (3 × 3, symmetric), after its sublattice was displaced by `inner` (Å)."""
    atoms = cell.copy()
    atoms.positions[odd] += inner
    atoms.set_cell(cell.cell.array @ (np.eye(3) + strain), scale_atoms=True)
    atoms.info.update(strain=np.array(strain), inner=np.array(inner))
    return atoms


def cells_of(cell, odd, strain, inner):
    """Many cells with strains of up to this size, and where a sublattice moves, with displacements of this size (Å)."""
    sizes = strain * np.linspace(-1, 1, 9)
    cells = [distort(cell, odd, size * shape) for shape in SHAPES for size in sizes]
    if odd.any():
        cells += [distort(cell, odd, size * shape, way) for shape in SHAPES for size in sizes[::4]
                  for way in (*(inner * WAYS), *(-inner * WAYS))]
    return cells


def cells_to_set(cell, odd):
    """Few cells, from whose energies the lattice constant and all second-order constants follow, and no two that are the same by
    symmetry."""
    strain, inner = NEAR
    cells = [distort(cell, odd, size * strain * shape)
             for shape, size in ((SHEAR, 0), (SHEAR, 1), (HYDROSTATIC, -1), (HYDROSTATIC, 1), (UNIAXIAL, -1), (UNIAXIAL, 1))]
    if odd.any():
        cells += [distort(cell, odd, size * strain * SHEAR, (0, 0, inner)) for size in (-1, 0, 1)]
    return cells


# ---- what they are set to ----

def second_order(cell, odd, calculator, constants):
    """Those of SECOND, eV an atom, of a crystal without pressure. constants: C11, C12, C44 (GPa)."""
    volume = cell.get_volume() / len(cell)
    c11, c12, c44 = np.array(list(constants)) * GPa * volume
    if not odd.any():
        return np.array([0.0, c11, c12, c44, 0.0, 0.0])
    clamped = crystals.elastic_constants(cell, calculator, step=SINGLE["step"], held=None)[2] * GPa * volume

    def force(strain, way):
        """On the sublattice along z, eV/Å an atom of the crystal."""
        return calculator.get_forces(distort(cell, odd, strain * SHEAR, (0, 0, way)))[odd, 2].sum() / len(cell)

    step, way = SINGLE["step"], FAR[1]
    stiffness = (force(0.0, -way) - force(0.0, way)) / (2 * way)
    slope = force(-step, 0.0) - force(step, 0.0)
    if stiffness <= 0:
        raise SystemExit("the teacher's crystal is not stable: its sublattices, moved against each other, don't go back")
    coupling = np.sqrt(max(0.0, clamped - c44) * stiffness)
    return np.array([0.0, c11, c12, clamped, stiffness, np.copysign(coupling, slope)])


def energies_of(calculator, cells):
    """Energies per atom."""
    return np.array([calculator.get_potential_energy(atoms) / len(atoms) for atoms in cells])


def set_cells(cell, constants, teacher, student):
    """The cells of cells_to_set() with energies for the student. cell: the teacher's crystal; constants: its C11, C12, C44
    (GPa)."""
    odd = sublattice(cell)
    near, far = cells_of(cell, odd, *NEAR), cells_of(cell, odd, *FAR)
    rows = terms(far)
    change = np.zeros(rows.shape[1])
    change[SECOND] = second_order(cell, odd, teacher, constants) - fit_terms(terms(near), energies_of(student, near))[SECOND]
    others = [0, *range(SECOND.stop, rows.shape[1])]  # the zero, and the third order
    differences = energies_of(teacher, far) - energies_of(student, far)
    change[others] = fit_terms(rows[:, others], differences - rows @ change)
    change[0] = 0.0
    few = cells_to_set(cell, odd)
    for atoms, energy in zip(few, energies_of(student, few) + terms(few) @ change):
        atoms.calc = SinglePointCalculator(atoms, energy=len(atoms) * energy)
    return few
