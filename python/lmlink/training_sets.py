"""Sets of structures with forces: out of a force log for other programs that train potentials, and from what quantum
codes write into targets of `lmlink-retrain`.

    from lmlink import read_log, read_targets, write_set

    write_set("train.xyz", read_log("run.xyz", recalled=False), "mace")
    write_set("targets.xyz", read_targets(["OUTCAR", "vasprun.xml"]))
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator, Sequence

import numpy as np
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from ase.io import iread
from ase.stress import voigt_6_to_full_3x3_stress
from ase.units import bar

from .errors import LMLinkError
from .extxyz import write_frame
from .outputs import Replaced, check_output

KEPT_COLUMNS = ("index", "region", "qm")
KEPT_KEYS = ("config_type", "cluster", "evaluation", "replica", "engine")


class Example:
    """A structure with what a potential is trained on: energy (eV; None where there is none that the forces are the
    derivative of), forces (eV/Å), stress (3 × 3, eV/Å³, ASE's sign; None)."""

    def __init__(self, atoms: Atoms) -> None:
        self.atoms = atoms
        forces = _result(atoms, "forces")
        if forces is None:
            raise LMLinkError("there are no forces")
        self.forces = np.asarray(forces, dtype=float)
        if not np.isfinite(self.forces).all():
            raise LMLinkError("not all forces are finite numbers")
        energy = _result(atoms, "free_energy")
        self.energy = _result(atoms, "energy") if energy is None else energy
        if atoms.info.get("energy_kind", "exact") != "exact":
            self.energy = None
        stress = _result(atoms, "stress")
        self.stress = None if stress is None else voigt_6_to_full_3x3_stress(stress)

    def columns(self) -> dict[str, Any]:
        return {name: self.atoms.arrays[name] for name in KEPT_COLUMNS if name in self.atoms.arrays}

    def keys(self) -> dict[str, Any]:
        return {name: self.atoms.info[name] for name in KEPT_KEYS if name in self.atoms.info}


def write_set(path: str | os.PathLike[str], frames: Iterable[Atoms], format: str = "extxyz") -> int:
    """Write structures with their results for a program that trains potentials. The number of them.

    Parameters
    ----------
    path : path
        The file; for "fitsnap" the folder of the group. What is there is replaced, but for a force log, and for a
        folder with other files than such a group has.
    frames : of Atoms with calculators
        As from read_log or read_targets. Whole structures of a mixture are refused: most of their forces are the
        potential's own.
    format : str
        "extxyz": extended XYZ as ASE and lmlink-retrain read it (energy, forces, stress).
        "mace": extended XYZ with MACE's keys REF_energy, REF_forces, REF_stress. "fitsnap": a folder with a JSON file
        for each structure, as FitSNAP's JSON scraper reads it. "pacemaker": a compressed pandas DataFrame (`.pckl.gzip`) with ase_atoms, energy and
        forces; it needs pandas.

    Notes
    -----
    The energy is the one that forces are the derivative of (ASE's free_energy, for metals not that for zero smearing).
    Formats for which there must be one ("fitsnap" and "pacemaker") refuse structures without.
    """
    if format not in WRITERS:
        raise ValueError(f"format is {format!r}: it must be one of {', '.join(map(repr, WRITERS))}")
    check_output(path)
    examples = list(_examples(frames, format))
    if not examples:
        raise LMLinkError(f"there is no structure to write to {os.fspath(path)}")
    WRITERS[format](Path(path), examples)
    return len(examples)


def read_targets(files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], index: str = ":", format: str | None = None) -> Iterator[Atoms]:
    """The structures with forces in files that ASE reads, such as OUTCAR, vasprun.xml and extended XYZ; an error names
    what has none. `index` and `format` are those of ase.io.read."""
    for file in [files] if isinstance(files, (str, os.PathLike)) else files:
        count = 0
        try:
            for count, atoms in enumerate(iread(os.fspath(file), index=index, format=format), 1):
                if _result(atoms, "forces") is None:
                    raise LMLinkError(f"{os.fspath(file)}: structure {count - 1} (from 0) has no forces: choose others "
                                      "with an index such as 1:")
                _refuse_mixture(atoms, f"{os.fspath(file)}: structure {count - 1} (from 0)")
                yield atoms
        except LMLinkError:
            raise
        except Exception as error:  # of ASE's many readers
            raise LMLinkError(f"{os.fspath(file)} cannot be read by ASE, after {count} structures: "
                              f"{type(error).__name__}: {error}") from error
        if count == 0:
            raise LMLinkError(f"{os.fspath(file)} has no structures")


