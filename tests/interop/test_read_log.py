"""`lmlink.read_log`, and sets for other programs made of what it gives: whole structures and clusters are those that were
computed, a partial frame is never a structure, and what is damaged is told."""

import json
import sys
from importlib.metadata import EntryPoint

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.vasp import Vasp
from ase.io import formats, read
from ase.units import GPa
from conftest import run_retrain
from engines import VASP_STAND_IN
from mixture import Mixture, check, configure, linear, mixing
from test_force_log import ENGINE, ML, block, log_of_a_potential, potential_forces, steps
from test_log_regions import clusters, configure_regions, two_regions

from lmlink import LMLinkError, LMLinkWarning, iread_log, read_log, read_targets, write_set

ROUNDING = 1e-12
BAR = 1e-9  # eV/Å, between two evaluations of lmlink


def apart(ours, theirs):
    """The largest distance between two placings of a cluster, but for a shift and periodic images."""
    difference = ours.positions - theirs.positions
    difference -= difference[0]
    folds = np.linalg.solve(theirs.cell.T, difference.T).T
    return np.abs(difference - np.where(theirs.pbc, np.rint(folds), 0) @ theirs.cell.array).max()


@pytest.fixture
def mixed(potentials, start, folders):
    """Two evaluations of a mixture whose region lies across corners of the cell, with keys of `log`: the path of the
    log, the moved structures, what was answered, and the cluster that lmlink-serve --check writes."""
    folder, sockets = folders

    def run(size=7, pbc=True, **keys):
        atoms = block(size)
        atoms.pbc = pbc
        region = {"spheres": [{"atom": 0, "radius": 3.5}], "buffer": 5.0}
        path = configure(folder, atoms, mixing(linear(potentials / ML), (region, linear(potentials / ENGINE))),
                         log={"file": "log.xyz", **keys})
        cluster = check(path)[2]
        moved = list(steps(atoms, 2))
        with Mixture(start, sockets, path) as mixture:
            replies = [mixture.evaluate(there) for there in moved]
        return folder / "log.xyz", moved, replies, cluster, atoms

    return run


@pytest.mark.parametrize("size, pbc", [(7, True), (4, True), (6, [True, False, True])])
def test_partial_frames_are_clusters(size, pbc, mixed, potentials, lmlink_eval, tmp_path):
    """In the cell, order and shape in which the engine had them; its forces are those of its potential there."""
    log, moved, _, expected, atoms = mixed(size, pbc)
    frames = read_log(log) if size > 4 else read_log(log, "clusters")
    assert len(frames) == 2 and all(frame.info["cluster"] == "QM" for frame in frames)
    for number, (frame, there) in enumerate(zip(frames, moved, strict=True)):
        index = frame.arrays["index"]
        assert (index == expected.arrays["index"]).all() and (frame.symbols == expected.symbols).all()
        assert (frame.arrays["region"] == expected.arrays["region"]).all()
        assert (frame.arrays["qm"] == (expected.arrays["region"] == "QM")).all() and 0 < frame.arrays["qm"].sum()
        assert (frame.pbc == expected.pbc).all() and np.abs(frame.cell - expected.cell).max() < ROUNDING
        here = expected.copy()
        here.positions += (there.positions - atoms.positions)[index]
        assert apart(frame, here) < 1e-9
        outside = np.linalg.solve(frame.cell.T, frame.positions.T).T
        assert (outside > -1e-6).all() and (outside < 1 + 1e-6).all()
        forces = potential_forces(lmlink_eval, potentials / ENGINE, here, tmp_path)
        assert np.abs(frame.get_forces() - forces).max() < BAR
        result = read(tmp_path / "forces.xyz")
        assert abs(frame.get_potential_energy() - result.get_potential_energy()) < 1e-7
        assert frame.info["evaluation"] == number + 1 and "virial" not in frame.info
    if size > 4:
        with pytest.raises(LMLinkError, match=f"evaluation 1 has .* of {len(atoms)} atoms"):
            read_log(log, "whole")


