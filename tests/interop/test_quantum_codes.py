"""The inputs and configurations in examples/ase/engines run as their README says, and the forces on the QM atoms are those
of the code by itself; and quantum.py, which uses them."""

import importlib
import json
import os
import re
import subprocess
import sys
import time

import engines
import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.io import read
from ase.units import Bohr, Hartree
from conftest import LAMMPS_DATA, ROOT, TIMEOUT, need, program
from engine_examples import FOLDER, command, logged, prepare, silicon, work  # noqa: F401
from examples import example, is_picture, number
from lmlink import LMLink
from serve import descendants, ends

def test_quantum_espresso(work):
    engine = engines.ENGINES["quantum_espresso"]
    if engine.missing():
        need("engines", engine.missing())
    options = ("--pseudopotential", "Si=Si.pz-vbc.UPF", "--cutoff", 10, "--convergence", 1e-9)
    cluster = silicon("quantum_espresso", *options)
    command(sys.executable, "quantum_espresso.py", "quantum_espresso-cluster.xyz", *options, "--folder", "alone")
    (work / "alone.out").write_text(command("pw.x", "-in", "alone/pw.in"))
    at = int(np.flatnonzero(cluster.arrays["region"] == "QM")[0])
    logged("quantum_espresso", 1e-4, read("alone.out", format="espresso-out").get_forces()[at])


@pytest.fixture
def cp2k(monkeypatch):
    """What makes CP2K's input, where there is CP2K."""
    if engines.ENGINES["cp2k"].missing():
        need("engines", engines.ENGINES["cp2k"].missing())
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("cp2k")


def test_cp2k(work, cp2k):
    settings = {"cutoff": 100, "relative_cutoff": 30, "convergence": 1e-7, "bands_per_atom": 2}
    kind = ("SZV-MOLOPT-SR-GTH", "GTH-PBE-q4")
    options = [word for name, value in settings.items() for word in (f"--{name.replace('_', '-')}", value)]
    cluster = silicon("cp2k", "--kind", "Si=" + ",".join(kind), *options)
    cp2k.write_input(cluster, work / "alone", {"Si": kind}, None, cp2k.Settings(**settings))
    lines = command("cp2k.psmp", "-i", "alone/cp2k.inp").splitlines()
    first = next(i for i, line in enumerate(lines) if "ATOMIC FORCES" in line) + 3
    at = int(np.flatnonzero(cluster.arrays["region"] == "QM")[0])
    logged("cp2k", 1e-4, np.array(lines[first + at].split()[3:6], float) * Hartree / Bohr)


def test_cut_basis_of_cp2k(cp2k):
    """CP2K's file has smaller basis sets whose functions are the first ones of the larger."""
    for symbol, shells in (("W", (("s", 2), ("p", 1), ("d", 1))), ("Si", (("s", 1), ("p", 1)))):
        head, rows = cp2k.find_basis(symbol, "SZV-MOLOPT-SR-GTH")
        expected = ["1", " ".join(map(str, head)), *map(" ".join, rows)]
        assert cp2k.cut_basis(symbol, "DZVP-MOLOPT-SR-GTH", shells) == expected
    for basis, words in (("DZVP-MOLOPT-SR-GTH/4s1p", "has 3 s functions, not 4"), ("DZVP-MOLOPT-SR-GTH/1s1d", "without a gap"),
                         ("DZVP-MOLOPT-SR-GTH/1x", "'1x' is not a list"), ("NONE/1s", "has no basis NONE of W")):
        with pytest.raises(SystemExit, match=words):
            cp2k.basis_lines("W", basis)


@pytest.mark.parametrize("option", ["", " --keep-running"])
def test_vasp(work, monkeypatch, option):
    """With the stand-in for VASP, which computes EMT's forces."""
    text = (work / "vasp.json").read_text()
    (work / "vasp.json").write_text(text.replace("--kpoints 12", f"--kpoints 12{option}"))
    cluster = prepare("vasp", bulk("Cu", cubic=True, a=3.63).repeat(3), "Cu_Zuo_JPCA2020.snap", 2.8)
    (work / "potentials" / "potpaw_PBE" / "Cu").mkdir(parents=True)
    (work / "potentials" / "potpaw_PBE" / "Cu" / "POTCAR").write_text(" PAW_PBE Cu stand-in\n 1.0\n End of Dataset\n")
    monkeypatch.setenv("VASP_PP_PATH", str(work / "potentials"))
    stand_in = work / "vasp_std"
    stand_in.write_text(f"#!/bin/sh\nexec {sys.executable} {engines.VASP_STAND_IN}\n")
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{work}:{os.environ['PATH']}")
    at = int(np.flatnonzero(cluster.arrays["region"] == "QM")[0])
    cluster.pbc = True
    logged("vasp", 1e-7, EMT().get_forces(cluster)[at])


