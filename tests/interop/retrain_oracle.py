"""What lmlink-retrain computes, in NumPy: rows of the design matrix from the arrays of lmlink-eval (which other tests
compare with LAMMPS), and the minimum of the cost function by least squares on all rows at once."""

from dataclasses import dataclass, field

import numpy as np
from ase.io import read


@dataclass
class Rows:
    """One set: rows and values (forces component by component, or energies per atom), atoms of each frame."""

    rows: np.ndarray
    values: np.ndarray
    frames: list = field(default_factory=list)


def force_rows(lmlink_eval, potential, path, folder, select=None):
    """Three rows for each atom (of `select`, a mask for each frame), in the columns of the potential's file."""
    lmlink_eval("--potential", potential, path, "--gradients", folder / "gradients.npy", "--output",
                folder / "ignored.xyz")
    gradients = np.load(folder / "gradients.npy")  # atoms × elements × 3 × components
    natoms, nelements, _, count = gradients.shape
    rows = np.zeros((natoms, 3, nelements, count + 1))
    rows[..., 1:] = gradients.transpose(0, 2, 1, 3)
    frames = read(path, ":")
    taken = np.concatenate(select) if select is not None else np.ones(natoms, bool)
    forces = np.concatenate([atoms.get_forces() for atoms in frames])
    sizes = [len(atoms) for atoms in frames] if select is None else [int(mask.sum()) for mask in select]
    return Rows(rows[taken].reshape(-1, nelements * (count + 1)), forces[taken].ravel(), sizes)


def energy_rows(lmlink_eval, potential, path, folder):
    """One row for each frame: the mean of its atoms' descriptors. For one element."""
    lmlink_eval("--potential", potential, path, "--descriptors", folder / "descriptors.npy", "--output",
                folder / "ignored.xyz")
    frames = read(path, ":")
    ends = np.cumsum([len(atoms) for atoms in frames])[:-1]
    parts = np.split(np.load(folder / "descriptors.npy"), ends)
    return Rows(np.array([part.mean(axis=0) for part in parts]),
                np.array([atoms.get_potential_energy() / len(atoms) for atoms in frames]), [len(a) for a in frames])


HARD_TOLERANCE = 1e-5  # relative: directions with smaller singular values carry too much rounding to be compared


def minimum(theta, targets, soft=(), hard=None, ridge=0.0, wanted=None):
    """Θ that minimises Σ w (value − row·Θ)² over `targets` + Σ w (row·δ)² over `soft` (each a list of rows, values and
    weights, a number or one for each row) + Σ ridge δ², where hard·δ = wanted (0 where it is None).

    lmlink-retrain's hard_tolerance must be HARD_TOLERANCE."""
    width = len(theta)
    ridge = np.broadcast_to(ridge, width)
    shift, free = np.zeros(width), np.eye(width)
    if hard is not None:
        _, singular, right = np.linalg.svd(hard)
        rank = (singular > HARD_TOLERANCE * singular[0]).sum()
        if wanted is not None:
            shift = np.linalg.lstsq(hard, wanted, rcond=HARD_TOLERANCE)[0]
        free = right[rank:].T
    blocks = [(np.sqrt(weight) * np.ones(len(rows)), rows, values - rows @ theta) for rows, values, weight in targets]
    blocks += [(np.sqrt(weight) * np.ones(len(rows)), rows, np.zeros(len(rows))) for rows, _, weight in soft]
    blocks.append((np.sqrt(ridge), np.eye(width), np.zeros(width)))
    matrix = np.vstack([root[:, None] * (rows @ free) for root, rows, _ in blocks])
    right_side = np.concatenate([root * (values - rows @ shift) for root, rows, values in blocks])
    scale = 1 / np.linalg.norm(matrix, axis=0).clip(1e-300)
    solution = np.linalg.lstsq(matrix * scale, right_side, rcond=1e-15)[0]
    return theta + shift + free @ (scale * solution)