def test_whole_frames_are_structures(mixed):
    log, moved, replies, _, atoms = mixed(full=True)
    for frame, there, reply in zip(read_log(log), moved, replies, strict=True):
        assert len(frame) == len(atoms) and "cluster" not in frame.info and frame.pbc.all()
        assert np.abs(frame.positions - there.positions).max() < ROUNDING
        assert np.abs(frame.get_forces() - reply.forces).max() < ROUNDING
        assert (frame.arrays["qm"] == (frame.arrays["region"] == "QM")).all()
    assert [frame.info["cluster"] for frame in read_log(log, "clusters")] == ["QM", "QM"]
    with pytest.raises(LMLinkError, match="a mixture's as a whole"):
        write_set(log.parent / "no.xyz", read_log(log))
    assert not (log.parent / "no.xyz").exists()


def test_several_regions(potentials, lmlink_eval, start, folders):
    """A cluster for each, also where they overlap."""
    folder, sockets = folders
    atoms = block(8)
    path = configure_regions(folder, potentials, atoms, two_regions(atoms, 9.0))
    parts = clusters(path)
    with Mixture(start, sockets, path) as mixture:
        for _ in range(2):  # the second time both are recalled
            mixture.evaluate(atoms)
    frames = read_log(folder / "log.xyz")
    assert [frame.info["cluster"] for frame in frames] == ["1", "2", "1", "2"]
    assert [frame.info["recalled"] for frame in frames] == [False, False, True, True]
    assert len(read_log(folder / "log.xyz", recalled=False)) == 2
    for frame, part in zip(frames, parts):
        assert (frame.arrays["index"] == part.arrays["index"]).all() and apart(frame, part) < 1e-9
        forces = potential_forces(lmlink_eval, potentials / ENGINE, part, folder)
        assert np.abs(frame.get_forces() - forces).max() < BAR
        assert not any(name.endswith(("_1", "_2")) for name in (*frame.info, *frame.arrays))


@pytest.fixture
def plain(potentials, start, folders):
    """The log of a potential by itself, and what was answered."""
    return log_of_a_potential(potentials, start, folders, block(2), 3)


def test_a_potential_by_itself(plain):
    log, replies = plain
    for frame, reply in zip(iread_log(log), replies, strict=True):
        assert abs(frame.get_potential_energy() - reply.energy) < 1e-9
        assert np.abs(frame.get_forces() - reply.forces).max() < ROUNDING
        assert np.abs(frame.get_stress(voigt=False) + reply.virial / frame.get_volume()).max() < 1e-9


def test_torn_and_damaged(plain, recwarn):
    log, _ = plain
    data = log.read_bytes()
    last = data.rindex(b"\nlmlink_log=", 0, len(data)) - 2  # where "16" begins
    for end in (last + 1, last + 3, last + 40, last + 130, len(data) - 1):
        log.write_bytes(data[:end])
        with pytest.warns(LMLinkWarning, match=f"log.xyz:{data[:last].count(10) + 1}: the last frame is torn and left out"):
            assert len(read_log(log)) == 2
    log.write_bytes(data[:last])
    assert len(read_log(log)) == 2
    for at, words in ((last - 10, "changed since it was written"), (last, "no frame of a force log begins here"),
                      (data.index(b"log_bytes"), "no force log")):
        log.write_bytes(data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1:])
        with pytest.raises(LMLinkError, match=words):
            read_log(log)
    log.write_bytes(data.replace(b"lmlink_log=1", b"lmlink_log=2"))
    with pytest.raises(LMLinkError, match="version 2"):
        read_log(log)


# ---- sets for other programs ----


def test_sets_of_clusters(mixed, potentials):
    """What ASE, MACE, FitSNAP and pacemaker read: the same structures, energies and forces to the last digit, and
    lmlink-retrain takes them."""
    log = mixed()[0]
    frames, folder = read_log(log), log.parent
    assert write_set(folder / "set.xyz", frames) == 2
    assert write_set(folder / "mace.xyz", frames, "mace") == 2
    assert write_set(folder / "snap", frames, "fitsnap") == 2 and write_set(folder / "snap", frames, "fitsnap") == 2
    snaps = [json.loads(path.read_text())["Dataset"] for path in sorted((folder / "snap").iterdir())]
    for frame, ours, mace, snap in zip(frames, read(folder / "set.xyz", ":"), read(folder / "mace.xyz", ":"), snaps,
                                       strict=True):
        data, = snap["Data"]
        for positions, cell, energy, forces in (
                (ours.positions, ours.cell, ours.get_potential_energy(), ours.get_forces()),
                (mace.positions, mace.cell, mace.info["REF_energy"], mace.arrays["REF_forces"]),
                (np.array(data["Positions"]), np.array(data["Lattice"]), data["Energy"], np.array(data["Forces"]))):
            assert (positions == frame.positions).all() and (cell == frame.cell.array).all()
            assert energy == frame.get_potential_energy() and (forces == frame.get_forces()).all()
        assert mace.calc is None and (mace.pbc == frame.pbc).all()
        assert (ours.arrays["qm"] == frame.arrays["qm"]).all()
        assert data["AtomTypes"] == list(frame.symbols) and data["NumAtoms"] == len(frame)
    run_retrain("--start", potentials / ML, "--form", "linear", "--targets", folder / "set.xyz", "--lambda-ridge", "1e-6",
                "--output", folder / "new.snapcoeff", "--report", folder / "new.json")