def test_abinit(work):
    engine = engines.ENGINES["abinit"]
    if engine.missing():
        need("engines", engine.missing())
    options = ("--pseudopotential", "Si=14si.4.hgh", "--cutoff", 4, "--convergence", 1e-6, "--bands-per-atom", 1)
    cluster = silicon("abinit", *options, "--pseudo-dir", engine.folder)
    alone = engine.alone(work, "abinit-cluster.xyz", map(str, options))
    logged("abinit", 1e-4, alone[np.flatnonzero(cluster.arrays["region"] == "QM")[0]])


def test_nwchem(work):
    engine = engines.ENGINES["nwchem"]
    if engine.missing():
        need("engines", engine.missing())
    options = ("--basis", "sto-3g", "--functional", "slater", "--smearing", 0.01, "--convergence", 1e-5)
    cluster = prepare("nwchem", bulk("Li", cubic=True, a=3.44).repeat(3), "Li_Zuo_JPCA2020.snap", 3.1, options)
    alone = engine.alone(work, "nwchem-cluster.xyz", map(str, options))
    logged("nwchem", 1e-4, alone[np.flatnonzero(cluster.arrays["region"] == "QM")[0]])


def test_a_periodic_cluster_is_not_for_nwchem(work):
    atoms = bulk("Li", cubic=True)
    atoms.pbc = (False, False, True)
    atoms.write("cluster.xyz", format="extxyz")
    words = [sys.executable, "nwchem.py", "cluster.xyz", "--basis", "sto-3g"]
    failed = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=TIMEOUT)
    assert failed.returncode == 1 and failed.stderr.startswith("the cluster is periodic"), failed.stderr
    assert not (work / "qm.nw").exists()


def test_fhi_aims(work, monkeypatch):
    """The files alone: FHI-aims cannot be installed here. What is started in its place ends at once."""
    cluster = silicon("fhi_aims")
    (work / "species").mkdir()
    (work / "species" / "14_Si_default").write_text("  species Si\n    nucleus 14\n")
    monkeypatch.setenv("AIMS_SPECIES_DIR", str(work / "species"))
    monkeypatch.setenv("QM_RUN", "false")
    given = json.loads(open("fhi_aims.json").read())
    given["calculator"]["qm"][0]["calculator"]["on_failure"] = "stop"
    open("fhi_aims.json", "w").write(json.dumps(given))
    words = [sys.executable, "relax.py", "fhi_aims.json"]
    failed = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=TIMEOUT)
    assert failed.returncode != 0 and "false aims.x" in failed.stderr.replace("${QM_RUN-mpirun -n 4}", "false")
    control = {line.split()[0]: line.split()[1:] for line in open("qm/control.in") if line.split()}
    assert control["use_pimd_wrapper"] == [f"UNIX:qm-{os.getpid()}", "1"] and control["compute_forces"] == [".true."]
    assert control["k_grid"] == ["1", "1", "1"] and control["species"] == ["Si"]
    words = [line.split() for line in open("qm/geometry.in") if line.split() and not line.startswith("#")]
    vectors = np.array([line[1:] for line in words if line[0] == "lattice_vector"], float)
    positions = np.array([line[1:4] for line in words if line[0] == "atom"], float)
    assert np.abs(vectors - cluster.cell.array).max() < 1e-9 and np.abs(positions - cluster.positions).max() < 1e-8


def test_silicon_with_quantum_espresso(start, potentials, tmp_path):
    """Silicon's constants by this pseudopotential; QM/ML and Quantum ESPRESSO alone; a second start takes what there is
    from its files, and the rest of the quantum forces from the log."""
    if engines.ENGINES["quantum_espresso"].missing():
        need("engines", engines.ENGINES["quantum_espresso"].missing())
    output = example(start, tmp_path, "quantum.py", "--ranks", "1")
    assert abs(number("silicon: Quantum ESPRESSO", output) - 5.41) < 0.01 and "2 QM atoms, 4 in the cluster" in output
    assert 85 < number(r"Quantum ESPRESSO [\d.]+ Å,", output) < 110
    assert 0.8 < number(r"^potential: .* by virtual work,", output) < 1.2
    assert -0.3 < number("QM/ML: .*the plane opens by", output) < -0.03
    logged = read(tmp_path / "out" / "forces.xyz", ":")
    assert len(logged) == 4 and not any(frame.info["recalled"] for frame in logged)
    assert all((frame.arrays["region"] == "QM").sum() == 2 for frame in logged)
    assert is_picture(tmp_path / "out" / "quantum.png")
    (tmp_path / "out" / "QMML.json").unlink()
    again = example(start, tmp_path, "quantum.py", "--ranks", "1")
    assert "Quantum ESPRESSO: 12 atoms" in output and "Quantum ESPRESSO: 12 atoms" not in again
    assert again.split("\nsilicon")[1] == output.split("\nsilicon")[1]
    logged = read(tmp_path / "out" / "forces.xyz", "4:")
    assert len(logged) == 4 and all(frame.info["recalled"] for frame in logged)


