"""`lmlink log` and `lmlink check LOG`."""

from __future__ import annotations

import argparse
import re
import sys
import warnings
from collections import deque
from contextlib import contextmanager
from itertools import chain
from typing import Any, Iterator

import numpy as np
from ase import Atoms

from .errors import LMLinkError
from .force_log import chosen_frames, frames_of
from .log_cluster import quantum_forces_of, region_names
from .outputs import check_output
from .progress import Note, Progress, reading
from .training_sets import read_targets, write_set

HEAD = ("evaluation", "replica", "time", "atoms", "QM", "energy (eV)", "max|F| (eV/Å)", "work (eV)", "quantum forces")


@contextmanager
def warnings_as_lines() -> Iterator[None]:
    """Without the place in the code."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: print(f"lmlink: warning: {message}", file=sys.stderr)
        yield


@warnings_as_lines()
def show_log(given: argparse.Namespace) -> int:
    """A table with a line for each evaluation."""
    if given.last is not None and given.last < 1:
        raise ValueError(f"--last {given.last}: it must be 1 or more")
    with reading(given) as note:
        rows: Any = deque(map(_row, frames_of(given.file, note)), maxlen=given.last)
    print("  ".join(HEAD))
    for row in rows:
        print("  ".join(text.rjust(len(head)) for text, head in zip(row, HEAD)))
    return 0


def _row(frame: Atoms) -> tuple[str, ...]:
    info = frame.info
    energy = frame.calc.results.get("energy") if frame.calc else None
    forces = frame.calc.results["forces"] if frame.calc else np.zeros((0, 3))
    largest = np.linalg.norm(forces, axis=1).max(initial=0.0)
    atoms = str(len(frame)) if info["log_complete"] else f"{len(frame)}/{info['log_natoms']}"
    qm = str((frame.arrays["region"] == "QM").sum()) if "region" in frame.arrays else "-"
    kind = "" if info["energy_kind"] == "exact" else f" {info['energy_kind']}"
    work = f"{info['virtual_work']:.6f}" if "virtual_work" in info else "-"
    return (str(info["evaluation"]), str(info["replica"]), str(info["time"]), atoms, qm,
            "-" if energy is None else f"{energy:.6f}{kind}", f"{largest:.4f}", work,
            quantum_forces_of(frame) or "-")


def check_log(given: argparse.Namespace) -> int:
    """Whether all frames are as they were written."""
    file, count, complete = given.file, 0, 0
    with reading(given) as note, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        frame: Atoms | None = None
        for frame in frames_of(file, note):
            count += 1
            complete += bool(frame.info["log_complete"])
    for warning in caught:
        print(f"lmlink: warning: {warning.message}", file=sys.stderr)
    if frame is None:
        print(f"{file}: force log without {'whole ' if caught else ''}frames")
        return 1 if caught else 0
    regions = len(region_names(frame))
    print(f"{file}: force log, {count} frames as they were written, {complete} of them with all "
          f"{frame.info['log_natoms']} atoms; {regions} QM region{'' if regions == 1 else 's'}")
    return 1 if caught else 0


@warnings_as_lines()
def export_log(given: argparse.Namespace) -> int:
    """A training set of quantum forces."""
    check_output(given.output, given.file)
    with reading(given) as note:
        frames = chain.from_iterable(_exported(file, given.recalled, note) for file in given.file)
        count = write_set(given.output, frames, given.format)
    print(f"{given.output}: {count} structure{'' if count == 1 else 's'}")
    return 0


def _exported(file: str, recalled: bool, note: Note | None) -> Iterator[Atoms]:
    """Clusters of a mixture, structures of anything else."""
    first = next(frames_of(file), None)
    if first is None:
        raise LMLinkError(f"{file} has no frames")
    return chosen_frames(file, "clusters" if region_names(first) else "whole", recalled, note)


@warnings_as_lines()
def import_files(given: argparse.Namespace) -> int:
    """Targets of files that ASE reads."""
    if re.fullmatch(r"-?\d+|(-?\d*:){1,2}-?\d*", given.index) is None:
        raise ValueError(f"--index {given.index}: it must be a number from 0, or as '-1', ':10' and '::10'")
    check_output(given.output, given.file)
    progress = Progress(f"reading {len(given.file)} file{'' if len(given.file) == 1 else 's'}", len(given.file))
    try:
        count = write_set(given.output, _imported(given, progress))
    finally:
        progress.clear()
    print(f"{given.output}: {count} structure{'' if count == 1 else 's'}")
    return 0


def _imported(given: argparse.Namespace, progress: Progress) -> Iterator[Atoms]:
    """What the files have; how much of one of them is left is not known."""
    count = 0
    for done, file in enumerate(given.file):
        for atoms in read_targets(file, given.index, given.input_format):
            count += 1
            if not given.quiet:
                progress.show(done, f"{count} structures")
            yield atoms
