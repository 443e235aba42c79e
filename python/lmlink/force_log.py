"""Reading a force log of `lmlink-serve` (docs/force-log.md).

    from lmlink import read_log

    for atoms in read_log("run.xyz"):
        print(atoms.info["evaluation"], len(atoms), abs(atoms.get_forces()).max())

A frame of a mixture as a rule keeps the atoms near the QM atoms alone, in the cell of the whole structure. As a
structure it would have a surface where none is, and so it is never given as one: what is given is the cluster that the
quantum code computed, in the cell that it was computed in, with the quantum code's forces.
"""

from __future__ import annotations

import hashlib
import re
from io import StringIO
from os import PathLike, fspath
from typing import Any, BinaryIO, Iterator

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io.extxyz import read_xyz
from ase.stress import full_3x3_to_voigt_6_stress

from .errors import LMLinkError
from .log_cluster import clusters_of, region_names
from .messages import warn
from .progress import Note

HEAD = re.compile(rb"\s*(\d+)\nlmlink_log=(\d+) log_bytes=(\d{12}) log_checksum=sha256:([0-9a-f]{64}) ")
HEAD_SIZE = 160  # bytes that a frame's head has at most
VERSION = 1
CHOICES = ("auto", "whole", "clusters")
OWN_KEYS = ("lmlink_log", "log_bytes", "log_checksum")  # those that are about the file


def read_log(file: str | PathLike[str], atoms: str = "auto", *, recalled: bool = True) -> list[Atoms]:
    """The frames of a force log, in their order, as a list of Atoms.

    Parameters
    ----------
    file : path
        The force log.
    atoms : "auto", "whole" or "clusters"
        "auto": the whole structure of each frame that holds all atoms, else its cluster; with several regions one for
        each that has atoms. "whole": whole structures; a frame that has not all atoms is an error. "clusters": the clusters of all
        frames that have quantum forces, also where the frame holds all atoms.
    recalled : bool
        Whether frames and clusters come, too, whose quantum forces were not computed but found in an earlier frame.

    Notes
    -----
    Each Atoms has a calculator with the results. Those of a whole structure are energy (eV, where there is one; what it
    is says `info["energy_kind"]`), forces (eV/Å, what the driver got) and stress (where the virial is exact); its
    arrays `forces_ml`, `forces_qm` (NaN outside the clusters), `region` and the booleans `qm` say what the forces of
    a mixture were made of.

    Those of a cluster are the quantum code's: forces on all its atoms, and its energy. Its cell and periodicity
    are those of the calculation; it is in one piece, in the middle of the vacuum. Its arrays `index` (the
    atoms' numbers in the whole structure, from 0), `region` and the booleans `qm` say where atoms belong:
    forces of buffer atoms are right for this cluster, with its surfaces, and not for the whole structure.

    `info` has the keys of the frame, for a cluster those that are true of it, and `cluster`: the region's name for a
    cluster ("QM", or "1", "2", … of several), absent for a whole structure.

    A torn last frame, as a killed server may leave it, is left out with an LMLinkWarning. Any other damage, and
    a file that is no force log, is an LMLinkError.
    """
    return list(iread_log(file, atoms, recalled=recalled))


def iread_log(file: str | PathLike[str], atoms: str = "auto", *, recalled: bool = True) -> Iterator[Atoms]:
    """As read_log, one after the other: for logs that are larger than the memory."""
    return chosen_frames(file, atoms, recalled)


def chosen_frames(file: str | PathLike[str], atoms: str, recalled: bool, note: Note | None = None) -> Iterator[Atoms]:
    """The same, with note told how far it is."""
    if atoms not in CHOICES:
        raise ValueError(f"atoms is {atoms!r}: it must be one of {', '.join(map(repr, CHOICES))}")
    for frame in frames_of(file, note):
        known = region_names(frame)
        complete = bool(frame.info["log_complete"])
        if atoms == "whole" and not complete:
            raise LMLinkError(f"{fspath(file)}: evaluation {frame.info['evaluation']} has {len(frame)} of "
                              f"{frame.info['log_natoms']} atoms: take atoms='clusters', or log with \"full\": true")
        if complete and atoms != "clusters":
            if recalled or not frame.info.get("recalled", False):
                yield _whole(frame, bool(known))
            continue
        if not complete and not known:
            raise LMLinkError(f"{fspath(file)}: evaluation {frame.info['evaluation']} has neither all atoms nor quantum "
                              "forces: no lmlink writes such frames")
        for cluster in clusters_of(frame):
            if recalled or not cluster.info.get("recalled", False):
                yield cluster


