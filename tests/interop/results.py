"""Reading what lmlink-eval writes, with ASE."""

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.io import read


@dataclass
class Frame:
    """One structure of a file and, in a file of lmlink-eval, its results (eV, eV/Å; None where there are none)."""

    atoms: Atoms
    energy: float
    energies: np.ndarray
    forces: np.ndarray
    virial: np.ndarray


def read_results(path):
    """All frames of an extended XYZ file."""
    frames = []
    for atoms in read(path, index=":", format="extxyz"):
        results = atoms.calc.results if atoms.calc else {}
        frames.append(Frame(atoms, *(results.get(name) for name in ("energy", "energies", "forces")),
                            atoms.info.get("virial")))
    return frames