def _result(atoms: Atoms, name: str) -> Any:
    """A result that is there; nothing is calculated."""
    if atoms.calc is None:
        return None
    try:
        return atoms.calc.get_property(name, atoms, allow_calculation=False)
    except PropertyNotImplementedError:
        return None


def _refuse_mixture(atoms: Atoms, which: str) -> None:
    if "forces_qm" in atoms.arrays and "cluster" not in atoms.info:
        raise LMLinkError(f"{which} is a mixture's as a whole, whose forces are mostly the potential's own: take its "
                          "clusters, by lmlink log export, or read_log(file, 'clusters')")


def _examples(frames: Iterable[Atoms], format: str) -> Iterator[Example]:
    for number, atoms in enumerate(frames):
        _refuse_mixture(atoms, f"structure {number} (from 0)")
        try:
            example = Example(atoms)
        except LMLinkError as error:
            raise LMLinkError(f"structure {number} (from 0): {error}") from None
        if example.energy is None and format in NEED_ENERGY:
            raise LMLinkError(f"structure {number} (from 0) has no energy that its forces are the derivative of, "
                              f"without which {format} does not train")
        yield example


def _write_xyz(path: Path, examples: list[Example], prefix: str) -> None:
    with Replaced(path) as temporary, open(temporary, "w") as file:
        for example in examples:
            columns = {f"{prefix}forces": example.forces, **example.columns()}
            keys: dict[str, Any] = {}
            if example.energy is not None:
                keys[f"{prefix}energy"] = float(example.energy)
            if example.stress is not None:
                keys[f"{prefix}stress"] = example.stress
            write_frame(file, example.atoms, columns, {**keys, **example.keys()})


def _write_fitsnap(path: Path, examples: list[Example]) -> None:
    if path.exists() and not path.is_dir():
        raise LMLinkError(f"{path}: is a file: name a folder")
    for each in path.iterdir() if path.is_dir() else ():
        if each.suffix != ".json" or not each.stem.isdigit():
            raise LMLinkError(f"{path} has a file {each.name}, and would be emptied: name a folder for these structures alone")
    path.mkdir(parents=True, exist_ok=True)
    for old in path.iterdir():
        old.unlink()
    digits = max(6, len(str(len(examples))))
    for number, example in enumerate(examples):
        atoms = example.atoms
        data = {"Positions": atoms.positions.tolist(), "AtomTypes": atoms.get_chemical_symbols(),
                "Lattice": atoms.cell.array.tolist(), "NumAtoms": len(atoms), "Energy": float(example.energy),
                "Forces": example.forces.tolist()}
        if example.stress is not None:  # as a pressure: positive where the cell is compressed
            data["Stress"] = (-example.stress / bar).tolist()
        dataset = {"Data": [data], "PositionsStyle": "angstrom", "LatticeStyle": "angstrom",
                   "EnergyStyle": "electronvolt", "ForcesStyle": "electronvoltperangstrom", "StressStyle": "bar",
                   "AtomTypeStyle": "chemicalsymbol", "Label": path.name}
        (path / f"{number:0{digits}}.json").write_text(json.dumps({"Dataset": dataset}))


def _write_pacemaker(path: Path, examples: list[Example]) -> None:
    try:
        import pandas
    except ImportError:
        raise LMLinkError("pacemaker's sets are pandas's: pip install pandas") from None
    rows = []
    for example in examples:
        bare = Atoms(numbers=example.atoms.numbers, positions=example.atoms.positions, cell=example.atoms.cell,
                     pbc=example.atoms.pbc)
        rows.append({"ase_atoms": bare, "energy": float(example.energy), "forces": example.forces, **example.keys()})
    with Replaced(path) as temporary:
        pandas.DataFrame(rows).to_pickle(temporary, compression="gzip", protocol=4)


WRITERS: dict[str, Callable[[Path, list[Example]], None]] = {
    "extxyz": lambda path, examples: _write_xyz(path, examples, ""),
    "mace": lambda path, examples: _write_xyz(path, examples, "REF_"),
    "fitsnap": _write_fitsnap,
    "pacemaker": _write_pacemaker,
}
NEED_ENERGY = ("fitsnap", "pacemaker")
