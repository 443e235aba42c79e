"""How well the two sides of a mixture fit together, from the frames of a force log (docs/mixing.md, "Is the coupling
good?")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable

import numpy as np
from ase import Atoms
from ase.geometry import get_distances
from numpy.typing import NDArray

from .log_cluster import region_names

SHELLS = 4
FALLS = 0.8  # of the outer neighbour: what counts as lower
Floats = NDArray[np.float64]


@dataclass
class Coupling:
    """Mean |F_QM − F_ML| (eV/Å) over QM and blend atoms, and over buffer atoms in shells of equal width, from the
    nearest to the QM atoms outwards; NaN where there is no atom. `distances` has the shells' edges, Å."""

    core: float
    shells: Floats
    edges: Floats
    frames: int

    @property
    def verdict(self) -> str:
        """In words."""
        known = [shell for shell in self.shells if np.isfinite(shell)]
        if not known:
            return "There are no buffer atoms with forces of both sides: nothing can be said of the buffer."
        inner = known[0]
        if len(known) > 1 and inner < FALLS * known[1] and inner > self.core:
            return (f"The buffer may be too thin: next to the QM atoms the two sides differ by {inner:.3f} eV/Å, more than on "
                    f"the QM atoms themselves ({self.core:.3f}), and the difference still falls there. Widen the buffer.")
        if inner > 2 * self.core:
            return (f"The potential is worse next to the QM atoms ({inner:.3f} eV/Å) than on them ({self.core:.3f}), and the "
                    "difference falls no more there: a wider buffer would not help. The QM region may be misplaced, or "
                    "the engine's forces wrong.")
        if inner <= self.core:
            return (f"The buffer is wide enough: next to the QM atoms the two sides differ by {inner:.3f} eV/Å, no more than "
                    f"on the QM atoms ({self.core:.3f}). What is left is the potential's error, which retraining lowers.")
        return (f"The buffer is about wide enough: next to the QM atoms the two sides differ by {inner:.3f} eV/Å, "
                f"{self.core:.3f} on them. Check with a wider buffer before you trust smaller differences.")


def measure(frames: Iterable[Atoms]) -> Coupling | None:
    """Over these frames, all regions together; None where none of them has forces of both sides."""
    core: list[Floats] = []
    buffer: list[tuple[Floats, Floats]] = []  # distances to the nearest QM atom, and differences
    used = 0
    for frame in frames:
        found = False
        for suffix in region_names(frame):
            difference = np.linalg.norm(frame.arrays["forces_qm" + suffix] - frame.arrays["forces_ml"], axis=1)
            known, labels = np.isfinite(difference), frame.arrays["region" + suffix]
            qm = labels == "QM"
            core.append(difference[known & np.isin(labels, ("QM", "blend"))])
            outer = known & (labels == "buffer")
            if qm.any() and outer.any():
                _, distances = get_distances(frame.positions[outer], frame.positions[qm], frame.cell, frame.pbc)
                buffer.append((distances.min(axis=1), difference[outer]))
            found = found or bool(known.any())
        used += found
    if used == 0 or not sum(map(len, core)):
        return None
    shells, edges = _in_shells(buffer)
    return Coupling(float(np.concatenate(core).mean()), shells, edges, used)


def _in_shells(buffer: list[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    if not buffer:
        return np.full(SHELLS, np.nan), np.zeros(SHELLS + 1)
    distances, differences = (np.concatenate(part) for part in zip(*buffer))
    edges = np.linspace(distances.min(), distances.max(), SHELLS + 1)
    number = np.clip(np.searchsorted(edges, distances, side="right") - 1, 0, SHELLS - 1)
    shells = np.array([differences[number == k].mean() if (number == k).any() else np.nan for k in range(SHELLS)])
    return shells, edges