def frames_of(file: str | PathLike[str], note: Note | None = None) -> Iterator[Atoms]:
    """The frames as they are in the file, their checksums compared; a partial one is no structure. note: told how far it
    is."""
    with open(file, "rb") as stream:
        line = 1
        for data in _checked(stream, fspath(file)):
            try:
                frame = next(read_xyz(StringIO(data.decode()), index=slice(None)))
            except Exception as error:
                raise LMLinkError(f"{fspath(file)}:{line}: the frame cannot be read: {error}") from error
            for key in OWN_KEYS:
                frame.info.pop(key, None)
            line += data.count(b"\n")
            if note is not None:
                note(file, stream.tell())
            yield frame


def _checked(stream: BinaryIO, name: str) -> Iterator[bytes]:
    """The bytes of each frame."""
    line, frames = 1, 0
    while True:
        start = stream.tell()
        head = stream.read(HEAD_SIZE)
        if not head:
            return
        found = HEAD.match(head)
        if found is None:
            rest = head + stream.read(HEAD_SIZE)
            if frames > 0 and len(rest) < HEAD_SIZE and _begins_like_a_frame(rest):
                return _tell_torn(name, line, frames)
            if frames == 0:
                raise LMLinkError(f"{name} is no force log: its first frame has no lmlink_log. ase.io.read reads other "
                                  "extended XYZ files")
            raise LMLinkError(f"{name}:{line}: no frame of a force log begins here: lmlink-serve CONFIG.json --check "
                              f"--log {name} sets aside what is damaged")
        if int(found[2]) != VERSION:
            raise LMLinkError(f"{name}:{line}: the log has version {int(found[2])}, and this lmlink reads version "
                              f"{VERSION}: take a newer one")
        size = int(found[3])
        stream.seek(start)
        data = stream.read(size)
        if len(data) < size:
            return _tell_torn(name, line, frames)
        digits = slice(found.start(4), found.end(4))
        zeroed = data[:digits.start] + b"0" * 64 + data[digits.stop:]
        if hashlib.sha256(zeroed).hexdigest().encode() != found[4]:
            raise LMLinkError(f"{name}:{line}: the frame was changed since it was written: its checksum is not that of "
                              f"its text. lmlink-serve CONFIG.json --check --log {name} sets it aside")
        yield data
        line, frames = line + data.count(b"\n"), frames + 1


def is_log(file: str | PathLike[str]) -> bool:
    """Whether the file begins as a force log with frames does."""
    with open(file, "rb") as stream:
        return HEAD.match(stream.read(HEAD_SIZE)) is not None


def _begins_like_a_frame(text: bytes) -> bool:
    return re.match(rb"\d+(\n(l|$)|$)", text) is not None


def _tell_torn(name: str, line: int, frames: int) -> None:
    warn(f"{name}:{line}: the last frame is torn and left out; {frames} whole ones come before it")


def _whole(frame: Atoms, mixed: bool) -> Atoms:
    """The frame with its results; those of ASE's reader lack the stress."""
    results = dict(frame.calc.results) if frame.calc is not None else {}
    virial = frame.info.get("virial")
    if virial is not None and frame.cell.rank == 3:
        results["stress"] = full_3x3_to_voigt_6_stress(-np.reshape(virial, (3, 3)) / frame.get_volume())
    if "energy" in results:
        results["free_energy"] = results["energy"]
    if mixed:
        frame.set_array("qm", frame.arrays["region"] == "QM")
    frame.calc = SinglePointCalculator(frame, **_without_nan(results))
    return frame


def _without_nan(results: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in results.items() if np.all(np.isfinite(value))}