def test_pacemaker_takes_a_set(plain):
    """By its own reader, which checks the columns and attaches the results."""
    pandas = pytest.importorskip("pandas")
    preparedata = pytest.importorskip("pyace.preparedata")
    log, replies = plain
    path = log.parent / "set.pckl.gzip"
    write_set(path, read_log(log), "pacemaker")
    frame = pandas.read_pickle(path, compression="gzip")
    assert (frame["energy"].to_numpy() == [atoms.get_potential_energy() for atoms in iread_log(log)]).all()
    theirs = preparedata.ACEDataset({"filename": str(path), "reference_energy": 0}, cutoff=4.0, elements=["Mo"],
                                    evaluator_name="pyace").fitting_data
    for atoms, reply in zip(theirs["ase_atoms"], replies, strict=True):
        assert np.abs(atoms.get_forces() - reply.forces).max() < ROUNDING


def test_stress_for_fitsnap_is_a_pressure(plain):
    log, replies = plain
    write_set(log.parent / "snap", read_log(log), "fitsnap")
    data, = json.loads((log.parent / "snap" / "000000.json").read_text())["Dataset"]["Data"]
    volume = abs(np.linalg.det(data["Lattice"]))
    assert np.abs(np.array(data["Stress"]) * 1e-4 * GPa - replies[0].virial / volume).max() < 1e-9


def test_targets_from_vasp(tmp_path, monkeypatch):
    """vasprun.xml, as ASE reads it, beside extended XYZ; a structure without forces is an error that names it."""
    atoms = bulk("Cu", cubic=True)
    atoms.rattle(0.1, seed=1)
    monkeypatch.setenv("VASP_PP_PATH", str(tmp_path / "pp"))
    (tmp_path / "pp" / "potpaw_PBE" / "Cu").mkdir(parents=True)
    (tmp_path / "pp" / "potpaw_PBE" / "Cu" / "POTCAR").write_text("PAW_PBE Cu\n")
    atoms.calc = Vasp(command=f"{sys.executable} {VASP_STAND_IN}", directory=tmp_path / "vasp", xc="PBE")
    forces = atoms.get_forces()
    own = atoms.copy()
    own.calc = EMT()
    own.get_stress()
    own.write(tmp_path / "own.xyz")
    assert write_set(tmp_path / "targets.xyz", read_targets([tmp_path / "vasp" / "vasprun.xml", tmp_path / "own.xyz"])) == 2
    first, second = read(tmp_path / "targets.xyz", ":")
    assert np.abs(first.get_forces() - forces).max() < 1e-7 and np.abs(second.get_forces() - own.get_forces()).max() < 1e-7
    assert np.abs(first.get_stress() - second.get_stress()).max() < 1e-7
    bulk("Cu").write(tmp_path / "bare.xyz")
    with pytest.raises(LMLinkError, match=r"bare.xyz: structure 0 \(from 0\) has no forces"):
        list(read_targets([tmp_path / "bare.xyz"]))
    with pytest.raises(LMLinkError, match="cannot be read by ASE"):
        list(read_targets(tmp_path / "missing.xyz"))


def test_ase_reads_it_as_a_format(plain):
    """By the entry point that pip installs."""
    log, replies = plain
    point = EntryPoint(name="lmlink-log", value="lmlink.formats:force_log", group="ase.ioformats")
    if "lmlink-log" not in formats.ioformats:
        formats.define_external_io_format(point)
    frames = read(log, index=":", format="lmlink-log")
    assert [frame.info["evaluation"] for frame in frames] == [1, 2, 3]
    assert read(log, format="lmlink-log").info["evaluation"] == 3
    assert np.abs(frames[0].get_forces() - replies[0].forces).max() < ROUNDING
