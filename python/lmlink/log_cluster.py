"""The clusters in a frame of a force log, as a quantum code computed them."""

from __future__ import annotations

from typing import Any, Iterator

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.geometry import get_distances
from numpy.typing import NDArray

from .errors import LMLinkError

# Keys of a frame that are true of its clusters: those of the evaluation, and those of the region.
OF_EVALUATION = ("evaluation", "replica", "time", "potential", "previous_potential", "configuration", "engine_seconds",
                 "log_natoms")
OF_REGION = ("energy_qm", "engine", "recalled", "region_rule", "region_age", "most_uncertain", "skipped", "skip_mode",
             "skip_age", "skip_part", "skip_sigma", "skip_ratio")
Floats = NDArray[np.float64]


def region_names(frame: Atoms) -> list[str]:
    """What is appended to names of columns and keys for each region: one "" where there is one region, "_1", "_2", … of
    several, nothing where the frame has no quantum forces."""
    if "forces_qm" not in frame.arrays:
        return []
    several: list[str] = []
    while f"forces_qm_{len(several) + 1}" in frame.arrays:
        several.append(f"_{len(several) + 1}")
    return several or [""]


def quantum_forces_of(frame: Atoms) -> str:
    """Where they are from: "computed", "recalled" or "skipped"; empty where the frame has none for another reason."""
    if frame.info.get("skipped", False):
        return "skipped"
    if not np.isfinite(frame.arrays.get("forces_qm", np.nan)).any():
        return ""
    return "recalled" if frame.info.get("recalled", False) else "computed"


def clusters_of(frame: Atoms) -> Iterator[Atoms]:
    """The cluster of each region that has atoms and was not skipped."""
    for suffix in region_names(frame):
        if not frame.info.get("skipped" + suffix, False) and (frame.arrays["region" + suffix] != "MM").any():
            yield _cluster(frame, suffix)


def _cluster(frame: Atoms, suffix: str) -> Atoms:
    forces = frame.arrays["forces_qm" + suffix]
    labels = frame.arrays["region" + suffix]
    inside = labels != "MM"
    if not (np.isfinite(forces).all(axis=1) == inside).all():
        raise LMLinkError(f"evaluation {frame.info['evaluation']}: the atoms with quantum forces are not those of the "
                          f"column region{suffix}: no lmlink writes such frames")
    qm = labels[inside] == "QM"
    cell, pbc = _cell(frame, suffix)
    positions = _placed(_in_one_piece(frame.positions[inside], qm, frame), cell, pbc)
    cluster = Atoms(numbers=frame.numbers[inside], positions=positions, cell=cell, pbc=pbc)
    cluster.info = _keys(frame, suffix)
    for name, values in (("index", frame.arrays["index"][inside]), ("region", labels[inside]), ("qm", qm),
                         ("forces_ml", frame.arrays["forces_ml"][inside])):
        cluster.set_array(name, values)
    results: dict[str, Any] = {"forces": forces[inside]}
    energy = frame.info.get("energy_qm" + suffix)
    if energy is not None:
        results.update(energy=energy, free_energy=energy)
    cluster.calc = SinglePointCalculator(cluster, **results)
    return cluster


def _keys(frame: Atoms, suffix: str) -> dict[str, Any]:
    """Those of the frame that are true of the cluster, without the region's number in their names."""
    keys = {name: frame.info[name] for name in OF_EVALUATION if name in frame.info}
    keys.update({name: frame.info[name + suffix] for name in OF_REGION if name + suffix in frame.info})
    return {**keys, "log_complete": False, "cluster": suffix[1:] or "QM"}


def _cell(frame: Atoms, suffix: str) -> tuple[Floats, NDArray[np.bool_]]:
    """Cell and periodicity. Logs of lmlink 0.1 do not say which directions are periodic: the cluster has the
    structure's vector in these."""
    cell = np.reshape(frame.info["cluster_cell" + suffix], (3, 3))
    pbc = frame.info.get("cluster_pbc" + suffix)
    if pbc is None:
        pbc = frame.pbc & (cell == frame.cell.array).all(axis=1)
    return cell, np.asarray(pbc, dtype=bool)


def _in_one_piece(positions: Floats, qm: NDArray[np.bool_], frame: Atoms) -> Floats:
    """The cluster's atoms beside one another, wherever the driver wrapped them to: QM atoms grow as a tree from the
    first, the next one beside its nearest neighbour in it; each other atom stands beside its nearest QM atom."""
    if not frame.pbc.any():
        return positions.copy()
    placed = positions.copy()
    vectors, distances = get_distances(positions[qm], positions, cell=frame.cell, pbc=frame.pbc)
    core = np.flatnonzero(qm)
    left = set(range(1, len(core)))
    nearest = np.zeros(len(core), dtype=int)  # atom of the tree, for each QM atom that is not in it
    while left:
        new = min(left, key=lambda k: float(distances[nearest[k], core[k]]))
        placed[core[new]] = placed[core[nearest[new]]] + vectors[nearest[new], core[new]]
        left.remove(new)
        for k in left:
            if distances[new, core[k]] < distances[nearest[k], core[k]]:
                nearest[k] = new
    beside = distances.argmin(axis=0)
    for i in np.flatnonzero(~qm):
        placed[i] = placed[core[beside[i]]] + vectors[beside[i], i]
    return placed


def _placed(positions: Floats, cell: Floats, pbc: NDArray[np.bool_]) -> Floats:
    """Within the cell along periodic directions, in the middle of the vacuum along the others."""
    fractional = np.linalg.solve(cell.T, positions.T).T
    fractional[:, ~pbc] += 0.5 - fractional[:, ~pbc].mean(axis=0)
    fractional[:, pbc] -= np.floor(fractional[:, pbc] + 1e-9)
    return np.asarray(fractional @ cell)