def test_tungsten_with_cp2k(start, cp2k, potentials, tmp_path):
    output = example(start, tmp_path, "quantum.py", "--engine", "cp2k")
    assert "1 QM, 9 in the cluster" in output and 0 < number("force on the QM atom by CP2K:", output) < 1


def frames_of(log):
    return log.read_text().count("lmlink_log=1") if log.is_file() else 0


def killed_after(start, folder, script, log, done):
    """Start an example and kill it when so many calls are in its force log, in the middle of the next one."""
    process = start([sys.executable, ROOT / "examples" / "ase" / script, "--quick", "--output", "out"], cwd=folder,
                    env={**os.environ}, start_new_session=True)
    while process.poll() is None and frames_of(log) < done:
        time.sleep(0.1)
    assert process.poll() is None, process.communicate()[1]
    children = [pid for pid, _ in descendants(process.pid)]
    process.kill()
    process.communicate(timeout=TIMEOUT)
    assert all(ends(pid) for pid in children)


def calls_of(log):
    """The frames of a log in which the engine was asked, each time for another structure."""
    frames = read(log, ":")
    computed = [frame for frame in frames if not frame.info["recalled"]]
    assert len({frame.info["engine"] for frame in frames}) == 1
    assert all(np.abs(one.positions - other.positions).max() > 0.01
               for i, one in enumerate(computed) for other in computed[:i])
    return computed


def test_screw_with_cp2k(start, cp2k, potentials, tmp_path):
    """Killed twice in the middle of a call, it goes on without one repeated: four calls, and four frames that count."""
    log = tmp_path / "out" / "forces.xyz"
    for done in (1, 3):
        killed_after(start, tmp_path, "dft_screw.py", log, done)
    output = example(start, tmp_path, "dft_screw.py")
    assert "361 atoms, 4 QM, 14 in the cluster" in output and "4 calls of CP2K are in the log" in output
    assert output.count("from the force log") == 2
    computed = calls_of(log)
    assert len(computed) == 4
    # The forces that the table is made of are those of the log.
    rows = re.findall(r"^ +([0-3]) +(-?[\d.]+) +(-?[\d.]+) +(-?[\d.]+) +([\d.]+)$", output, re.MULTILINE)
    assert len(rows) == 4
    for row, frame in zip(rows, computed):
        net = np.linalg.norm(np.nansum(frame.arrays["forces_qm"], axis=0))
        assert abs(float(row[4]) - net) < 1e-3
    assert number("RMS from CP2K after retraining:", output) < 0.6
    assert is_picture(tmp_path / "out" / "dft_screw.png")


def test_core_with_cp2k(start, cp2k, potentials, tmp_path):
    """Killed in the relaxation and on the path, it goes on without a call repeated; and forces that are trained on are the log's,
    in the lattice of the potential."""
    out = tmp_path / "out"
    logs = [out / part / "forces.xyz" for part in ("core", "path")]
    for log in logs:
        killed_after(start, tmp_path, "dft_core.py", log, 1)
    output = example(start, tmp_path, "dft_core.py")
    assert output.count("4 QM, 14 in the cluster") == 2 and output.count("from the force log") == 3
    core, path = (calls_of(log) for log in logs)
    assert len(core) == len(path) == 2
    largest = re.search(r"call by call \(eV/Å\): ([\d.]+), ([\d.]+)$", output, re.MULTILINE)
    for frame, value in zip(core, largest.groups()):
        assert abs(np.abs(frame.get_forces()).max() - float(value)) < 1e-3
    alpha, beta = (number(name, output) for name in ("α = ", "β = "))
    targets = read(out / "targets.xyz", ":")
    with LMLink(LAMMPS_DATA / "W_2940_2017_2.snap") as calculator:
        for target, frame in zip(targets, core + path, strict=True):
            qm = frame.arrays["region"] == "QM"
            assert qm.sum() == 4 and (target.arrays["region"] == frame.arrays["region"]).all()
            # What the mixture compared with the quantum forces is the potential's forces there, in the same unit as these.
            there = calculator.get_forces(target)[qm]
            np.testing.assert_allclose(there, alpha * beta * frame.arrays["forces_ml"][qm], rtol=0, atol=2e-4)
            np.testing.assert_allclose(target.arrays["forces_qm"][qm], alpha * beta * frame.arrays["forces_qm"][qm], rtol=0,
                                       atol=5e-4)
            np.testing.assert_allclose(target.positions * alpha, frame.positions, rtol=2e-5)
    assert number("RMS from CP2K after retraining:", output) < 0.6
    assert number("largest relative difference of elastic constants", output) < 1e-4
    assert is_picture(out / "dft_core.png")
